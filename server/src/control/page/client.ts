import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Principal } from '../../model/principal.ts'
import type { Client } from '../../model/rights.ts'
import { referenceOf } from '../../oauth/publisher.ts'
import { unknown } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { clientBadge, publisherText, sources } from './client-facts.ts'
import { counted, fold, form, hidden, instant, option, person, reasonField } from './elements.ts'

export const clientPage: PageRoute = {
  path: '/clients/client',
  guard: 'administrator',
  async show(rooms, visit) {
    const client = (await rooms.oauth.findClient(visit.query.get('id') ?? '')) ?? unknown('client')
    const grants = await rooms.oauth.listGrants({ clientId: client.id, activeAt: rooms.clock.now() })
    const names = await readNames(rooms, [client.ownerId, client.askedBy])
    const people = new Set(grants.map(({ principalId }) => principalId)).size
    return {
      title: visible(client.name),
      body: html`<h1>${visible(client.name)} ${clientBadge(client)}</h1>
        ${
          client.state === 'waiting' &&
          html`<p class="notice">
            It may not be used before somebody admits it. Look at its publisher and at where its answers go: its name is
            its own word.
          </p>`
        }
        <div class="card">
          <dl class="facts">
            <dt>Publisher</dt>
            <dd>${publisherText(client)}</dd>
            <dt>Owner</dt>
            <dd>${person(names.get(client.ownerId ?? ''), { link: true })}</dd>
            ${
              client.askedBy !== undefined &&
              html`<dt>Asked for by</dt>
                <dd>${person(names.get(client.askedBy), { link: true })}</dd>`
            }
            <dt>Grants in force</dt>
            <dd>${grants.length === 0 ? 'none' : `${grants.length}, of ${counted(people, 'person', 'people')}`}</dd>
            ${said(client)}
            <dt>Known</dt>
            <dd>${instant(client.createdAt)} (${sources[client.source]})</dd>
            <dt>First used</dt>
            <dd>${instant(client.firstUsedAt)}</dd>
            <dt>Last used</dt>
            <dd>${instant(client.usedAt)}</dd>
            <dt>Id</dt>
            <dd><span class="mono">${visible(client.id)}</span></dd>
            <dt>Reference</dt>
            <dd><code>${referenceOf(client.id)}</code></dd>
          </dl>
        </div>
        ${client.state === 'revoked' ? html`<p class="notice">It is revoked, which is final.</p>` : await steps(rooms, client, visit)}`,
    }
  },
}

function said({ metadata }: Client): Html {
  const uris = Array.isArray(metadata['redirect_uris']) ? metadata['redirect_uris'] : []
  const said = metadata['token_endpoint_auth_method']
  const method = typeof said === 'string' ? said : 'none'
  return html`<dt>Answers go to</dt>
    <dd>
      ${uris.length === 0 && html`<span class="muted">nowhere</span>`}
      ${uris.map((uri) => html`<div class="mono">${visible(String(uri))}</div>`)}
    </dd>
    <dt>Proves itself by</dt>
    <dd>${method === 'none' ? html`<span class="muted">nothing: it is a public client</span>` : visible(method)}</dd>`
}

async function steps(rooms: ControlRooms, client: Client, { viewer, csrf }: Visit): Promise<Html> {
  const { id, source, state, ownerId } = client
  const people = (await rooms.identity.listPrincipals({ limit: 500 })).filter((one) => one.state === 'active')
  const configured = source === 'configuration'
  return html`<section class="stack tight" aria-labelledby="steps">
    <h2 id="steps">Steps</h2>
    ${
      !configured &&
      ownerId === undefined &&
      step({
        label: 'Admit',
        action: 'admit',
        says: 'It may be used, each person by a consent of his own; its owner answers for it.',
        more: ownerField(people, viewer.principal.id),
      })
    }
    ${
      (configured || ownerId !== undefined) &&
      step({
        label: 'Owner',
        button: 'Set the owner',
        action: 'owner',
        says: 'Who is asked when something is wrong with it.',
        more: ownerField(people, ownerId),
      })
    }
    ${
      !configured &&
      state !== 'refused' &&
      step({
        label: 'Refuse',
        action: 'refuse',
        says: 'All grants to it end at once. It can be admitted later.',
        danger: true,
      })
    }
    ${step({
      label: 'Revoke',
      button: 'Revoke the client',
      action: 'revoke',
      says: 'All grants to it end at once. It cannot come back under this id.',
      danger: true,
    })}
  </section>`

  function step(of: {
    label: string
    button?: string
    action: string
    says: string
    more?: Html
    danger?: boolean
  }): Html {
    return fold(
      of.label,
      form({
        action: `/clients/${of.action}`,
        csrf,
        content: html`${hidden({ id })}
          <p class="muted">${of.says}</p>
          ${of.more} ${reasonField(`why-${of.action}`)}
          <div class="actions">
            <button class="${of.danger ? 'danger' : 'primary'}">${of.button ?? of.label}</button>
          </div>`,
      }),
    )
  }
}

function ownerField(people: readonly Principal[], chosen: string | undefined): Html {
  return html`<div class="field">
    <label for="ownerId">Who answers for it?</label>
    <select id="ownerId" name="ownerId" required>
      ${people.map(({ id, name }) => option(id, visible(name), id === chosen))}
    </select>
  </div>`
}

import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Principal } from '../../model/principal.ts'
import type { PageRoute, Visit } from '../page.ts'
import { readNames } from '../people.ts'
import type { ControlRooms } from '../rooms.ts'
import { empty, fold, form, hidden, instant, person, reasonField } from './elements.ts'

type Provisioner = ControlRooms['identity']['provisioners'][number]
type Key = Awaited<ReturnType<ControlRooms['identity']['listProvisionerKeys']>>[number]

export const provisioningPage: PageRoute = {
  path: '/provisioning',
  guard: 'administrator',
  async show(rooms, visit) {
    const { identity, config } = rooms
    const keys = await identity.listProvisionerKeys()
    const names = await readNames(
      rooms,
      keys.map(({ createdBy }) => createdBy),
    )
    return {
      title: 'Provisioning',
      body: html`<div class="stack tight">
          <h1>Provisioning</h1>
          <p class="lead">
            Identity providers keep their people and groups here by SCIM 2.0, at <code>${config.origin}/scim/v2</code>.
            Whom a provider disables or deletes loses everything at once. Nobody is given a right by it, except through
            a <a href="/groups">group</a> to which you gave one.
          </p>
        </div>
        ${
          identity.provisioners.length === 0 &&
          empty('No identity provider of the configuration has `provisioning`: see docs/guide/provisioning.md.')
        }
        ${identity.provisioners.map((one) => {
          const own = keys.filter(({ provider }) => provider === one.id)
          return section(one, { keys: own, names, visit })
        })}`,
    }
  },
}

function section(
  { id, issuer, subject, claim }: Provisioner,
  { keys, names, visit }: { keys: readonly Key[]; names: ReadonlyMap<string, Principal>; visit: Visit },
): Html {
  return html`<section class="stack tight" aria-labelledby="of-${id}">
    <h2 id="of-${id}">${visible(id)}</h2>
    <div class="card">
      <dl class="facts">
        <dt>Issuer</dt>
        <dd>${visible(issuer)}</dd>
        <dt>Who it is</dt>
        <dd><code>${subject}</code> there is <code>${claim}</code> at the sign-in</dd>
      </dl>
    </div>
    ${keys.length === 0 && empty('No key: it cannot provision now.')}
    ${keys.map((key) =>
      fold(
        `${visible(key.label)}, until ${new Date(key.expiresAt).toISOString().slice(0, 10)}`,
        form({
          action: '/provisioning/revoke',
          csrf: visit.csrf,
          content: html`${hidden({ id: key.id })}
            <p class="muted small">Made by ${person(names.get(key.createdBy))}, ${instant(key.createdAt)}.</p>
            ${reasonField(`why-${key.id.slice(0, 8)}`)}
            <div class="actions"><button class="danger">Revoke this key</button></div>`,
        }),
      ),
    )}
    ${fold(
      'Make a key',
      form({
        action: `/provisioning/${id}/key`,
        csrf: visit.csrf,
        content: html`<div class="field">
            <label for="label-${id}">What is it called?</label>
            <input id="label-${id}" name="label" required maxlength="100" autocomplete="off" />
          </div>
          <div class="field">
            <label for="days-${id}">It lasts, in days</label>
            <input id="days-${id}" name="expiresInDays" type="number" min="1" max="400" value="365" required />
          </div>
          <p class="muted">To replace a key, make a second one, enter it at the provider, and revoke the first.</p>
          <div class="actions"><button class="primary">Make the key</button></div>`,
      }),
    )}
  </section>`
}

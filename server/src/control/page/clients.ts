import { html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Client } from '../../model/rights.ts'
import type { PageRoute } from '../page.ts'
import { empty, fold, form, hidden, instant, reasonField, stateBadge } from './elements.ts'

const sources: Record<Client['source'], string> = {
  'metadata-document': 'by the document at its address',
  registration: 'it registered itself',
  configuration: 'named in the configuration',
}

export const clientsPage: PageRoute = {
  path: '/clients',
  guard: 'administrator',
  async show({ oauth, clock }, { csrf }) {
    const clients = (await oauth.listClients()).slice(0, 200)
    const grants = Map.groupBy(await oauth.listGrants({ activeAt: clock.now() }), ({ clientId }) => clientId)
    return {
      title: 'Clients',
      body: html`<div class="stack tight">
          <h1>Clients</h1>
          <p class="lead">The software that grants are given to. What it says of itself is its own word.</p>
        </div>
        ${clients.length === 0 && empty('No client has connected yet.')}
        <div class="stack">
          ${clients.map(
            (client, at) =>
              html`<article class="card">
                <div class="row apart">
                  <h3>${visible(client.name)}</h3>
                  ${stateBadge(client.state)}
                </div>
                <dl class="facts">
                  <dt>Id</dt>
                  <dd><span class="mono">${visible(client.id)}</span></dd>
                  <dt>Known</dt>
                  <dd>${sources[client.source]}, ${instant(client.createdAt)}</dd>
                  <dt>Last used</dt>
                  <dd>${instant(client.usedAt)}</dd>
                  <dt>Grants in force</dt>
                  <dd>${grants.get(client.id)?.length ?? 0}</dd>
                </dl>
                ${
                  client.state === 'active' &&
                  fold(
                    'Revoke',
                    form({
                      action: '/clients/revoke',
                      csrf,
                      content: html`${hidden({ id: client.id })}
                        <p class="muted">All grants to it end at once. It cannot come back under this id.</p>
                        ${reasonField(`why-${at}`)}
                        <div class="actions"><button class="danger">Revoke the client</button></div>`,
                    }),
                  )
                }
              </article>`,
          )}
        </div>
        ${keySection(csrf)}`,
    }
  },
}

function keySection(csrf: string) {
  return html`<section class="card">
    <h2>Signing key</h2>
    <p class="muted">
      Access tokens are signed by a key that is replaced by itself from time to time. Replace it now only if somebody
      may have read the present one.
    </p>
    ${fold(
      'Replace the key',
      form({
        action: '/keys/rotate',
        csrf,
        content: html`<label class="check">
            <input type="checkbox" name="emergency" value="yes" checked />
            <span
              ><strong>At once.</strong>
              <span class="muted"
                >Every access token ends now. Grants stand, and clients renew by themselves. Not ticked, the old key
                ends in a quarter of an hour and nobody notices.</span
              ></span
            >
          </label>
          ${reasonField('why-key')}
          <div class="actions"><button class="danger">Replace the key</button></div>`,
      }),
    )}
  </section>`
}

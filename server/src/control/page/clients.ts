import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Client } from '../../model/rights.ts'
import type { PageRoute } from '../page.ts'
import { readNames } from '../people.ts'
import { clientBadge, clientHref, publisherText, sources } from './client-facts.ts'
import { empty, fold, form, instant, person, reasonField } from './elements.ts'

const shownMax = 200

export const clientsPage: PageRoute = {
  path: '/clients',
  guard: 'administrator',
  async show(rooms, { csrf }) {
    const { oauth, clock } = rooms
    const all = await oauth.listClients()
    const clients = all.toSorted((a, b) => urgency(b) - urgency(a)).slice(0, shownMax)
    const grants = Map.groupBy(await oauth.listGrants({ activeAt: clock.now() }), ({ clientId }) => clientId)
    const names = await readNames(
      rooms,
      clients.map(({ ownerId }) => ownerId),
    )
    return {
      title: 'Clients',
      body: html`<div class="stack tight">
          <h1>Clients</h1>
          <p class="lead">
            The software that grants are given to. What it says of itself is its own word; only its publisher is
            verified.
          </p>
        </div>
        ${
          clients.length === 0
            ? empty('No client has connected yet.')
            : html`<div class="table">
                <table>
                  <thead>
                    <tr>
                      <th>Client</th>
                      <th>State</th>
                      <th>Publisher</th>
                      <th>Owner</th>
                      <th>Last used</th>
                      <th class="number">Grants</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${clients.map(
                      (client) =>
                        html`<tr>
                          <th scope="row">
                            <a href="${clientHref(client.id)}">${visible(client.name)}</a>
                            <p class="muted small purpose">${sources[client.source]}</p>
                          </th>
                          <td data-label="State">${clientBadge(client)}</td>
                          <td data-label="Publisher">${publisherText(client)}</td>
                          <td data-label="Owner">${person(names.get(client.ownerId ?? ''), { link: true })}</td>
                          <td data-label="Last used">${instant(client.usedAt)}</td>
                          <td data-label="Grants" class="number">${grants.get(client.id)?.length ?? 0}</td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </div>`
        }
        ${clients.length < all.length && html`<p class="muted">${clients.length} of ${all.length}.</p>`}
        ${keySection(csrf)}`,
    }
  },
}

// Those that somebody asked for and nobody answered come first; the others as they came, newest first.
function urgency({ state, askedBy }: Client): number {
  return state === 'waiting' ? (askedBy === undefined ? 1 : 2) : 0
}

function keySection(csrf: string): Html {
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

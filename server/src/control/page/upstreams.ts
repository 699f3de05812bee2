import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Bundle } from '../../model/bundle.ts'
import { listSeen, listSeenBundles } from '../known.ts'
import type { PageRoute } from '../page.ts'
import { readNames } from '../people.ts'
import { empty, person, stateBadge } from './elements.ts'

export const upstreamsPage: PageRoute = {
  path: '/upstreams',
  guard: 'signed-in',
  async show(rooms, { viewer }) {
    const upstreams = await listSeen(rooms, viewer)
    const bundles = await listSeenBundles(rooms, viewer)
    const names = await readNames(
      rooms,
      upstreams.map(({ ownerId }) => ownerId),
    )
    const rows = []
    for (const one of upstreams) {
      const tools = await rooms.inventory.listTools(one.name)
      const withheld = tools.filter(({ pin }) => pin === 'new' || pin === 'drifted').length
      const served = tools.filter(({ pin }) => pin === 'pinned').length
      rows.push(
        html`<tr>
          <th scope="row">
            <a href="/upstreams/${one.name}">${one.name}</a>
            <p class="muted small purpose">${visible(one.purpose)}</p>
          </th>
          <td data-label="State">${stateBadge(one.state)}</td>
          <td data-label="Owner">${person(names.get(one.ownerId ?? ''), { link: viewer.administrator })}</td>
          <td data-label="Served" class="number">${served}</td>
          <td data-label="Withheld" class="number">
            ${withheld > 0 ? html`<span class="badge warn">${withheld}</span>` : '0'}
          </td>
        </tr>`,
      )
    }
    return {
      title: 'Upstreams',
      body: html`<div class="row apart">
          <h1>Upstreams</h1>
          ${viewer.administrator && html`<a class="button" href="/upstreams/new">Propose an upstream</a>`}
        </div>
        ${
          rows.length === 0
            ? empty('No upstream that you have a right to.')
            : html`<div class="table">
                <table>
                  <thead>
                    <tr>
                      <th>Upstream</th>
                      <th>State</th>
                      <th>Owner</th>
                      <th class="number">Served</th>
                      <th class="number">Withheld</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${rows}
                  </tbody>
                </table>
              </div>`
        }
        ${bundleList(bundles, viewer.administrator)}`,
    }
  },
}

function bundleList(bundles: readonly Bundle[], administrator: boolean): Html {
  return html`<div class="row apart">
      <h2>Bundles</h2>
      ${administrator && html`<a class="button" href="/bundles/new">Make a bundle</a>`}
    </div>
    ${
      bundles.length === 0
        ? empty('No bundle. One address over several upstreams spares clients to connect to each.')
        : html`<div class="table">
            <table>
              <thead>
                <tr>
                  <th>Bundle</th>
                  <th>State</th>
                  <th>Upstreams</th>
                </tr>
              </thead>
              <tbody>
                ${bundles.map(
                  (one) =>
                    html`<tr>
                      <th scope="row">
                        <a href="/bundles/${one.name}">${one.name}</a>
                        <p class="muted small purpose">${visible(one.purpose)}</p>
                      </th>
                      <td data-label="State">${stateBadge(one.state)}</td>
                      <td data-label="Upstreams">${one.members.map(({ upstream }) => upstream).join(', ')}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
    }`
}

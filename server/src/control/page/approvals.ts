import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Principal } from '../../model/principal.ts'
import type { Approval } from '../../model/rights.ts'
import type { PageRoute } from '../page.ts'
import { readNames } from '../people.ts'
import { distance, empty, instant, person, stateBadge } from './elements.ts'

export const approvalsPage: PageRoute = {
  path: '/approvals',
  guard: 'signed-in',
  async show({ approvals, clock, identity }, { viewer }) {
    const me = viewer.principal.id
    const toDecide = await approvals.list({ decidableBy: me })
    const mine = await approvals.list({ forPrincipal: me })
    const names = await readNames(
      { identity },
      [...toDecide, ...mine].flatMap((one) => [one.principalId, one.answeredBy]),
    )
    const now = clock.now()
    return {
      title: 'Approvals',
      body: html`<div class="stack tight">
          <h1>Approvals</h1>
          <p class="lead">An approval is for one call: these exact bytes, once.</p>
        </div>
        <section class="stack tight" aria-labelledby="decide">
          <h2 id="decide">For you to decide</h2>
          ${toDecide.length === 0 ? empty('Nothing waits for your answer.') : waiting(toDecide, { names, now })}
        </section>
        <section class="stack tight" aria-labelledby="mine">
          <h2 id="mine">Asked for by your clients</h2>
          ${mine.length === 0 ? empty('Your clients have asked for no approval.') : own(mine, { names, now })}
        </section>`,
    }
  },
}

interface Reading {
  names: ReadonlyMap<string, Principal>
  now: number
}

function waiting(approvals: Approval[], { names, now }: Reading): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th>Call</th>
          <th>Asked by</th>
          <th>Asked</th>
          <th>Ends</th>
        </tr>
      </thead>
      <tbody>
        ${approvals.map(
          (one) =>
            html`<tr>
              <th scope="row"><a href="/approvals/${one.id}">${visible(one.tool)}</a> on ${one.upstream}</th>
              <td data-label="Asked by">
                ${person(names.get(one.principalId))}
                ${one.actor !== undefined && html`<span class="muted small">by ${visible(one.actor)}</span>`}
              </td>
              <td data-label="Asked">${instant(one.requestedAt)}</td>
              <td data-label="Ends">${distance(one.expiresAt, now)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

function own(approvals: Approval[], { names }: Reading): Html {
  return html`<div class="table">
    <table>
      <thead>
        <tr>
          <th>Call</th>
          <th>State</th>
          <th>Asked</th>
          <th>Answered by</th>
        </tr>
      </thead>
      <tbody>
        ${approvals.map(
          (one) =>
            html`<tr>
              <th scope="row"><a href="/approvals/${one.id}">${visible(one.tool)}</a> on ${one.upstream}</th>
              <td data-label="State">${stateBadge(one.state)}</td>
              <td data-label="Asked">${instant(one.requestedAt)}</td>
              <td data-label="Answered by">${one.answeredBy !== undefined && person(names.get(one.answeredBy))}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

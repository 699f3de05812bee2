import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { type Fate, fateOf, findCall } from '../../ledger/call.ts'
import { unknown } from '../known.ts'
import type { PageRoute } from '../page.ts'
import { effectBadge, instant } from './elements.ts'

/** What became of one call: for who made it, and for administrators. */
export const callPage: PageRoute = {
  path: '/calls/{id}',
  guard: 'signed-in',
  async show({ ledger }, { params, viewer }) {
    const recorded = await findCall(ledger, params['id']!)
    const { intent, outcome, seq } = recorded ?? unknown('call')
    if (intent.principal.id !== viewer.principal.id && !viewer.administrator) unknown('call')
    return {
      title: 'What became of a call',
      body: html`<div class="stack tight">
          <h1>What became of this call</h1>
          ${fates[fateOf({ outcome })]}
        </div>
        <div class="card">
          <dl class="facts">
            <dt>Tool</dt>
            <dd>
              <span class="row"
                ><strong>${visible(intent.tool)}</strong> on ${intent.upstream} ${effectBadge(intent.effect)}</span
              >
            </dd>
            <dt>Made by</dt>
            <dd>${visible(intent.principal.name)} through ${visible(intent.client.name)}</dd>
            ${
              intent.actor !== undefined &&
              html`<dt>Acting</dt>
                <dd>${visible(intent.actor)}</dd>`
            }
            <dt>Intent</dt>
            <dd>
              ${instant(intent.at, 'seconds')}${viewer.administrator && html`, <a href="/ledger/${seq}">entry ${seq}</a>`}
            </dd>
            <dt>Outcome</dt>
            <dd>
              ${
                outcome === undefined
                  ? 'not yet'
                  : html`${instant(outcome.at, 'seconds')}
                    ${outcome.reason !== undefined && html`<span class="muted small">${visible(outcome.reason)}</span>`}`
              }
            </dd>
            <dt>Arguments</dt>
            <dd><code>${intent.argumentsDigest}</code></dd>
            ${
              intent.approvalId !== undefined &&
              html`<dt>Approval</dt>
                <dd><a href="/approvals/${intent.approvalId}">the one that it used</a></dd>`
            }
          </dl>
        </div>`,
    }
  },
}

const fates: Record<Fate, Html> = {
  success: html`<p class="notice good">It was carried out: the upstream answered with a result.</p>`,
  failure: html`<p class="notice bad">It failed: the upstream answered with an error, or it was never sent.</p>`,
  unknown: html`<p class="notice warn">
    Outcome unknown: it was recorded as about to be made, and no answer was heard. It may have been carried out. It was
    not sent a second time, and never is by itself. Look at what it would have changed before anybody repeats it.
  </p>`,
  'under way': html`<p class="notice">
    It is not answered yet. When the gateway that made it has ended, the outcome becomes <em>unknown</em> within ten
    seconds.
  </p>`,
}

import type { ApprovalView } from '../../approval/approvals.ts'
import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { type Fate, fateOf, findCall } from '../../ledger/call.ts'
import type { Principal } from '../../model/principal.ts'
import type { Approval } from '../../model/rights.ts'
import type { Tool } from '../../model/tool.ts'
import type { PageRoute, Visit } from '../page.ts'
import type { ControlRooms } from '../rooms.ts'
import { readNames } from '../people.ts'
import { distance, effectBadge, fold, form, instant, person, reasonField, stateBadge, traitBadges } from './elements.ts'

export const approvalPage: PageRoute = {
  path: '/approvals/{id}',
  guard: 'party',
  async show(rooms, visit) {
    const view = await rooms.approvals.view(visit.params['id']!, visit.viewer.principal.id)
    const { approval } = view
    const tool = (await rooms.inventory.findToolDetail(approval.upstream, approval.tool))?.tool
    const names = await readNames(rooms, [approval.principalId, approval.answeredBy, tool?.ownerId])
    const client = await rooms.oauth.findClient(approval.clientId)
    const made = await findMade(rooms, approval)
    const facts = { names, tool, client: client?.name ?? 'unknown', now: rooms.clock.now(), made }
    return {
      title: `Approval of ${visible(approval.tool)}`,
      body: view.as === 'approver' ? forApprover(visit, view, facts) : forRequester(view, facts),
    }
  },
}

interface Facts {
  names: ReadonlyMap<string, Principal>
  tool: Tool | undefined
  client: string
  now: number
  /** The call that used it; while it is not used, the last one of exactly these arguments. */
  made: { callId: string; fate: Fate } | undefined
}

async function findMade(rooms: ControlRooms, approval: Approval): Promise<Facts['made']> {
  const { callId } =
    approval.callId === undefined ? ((await rooms.approvals.findLastUse(approval)) ?? approval) : approval
  const recorded = callId === undefined ? undefined : await findCall(rooms.ledger, callId)
  return recorded && { callId: callId!, fate: fateOf(recorded) }
}

function forApprover(visit: Visit, view: ApprovalView, facts: Facts): Html {
  const { approval, shown } = view
  const pending = approval.state === 'pending'
  return html`<div class="stack tight">
      <h1>${pending ? 'May this call be made?' : 'This call'}</h1>
      ${!pending && outcome(approval, facts)} ${madeLine(approval, facts)}
    </div>
    <div class="card">${call(approval, facts)}</div>
    <section class="stack tight" aria-labelledby="arguments">
      <h2 id="arguments">Exact arguments</h2>
      ${exactArguments(view)}
    </section>
    ${
      pending &&
      form({
        action: `/approvals/${approval.id}/answer`,
        csrf: visit.csrf,
        content: html`<div class="card">
          ${reasonField('reason', 'Why? The requester reads this.')}
          <div class="actions">
            ${shown.complete && html`<button class="primary" name="answer" value="approve">Approve this one call</button>`}
            <button class="danger" name="answer" value="deny">Deny</button>
          </div>
          <p class="muted small">
            Approving carries out nothing: the client may make this call once within ten minutes. Any other byte needs
            another approval.
          </p>
        </div>`,
      })
    }`
}

function forRequester(view: ApprovalView, facts: Facts): Html {
  const { approval } = view
  return html`<div class="stack tight">
      <h1>Your client asks for an approval</h1>
      ${outcome(approval, facts)} ${madeLine(approval, facts)}
    </div>
    <div class="card">${call(approval, facts)}</div>
    ${fold('The exact arguments', exactArguments(view))}`
}

function outcome(approval: Approval, { names, now }: Facts): Html {
  const by = person(names.get(approval.answeredBy ?? ''))
  const why = approval.reason === undefined ? '' : html`<br />“${visible(approval.reason)}”`
  const told: Record<Approval['state'], Html> = {
    pending: html`<p class="notice">
      It waits for somebody else to decide: a request is never answered by who made it. It ends
      ${distance(approval.expiresAt, now)}.
    </p>`,
    approved: html`<p class="notice good">
      Approved by ${by}. The same call may be made once; this ends ${distance(approval.expiresAt, now)}. ${why}
    </p>`,
    denied: html`<p class="notice bad">Denied by ${by}. ${why}</p>`,
    spent: html`<p class="notice good">Approved by ${by}, and used ${instant(approval.spentAt)}. ${why}</p>`,
    expired: html`<p class="notice warn">Its time is over. The client may ask again by making the call again.</p>`,
    cancelled: html`<p class="notice warn">
      Cancelled: what it rested on (the grant, the right, the tool or the upstream) was withdrawn.
    </p>`,
  }
  return told[approval.state]
}

const fates: Record<Fate, string> = {
  success: 'was carried out',
  failure: 'failed',
  unknown: 'has the outcome unknown: it may have been carried out. Look at what it would have changed first',
  'under way': 'is not answered yet: it may have been carried out',
}

function madeLine(approval: Approval, { made }: Facts): Html {
  if (made === undefined) return html``
  const which = approval.state === 'spent' ? 'The call that used it' : 'An earlier call with exactly these arguments'
  return html`<p class="notice ${made.fate === 'success' ? '' : 'warn'}">
    ${which} ${fates[made.fate]}. <a href="/calls/${made.callId}">What became of it</a>
  </p>`
}

function call(approval: Approval, { names, tool, client, now }: Facts): Html {
  return html`<dl class="facts">
    <dt>Tool</dt>
    <dd>
      <span class="row"
        ><strong>${visible(approval.tool)}</strong> on ${approval.upstream}
        ${tool && effectBadge(tool.effect)}${tool && traitBadges(tool.traits)}</span
      >
    </dd>
    <dt>Asked by</dt>
    <dd>${person(names.get(approval.principalId))}</dd>
    ${
      approval.actor !== undefined &&
      html`<dt>Acting in this name</dt>
        <dd>${actors(approval.actor)}</dd>`
    }
    <dt>Through</dt>
    <dd>${visible(client)} <span class="muted small">${visible(approval.clientId)}</span></dd>
    <dt>Owner of the tool</dt>
    <dd>${person(tool?.ownerId === undefined ? undefined : names.get(tool.ownerId))}</dd>
    <dt>Asked</dt>
    <dd>${instant(approval.requestedAt)}</dd>
    ${
      approval.state === 'pending' &&
      html`<dt>Ends</dt>
        <dd>${distance(approval.expiresAt, now)}</dd>`
    }
    <dt>State</dt>
    <dd>${stateBadge(approval.state)}</dd>
  </dl>`
}

// A line each, the present one first: no name has a space in it.
function actors(line: string): Html {
  return html`${line.split(' for ').map((one, at) => {
    const [name, issuer] = one.split(' at ') as [string, string?]
    return html`${at > 0 && html`<br /><span class="muted">for </span>`}<strong>${visible(name)}</strong>
      ${issuer !== undefined && html`<span class="muted small">by the word of ${visible(issuer)}</span>`}`
  })}`
}

function exactArguments({ shown }: ApprovalView): Html {
  const measure = html`<p class="muted small">${shown.bytes} bytes, SHA-256 <code>${shown.digest}</code></p>`
  if (!shown.complete)
    return html`<p class="notice bad">${shown.why}; so it cannot be approved.</p>
      ${measure}`
  return html`<pre class="exact" tabindex="0">${marked(shown.lines.join('\n'))}</pre>
    ${
      shown.unusual > 0 &&
      html`<p class="notice warn">
        ${shown.unusual === 1 ? 'One character is' : `${shown.unusual} characters are`} not plain ASCII, and marked:
        letters that look alike may be among them. What cannot be seen stands as <code>⟨U+…⟩</code>.
      </p>`
    }
    ${measure}`
}

// Letters that look alike are told apart by their mark.
function marked(text: string): Html {
  const parts = text.split(/((?:⟨U\+[0-9A-F]{4,6}⟩|[^\n\x20-\x7e])+)/u)
  return html`${parts.map((part, at) => (at % 2 === 1 ? html`<mark>${part}</mark>` : part))}`
}

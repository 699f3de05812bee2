import { Fault } from '../base/fault.ts'
import { decide } from '../policy/decide.ts'
import { needsApproval } from '../policy/needs-approval.ts'
import { readAsked } from './asked.ts'
import type { Call } from './call-state.ts'
import { callItem, judgeItem, type CallRooms } from './call.ts'
import { denialOf, intentOf } from './record.ts'
import { requireStanding } from './standing.ts'
import type { Subscriptions } from './subscriptions.ts'

type Rooms = CallRooms & { subscriptions: Subscriptions }

/**
 * Subscribes a legacy client to a resource that it may read, or ends that. A legacy upstream keeps it in the caller's own
 * session, so the request is forwarded like any other; for a modern one we remember it, and listen on the client's behalf
 * while it holds its stream open. Either way it is judged and recorded like any other use of the resource.
 *
 * @throws {Fault} what a reading of the resource would be refused with; `gateway.item_unknown` where a use of it needs an
 *   approval.
 */
export async function subscribe(rooms: Rooms, call: Call): Promise<void> {
  const { caller, envelope, reply } = call
  await requireStanding(rooms.facts, caller)
  const view = await rooms.facts.view(caller, call.upstream)
  if (view.catalogue?.upstream.learnt?.era !== 'modern') return callItem(rooms, call)
  await refuseApproved(rooms, call)
  const judged = await judgeItem(rooms, call)
  if (judged === undefined) return
  const { session, params } = envelope
  if (session === undefined)
    throw new Fault('gateway.bad_params', 'cannot subscribe without a session: use `initialize`')
  const receipt = await rooms.ledger.recordIntent(intentOf(call, judged))
  if (!remember(rooms, { method: envelope.method, sessionId: session.id, uri: String(params['uri']) })) {
    await rooms.ledger.recordOutcome(receipt, { status: 'failure', reason: 'not kept: too many subscriptions' })
    throw new Fault(
      'gateway.bad_params',
      'cannot subscribe: this session is subscribed to as many resources as one may',
    )
  }
  await rooms.ledger.recordOutcome(receipt, { status: 'success' })
  reply.result(envelope, {})
}

// Nobody approves what has no end.
async function refuseApproved({ facts, ledger }: Rooms, call: Call): Promise<void> {
  const view = await facts.view(call.caller, call.upstream)
  const { item: name } = readAsked(call.envelope, view.catalogue)
  const question = facts.gather(view, { tool: name })
  if (question.tool === undefined || !needsApproval(question.tool.effect) || !decide(question).allow) return
  await ledger.recordDenial(denialOf(call, { view, name, reason: 'approval.required', requestable: false }))
  throw new Fault('gateway.item_unknown', 'there is no such resource here')
}

function remember({ subscriptions }: Rooms, of: { method: string; sessionId: string; uri: string }): boolean {
  if (of.method === 'resources/subscribe') return subscriptions.add(of.sessionId, of.uri)
  subscriptions.remove(of.sessionId, of.uri)
  return true
}

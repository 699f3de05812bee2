import { Fault } from '../base/fault.ts'
import { readAsked } from './asked.ts'
import type { Call } from './call-state.ts'
import { callItem, type CallRooms } from './call.ts'
import { mayListenTo } from './listening.ts'
import { requireStanding } from './standing.ts'
import type { Subscriptions } from './subscriptions.ts'

/**
 * Subscribes a legacy client to a resource that it may read, or ends that. A legacy upstream keeps it in the caller's own
 * session, so the request is forwarded like any other; for a modern one we remember it, and listen on the client's behalf
 * while it holds its stream open.
 *
 * @throws {Fault} `gateway.denied` for a resource that the caller may not read, as if it were not there.
 */
export async function subscribe(rooms: CallRooms & { subscriptions: Subscriptions }, call: Call): Promise<void> {
  const { caller, envelope, reply } = call
  await requireStanding(rooms.facts, caller)
  const view = await rooms.facts.view(caller, call.upstream)
  if (view.catalogue?.upstream.learnt?.era !== 'modern') return callItem(rooms, call)
  const { session, params } = envelope
  readAsked(envelope, view.catalogue)
  const uri = String(params['uri'])
  if (!mayListenTo(rooms.facts, view, uri)) throw new Fault('gateway.item_unknown', 'there is no such resource here')
  if (session === undefined)
    throw new Fault('gateway.bad_params', 'cannot subscribe without a session: use `initialize`')
  if (envelope.method === 'resources/unsubscribe') rooms.subscriptions.remove(session.id, uri)
  else if (!rooms.subscriptions.add(session.id, uri))
    throw new Fault(
      'gateway.bad_params',
      'cannot subscribe: this session is subscribed to as many resources as one may',
    )
  reply.result(envelope, {})
}

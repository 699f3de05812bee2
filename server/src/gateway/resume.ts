import { Fault } from '../base/fault.ts'
import type { Call } from './call-state.ts'
import { callItem, type CallRooms } from './call.ts'
import { urlOfCall } from './earlier.ts'
import { requireStanding } from './standing.ts'

/**
 * Makes a call, or goes on with one: a modern client comes back with what it carries from the round before, which is for
 * the upstream, or for a call that is held here.
 *
 * @throws {Fault} `gateway.state_refused`; `gateway.state_used` where the call is not held here any more. Nothing was
 *   sent then, and nothing is repeated.
 */
export function callOrResume(rooms: CallRooms, call: Call): Promise<void> {
  const { envelope } = call
  if (envelope.era === 'legacy') {
    // Its protocol knows neither: what it asks and answers goes by the stream, and a state that we did not seal is nobody's.
    const odd = ['requestState', 'inputResponses'].find((name) => Object.hasOwn(envelope.params, name))
    if (odd !== undefined)
      throw new Fault('gateway.bad_params', `cannot call: \`${odd}\` is not part of this revision; leave it out`)
  }
  const state = envelope.era === 'modern' ? rooms.states.open(call) : undefined
  if (state?.kind === 'theirs') envelope.params = { ...envelope.params, requestState: state.state }
  return state?.kind === 'held' ? resume(rooms, call, state) : callItem(rooms, call)
}

async function resume(rooms: CallRooms, call: Call, state: { held: string; callId: string }): Promise<void> {
  await requireStanding(rooms.facts, call.caller)
  if (rooms.held.take(state.held, call)) return
  const url = urlOfCall(rooms, state.callId)
  throw new Fault(
    'gateway.state_used',
    `cannot go on with this call: it is not held here any more; outcome unknown: ${url}`,
    { data: { outcome: 'unknown', call: state.callId, url } },
  )
}

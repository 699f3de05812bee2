import { Fault } from '../base/fault.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Call, Judged } from './call-state.ts'
import { maySendTo, ownKeys } from './own-elicitation.ts'
import { denialOf } from './record.ts'

/**
 * Refuses a call that has no token in the caller's name: recorded as refused, before any intent. Where the person can come
 * by one, the client is told the page: by an elicitation if it takes those, else by the result of the tool. The address is
 * the same for everybody, and what is done there is done for who is signed in there, and for nobody else.
 *
 * @throws {Fault} the fault itself, where there is no such page or no such result.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
 */
export async function refuseUnconnected(
  rooms: { ledger: Pick<Ledger, 'recordDenial'> },
  call: Call,
  at: Pick<Judged, 'view' | 'tool' | 'args'> & { fault: Fault },
): Promise<void> {
  const { view, tool, args, fault } = at
  const { envelope, reply } = call
  const denial = { view, name: tool.tool.name, reason: fault.code, requestable: false, args }
  await rooms.ledger.recordDenial(denialOf(call, denial))
  const url = fault.code === 'gateway.not_connected' ? fault.data?.['url'] : undefined
  if (typeof url !== 'string') throw fault
  if (maySendTo(envelope, ownKeys.connection)) {
    const params = { mode: 'url', url, message: fault.message }
    const inputRequests = { [ownKeys.connection]: { method: 'elicitation/create', params } }
    return reply.result(envelope, { resultType: 'input_required', inputRequests })
  }
  const text = `${fault.message}\n\n${url}\n\nDo that in a browser where you are signed in to the gateway, then make the same call again.`
  const told = { 'sallyport/connection': { url } }
  if (envelope.method !== 'tools/call') throw new Fault(fault.code, text, { data: told })
  reply.result(envelope, { isError: true, content: [{ type: 'text', text }], _meta: told })
}

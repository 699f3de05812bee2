import { Fault } from '../base/fault.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LoginDemand } from '../model/login.ts'
import type { Deny } from '../policy/decision.ts'
import type { Store } from '../store/store.ts'
import type { Call, Judged } from './call-state.ts'
import type { FactSource } from './facts.ts'
import { maySendTo, ownKeys } from './own-elicitation.ts'
import { denialOf } from './record.ts'
import { isFirstTold } from './step-up.ts'

/** The rooms that this needs. */
interface LoginRooms {
  ledger: Pick<Ledger, 'recordDenial'>
  facts: FactSource
  /** The public origin: where our pages are. */
  origin: string
  store: Store
}

/** Whether a call is denied for want of a fresher or stronger login. */
export function isLackOfLogin({ reason }: Deny): boolean {
  return reason === 'login.too_old' || reason === 'login.too_weak'
}

/**
 * Denied, and a login of the person would change that: first by the challenge of RFC 9470, then, to a client that comes back
 * as it was, by a result with the page where he logs in afresh. The same grant is let through after that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-3
 */
export async function refuseLogin(rooms: LoginRooms, call: Call, at: Judged & { decision: Deny }): Promise<void> {
  const { view, tool, args, decision } = at
  const { name } = tool.tool
  const { reason, message } = decision
  await rooms.ledger.recordDenial(denialOf(call, { view, name, reason, requestable: false, args }))
  const demand = rooms.facts.gather(view, { tool: name }).entitlement?.login ?? {}
  const query = new URLSearchParams({ upstream: tool.tool.upstream, tool: name })
  const url = `${rooms.origin}/grants/${call.caller.grantId}/login?${query.toString()}`
  const data = { reason, url, ...challengeOf(demand) }
  if (await isFirstTold(rooms, call.caller.grantId, `login ${view.grant?.login?.at ?? 0}`)) {
    throw new Fault('gateway.login_needed', `${message}; he can log in at ${url}`, { data })
  }
  const { envelope, reply } = call
  if (maySendTo(envelope, ownKeys.login)) {
    const params = { mode: 'url', url, message }
    const inputRequests = { [ownKeys.login]: { method: 'elicitation/create', params } }
    return reply.result(envelope, { resultType: 'input_required', inputRequests })
  }
  const text = `${message}.\n\n${url}\n\nThe person logs in at that address. Then make the same call again.`
  if (envelope.method !== 'tools/call') {
    return reply.fault(envelope, new Fault('gateway.denied', text, { data }))
  }
  reply.result(envelope, { isError: true, content: [{ type: 'text', text }], _meta: { 'sallyport/login': data } })
}

/** What is demanded, in the words of the challenge. Methods have none there: the page says them. */
function challengeOf({ maxAgeSeconds, acr = [] }: LoginDemand): { max_age?: number; acr_values?: string } {
  return {
    ...(maxAgeSeconds !== undefined && { max_age: maxAgeSeconds }),
    ...(acr.length > 0 && { acr_values: acr.join(' ') }),
  }
}

import { digestOf } from '../base/ids.ts'
import { toolPath } from '../model/bundle.ts'
import { toolScope } from '../oauth/scopes.ts'
import type { DenialReason, Deny } from '../policy/decision.ts'
import { takePoint } from '../store/rates.ts'
import type { Store } from '../store/store.ts'
import type { Call } from './call-state.ts'
import type { FactSource, View } from './facts.ts'
import { maySendTo, ownKeys } from './own-elicitation.ts'

/** What a refused call lacks, and the ways to it: a scope to ask for, and a page on which the person adds it. */
export interface Lack {
  /** Exactly what the call needs. */
  scope: string
  /** Never pre-authenticated. Absent where the grant holds the tool, and only the token does not reach it. */
  url?: string
}

const lacking: ReadonlySet<DenialReason> = new Set(['grant.tool_not_chosen', 'grant.definition_changed'])

/**
 * What the grant lacks, where that alone stands in the way as far as the caller may know, and a person can give it. What an
 * identity provider vouched for, it would only vouch for again. Or what the token lacks of it, which the client gets without
 * anybody.
 */
export function findGrantLack(
  origin: string,
  call: Call,
  at: { view: View; name: string; decision: Deny },
): Lack | undefined {
  const { decision, view, name } = at
  if (decision.hidden) return undefined
  if (decision.reason === 'token.tool_beyond') return { scope: toolScope(call.upstream, name) }
  if (!lacking.has(decision.reason)) return undefined
  if (view.grant === undefined || view.grant.issuer !== undefined || view.principal?.kind !== 'person') return undefined
  const path = call.bundle === undefined ? name : toolPath(call.upstream, name)
  const page = `${origin}/grants/${view.grant.id}/widen?${new URLSearchParams({ tool: path }).toString()}`
  return { scope: toolScope(call.upstream, name), url: page }
}

/** How long is remembered what a grant was told by a challenge. */
const told = { name: 'gateway.told', points: 1, seconds: 600 }

/** What a challenge stands on. */
export interface Told {
  store: Store
  facts: Pick<FactSource, 'now'>
}

/**
 * Whether a grant is told this by a challenge for the first time in a while, at whichever replica; it is remembered: to log in
 * anew, or which scope a call lacks. A client that can step up goes and does, and comes back with another grant, or with
 * this one and what it lacked; one that comes back with the same cannot, and is told otherwise.
 */
export async function isFirstTold({ store, facts }: Told, grantId: string, what: string): Promise<boolean> {
  const key = digestOf(JSON.stringify([grantId, what]))
  return (await takePoint(store, told, { key, now: facts.now() })) === undefined
}

// From the field: they take the challenge for the end of their token, or ask for something else. All others get the link in
// the body of the refusal first.
const cannot: ReadonlySet<string> = new Set(['claude-code', 'codex-mcp-client'])

/**
 * The page to lead to in the result of the call, where the client makes nothing of a challenge: by its name, or because this
 * grant was challenged for this tool before. Only the result of a tool can say that it is an error.
 */
export async function findLead(
  rooms: Told,
  { envelope, caller }: Call,
  { scope, url }: Lack,
): Promise<Required<Lack> | undefined> {
  if (envelope.method !== 'tools/call' || url === undefined) return undefined
  const leads = cannot.has(envelope.clientInfo?.name ?? '') || !(await isFirstTold(rooms, caller.grantId, scope))
  return leads ? { scope, url } : undefined
}

/**
 * Tells where the person can add what the call lacks: by an elicitation if the client takes those, else in the result. A
 * client that comes back from the elicitation while nothing was added gets the result.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation
 */
export function replyLack({ reply, envelope }: Call, { url, scope }: Required<Lack>, message: string): void {
  if (maySendTo(envelope, ownKeys.grant)) {
    const params = { mode: 'url', url, message }
    const inputRequests = { [ownKeys.grant]: { method: 'elicitation/create', params } }
    return reply.result(envelope, { resultType: 'input_required', inputRequests })
  }
  const next = 'The person who connected this client can add the tool there. Then make the same call again.'
  const content = [{ type: 'text', text: `${message}\n\n${url}\n\n${next}` }]
  reply.result(envelope, { isError: true, content, _meta: { 'sallyport/grant': { scope, url } } })
}

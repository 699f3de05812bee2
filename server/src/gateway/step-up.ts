import { toolPath } from '../model/bundle.ts'
import { toolScope } from '../oauth/scopes.ts'
import type { DenialReason, Deny } from '../policy/decision.ts'
import type { Call } from './call-state.ts'
import type { View } from './facts.ts'
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

/** How long is remembered what a grant was told by a challenge, and of how many. */
const toldMs = 10 * 60_000
const toldMax = 10_000

/**
 * What grants were told by a challenge: to log in anew, or which scope a call lacks. A client that can step up goes and does,
 * and comes back with another grant, or with this one and what it lacked; one that comes back with the same cannot, and is
 * told otherwise. Each process remembers for itself: at another replica it is told once more.
 */
export class StepUps {
  readonly #told = new Map<string, number>()

  /** Whether this is the first time in a while; it is remembered. */
  isFirst(key: string, now: number): boolean {
    const known = this.#told.get(key)
    if (known !== undefined && now - known < toldMs) return false
    this.#told.delete(key)
    for (const oldest of this.#told.keys()) {
      if (this.#told.size < toldMax) break
      this.#told.delete(oldest)
    }
    this.#told.set(key, now)
    return true
  }
}

// From the field: they take the challenge for the end of their token, or ask for something else. All others get the link in
// the body of the refusal first.
const cannot: ReadonlySet<string> = new Set(['claude-code', 'codex-mcp-client'])

/**
 * Whether the client makes nothing of a challenge, so that it is told of the page in the result of the call: by its name, or
 * because this grant was challenged for this tool before. Only the result of a tool can say that it is an error.
 */
export function needsLink(
  stepUps: StepUps,
  { envelope, caller }: Call,
  at: { lack: Lack; now: number },
): at is { lack: Required<Lack>; now: number } {
  if (envelope.method !== 'tools/call' || at.lack.url === undefined) return false
  if (cannot.has(envelope.clientInfo?.name ?? '')) return true
  return !stepUps.isFirst(`${caller.grantId} ${at.lack.scope}`, at.now)
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

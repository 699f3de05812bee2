import { toolPath } from '../model/bundle.ts'
import { toolScope } from '../oauth/scopes.ts'
import type { DenialReason, Deny } from '../policy/decision.ts'
import type { Call } from './call-state.ts'
import type { View } from './facts.ts'

/** What a refused call lacks, and the two ways to it: a scope to ask for, and a page on which the person adds it. */
export interface Lack {
  /** Exactly what the call needs. */
  scope: string
  /** Never pre-authenticated. */
  url: string
}

const lacking: ReadonlySet<DenialReason> = new Set(['grant.tool_not_chosen', 'grant.definition_changed'])

/**
 * What the grant lacks, where that alone stands in the way as far as the caller may know, and a person can give it. What an
 * identity provider vouched for, it would only vouch for again.
 */
export function findGrantLack(
  origin: string,
  call: Call,
  at: { view: View; name: string; decision: Deny },
): Lack | undefined {
  const { decision, view, name } = at
  if (decision.hidden || !lacking.has(decision.reason)) return undefined
  if (view.grant === undefined || view.grant.issuer !== undefined || view.principal?.kind !== 'person') return undefined
  const path = call.bundle === undefined ? name : toolPath(call.upstream, name)
  const page = `${origin}/grants/${view.grant.id}/widen?${new URLSearchParams({ tool: path }).toString()}`
  return { scope: toolScope(call.upstream, name), url: page }
}

// From the field: they take the challenge for the end of their token, or ask for something else. All others get the link in
// the body of the refusal.
const cannot: ReadonlySet<string> = new Set(['claude-code', 'codex-mcp-client'])

/** Whether the client would make nothing of a challenge, so that it is told of the page in the result of the call. */
export function needsLink({ envelope }: Call): boolean {
  return envelope.method === 'tools/call' && cannot.has(envelope.clientInfo?.name ?? '')
}

/** Tells in the result of the call where its person can add what it lacks. */
export function replyLack({ reply, envelope }: Call, { url, scope }: Lack, message: string): void {
  const next = 'The person who connected this client can add the tool there. Then make the same call again.'
  const content = [{ type: 'text', text: `${message}\n\n${url}\n\n${next}` }]
  reply.result(envelope, { isError: true, content, _meta: { 'sallyport/grant': { scope, url } } })
}

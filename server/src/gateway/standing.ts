import { Fault, type FaultCode } from '../base/fault.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Caller } from '../oauth/access-token.ts'
import { decide } from '../policy/decide.ts'
import { standingReasons, type DenialReason, type Deny } from '../policy/decision.ts'
import type { Envelope } from './envelope.ts'
import type { FactSource, View } from './facts.ts'
import type { Lack } from './step-up.ts'
import { modernVersion, tasksExtension } from './upstream/era.ts'

// A name that no tool can have: what is decided is then everything but the tool.
const noTool = ''

/** The first finding about caller and upstream, leaving tools aside; undefined when they stand. */
export function findFall(facts: FactSource, view: View): Deny | undefined {
  const decision = decide(facts.gather(view, { tool: noTool }))
  return decision.allow || decision.reason === 'tool.unknown' ? undefined : decision
}

/**
 * Demands that the caller may be here at all: principal, client, grant and upstream in good standing; at the address of a
 * bundle one member at least.
 *
 * @returns the catalogue of the upstream, or of the first member that stands.
 * @throws {Fault} 401 where only a new login could help, else 403.
 */
export async function requireStanding(facts: FactSource, caller: Caller): Promise<PinnedCatalogue> {
  const views = await facts.views(caller)
  const falls = views.map((view) => findFall(facts, view))
  const [standing] = views.filter((_view, at) => falls[at] === undefined)
  if (standing === undefined && falls[0] !== undefined) throw faultOf(falls[0])
  if (standing?.catalogue === undefined) throw new Fault('gateway.denied', 'there is no such server')
  return standing.catalogue
}

const kinds: Readonly<Record<string, string>> = {
  'prompts/get': 'prompt',
  'resources/read': 'resource',
  'resources/subscribe': 'resource',
  'resources/unsubscribe': 'resource',
  'completion/complete': 'reference',
}
const onlyLoginHelps: ReadonlySet<DenialReason> = new Set(standingReasons)

/**
 * A denial of an item as the door tells it. Of what is hidden is said what the protocol says of what is not there: that
 * there is no such prompt or resource, or no such method.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/resources#error-handling
 */
export function faultOfItem(decision: Deny, { method, params }: Envelope, lack?: Lack): Fault {
  if (!decision.hidden || method === 'tools/call') return faultOf(decision, lack)
  const kind = Object.hasOwn(kinds, method) ? kinds[method] : undefined
  if (kind === undefined) return unknownMethod(method)
  const { uri } = params
  return new Fault('gateway.item_unknown', `there is no such ${kind}, or it is not yours to read`, {
    data: { reason: 'tool.unknown', requestable: false, ...(typeof uri === 'string' && { uri }) },
    detail: decision.findings.map((finding) => finding.reason).join(', '),
  })
}

/** What is said of a method that is not served, whether there is one of that name or not. */
export function unknownMethod(method: string): Fault {
  const tasks = method.startsWith('tasks/')
    ? `: tasks are those of the extension \`${tasksExtension}\`, for clients that speak MCP ${modernVersion}`
    : ''
  return new Fault('gateway.method_unknown', `the method \`${method.slice(0, 64)}\` is not served here${tasks}`)
}

function codeOf(reason: DenialReason): FaultCode {
  if (reason === 'upstream.wants_proof') return 'oauth.proof_missing'
  return onlyLoginHelps.has(reason) ? 'gateway.grant_ended' : 'gateway.denied'
}

/** A denial as the door tells it: 401 where only a new token or a new login could help, 403 everywhere else. */
export function faultOf(decision: Deny, lack?: Lack): Fault {
  const { reason, hidden } = decision
  const more = lack?.url === undefined ? '' : `, or let its person add it at ${lack.url}`
  return new Fault(codeOf(reason), `${decision.message}${more}`, {
    data: { reason: hidden ? 'tool.unknown' : reason, requestable: !hidden && decision.requestable, ...lack },
    detail: decision.findings.map((finding) => finding.reason).join(', '),
  })
}

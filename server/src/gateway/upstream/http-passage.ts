import { canonicalJson } from '../../base/json.ts'
import type { Learnt } from '../../model/upstream.ts'
import { eraOf, modernVersion, requestToModern } from './era.ts'
import type { RpcId } from './message.ts'
import { routingHeaders } from './routing-headers.ts'
import type { UpstreamRequest } from './upstream-kind.ts'

/** What is known of an upstream before anything is sent. */
export type Known = Pick<Learnt, 'era' | 'protocolVersion'>

/** A request on its way to an upstream. */
export interface Passage {
  request: UpstreamRequest
  known: Known
  /** The id that the upstream sees. */
  wireId: RpcId
  headers: Record<string, string>
  signal: AbortSignal
}

/** How a request goes to an upstream of the modern era. */
export function modernPassage(
  request: UpstreamRequest,
  known: Known,
  signal: AbortSignal,
): { text: string; passage: Passage } {
  const same = eraOf(request.protocolVersion) === 'modern'
  const message = same ? request.message : requestToModern(request.message, request.client)
  const headers = routingHeaders(message, request.inputSchema, request.parameterHeaders)
  headers['mcp-protocol-version'] = modernVersion
  const passage = { request, known, wireId: message.id, headers, signal }
  return { text: same ? request.text : canonicalJson(message), passage }
}

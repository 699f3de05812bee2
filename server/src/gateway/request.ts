import { Fault } from '../base/fault.ts'
import { canonicalJson } from '../base/json.ts'
import { approvalKey } from './approval-reply.ts'
import type { Call, Judged } from './call-state.ts'
import { isObject, type Envelope } from './envelope.ts'
import type { UpstreamRequest } from './upstream/upstream-kind.ts'

// A member that was not judged is not sent, and one that is not sent cannot be promised: it is refused.
const known = new Set(['name', 'arguments', '_meta', 'inputResponses', 'requestState'])

/**
 * Reads the parameters of `tools/call`.
 *
 * @throws {Fault} `gateway.bad_params` naming the member that does not fit.
 */
export function readCallParams(envelope: Envelope): { name: string; arguments: unknown } {
  for (const key of Object.keys(envelope.params)) {
    if (!known.has(key))
      throw new Fault('gateway.bad_params', `cannot call: \`${key.slice(0, 64)}\` is not served here; leave it out`)
  }
  const { name } = envelope.params
  if (typeof name !== 'string' || name === '' || name.length > 256) {
    throw new Fault('gateway.bad_params', 'cannot call: `name` must be the name of a tool')
  }
  return { name, arguments: envelope.params['arguments'] }
}

/** The request that goes to the upstream: the judged message, written anew, and nothing that the client sent beside it. */
export function requestOf(call: Call, { tool }: Judged): UpstreamRequest {
  const { envelope } = call
  const message = {
    jsonrpc: '2.0' as const,
    id: envelope.id!,
    method: envelope.method,
    params: withoutOurs(envelope.params),
  }
  return {
    message,
    text: canonicalJson(message),
    protocolVersion: envelope.protocolVersion,
    callerKey: call.caller.grantId,
    parameterHeaders: call.parameterHeaders,
    inputSchema: tool.definition?.['inputSchema'],
  }
}

// What the client answers to our own elicitation is for us.
function withoutOurs(params: Record<string, unknown>): Record<string, unknown> {
  const responses = params['inputResponses']
  if (!isObject(responses) || !(approvalKey in responses)) return params
  const { inputResponses: _all, ...rest } = params
  const { [approvalKey]: _ours, ...theirs } = responses
  return Object.keys(theirs).length === 0 ? rest : { ...rest, inputResponses: theirs }
}

import { Fault } from '../base/fault.ts'
import type { Clock } from '../base/clock.ts'
import { digestOf, makeId } from '../base/ids.ts'
import { canonicalJson, isObject } from '../base/json.ts'
import type { CatalogueTool } from '../inventory/catalogue.ts'
import { needsApproval } from '../policy/needs-approval.ts'
import type { Call, Judged } from './call-state.ts'
import type { Envelope } from './envelope.ts'
import type { NextRound } from './input-required.ts'
import { isOwnKey } from './own-elicitation.ts'
import { holderWord } from './upstream/caller-key.ts'
import type { RpcRequest } from './upstream/message.ts'
import type { UpstreamRequest } from './upstream/upstream-kind.ts'

/**
 * Demands that a call which needs an approval carries nothing that the approval does not bind: no state and no answers of
 * another round.
 *
 * @throws {Fault} `gateway.bad_params`
 * @see spec/approval.md, "What is bound"
 */
export function requireBound({ params }: Envelope): void {
  const responses = params['inputResponses']
  const foreign = isObject(responses) ? Object.keys(responses).some((key) => !isOwnKey(key)) : responses !== undefined
  if (foreign || params['requestState'] !== undefined) {
    throw new Fault(
      'gateway.bad_params',
      'cannot call: an approval binds the arguments alone, so this call carries neither `requestState` nor `inputResponses`',
    )
  }
}

/** The request that goes to the upstream: the judged message, written anew, and nothing that the client sent beside it. */
export function requestOf(call: Call, { tool, asked, args }: Judged): UpstreamRequest {
  const { envelope } = call
  const bound = needsApproval(tool.tool.effect)
  const params = { ...besides(envelope.params, bound), ...asked.written(args.value) }
  const message: RpcRequest = { jsonrpc: '2.0', id: envelope.id!, method: envelope.method, params }
  return new CallRequest(call, { message, bound, tool })
}

// A class, and not an object with a getter of its own, of which the engine would make one kind for each call.
class CallRequest implements UpstreamRequest {
  readonly message: RpcRequest
  readonly text: string
  readonly protocolVersion: string
  readonly client: UpstreamRequest['client']
  readonly principalId: string
  readonly declared: UpstreamRequest['declared']
  readonly parameterHeaders: UpstreamRequest['parameterHeaders']
  readonly inputSchema: unknown
  readonly whole?: true
  readonly definitionDigest: string | undefined
  ask: UpstreamRequest['ask'] = undefined
  readonly #call: Call
  readonly #bound: boolean

  constructor(call: Call, { message, bound, tool }: { message: RpcRequest; bound: boolean; tool: CatalogueTool }) {
    const { envelope } = call
    this.#call = call
    this.#bound = bound
    this.message = message
    this.text = canonicalJson(message)
    this.protocolVersion = envelope.protocolVersion
    // A call that somebody approved asks nothing and becomes nothing else.
    const capabilities = bound ? {} : envelope.clientCapabilities
    this.client = { info: envelope.clientInfo, capabilities, logLevel: envelope.logLevel }
    this.principalId = call.caller.principalId
    this.declared = envelope.clientCapabilities
    // Those that mirror arguments are computed from them; what the approver did not see does not travel beside a call.
    this.parameterHeaders = bound ? {} : call.parameterHeaders
    this.inputSchema = tool.definition?.['inputSchema']
    this.definitionDigest = tool.tool.digest
    // The id in it has to become ours, and what it asks is judged.
    if (call.task !== undefined) this.whole = true
  }

  // Made when it is asked for: only upstreams that keep sessions need it.
  get callerKey(): string {
    return this.#bound ? `${callerKeyOf(this.#call)} approved` : callerKeyOf(this.#call)
  }
}

/** The same call once more, with what the upstream asked for: under an id of its own in the ledger. */
export function nextRound(clock: Clock, call: Call, { inputResponses, requestState }: NextRound): Call {
  const { inputResponses: _answers, requestState: _state, ...params } = call.envelope.params
  const more = { inputResponses, ...(requestState !== undefined && { requestState }) }
  return { ...call, id: makeId(clock), envelope: { ...call.envelope, params: { ...params, ...more } } }
}

// Nobody shares a session with an upstream: not with other callers, and not with one's own client that declared something
// else. A legacy client has as many as it began with us; a modern one has one for each thing that it declares.
function callerKeyOf({ caller, envelope }: Call): string {
  if (envelope.session !== undefined) return `${holderWord(caller)} ${envelope.session.id}`
  const { clientInfo, clientCapabilities, logLevel = '' } = envelope
  return `${holderWord(caller)} ${digestOf(canonicalJson({ clientInfo, clientCapabilities, logLevel }))}`
}

// What the client answers to our own elicitation is for us; what an approval does not bind stays behind.
function besides(params: Record<string, unknown>, bound: boolean): Record<string, unknown> {
  const { inputResponses: responses, requestState, _meta: meta } = params
  const theirs = isObject(responses) ? Object.entries(responses).filter(([key]) => !isOwnKey(key)) : []
  const told = isObject(meta) ? (bound ? toldWithApproval(meta) : meta) : {}
  const beside: Record<string, unknown> = {}
  if (requestState !== undefined) beside['requestState'] = requestState
  if (theirs.length > 0) beside['inputResponses'] = Object.fromEntries(theirs)
  for (const _key in told) {
    beside['_meta'] = told
    break
  }
  return beside
}

function toldWithApproval(meta: Record<string, unknown>): Record<string, unknown> {
  const told = Object.entries(meta).filter(([key]) => ofProtocol(key))
  return Object.fromEntries(told.map(([key, value]) => [key, key === capabilitiesKey ? {} : value]))
}

const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'
const tracing = new Set(['progressToken', 'traceparent', 'tracestate', 'baggage'])

function ofProtocol(key: string): boolean {
  return tracing.has(key) || key.startsWith('io.modelcontextprotocol/')
}

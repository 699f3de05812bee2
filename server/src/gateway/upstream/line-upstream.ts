import { canonicalJson, isObject } from '../../base/json.ts'
import { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import { changed, resultOf, unreachable, wholeReply, type Answer } from './answer.ts'
import { capabilitiesFor, eraOf, ourselves, requestToLegacy, requestToModern, translateResponse } from './era.ts'
import type { RpcRequest } from './message.ts'
import type { Life } from './line-connection.ts'
import type { LineConnections } from './line-connections.ts'
import type { Call } from './stdio-session.ts'
import {
  controlMethods,
  type ControlRequest,
  type ReplyEvent,
  type UpstreamClient,
  type UpstreamConnection,
  type UpstreamReply,
  type UpstreamRequest,
  type UpstreamSpec,
} from './upstream-kind.ts'

// MCP in lines, whatever carries them: a process, or an event stream.

/** Nobody has this key: what we ask on our own account happens in no process or stream of theirs. */
const own: { key: string; client: UpstreamClient } = { key: 'sallyport', client: ourselves }

/** Whose a process or stream is: the caller's alone, that of a principal's clients which declare the same, or everybody's. */
export type Whose = 'caller' | 'principal' | 'everybody'

export class LineUpstream implements UpstreamConnection {
  readonly #spec: UpstreamSpec
  readonly #connections: LineConnections
  readonly #whose: Whose
  #closed = false

  constructor(spec: UpstreamSpec, connections: LineConnections, whose: Whose) {
    this.#spec = spec
    this.#connections = connections
    this.#whose = whose
  }

  async send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    Receipt.use(receipt)
    const { session, learnt } = await this.#live(this.#ownerOf(request), signal)
    const way = {
      method: request.message.method,
      from: learnt.era,
      to: eraOf(request.protocolVersion),
      upstream: this.#spec.name,
      id: request.message.id,
    }
    const askable = this.#whose !== 'everybody' && learnt.era === 'legacy'
    const caller = { key: request.callerKey, ask: askable ? request.ask : undefined }
    const call = session.call(bridged(request, learnt), signal, caller)
    await call.begun
    const translate = (answer: Answer) => changed(answer, ({ text, message }) => translateResponse(text, message, way))
    if (call.progress.size > 0 || call.asked())
      return { kind: 'stream', status: 200, events: streamed(call, translate) }
    return wholeReply(200, translate(await call.answer))
  }

  async ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (!controlMethods.includes(request.method)) throw new TypeError(`\`${request.method}\` is not a control method`)
    const { session, learnt } = await this.#live(own, signal)
    const message: RpcRequest = { jsonrpc: '2.0', id: 0, method: request.method, params: request.params ?? {} }
    const asked = learnt.era === 'modern' ? requestToModern(message, ourselves) : message
    return resultOf(this.#spec.name, (await session.call(asked, signal).answer).message)
  }

  async learn(signal: AbortSignal): Promise<Learnt> {
    return (await this.#live(own, signal)).learnt
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#connections.close()
  }

  #ownerOf(request: UpstreamRequest): typeof own {
    if (this.#whose === 'everybody') return { key: '', client: ourselves }
    if (this.#whose === 'caller') return { key: request.callerKey, client: clientOf(request) }
    // Greeted in nobody's name, for it is not one client's; what it may ask, each of its clients has declared.
    const declared = clientOf(request, request.declared).capabilities
    const names = ['elicitation', 'roots', 'sampling'].filter((name) => isObject(declared[name]))
    const capabilities = Object.fromEntries(names.map((name) => [name, name === 'roots' ? {} : declared[name]]))
    const key = `${request.principalId ?? request.callerKey} ${canonicalJson(capabilities)}`
    return { key, client: { info: ourselves.info, capabilities } }
  }

  async #live({ key, client }: typeof own, signal: AbortSignal): Promise<Life> {
    if (this.#closed) throw unreachable(this.#spec.name, 'it is being closed')
    return this.#connections.get(key, client).live(signal)
  }
}

// It speaks the older era, so that is how it is told what the client can do.
function clientOf(
  { client: { info, capabilities: said }, protocolVersion }: UpstreamRequest,
  capabilities = said,
): UpstreamClient {
  const legacy = eraOf(protocolVersion) === 'legacy'
  return { info, capabilities: legacy ? capabilities : capabilitiesFor('legacy', capabilities) }
}

function bridged(request: UpstreamRequest, learnt: Learnt): RpcRequest {
  const { message } = request
  const from = eraOf(request.protocolVersion)
  if (from === learnt.era) return message
  return learnt.era === 'legacy' ? requestToLegacy(message) : requestToModern(message, request.client)
}

async function* streamed(call: Call, translate: (answer: Answer) => Answer): AsyncGenerator<ReplyEvent> {
  yield* call.progress
  yield translate(await call.answer)
}

import { Fault } from '../../base/fault.ts'
import { canonicalJson } from '../../base/json.ts'
import type { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import {
  badReply,
  busy,
  cancelled,
  changed,
  errorOf,
  lost,
  readAnswer,
  refused,
  wholeReply,
  type Answer,
} from './answer.ts'
import {
  clientInfoOf,
  eraOf,
  learntFromDiscover,
  learntFromInitialize,
  legacyVersion,
  modernVersion,
  ourselves,
  requestToLegacy,
  requestToModern,
  translateResponse,
} from './era.ts'
import { readEvents } from './event-stream.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { HttpWire } from './http-wire.ts'
import { HttpSessions, type HttpSession } from './http-sessions.ts'
import {
  isListChanged,
  isNotification,
  isRequest,
  readMessage,
  type RpcId,
  type RpcMessage,
  type RpcRequest,
  type RpcResponse,
} from './message.ts'
import { ReceiptBook } from './receipt-book.ts'
import { routingHeaders } from './routing-headers.ts'
import {
  controlMethods,
  type ControlRequest,
  type ReplyEvent,
  type UpstreamConnection,
  type UpstreamKind,
  type UpstreamNeeds,
  type UpstreamReply,
  type UpstreamRequest,
  type UpstreamSpec,
} from './upstream-kind.ts'

/** Streamable HTTP, both eras. */
export const httpKind: UpstreamKind = {
  open(spec, needs) {
    if (spec.launch.kind !== 'http') throw new TypeError('httpKind opens http upstreams')
    if (needs.dispatcher === undefined) throw new TypeError('http upstreams need a dispatcher')
    const { dispatcher } = needs
    const credential = () => needs.credential()
    const wire = new HttpWire({ upstream: spec.name, url: new URL(spec.launch.url), dispatcher, credential })
    return new HttpConnection(spec, wire, needs)
  },
}

/** No grant has this id: what we ask on our own account shares no session with a caller. */
const ownKey = 'sallyport'
const greetMsMax = 20_000

type Known = Pick<Learnt, 'era' | 'protocolVersion'>
type Client = { name: string; version: string }

interface Passage {
  request: UpstreamRequest
  known: Known
  /** The id that the upstream sees. */
  wireId: RpcId
  headers: Record<string, string>
}

class HttpConnection implements UpstreamConnection {
  readonly #spec: UpstreamSpec
  readonly #needs: UpstreamNeeds
  readonly #wire: HttpWire
  readonly #sessions: HttpSessions
  readonly #receipts = new ReceiptBook()
  #known: Promise<Known> | undefined
  #lastId = 0

  constructor(spec: UpstreamSpec, wire: HttpWire, needs: UpstreamNeeds) {
    this.#spec = spec
    this.#wire = wire
    this.#needs = needs
    this.#known = spec.learnt && Promise.resolve(spec.learnt)
    this.#sessions = new HttpSessions(needs.clock, (session) => wire.end(session.id, sessionHeaders(session)))
  }

  async send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    this.#receipts.use(receipt)
    return this.#forward(request, signal)
  }

  async ask(request: ControlRequest, signal: AbortSignal): Promise<Record<string, unknown>> {
    if (!controlMethods.includes(request.method)) throw new TypeError(`\`${request.method}\` is not a control method`)
    const known = await this.#knowing()
    const plain: RpcRequest = {
      jsonrpc: '2.0',
      id: this.#nextId(),
      method: request.method,
      params: request.params ?? {},
    }
    const message = known.era === 'modern' ? requestToModern(plain, ourselves) : plain
    const reply = await this.#forward(
      {
        message,
        text: JSON.stringify(message),
        protocolVersion: known.era === 'modern' ? modernVersion : legacyVersion,
        callerKey: ownKey,
        clientInfo: ourselves,
      },
      signal,
    )
    return this.#resultOf(await lastMessage(reply))
  }

  async learn(signal: AbortSignal): Promise<Learnt> {
    const learnt = await this.#learn(signal)
    this.#known = Promise.resolve(learnt)
    return learnt
  }

  async close(): Promise<void> {
    await this.#sessions.endAll()
    this.#wire.close()
  }

  async #forward(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const known = await this.#knowing()
    if (signal.aborted) throw cancelled(signal)
    if (known.era === 'modern') return this.#forwardModern(request, known, signal)
    const key = `${request.callerKey} ${request.protocolVersion}`
    const open = () => this.#openSession(request)
    const session = this.#sessions.get(key, open)
    const first = await this.#forwardLegacy(request, await session, { known, signal })
    if (first.answer.status !== 404 || (await session).id === undefined) return this.#reply(first.passage, first.answer)
    // The upstream has forgotten the session and did nothing: a new one, once.
    first.answer.finish()
    this.#sessions.forget(key, session)
    const second = await this.#forwardLegacy(request, await this.#sessions.get(key, open), { known, signal })
    return this.#reply(second.passage, second.answer)
  }

  async #forwardModern(request: UpstreamRequest, known: Known, signal: AbortSignal): Promise<UpstreamReply> {
    const same = eraOf(request.protocolVersion) === 'modern'
    const message = same ? request.message : requestToModern(request.message, request.clientInfo ?? ourselves)
    const routing = routingHeaders(message, request.inputSchema, request.parameterHeaders)
    const headers = { 'mcp-protocol-version': modernVersion, ...routing }
    const answer = await this.#wire.post(same ? request.text : canonicalJson(message), headers, signal)
    return this.#reply({ request, known, wireId: message.id, headers }, answer)
  }

  async #forwardLegacy(
    request: UpstreamRequest,
    session: HttpSession,
    { known, signal }: { known: Known; signal: AbortSignal },
  ): Promise<{ answer: HttpAnswer; passage: Passage }> {
    const same = eraOf(request.protocolVersion) === 'legacy'
    const message = same ? request.message : requestToLegacy(request.message)
    // Within a session ids share one space, and one person's two windows count from the same number: ours are unique.
    const wireId = session.id === undefined ? message.id : this.#nextId()
    const untouched = same && wireId === message.id
    const headers = sessionHeaders(session)
    const text = untouched ? request.text : canonicalJson({ ...message, id: wireId })
    const passage: Passage = { request, known, wireId, headers }
    return { answer: await this.#cancelling(passage, this.#wire.post(text, headers, signal)), passage }
  }

  async #reply(passage: Passage, answer: HttpAnswer): Promise<UpstreamReply> {
    this.#judgeStatus(answer)
    if (answer.mediaType === 'text/event-stream' && answer.status === 200) {
      return { kind: 'stream', status: 200, events: this.#events(passage, answer) }
    }
    if (answer.mediaType !== 'application/json') {
      answer.finish()
      throw badReply(this.#spec.name, `status ${answer.status} with content type \`${answer.mediaType.slice(0, 80)}\``)
    }
    const read = await this.#cancelling(passage, readAnswer(this.#spec.name, answer.chunks, passes(passage)))
    if ('next' in read) return { kind: 'flow', status: answer.status, parts: this.#flow(passage, read) }
    this.#requireAnswer(passage, read)
    return wholeReply(answer.status, this.#translated(passage, read))
  }

  async *#flow(
    passage: Passage,
    parts: AsyncGenerator<Uint8Array, Answer>,
  ): AsyncGenerator<Uint8Array, { message: RpcResponse; bytes: Uint8Array }> {
    const { message, bytes } = yield* parts
    this.#requireAnswer(passage, { message })
    return { message, bytes: bytes! }
  }

  #requireAnswer({ wireId }: Passage, { message }: Pick<Answer, 'message'>): void {
    if (!answers(message, wireId)) throw badReply(this.#spec.name, 'the answer has another id')
  }

  async *#events(passage: Passage, answer: HttpAnswer): AsyncGenerator<ReplyEvent> {
    let answered = false
    try {
      for await (const { event, data } of readEvents(answer.chunks)) {
        const message = data === '' || (event !== '' && event !== 'message') ? undefined : this.#read(passage, data)
        if (message === undefined) continue
        answered = !('method' in message)
        if (answered) answer.finish()
        yield answered
          ? this.#translated(passage, { text: data, message: message as RpcResponse })
          : { text: data, message }
        if (answered) return
      }
      throw lost(this.#spec.name, 'the stream ended before the answer')
    } finally {
      if (!answered) this.#tellCancelled(passage)
    }
  }

  /** @returns what concerns the caller: its answer, or a notification on the way to it. */
  #read(passage: Passage, data: string): RpcMessage | undefined {
    const message = readMessage(data)
    if (message === undefined) throw badReply(this.#spec.name, 'an event is no JSON-RPC message')
    if (isRequest(message)) return this.#refuse(message, passage.headers)
    if (!isNotification(message)) return answers(message, passage.wireId) ? message : undefined
    if (!isListChanged(message)) return message
    this.#needs.onListChanged?.()
    return undefined
  }

  async #cancelling<Result>(passage: Passage, work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (error) {
      if (error instanceof Fault && error.code === 'gateway.cancelled') this.#tellCancelled(passage)
      throw error
    }
  }

  // In the legacy era a closed connection means nothing: a session goes on with the call until it is told.
  #tellCancelled({ headers, wireId }: Passage): void {
    if (headers['mcp-session-id'] === undefined) return
    const params = { requestId: wireId, reason: 'the caller cancelled' }
    this.#tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, headers)
  }

  #tell(message: object, headers: Record<string, string>): void {
    this.#wire.post(JSON.stringify(message), headers, AbortSignal.timeout(greetMsMax)).then(
      (answer) => answer.finish(),
      () => undefined,
    )
  }

  #translated({ request, known }: Passage, answer: Answer): Answer {
    const way = { method: request.message.method, from: known.era, to: eraOf(request.protocolVersion) }
    const more = { upstream: this.#spec.name, id: request.message.id }
    return changed(answer, ({ text, message }) => translateResponse(text, message, { ...way, ...more }))
  }

  #judgeStatus(answer: HttpAnswer): void {
    const { status } = answer
    const credential = status === 401 || status === 403 || status === 407
    const redirect = status >= 300 && status < 400
    if (!credential && !redirect && status !== 429) return
    answer.finish()
    if (credential) throw refused(this.#spec.name, `status ${status}`)
    if (redirect) throw badReply(this.#spec.name, `status ${status}: redirects are not followed`)
    throw busy(this.#spec.name, 'status 429')
  }

  // We declared that we answer nothing, so this is out of order; without an answer the upstream would wait.
  #refuse({ id, method }: RpcRequest, headers: Record<string, string>): undefined {
    const body = method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'method not found' } }
    const { 'mcp-method': _method, 'mcp-name': _name, ...rest } = headers
    this.#tell({ jsonrpc: '2.0', id, ...body }, rest)
  }

  #knowing(): Promise<Known> {
    if (this.#known === undefined) {
      const known = this.#learn(AbortSignal.timeout(greetMsMax))
      this.#known = known
      known.catch(() => {
        if (this.#known === known) this.#known = undefined
      })
    }
    return this.#known
  }

  // The era is a property of the upstream: it is learnt with our own requests and never from what a client speaks.
  async #learn(signal: AbortSignal): Promise<Learnt> {
    const discovered = await this.#discover(signal)
    if (discovered !== undefined) return discovered
    const { learnt, session } = await this.#initialize(
      { protocolVersion: legacyVersion, clientInfo: ourselves },
      signal,
    )
    this.#sessions.put(`${ownKey} ${legacyVersion}`, Promise.resolve(session))
    return learnt
  }

  async #discover(signal: AbortSignal): Promise<Learnt | undefined> {
    const id = this.#nextId()
    const message = requestToModern({ jsonrpc: '2.0', id, method: 'server/discover' }, ourselves)
    const headers = { 'mcp-protocol-version': modernVersion, ...routingHeaders(message, undefined) }
    const answer = await this.#wire.post(JSON.stringify(message), headers, signal)
    try {
      const response = await this.#answerTo(answer, id)
      return 'error' in response ? undefined : learntFromDiscover(response.result)
    } catch (error) {
      // A legacy upstream may refuse what it does not know in any way but these.
      if (error instanceof Fault && error.code !== 'gateway.upstream_bad_reply') throw error
      return undefined
    }
  }

  async #initialize(
    { protocolVersion, clientInfo }: { protocolVersion: string; clientInfo: Client },
    signal: AbortSignal,
  ): Promise<{ learnt: Learnt; session: HttpSession }> {
    const id = this.#nextId()
    const params = { protocolVersion, capabilities: {}, clientInfo }
    const answer = await this.#wire.post(
      JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params }),
      {},
      signal,
    )
    const learnt = learntFromInitialize(this.#resultOf(await this.#answerTo(answer, id)))
    const session = { id: readSessionId(this.#spec.name, answer.sessionId), protocolVersion: learnt.protocolVersion }
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
    const taken = await this.#wire.post(initialized, sessionHeaders(session), signal)
    taken.finish()
    return { learnt, session }
  }

  async #openSession(request: UpstreamRequest): Promise<HttpSession> {
    const own = eraOf(request.protocolVersion) === 'legacy'
    const protocolVersion = own ? request.protocolVersion : legacyVersion
    const clientInfo = request.clientInfo ?? clientInfoOf(request.message) ?? ourselves
    // Others may wait for this session too, so no single caller's signal can end it.
    return (await this.#initialize({ protocolVersion, clientInfo }, AbortSignal.timeout(greetMsMax))).session
  }

  async #answerTo(answer: HttpAnswer, id: RpcId): Promise<RpcResponse> {
    const message: RpcRequest = { jsonrpc: '2.0', id, method: '' }
    const request = { message, text: '', protocolVersion: legacyVersion, callerKey: ownKey }
    const known: Known = { era: 'legacy', protocolVersion: legacyVersion }
    return lastMessage(await this.#reply({ request, known, wireId: id, headers: {} }, answer))
  }

  #resultOf(message: RpcResponse): Record<string, unknown> {
    if ('error' in message) throw errorOf(this.#spec.name, message.error)
    return message.result
  }

  #nextId(): number {
    return ++this.#lastId
  }
}

function answers(message: RpcResponse, id: RpcId): boolean {
  return message.id === id || ('error' in message && (message.id === null || message.id === undefined))
}

async function lastMessage(reply: UpstreamReply): Promise<RpcResponse> {
  if (reply.kind === 'json') return reply.message
  // Our own questions are answered whole.
  if (reply.kind === 'flow') throw new TypeError('an answer to ourselves came in parts')
  let last: RpcResponse | undefined
  for await (const { message } of reply.events) if (!('method' in message)) last = message
  return last!
}

function sessionHeaders(session: HttpSession): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-protocol-version': session.protocolVersion }
  if (session.id !== undefined) headers['mcp-session-id'] = session.id
  return headers
}

function readSessionId(upstream: string, id: string | undefined): string | undefined {
  if (id !== undefined && !/^[\x21-\x7e]{1,1024}$/.test(id))
    throw badReply(upstream, 'a session id that cannot be sent')
  return id
}

/** Whether the answer passes to the byte: then it can pass before its end is known. */
function passes({ request, known, wireId }: Passage): boolean {
  const same = eraOf(request.protocolVersion) === known.era && request.message.id === wireId
  return same && request.callerKey !== ownKey
}

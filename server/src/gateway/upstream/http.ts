import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import { upstreamConnectionsMax } from '../../base/limits.ts'
import { canonicalJson } from '../../base/json.ts'
import { Receipt } from '../../ledger/intent.ts'
import type { Learnt } from '../../model/upstream.ts'
import {
  answerOf,
  badReply,
  cancelled,
  changed,
  lastMessage,
  lost,
  readAnswer,
  resultOf,
  wholeReply,
  type Answer,
} from './answer.ts'
import { CarriedQuestions } from './carried-questions.ts'
import {
  capabilitiesFor,
  concerns,
  eraOf,
  legacyVersion,
  modernVersion,
  ourselves,
  requestToLegacy,
  requestToModern,
  passesUnchanged,
  translateResponse,
} from './era.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { answers, HttpGreeting, judgeStatus, sessionHeaders, strangeAnswer } from './http-greeting.ts'
import { listenLegacy, listenModern, type Heard } from './http-listening.ts'
import { type Known, modernPassage, type Passage } from './http-passage.ts'
import { resumedEvents } from './http-resume.ts'
import { HttpWire } from './http-wire.ts'
import { HttpSessions, type HttpSession } from './http-sessions.ts'
import {
  isCancelled,
  isListChanged,
  isNotification,
  isRequest,
  readMessage,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts'
import {
  controlMethods,
  type ControlRequest,
  type Listener,
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
    const credential: UpstreamNeeds['credential'] = (request) => needs.credential(request)
    const { log, onRefused, onNonce, parting } = needs
    const url = new URL(spec.launch.url)
    const parts = { upstream: spec.name, url, dispatcher, log, credential, onRefused, onNonce, parting }
    const wire = new HttpWire(parts)
    return new HttpConnection(spec, wire, needs)
  },
}

/** No grant has this id: what we ask on our own account shares no session with a caller. */
const ownKey = 'sallyport'
const greetMsMax = 20_000
const retryMs = { first: 1_000, most: 30_000 }
/** Half of the connections to one upstream: calls always find one. */
const listeningMax = upstreamConnectionsMax / 2

class HttpConnection implements UpstreamConnection {
  readonly #spec: UpstreamSpec
  readonly #needs: UpstreamNeeds
  readonly #wire: HttpWire
  readonly #sessions: HttpSessions
  readonly #greeting: HttpGreeting
  #known: Promise<Known> | undefined
  #listening = 0
  #lastId = 0

  constructor(spec: UpstreamSpec, wire: HttpWire, needs: UpstreamNeeds) {
    this.#spec = spec
    this.#wire = wire
    this.#needs = needs
    this.#greeting = new HttpGreeting(spec.name, wire, () => this.#nextId())
    this.#known = spec.learnt && Promise.resolve(spec.learnt)
    this.#sessions = new HttpSessions(needs.clock, (session) => wire.end(session.id, sessionHeaders(session)))
  }

  send(receipt: Receipt, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    try {
      Receipt.use(receipt)
    } catch (error) {
      return Promise.reject(error)
    }
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
        whole: true,
        client: ourselves,
      },
      signal,
    )
    return resultOf(this.#spec.name, await lastMessage(reply))
  }

  async *listen(of: Listener, signal: AbortSignal): AsyncGenerator<RpcNotification> {
    if (this.#listening >= listeningMax)
      return this.#needs.log.warn({ upstream: this.#spec.name }, 'too many listen at an upstream: one more does not')
    this.#listening++
    try {
      for (let pauseMs = retryMs.first; !signal.aborted; pauseMs = Math.min(pauseMs * 2, retryMs.most)) {
        if ((yield* this.#listenOnce(of, signal)) === 'absent') return undefined
        await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
      }
      return undefined
    } finally {
      this.#listening--
    }
  }

  async *#listenOnce(of: Listener, signal: AbortSignal): AsyncGenerator<RpcNotification, Heard> {
    const parts = { wire: this.#wire, greeting: this.#greeting, nextId: () => this.#nextId() }
    try {
      if ((await this.#knowing()).era === 'modern') return yield* listenModern(parts, of, signal)
      const key = `${of.callerKey} ${of.protocolVersion}`
      const kept = this.#sessions.get(key, () => this.#openSession(of))
      const heard = yield* listenLegacy(parts, { of, session: await kept }, signal)
      if (heard === 'forgotten') this.#sessions.forget(key, kept)
      return heard
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return 'ended'
    }
  }

  async learn(signal: AbortSignal): Promise<Learnt> {
    const learnt = await this.#learn(signal)
    this.#known = Promise.resolve(learnt)
    return learnt
  }

  rootsChanged({ callerKey, protocolVersion }: Parameters<NonNullable<UpstreamConnection['rootsChanged']>>[0]): void {
    const session = this.#sessions.find(`${callerKey} ${protocolVersion}`)
    const method = 'notifications/roots/list_changed'
    session?.then((kept) => this.#tell({ jsonrpc: '2.0', method }, sessionHeaders(kept))).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#sessions.endAll()
    this.#wire.close()
  }

  async #forward(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamReply> {
    const known = await this.#knowing()
    if (signal.aborted) throw cancelled(signal)
    if (known.era === 'modern') {
      const { text, passage } = modernPassage(request, known, signal)
      return this.#reply(passage, await this.#wire.post(text, passage.headers, signal))
    }
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
    await this.#setLevel(session, request.client.logLevel, signal)
    const text = untouched ? request.text : canonicalJson({ ...message, id: wireId })
    const passage: Passage = { request, known, wireId, headers, signal }
    return { answer: await this.#cancelling(passage, this.#wire.post(text, headers, signal)), passage }
  }

  // Log messages are a matter of the session, and nobody else's: without one there is nowhere to set a level.
  async #setLevel(session: HttpSession, level: string | undefined, signal: AbortSignal): Promise<void> {
    if (level === undefined || level === session.level || session.id === undefined || !session.logs) return
    session.level = level
    const id = this.#nextId()
    const text = JSON.stringify({ jsonrpc: '2.0', id, method: 'logging/setLevel', params: { level } })
    await this.#greeting.answerTo(await this.#wire.post(text, sessionHeaders(session), signal), id)
  }

  #reply(passage: Passage, answer: HttpAnswer): UpstreamReply | Promise<UpstreamReply> {
    judgeStatus(this.#spec.name, answer)
    if (answer.mediaType === 'text/event-stream' && answer.status === 200) {
      return { kind: 'stream', status: 200, events: this.#events(passage, answer) }
    }
    if (answer.mediaType !== 'application/json') throw strangeAnswer(this.#spec.name, answer)
    if (answer.whole === undefined) return this.#readReply(passage, answer)
    const read = answerOf(this.#spec.name, answer.whole)
    this.#requireAnswer(passage, read)
    return wholeReply(answer.status, this.#translated(passage, read))
  }

  async #readReply(passage: Passage, answer: HttpAnswer): Promise<UpstreamReply> {
    const read = await this.#cancelling(passage, readAnswer(this.#spec.name, answer, passesUnchanged(passage)))
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

  async *#events(passage: Passage, first: HttpAnswer): AsyncGenerator<ReplyEvent> {
    let answered = false
    const questions = this.#questionsOf(passage)
    // In the modern era a stream that ends has ended.
    const legacy = passage.known.era === 'legacy'
    const rest = legacy ? (lastEventId: string) => this.#askForRest(passage, lastEventId) : undefined
    try {
      for await (const { answer, event: heard } of resumedEvents(first, rest, passage.signal)) {
        const { event, data } = heard
        const message =
          data === '' || (event !== '' && event !== 'message') ? undefined : this.#read(passage, questions, data)
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
      questions.end()
      if (!answered) this.#tellCancelled(passage)
    }
  }

  // Where streams can be taken up again, that is by the session in which the call was made.
  async #askForRest({ headers, signal }: Passage, lastEventId: string): Promise<HttpAnswer | undefined> {
    const answer = await this.#wire.get({ ...headers, 'last-event-id': lastEventId }, signal)
    if (answer.status === 200 && answer.mediaType === 'text/event-stream') return answer
    answer.finish()
    return undefined
  }

  // Only a legacy upstream can be answered: in the modern era there are no such questions.
  #questionsOf({ request, known, headers }: Passage): CarriedQuestions {
    if (known.era === 'modern') return new CarriedQuestions(undefined, () => undefined)
    return new CarriedQuestions(request.ask, (answer) => this.#tell({ jsonrpc: '2.0', ...answer }, headers))
  }

  /** @returns what concerns the caller: its answer, or a notification on the way to it. */
  #read(passage: Passage, questions: CarriedQuestions, data: string): RpcMessage | undefined {
    const message = readMessage(data)
    if (message === undefined) throw badReply(this.#spec.name, 'an event is no JSON-RPC message')
    if (isRequest(message)) {
      questions.put(message)
      return undefined
    }
    if (!isNotification(message)) return answers(message, passage.wireId) ? message : undefined
    if (isListChanged(message)) {
      this.#needs.onListChanged?.(message.method)
      return undefined
    }
    if (isCancelled(message)) {
      questions.withdraw(message.params?.['requestId'])
      return undefined
    }
    return concerns(message, passage.request, passage.known.era) ? message : undefined
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
    const discovered = await this.#greeting.discover(signal)
    if (discovered !== undefined) return discovered
    const { learnt, session } = await this.#greeting.initialize(
      { protocolVersion: legacyVersion, client: ourselves },
      signal,
    )
    this.#sessions.put(`${ownKey} ${legacyVersion}`, Promise.resolve(session))
    return learnt
  }

  async #openSession(request: Pick<UpstreamRequest, 'protocolVersion' | 'client'>): Promise<HttpSession> {
    const own = eraOf(request.protocolVersion) === 'legacy'
    const protocolVersion = own ? request.protocolVersion : legacyVersion
    const { info, capabilities } = request.client
    const client = { info, capabilities: own ? capabilities : capabilitiesFor('legacy', capabilities) }
    // Others may wait for this session too, so no single caller's signal can end it.
    return (await this.#greeting.initialize({ protocolVersion, client }, AbortSignal.timeout(greetMsMax))).session
  }

  #nextId(): number {
    return ++this.#lastId
  }
}

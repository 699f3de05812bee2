import { isObject } from '../base/json.ts'
import type { Call } from './call-state.ts'
import type { Exchange } from './exchanges.ts'
import type { HeldCalls } from './held-calls.ts'
import { refusal, whyNotAsked, type Question, type Questions } from './questions.ts'
import type { Reply } from './reply.ts'
import type { RequestStates } from './request-state.ts'
import type { TaskHandles } from './task-handle.ts'
import { editObject } from './upstream/members.ts'
import type { RpcAnswer, RpcMessage } from './upstream/message.ts'
import type { ReplyEvent } from './upstream/upstream-kind.ts'

/** The rooms that a call needs to ask its client something. */
export interface AskingRooms {
  questions: Questions
  held: HeldCalls
  states: RequestStates
  tasks: TaskHandles
}

interface Waiting {
  key: string
  question: Question
  settle(answer: RpcAnswer): void
}

/**
 * The client's end of a call that is under way. A legacy client is asked on the call's own stream. A modern one is
 * answered `input_required` and comes back with another request: until then the upstream's end is held open, and from
 * then on everything goes to that request, as if it had been the first.
 */
export class ClientSide {
  readonly #rooms: AskingRooms
  readonly #exchange: Exchange
  readonly #first: Call
  #call: Call
  #left = false
  readonly #waiting = new Map<string, Waiting>()
  #stir: () => void = () => undefined
  #lastKey = 0

  constructor(rooms: AskingRooms, call: Call, exchange: Exchange) {
    this.#rooms = rooms
    this.#exchange = exchange
    this.#first = call
    this.#call = call
  }

  /** The request that is answered now: the first, or the last with which the client came back. */
  get call(): Call {
    return this.#call
  }

  get reply(): Reply {
    return this.#call.reply
  }

  /** Whether nobody is there any more to be told the end. */
  get left(): boolean {
    return this.#left
  }

  /** Puts a question of the upstream to the client, in the way of its era. */
  ask(question: Question, signal: AbortSignal): Promise<RpcAnswer> {
    const { envelope } = this.#first
    const why = whyNotAsked(envelope.clientCapabilities, question)
    if (why !== undefined) return Promise.resolve(refusal(why))
    return envelope.era === 'legacy' ? this.#askNow(question, signal) : this.#askLater(question, signal)
  }

  /** Passes on what the upstream says before its answer; while the client is away nobody hears it. */
  event(event: ReplyEvent): void {
    const text = this.#retold(event)
    if (text === undefined || this.#waiting.size > 0) return
    this.reply.stream()
    this.reply.event(text)
  }

  /** The text of an answer under the id of the request that is answered now. */
  readdressed(text: string): string {
    const { id } = this.#call.envelope
    return this.#call === this.#first ? text : editObject(text, { id: JSON.stringify(id) })
  }

  /**
   * Waits for the end of the upstream's side, and meanwhile lets the client come and go with the answers to its questions.
   */
  async until(end: Promise<unknown>): Promise<void> {
    let over = false
    const onOver = (): void => {
      over = true
      this.#stir()
    }
    const ended = end.then(onOver, onOver)
    while (!over) {
      if (this.#waiting.size === 0) await new Promise<void>((resolve) => (this.#stir = resolve))
      else if (!(await this.#hold())) {
        this.#left = true
        this.#exchange.end('the client did not come back with what it was asked')
        return ended
      }
    }
  }

  #askNow(question: Question, signal: AbortSignal): Promise<RpcAnswer> {
    const { caller, envelope, reply } = this.#call
    reply.stream()
    const send = (message: string) => reply.event(message)
    const ending = AbortSignal.any([signal, this.#exchange.signal])
    return this.#rooms.questions.put({ caller, sessionId: envelope.session?.id, send }, question, ending)
  }

  #askLater(question: Question, signal: AbortSignal): Promise<RpcAnswer> {
    const { promise, resolve } = Promise.withResolvers<RpcAnswer>()
    const key = `q${++this.#lastKey}`
    const settle = (answer: RpcAnswer): void => {
      if (this.#waiting.delete(key)) resolve(answer)
    }
    this.#waiting.set(key, { key, question, settle })
    const onAbort = () => settle({ error: { code: -32603, message: 'nobody waits for the answer any more' } })
    signal.addEventListener('abort', onAbort, { once: true })
    this.#stir()
    return promise
  }

  /** @returns whether the client came back. */
  async #hold(): Promise<boolean> {
    const { envelope, reply } = this.#call
    const { id, taken } = this.#rooms.held.hold(this.#exchange.signal)
    const inputRequests = Object.fromEntries(
      [...this.#waiting].map(
        ([
          key,
          {
            question: { method, params },
          },
        ]) => [key, { method, params: params ?? {} }],
      ),
    )
    const requestState = this.#rooms.states.seal(this.#call, { kind: 'held', held: id, callId: this.#first.id })
    reply.result(envelope, { resultType: 'input_required', inputRequests, requestState })
    const retry = await taken
    if (retry === undefined) return false
    this.#call = retry
    retry.ending.signal.addEventListener('abort', () => this.#exchange.end('the client went away'), { once: true })
    if (retry.ending.signal.aborted) this.#exchange.end('the client went away')
    // Asked here as well as with each revision: what is answered now must not help a right that is gone.
    if (!(await this.#exchange.stillHolds().catch(() => false))) this.#exchange.end('the right behind it was withdrawn')
    const answers = retry.envelope.params['inputResponses']
    for (const { key, settle } of this.#waiting.values()) {
      const answer = isObject(answers) ? answers[key] : undefined
      // What is missing is asked again.
      if (isObject(answer)) settle({ result: answer })
    }
    return true
  }

  // Progress is told by the token of the request that is answered now.
  #retold({ text, message }: ReplyEvent): string | undefined {
    if (this.#call === this.#first || !isProgress(message)) return text
    const meta = this.#call.envelope.params['_meta']
    const token = isObject(meta) ? meta['progressToken'] : undefined
    if (token === undefined) return undefined
    return JSON.stringify({ ...message, params: { ...message.params, progressToken: token } })
  }
}

function isProgress(message: RpcMessage): message is RpcMessage & { params?: Record<string, unknown> } {
  return 'method' in message && message.method === 'notifications/progress'
}

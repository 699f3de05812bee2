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
  /** Questions that the client has not answered; made when there is one. */
  #waiting: Map<string, Waiting> | undefined
  #asking: Promise<boolean> | undefined
  #settled = false
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
    if (text === undefined || (this.#waiting?.size ?? 0) > 0) return
    this.reply.stream()
    this.reply.event(text)
  }

  /** The text of an answer under the id of the request that is answered now. */
  readdressed(text: string): string {
    const { id } = this.#call.envelope
    return this.#call === this.#first ? text : editObject(text, { id: JSON.stringify(id) })
  }

  /**
   * The upstream's side has ended: nothing more is asked.
   *
   * @returns whether somebody is there to be told the end; for who is away with a question it waits.
   */
  settle(): true | Promise<boolean> {
    this.#settled = true
    return this.#asking ?? true
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
    const waiting = (this.#waiting ??= new Map())
    const settle = (answer: RpcAnswer): void => {
      if (waiting.delete(key)) resolve(answer)
    }
    waiting.set(key, { key, question, settle })
    const onAbort = () => settle({ error: { code: -32603, message: 'nobody waits for the answer any more' } })
    signal.addEventListener('abort', onAbort, { once: true })
    if (this.#asking === undefined) {
      this.#asking = this.#askAll(waiting)
      // Heard of when the call is settled, which is soon: its exchange has ended.
      this.#asking.catch(() => undefined)
    }
    return promise
  }

  /** Lets the client come and go with answers until none is missing. @returns whether it is there. */
  async #askAll(waiting: Map<string, Waiting>): Promise<boolean> {
    try {
      // What is asked in one breath is asked at once.
      await Promise.resolve()
      while (waiting.size > 0 && !this.#settled) {
        if (await this.#hold(waiting)) continue
        this.#exchange.end('the client did not come back with what it was asked')
        return false
      }
    } catch (error) {
      this.#exchange.end('the client could not be asked')
      throw error
    }
    this.#asking = undefined
    return true
  }

  /** @returns whether the client came back. */
  async #hold(waiting: Map<string, Waiting>): Promise<boolean> {
    const { envelope, reply } = this.#call
    const { id, taken } = this.#rooms.held.hold(this.#exchange.signal)
    const inputRequests = Object.fromEntries(
      [...waiting].map(
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
    for (const { key, settle } of waiting.values()) {
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

import { canonicalJson, isObject } from '../../base/json.ts'
import { busy, cancelled, lost, unreachable, type Answer } from './answer.ts'
import { CarriedQuestions, type Said } from './carried-questions.ts'
import { Channel } from './channel.ts'
import { editObject } from './members.ts'
import {
  isCancelled,
  isListChanged,
  isRequest,
  isResponse,
  readMessage,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from './message.ts'
import type { ReplyEvent, UpstreamRequest } from './upstream-kind.ts'

// One life of a process, shared by all callers. Ids and progress tokens are ours, never the callers': two callers that
// use the same id must not get each other's answers.

export interface Call {
  answer: Promise<Answer>
  /** What the upstream says before it answers; ends with the answer's end or error. */
  progress: Channel<ReplyEvent>
  /** Resolves when there is progress, the upstream asked something, or the call is over. */
  begun: Promise<void>
  /** Whether the upstream has asked the caller something. */
  asked(): boolean
}

export interface SessionParts {
  upstream: string
  write(line: string): boolean
  onListChanged(): void
}

interface Pending {
  request: RpcRequest
  /** Whose it is, where they can be asked. */
  askable: string | undefined
  /** What the upstream asks of the caller, where it can be asked. */
  questions: CarriedQuestions | undefined
  progress: Channel<ReplyEvent>
  settle(outcome: Answer | Error): void
  tell(question?: true): void
}

const pendingMax = 1_024
const progressMax = 256

export class StdioSession {
  readonly #parts: SessionParts
  readonly #pending = new Map<number, Pending>()
  // Calls that their callers have left, and whose they were: whatever it was told, a process may go on with them and ask.
  readonly #left = new Map<number, string | undefined>()
  #lastId = 0
  #ended: string | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Calls that are not answered yet. */
  get inFlight(): number {
    return this.#pending.size
  }

  /** @param caller who it is, and how it is asked; without `ask` it cannot be. */
  call(request: RpcRequest, signal: AbortSignal, caller?: { key: string; ask: UpstreamRequest['ask'] }): Call {
    if (this.#ended !== undefined) throw unreachable(this.#parts.upstream, this.#ended)
    if (signal.aborted) throw cancelled(signal)
    if (this.#pending.size >= pendingMax) throw busy(this.#parts.upstream, `${pendingMax} calls are in flight`)
    const id = ++this.#lastId
    if (!this.#parts.write(canonicalJson(withOurIds(request, id)))) {
      throw busy(this.#parts.upstream, 'it does not read what it is sent')
    }
    const answer = Promise.withResolvers<Answer>()
    const begun = Promise.withResolvers<void>()
    const onAbort = () => {
      this.#cancel(id)
      pending.settle(cancelled(signal))
    }
    const progress = new Channel<ReplyEvent>(progressMax, { onLeft: onAbort })
    let asked = false
    const ask = caller?.ask
    const questions = ask && new CarriedQuestions(ask, (said) => this.#reply(said))
    const pending: Pending = {
      request,
      askable: ask && caller?.key,
      questions,
      progress,
      tell: (question) => {
        asked ||= question === true
        begun.resolve()
      },
      settle: (outcome) => {
        questions?.end()
        signal.removeEventListener('abort', onAbort)
        this.#pending.delete(id)
        if (outcome instanceof Error) answer.reject(outcome)
        else answer.resolve(outcome)
        progress.end(outcome instanceof Error ? outcome : undefined)
        begun.resolve()
      },
    }
    // Whoever reads the progress learns of an error there.
    answer.promise.catch(() => undefined)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#pending.set(id, pending)
    return { answer: answer.promise, progress, begun: begun.promise, asked: () => asked }
  }

  notify(method: string, params?: Record<string, unknown>): void {
    this.#parts.write(JSON.stringify({ jsonrpc: '2.0', method, ...(params && { params }) }))
  }

  /** @returns whether the line was a message of the protocol. */
  receive(line: string): boolean {
    const message = readMessage(line)
    if (message === undefined) return false
    if (isResponse(message)) this.#answer(line, message)
    else if (isRequest(message)) this.#question(message)
    else this.#hear(message)
    return true
  }

  /** Ends everything in flight: what the process did with it nobody knows. */
  end(why: string): void {
    this.#ended = why
    const fault = lost(this.#parts.upstream, why)
    for (const pending of this.#pending.values()) pending.settle(fault)
  }

  #answer(line: string, message: RpcResponse): void {
    const pending = typeof message.id === 'number' ? this.#pending.get(message.id) : undefined
    // No longer awaited, or never asked.
    if (pending === undefined) return void this.#left.delete(Number(message.id))
    const id = pending.request.id
    pending.settle({ text: editObject(line, { id: JSON.stringify(id) }), message: { ...message, id } })
  }

  // It names no call, so it is put to the newest one, if it can only be of one caller and that one can be asked. Where two
  // have calls under way, or one was left that could still ask, nobody knows whose question it is.
  #question(request: RpcRequest): void {
    const pending = [...this.#pending.values()]
    const callers = new Set([...pending.map(({ askable }) => askable), ...this.#left.values()])
    const newest = pending.at(-1)
    if (newest?.questions !== undefined && callers.size === 1 && request.method !== 'ping') {
      newest.tell(true)
      return newest.questions.put(request)
    }
    const body = request.method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'method not found' } }
    this.#reply({ id: request.id, ...body })
  }

  #reply(said: Said): void {
    this.#parts.write(JSON.stringify({ jsonrpc: '2.0', ...said }))
  }

  #hear(message: RpcNotification): void {
    if (isListChanged(message)) return this.#parts.onListChanged()
    if (isCancelled(message)) {
      for (const { questions } of this.#pending.values()) questions?.withdraw(message.params?.['requestId'])
      return
    }
    // Log messages name no request: in a process that callers share, one caller's must not reach another. They end here.
    if (message.method !== 'notifications/progress') return
    const token = message.params?.['progressToken']
    const pending = typeof token === 'number' ? this.#pending.get(token) : undefined
    const asked = pending && progressTokenOf(pending.request)
    if (pending === undefined || asked === undefined) return
    const restored: RpcMessage = { ...message, params: { ...message.params, progressToken: asked } }
    // A caller that reads slowly loses the oldest progress, never the answer.
    if (!pending.progress.push({ text: JSON.stringify(restored), message: restored })) pending.progress.shift()
    pending.tell()
  }

  #cancel(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    this.#left.set(id, pending.askable)
    if (this.#left.size > pendingMax) this.#left.delete(this.#left.keys().next().value!)
    this.notify('notifications/cancelled', { requestId: id, reason: 'the caller cancelled' })
  }
}

function withOurIds(request: RpcRequest, id: number): RpcRequest {
  const meta = request.params?.['_meta']
  if (!isObject(meta) || meta['progressToken'] === undefined) return { ...request, id }
  return { ...request, id, params: { ...request.params, _meta: { ...meta, progressToken: id } } }
}

function progressTokenOf(request: RpcRequest): unknown {
  const meta = request.params?.['_meta']
  return isObject(meta) ? meta['progressToken'] : undefined
}

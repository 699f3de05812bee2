import { Fault } from '../../base/fault.ts'
import type { Placed, Roster } from '../../base/roster.ts'
import { cancelled, lost, unreachable } from './answer.ts'
import { Channel } from './channel.ts'
import {
  type DispatchController,
  type DispatchHandler,
  type DispatchOptions,
  type MessageDispatcher,
  wholeBytesMax,
} from './upstream-kind.ts'

// One HTTP request, as callbacks of the dispatcher become an answer that can be awaited, paused and dropped.

export interface HttpAnswer {
  status: number
  mediaType: string
  sessionId: string | undefined
  /** What it would take to be let in (`WWW-Authenticate`). */
  challenge: string | undefined
  /** What the next proof of possession must hold (`DPoP-Nonce`). */
  nonce: string | undefined
  /** The body of a small JSON answer, all of which has come. */
  whole: Buffer | undefined
  /** The body; leaving it early aborts the request, which is how a call is cancelled over HTTP. */
  chunks: AsyncIterable<Buffer>
  /** What was wanted has come: the rest may end by itself within a second, so that the connection can be used again. */
  finish(): void
}

export interface HttpRequest {
  url: URL
  method: string
  headers: Record<string, string>
  body: string | Buffer | null
}

export interface ExchangeContext {
  upstream: string
  signal: AbortSignal
  /** What is under way, so that all of it can be ended: it enters and leaves by itself. */
  open: Roster<HttpExchange>
}

const chunksMax = 32
const finishMsMax = 1_000

export function exchange(
  dispatcher: MessageDispatcher,
  request: HttpRequest,
  context: ExchangeContext,
): Promise<HttpAnswer> {
  if (context.signal.aborted) return Promise.reject(cancelled(context.signal))
  const one = new HttpExchange(context)
  const options: DispatchOptions = {
    origin: request.url.origin,
    path: request.url.pathname + request.url.search,
    method: request.method,
    headers: request.headers,
    body: request.body,
  }
  try {
    dispatcher.dispatch(options, one)
  } catch (error) {
    one.fail(error instanceof Error ? error : new Error(String(error)))
  }
  return one.answer.promise
}

export class HttpExchange implements DispatchHandler, Placed {
  place = -1
  readonly answer = Promise.withResolvers<HttpAnswer>()
  readonly #context: ExchangeContext
  readonly #onAbort: () => void
  /** Of an answer that is taken part by part. */
  #chunks: Channel<Buffer> | undefined
  /** Of one that is small: what it says before its body, and its body so far. */
  #small: { head: Head; parts: Buffer[] } | undefined
  #controller: DispatchController | undefined
  #stopped: Fault | undefined
  #finishing: NodeJS.Timeout | undefined
  #over = false

  constructor(context: ExchangeContext) {
    this.#context = context
    // Who closes the connection under a call has not been cancelled by its caller.
    this.#onAbort = () =>
      this.#stop(context.signal.aborted ? cancelled(context.signal) : lost(context.upstream, 'closed'))
    context.open.enter(this)
    context.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Ends it at once, whoever waits for it. */
  breakOff(): void {
    this.#onAbort()
  }

  onRequestStart(controller: DispatchController): void {
    this.#controller = controller
    if (this.#stopped !== undefined) controller.abort(this.#stopped)
  }

  onResponseStart(
    controller: DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.#controller = controller
    const head = {
      status,
      mediaType: mediaTypeOf(single(headers['content-type']) ?? ''),
      sessionId: single(headers['mcp-session-id']),
      challenge: single(headers['www-authenticate']),
      nonce: single(headers['dpop-nonce']),
    }
    // Shorter than it says it cannot be, or it fails; longer neither. What was refused is acted on before its body has come.
    if (status === 200 && head.mediaType === json && Number(headers['content-length']) <= wholeBytesMax) {
      this.#small = { head, parts: [] }
      return
    }
    const chunks = this.#openChunks()
    this.answer.resolve({ ...head, whole: undefined, chunks, finish: () => this.#finish() })
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    if (this.#small !== undefined) this.#small.parts.push(chunk)
    else if (this.#finishing === undefined && this.#chunks?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#end(undefined)
    if (this.#small === undefined) return
    const { head, parts } = this.#small
    this.answer.resolve(new SmallAnswer(head, parts.length === 1 ? parts[0]! : Buffer.concat(parts)))
  }

  onResponseError(_controller: DispatchController, error: Error): void {
    this.fail(error)
  }

  fail(error: Error): void {
    const fault = this.#stopped ?? this.#faultOf(error)
    this.#end(fault)
    this.answer.reject(fault)
  }

  // Before the request begins to be written nothing has left; after that nobody knows.
  #faultOf(error: Error): Fault {
    if (error instanceof Fault) return error
    if (error.cause instanceof Fault) return error.cause
    const detail = `${error.name}: ${error.message}`
    return this.#controller === undefined
      ? unreachable(this.#context.upstream, detail)
      : lost(this.#context.upstream, detail)
  }

  #openChunks(): Channel<Buffer> {
    this.#chunks = new Channel<Buffer>(chunksMax, {
      onDrained: () => this.#controller?.resume(),
      onLeft: () => {
        if (this.#finishing === undefined) this.#onAbort()
      },
    })
    return this.#chunks
  }

  #stop(fault: Fault): void {
    if (this.#over || this.#stopped !== undefined) return
    this.#stopped = fault
    this.answer.reject(fault)
    this.#chunks?.end(fault)
    this.#controller?.abort(fault)
  }

  #finish(): void {
    if (this.#over || this.#finishing !== undefined) return
    this.#finishing = setTimeout(this.#onAbort, finishMsMax)
    this.#finishing.unref()
    this.#controller?.resume()
  }

  #end(error: Fault | undefined): void {
    this.#over = true
    clearTimeout(this.#finishing)
    this.#context.signal.removeEventListener('abort', this.#onAbort)
    this.#context.open.leave(this)
    this.#chunks?.end(error)
  }
}

type Head = Omit<HttpAnswer, 'whole' | 'chunks' | 'finish'>

class SmallAnswer implements HttpAnswer {
  readonly status: number
  readonly mediaType: string
  readonly sessionId: string | undefined
  readonly challenge: string | undefined
  readonly nonce: string | undefined
  readonly whole: Buffer

  constructor({ status, mediaType, sessionId, challenge, nonce }: Head, whole: Buffer) {
    this.status = status
    this.mediaType = mediaType
    this.sessionId = sessionId
    this.challenge = challenge
    this.nonce = nonce
    this.whole = whole
  }

  get chunks(): AsyncIterable<Buffer> {
    return alone(this.whole)
  }

  finish(): void {
    // It is over.
  }
}

async function* alone(whole: Buffer): AsyncGenerator<Buffer> {
  yield whole
}

const json = 'application/json'

function mediaTypeOf(contentType: string): string {
  return contentType === json ? json : contentType.split(';')[0]!.trim().toLowerCase()
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

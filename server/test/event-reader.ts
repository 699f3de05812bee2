import type { Agent } from './agent.ts'
import { inTime } from './patience.ts'

/** A JSON-RPC message of a stream, as loosely as a test needs it. */
export interface StreamMessage {
  id?: string | number | null
  method?: string
  params?: Record<string, unknown> & { _meta?: Record<string, unknown> }
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

/** An answer that is read while it comes: a stream of events, or a plain one. */
export class EventReader {
  readonly status: number
  readonly headers: Headers
  /** Where it can be taken up again. */
  lastEventId: string | undefined
  /** All messages so far. */
  readonly messages: StreamMessage[] = []
  /** How it ended: by itself, or broken off before its end. */
  readonly ended: Promise<'ended' | 'cut'>
  readonly #abort: AbortController
  #taken = 0
  #woken = Promise.withResolvers<void>()

  private constructor(answer: Response, abort: AbortController) {
    this.status = answer.status
    this.headers = answer.headers
    this.#abort = abort
    this.ended = inTime(this.#read(answer), 'the stream ended')
    this.ended.catch(() => undefined)
  }

  /** Opens the GET stream of the legacy eras, or posts a message. */
  static async open(
    agent: Agent,
    request: { url?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<EventReader> {
    const abort = new AbortController()
    const answer = await fetch(request.url ?? agent.resource, {
      method: request.body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${agent.tokens.access_token}`,
        accept: 'application/json, text/event-stream',
        ...(request.body !== undefined && { 'content-type': 'application/json' }),
        ...request.headers,
      },
      signal: abort.signal,
      ...(request.body !== undefined && { body: request.body }),
    })
    return new EventReader(answer, abort)
  }

  /** The next message that was not taken yet. */
  async next(): Promise<StreamMessage> {
    while (this.#taken >= this.messages.length) {
      await inTime(this.#woken.promise, `a message came after ${JSON.stringify(this.messages)}`)
    }
    return this.messages[this.#taken++]!
  }

  /** Goes away, as a client does. */
  close(): void {
    this.#abort.abort()
  }

  async #read(answer: Response): Promise<'ended' | 'cut'> {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const chunk of answer.body ?? []) {
        rest += decoder.decode(chunk as Uint8Array, { stream: true })
        const parts = rest.split('\n\n')
        rest = parts.pop()!
        for (const part of parts) {
          this.lastEventId = /^id: (.*)$/m.exec(part)?.[1] ?? this.lastEventId
          this.#take(/^data: (.+)$/m.exec(part)?.[1])
        }
      }
      if (answer.headers.get('content-type')?.startsWith('application/json') === true) this.#take(rest)
      return 'ended'
    } catch {
      return 'cut'
    }
  }

  #take(text: string | undefined): void {
    if (text === undefined) return
    this.messages.push(JSON.parse(text) as StreamMessage)
    this.#woken.resolve()
    this.#woken = Promise.withResolvers()
  }
}

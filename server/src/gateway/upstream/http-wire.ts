import { unreachable } from './answer.ts'
import { exchange, type HttpAnswer, type HttpRequest } from './http-exchange.ts'
import type { MessageDispatcher, UpstreamNeeds } from './upstream-kind.ts'

// The one place that makes a request to an upstream: every header is made here or computed from the judged body, and
// nothing of the client's own request is among them but what `routingHeaders` let through.

export interface WireParts {
  upstream: string
  url: URL
  dispatcher: MessageDispatcher
  credential: UpstreamNeeds['credential']
}

const partingMsMax = 1_000

export class HttpWire {
  readonly #parts: WireParts
  readonly #open = new Set<() => void>()
  #closed = false

  constructor(parts: WireParts) {
    this.#parts = parts
  }

  async post(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#exchange({ url: this.#parts.url, method: 'POST', headers: await this.#headers(headers), body }, signal)
  }

  /** Ends a session, if the upstream keeps one. */
  async end(id: string | undefined, headers: Record<string, string>): Promise<void> {
    if (id === undefined) return
    const request = {
      url: this.#parts.url,
      method: 'DELETE' as const,
      headers: await this.#headers(headers),
      body: null,
    }
    const answer = await this.#exchange(request, AbortSignal.timeout(partingMsMax))
    answer.finish()
  }

  close(): void {
    this.#closed = true
    for (const abort of this.#open) abort()
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { upstream, dispatcher } = this.#parts
    if (this.#closed) throw unreachable(upstream, 'it is being closed')
    return exchange(dispatcher, request, { upstream, signal, open: this.#open })
  }

  async #headers(more: Record<string, string>): Promise<Record<string, string>> {
    const credential = await this.#parts.credential()
    const headers: Record<string, string> = {}
    if (credential?.placement === 'headers') {
      for (const [name, value] of Object.entries(credential.values)) headers[name.toLowerCase()] = value
    }
    return {
      ...headers,
      accept: 'application/json, text/event-stream',
      // Nothing to unpack: what is counted is what came.
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'user-agent': 'sallyport',
      ...more,
    }
  }
}

import { Roster } from '../../base/roster.ts'
import { unreachable } from './answer.ts'
import { exchange, type HttpAnswer, type HttpExchange, type HttpRequest } from './http-exchange.ts'
import type { MessageDispatcher, SentCredential, UpstreamLog, UpstreamNeeds } from './upstream-kind.ts'

// The one place that makes a request to an upstream: every header is made here or computed from the judged body, and
// nothing of the client's own request is among them but what `routingHeaders` let through.

export interface WireParts {
  upstream: string
  url: URL
  dispatcher: MessageDispatcher
  log: UpstreamLog
  credential: UpstreamNeeds['credential']
  onRefused?: UpstreamNeeds['onRefused']
  onNonce?: UpstreamNeeds['onNonce']
  parting?: UpstreamNeeds['parting']
}

const partingMsMax = 1_000

export class HttpWire {
  readonly #parts: WireParts
  readonly #open = new Roster<HttpExchange>()
  #closed = false

  constructor(parts: WireParts) {
    this.#parts = parts
  }

  post(body: string, more: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#send({ method: 'POST', headers: more, body }, signal)
  }

  /** Asks for a stream: the rest of one that was closed, or what a session has to say. */
  get(more: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    return this.#send({ method: 'GET', headers: { ...more, accept: 'text/event-stream' }, body: null }, signal)
  }

  // Once, and once more where the upstream refused and something can be done about it.
  async #send(request: Omit<HttpRequest, 'url'>, signal: AbortSignal): Promise<HttpAnswer> {
    const { url, credential } = this.#parts
    const sending = { method: request.method, url }
    for (let first = true; ; first = false) {
      const sent = await credential(sending)
      const answer = await this.#exchange({ ...request, url, headers: headersOf(sent, request.headers) }, signal)
      if (answer.nonce !== undefined) await this.#tellNonce(answer.nonce)
      if (!first || (answer.status !== 401 && answer.status !== 403)) return answer
      if (!(await this.#maySendAgain(answer, sent))) return answer
      answer.finish()
    }
  }

  // The upstream has acted by now: what becomes of its nonce is no reason to say that it has not.
  async #tellNonce(nonce: string): Promise<void> {
    const { onNonce, url, upstream, log } = this.#parts
    try {
      await onNonce?.(nonce, url)
    } catch (error) {
      log.warn({ upstream, error }, 'the nonce of an upstream was not kept: it will have to tell it again')
    }
  }

  async #maySendAgain(answer: HttpAnswer, sent: SentCredential | undefined): Promise<boolean> {
    const { status, challenge, nonce } = answer
    const { onRefused } = this.#parts
    if (onRefused === undefined) return false
    try {
      return await onRefused({ status, challenge, sent, nonce })
    } catch (error) {
      answer.finish()
      throw error
    }
  }

  /** Ends a session, if the upstream keeps one. */
  async end(id: string | undefined, headers: Record<string, string>): Promise<void> {
    if (id === undefined) return
    const { credential, parting, url } = this.#parts
    const sent = await (parting === undefined ? credential({ method: 'DELETE', url }) : parting())
    if (parting !== undefined && sent === undefined) return
    const request = {
      url,
      method: 'DELETE' as const,
      headers: headersOf(sent, headers),
      body: null,
    }
    const answer = await this.#exchange(request, AbortSignal.timeout(partingMsMax))
    answer.finish()
  }

  close(): void {
    this.#closed = true
    for (const one of this.#open.list()) one.breakOff()
  }

  #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { upstream, dispatcher } = this.#parts
    if (this.#closed) return Promise.reject(unreachable(upstream, 'it is being closed'))
    return exchange(dispatcher, request, { upstream, signal, open: this.#open })
  }
}

function headersOf(credential: SentCredential | undefined, more: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = {}
  if (credential?.placement === 'headers') {
    for (const name in credential.values) headers[name.toLowerCase()] = credential.values[name]!
  }
  headers['accept'] = 'application/json, text/event-stream'
  // Nothing to unpack: what is counted is what came.
  headers['accept-encoding'] = 'identity'
  headers['content-type'] = 'application/json'
  headers['user-agent'] = 'sallyport'
  for (const name in more) headers[name] = more[name]!
  return headers
}

import { Fault } from '../../base/fault.ts'
import { badReply, refused, unreachable } from './answer.ts'
import { readEvents } from './event-stream.ts'
import type { HttpAnswer } from './http-exchange.ts'
import { HttpWire } from './http-wire.ts'
import type { Carrier, Started } from './line-connection.ts'
import { LineConnections } from './line-connections.ts'
import type { LineListener } from './line-process.ts'
import { LineUpstream } from './line-upstream.ts'
import type { UpstreamKind } from './upstream-kind.ts'

/**
 * HTTP+SSE, the transport of 2024-11-05 that streamable HTTP replaced: what the server says comes on one event stream, what
 * it is told goes by POST to an address that the stream names. One stream for each caller, never shared.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
export const sseKind: UpstreamKind = {
  open(spec, needs) {
    if (spec.launch.kind !== 'sse') throw new TypeError('sseKind opens sse upstreams')
    const { dispatcher } = needs
    if (dispatcher === undefined) throw new TypeError('sse upstreams need a dispatcher')
    const url = new URL(spec.launch.url)
    const wireTo = (address: URL) => new HttpWire({ upstream: spec.name, url: address, ...needs, dispatcher })
    const streams = new LineConnections({
      upstream: spec.name,
      needs,
      shared: false,
      most: streamsMax,
      start: (_key, listener, signal) => start({ upstream: spec.name, url, wireTo, signal }, listener),
    })
    return new LineUpstream(spec, streams, 'caller')
  },
}

const streamsMax = 1_000
const openMsMax = 20_000
const postMsMax = 30_000
const postsMax = 1_024

interface Opening {
  upstream: string
  url: URL
  wireTo(address: URL): HttpWire
  signal: AbortSignal
}

/** Opens the stream and waits for the address that it names. */
async function start({ upstream, url, wireTo, signal }: Opening, listener: LineListener): Promise<Started> {
  const stopping = new AbortController()
  const late = setTimeout(() => stopping.abort(new Error('it named no address in time')), openMsMax)
  const wire = wireTo(url)
  try {
    const answer = await wire.get({}, AbortSignal.any([stopping.signal, signal]))
    requireStream(upstream, answer)
    const events = readEvents(answer.chunks)[Symbol.asyncIterator]()
    const first = await events.next()
    if (first.done === true || first.value.event !== 'endpoint') throw badReply(upstream, 'its stream names no address')
    const address = addressIn(upstream, url, first.value.data)
    const stream = new Stream(wireTo(address), stopping, listener)
    void stream.read(events)
    return { carrier: stream }
  } catch (error) {
    stopping.abort()
    // Nothing of a caller was sent yet, whatever went wrong.
    const certain = error instanceof Fault && error.code === 'gateway.upstream_refused'
    if (certain || !(error instanceof Fault)) throw error
    throw unreachable(upstream, error.detail ?? error.message)
  } finally {
    clearTimeout(late)
  }
}

function requireStream(upstream: string, { status, mediaType, finish }: HttpAnswer): void {
  if (status === 200 && mediaType === 'text/event-stream') return
  finish()
  if (status === 401 || status === 403 || status === 407) throw refused(upstream, `status ${status}`)
  throw unreachable(upstream, `status ${status} with content type \`${mediaType.slice(0, 80)}\` where a stream was due`)
}

/** Messages and the credential go to the server that was approved, and to no other that it names. */
function addressIn(upstream: string, url: URL, text: string): URL {
  const address = URL.canParse(text, url.href) ? new URL(text, url) : undefined
  if (address === undefined || address.origin !== url.origin || address.username !== '' || address.password !== '')
    throw badReply(upstream, 'its stream names an address that is not its own')
  address.hash = ''
  return address
}

class Stream implements Carrier {
  readonly #wire: HttpWire
  readonly #stopping: AbortController
  readonly #listener: LineListener
  #posts = 0
  #last: Promise<void> = Promise.resolve()
  #why: string | undefined
  #over = false

  constructor(wire: HttpWire, stopping: AbortController, listener: LineListener) {
    this.#wire = wire
    this.#stopping = stopping
    this.#listener = listener
  }

  async read(events: AsyncIterator<{ event: string; data: string }>): Promise<void> {
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const { event, data } = next.value
        // An address is named once: one that came later would be another server's word on where secrets go.
        if (data !== '' && (event === '' || event === 'message')) this.#listener.onLine(data)
      }
      this.#end('its stream ended')
    } catch (error) {
      this.#end(error instanceof Fault ? (error.detail ?? error.message) : String(error))
    }
  }

  write(line: string): boolean {
    if (this.#over || this.#posts >= postsMax) return false
    this.#posts++
    // In their order: a notification must not overtake the request that it is about.
    this.#last = this.#last.then(() => this.#post(line)).finally(() => this.#posts--)
    return true
  }

  kill(why: string): void {
    this.#why ??= why
    this.#stopping.abort()
  }

  async stop(): Promise<void> {
    await Promise.race([this.#last, new Promise((resolve) => setTimeout(resolve, 1_000).unref())])
    this.kill('it was closed')
    this.#wire.close()
    this.#end('it was closed')
  }

  async #post(line: string): Promise<void> {
    if (this.#over) return
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(postMsMax)])
      const answer = await this.#wire.post(line, {}, signal)
      answer.finish()
      if (answer.status < 200 || answer.status >= 300) this.kill(`it refused a message with status ${answer.status}`)
    } catch (error) {
      this.kill(
        `a message could not be sent: ${error instanceof Fault ? (error.detail ?? error.message) : String(error)}`,
      )
    }
  }

  #end(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#stopping.abort()
    this.#wire.close()
    this.#listener.onEnd(this.#why ?? why)
  }
}

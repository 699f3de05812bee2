import type { ServerResponse } from 'node:http'
import { Fault, type FaultCode } from '../base/fault.ts'
import type { Envelope } from './envelope.ts'
import { EventFlow, finish, isUntaken, say, untilTaken } from './event-flow.ts'
import type { KeepAlive } from './keep-alive.ts'
import type { KeptStream } from './kept-streams.ts'

// JSON-RPC codes by fault; those from -32020 are the revision's own. A code of ours lies outside the reserved range.
const codes: Partial<Record<FaultCode, number>> = {
  'base.bad_json': -32700,
  'gateway.bad_envelope': -32600,
  'gateway.bad_params': -32602,
  'gateway.capability_missing': -32021,
  'gateway.header_mismatch': -32020,
  'gateway.argument_refused': -32602,
  'gateway.item_unknown': -32602,
  'gateway.method_unknown': -32601,
  'gateway.session_unknown': -32001,
  'gateway.state_refused': -32602,
  'gateway.task_unknown': -32602,
  'gateway.unsupported_version': -32022,
}
const ownCode = 1_000

// What the protocol knows as an answer to the request, and no failure of the transport.
const quietAlways: ReadonlySet<FaultCode> = new Set(['gateway.argument_refused', 'gateway.item_unknown'])

// Before the modern era a resource that is not there had a code of its own.
function codeOf({ code, data }: Fault, envelope: Pick<Envelope, 'era'> | undefined): number {
  const gone = code === 'gateway.item_unknown' && data?.['uri'] !== undefined && envelope?.era === 'legacy'
  return gone ? -32002 : (codes[code] ?? ownCode)
}

/** The answer to one MCP request, in the words of the era that asked. */
export class Reply {
  readonly #response: ServerResponse
  readonly #keepAlive: KeepAlive
  readonly #security: readonly string[]
  #streams = false
  #keeping: (() => KeptStream) | undefined
  #holds: { holds: KeptStream['holds']; bytes: number } | undefined
  #kept: KeptStream | undefined
  /** Of an answer that comes in parts on a stream: those that wait, and the event that they become. */
  #parts: Uint8Array[] | undefined
  #flow: EventFlow | undefined

  /** @param security Headers, names and values in turn, that every answer carries. */
  constructor(response: ServerResponse, keepAlive: KeepAlive, security: readonly string[]) {
    this.#response = response
    this.#keepAlive = keepAlive
    this.#security = security
  }

  get begun(): boolean {
    return this.#response.headersSent
  }

  /** Whether the answer is a stream of events: then an error can still end it. */
  get streams(): boolean {
    return this.#streams
  }

  /** Lets the client take the answer up again where its connection breaks, if it becomes a stream. */
  keep(open: () => KeptStream): void {
    this.#keeping = open
  }

  /**
   * Until when it may do so: as long as this says that the right behind the answer stands.
   *
   * @param bytes what has to stay in memory for that.
   */
  keepWhile(holds: KeptStream['holds'], bytes: number): void {
    this.#holds = { holds, bytes }
  }

  /** Whether the client could take a stream up again. */
  get keeps(): boolean {
    return this.#keeping !== undefined
  }

  /** Whether it is one that the client can take up: then who is not there has not gone. */
  get kept(): boolean {
    return this.#kept !== undefined
  }

  /** Answers a notification or a response. */
  accepted(): void {
    this.empty(202)
  }

  /** Answers with a status and nothing else. */
  empty(status: number): void {
    this.#response.writeHead(status, [...this.#security]).end()
  }

  /** Sends this header with the answer. */
  carry(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }

  /** Answers with a result. In the modern era it is stamped as complete. */
  result(envelope: Envelope, result: Record<string, unknown>): void {
    this.json(200, resultText(envelope, result))
  }

  /**
   * Answers with a result that has one member more, whose JSON text was written before and is passed on uncopied.
   *
   * @param member its name, and its value as JSON in UTF-8.
   */
  resultWith(envelope: Envelope, result: Record<string, unknown>, member: { name: string; text: Uint8Array }): void {
    const text = resultText(envelope, result)
    const open = text.slice(0, -'}}'.length)
    const head = Buffer.from(`${open}${open.endsWith('{') ? '' : ','}${JSON.stringify(member.name)}:`)
    const tail = Buffer.from('}}')
    if (this.begun) return this.json(200, Buffer.concat([head, member.text, tail]))
    this.#head(200, head.byteLength + member.text.byteLength + tail.byteLength)
    this.#response.write(head)
    this.#response.write(member.text)
    this.#response.end(tail)
  }

  /**
   * Answers with JSON that somebody else made.
   *
   * @param headers Sent beside those that every answer has: none of them a second time, and in ASCII.
   */
  json(status: number, body: string | Uint8Array, headers: Record<string, string> = {}): void {
    if (this.#streams) {
      this.breakOff()
      return this.event(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'), true)
    }
    if (typeof body === 'string') return this.#text(status, body, { bytes: Buffer.byteLength(body), headers })
    this.#head(status, body.byteLength, headers)
    this.#response.end(body)
  }

  /**
   * Passes an answer on as it came.
   *
   * @param answer its text, and the bytes that it was read from.
   */
  pass(status: number, { text, bytes }: { text: string; bytes: Uint8Array }): void {
    if (this.streams) this.json(status, text)
    else this.#text(status, text, { bytes: bytes.byteLength })
  }

  #text(status: number, text: string, { bytes, headers }: { bytes: number; headers?: Record<string, string> }): void {
    this.#head(status, bytes, headers)
    if (text.length > atOnceMax) {
      say(this.#response, text)
      return finish(this.#response)
    }
    // In one piece with the head; of what is ASCII alone the engine need not look at each character.
    this.#response.end(text, bytes === text.length ? 'latin1' : 'utf8')
  }

  #head(status: number, bytes: number, headers: Record<string, string> = {}): void {
    const list = [...this.#security, ...ofJson, 'content-length', String(bytes)]
    for (const name in headers) list.push(name, headers[name]!)
    this.#response.writeHead(status, list)
  }

  /**
   * Answers with what went wrong. Legacy clients expect an unknown method at status 200; every refusal of a right keeps
   * its HTTP status in both eras.
   */
  fault(
    envelope: Pick<Envelope, 'era' | 'id'> | undefined,
    error: unknown,
    headers: Record<string, string> = {},
  ): void {
    const fault =
      error instanceof Fault
        ? error
        : new Fault('gateway.upstream_failed', 'cannot answer: something failed inside', { status: 500, cause: error })
    const quiet = quietAlways.has(fault.code) || (fault.code === 'gateway.method_unknown' && envelope?.era !== 'modern')
    const body = {
      jsonrpc: '2.0',
      id: envelope?.id ?? null,
      error: {
        code: codeOf(fault, envelope),
        message: fault.message,
        data: { ...fault.data, fault: fault.code },
      },
    }
    // A body that was given up half read: the connection cannot be used again. One that nobody began is read and dropped.
    const givenUp = fault.code.startsWith('base.') && !this.#response.req.complete
    const close: Record<string, string> = givenUp ? { connection: 'close' } : {}
    this.json(quiet ? 200 : fault.status, JSON.stringify(body), { ...headers, ...close })
  }

  /** Begins a stream of server-sent events, unless it has begun or the client has gone. */
  stream(): void {
    if (this.begun || this.#response.destroyed) return
    this.#response.writeHead(200, [...this.#security, ...ofStreams])
    this.#response.flushHeaders()
    this.#streams = true
    this.#keepAlive.add(this.#response)
    this.#kept = this.#keeping?.()
    if (this.#kept === undefined) return
    if (this.#holds !== undefined) this.#kept.keepWhile(this.#holds.holds, this.#holds.bytes)
    this.#kept.begin(this.#response)
  }

  /** Sends one message on the stream. JSON text has no line breaks of its own, so nothing in it can end the event. */
  event(message: string, last = false): void {
    const event = `event: message\ndata: ${message.replaceAll(/[\r\n]+/g, ' ')}\n\n`
    if (this.#kept !== undefined) return this.#kept.say(event, last)
    say(this.#response, event)
    if (last) finish(this.#response)
  }

  /** Whether something of what was sent is still here, because the client has not taken it. */
  get untaken(): boolean {
    return this.#kept === undefined ? isUntaken(this.#response) : this.#kept.untaken
  }

  /** Waits until the client has taken what was sent, or is gone; who takes nothing of it for long is cut off. */
  async taken(signal?: AbortSignal): Promise<void> {
    return this.#kept === undefined ? untilTaken(this.#response, signal) : this.#kept.taken(signal)
  }

  /** Waits until there is room for the next part, or event. */
  async drained(signal: AbortSignal): Promise<void> {
    if (this.#parts === undefined) return this.untaken ? this.taken(signal) : undefined
    if (this.#flow === undefined) {
      const to = this.#kept === undefined ? this.#response : this.#kept.passFor(this.#parts)
      if (to === undefined) return
      this.stream()
      this.#flow = await EventFlow.begin(to, signal)
    }
    for (const part of this.#parts.splice(0)) this.#flow?.part(part)
    await this.#flow?.drained(signal)
  }

  /** Begins a JSON answer that somebody else makes and whose end is not there yet; on a stream it is one event. */
  begin(status: number): void {
    if (this.streams) return void (this.#parts = [])
    this.#response.writeHead(status, [...this.#security, ...ofJson])
  }

  /** Passes a part of it on; the next has to wait until there is room. */
  part(bytes: Uint8Array): void {
    if (this.#parts !== undefined) return void this.#parts.push(bytes)
    this.#response.write(bytes)
  }

  end(last?: Uint8Array): void {
    const [parts, flow] = [this.#parts, this.#flow]
    this.#parts = undefined
    if (flow !== undefined) {
      this.#flow = undefined
      flow.end(last)
    } else if (parts !== undefined) {
      return this.event(Buffer.concat(last ? [...parts, last] : parts).toString('utf8'), true)
    } else if (last !== undefined) return void this.#response.end(last)
    this.finish()
  }

  protected finish(): void {
    if (this.#kept === undefined) finish(this.#response)
    else this.#kept.end()
  }

  /** Takes back what is there of an answer that came in parts on a stream. */
  protected breakOff(): void {
    this.#flow?.breakOff()
    this.#flow = undefined
    this.#parts = undefined
  }

  /** Breaks the connection off, so that the client cannot take what it has for the whole answer. */
  destroy(): void {
    this.#kept?.destroy()
    this.#response.destroy()
  }
}

/** A text that is not longer is written at once. */
const atOnceMax = 64 * 1024

const ofJson = ['content-type', 'application/json', 'cache-control', 'no-store']
const ofStreams = ['content-type', 'text/event-stream', 'cache-control', 'no-store', 'x-accel-buffering', 'no']

function resultText(envelope: Envelope, result: Record<string, unknown>): string {
  const stamped = envelope.era === 'modern' ? { resultType: 'complete', ...result } : result
  return JSON.stringify({ jsonrpc: '2.0', id: envelope.id, result: stamped })
}

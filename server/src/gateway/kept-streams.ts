import type { ServerResponse } from 'node:http'
import { makeSecret } from '../base/ids.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Envelope } from './envelope.ts'
import { cutWhenStuck, finish, isUntaken, say, untilTaken } from './event-flow.ts'

/** How long a client may be away: those of the field come back within seconds. */
const awayMsMax = 60_000
/** So many answers of one grant may wait for a client that is away. */
const awayMax = 16
/** What is kept of one stream, and of all in this process. */
const keptBytesMax = { one: 512 * 1024, all: 64 * 1024 * 1024 }
/** After how long a client is asked to come back. */
const retryMs = 1_000

/**
 * The streams of answers that clients may take up again when their connection broke: by the id of the event that they
 * heard last, which nobody can guess and which is good for the same grant, and a token of the same reach, in the same
 * session alone. What was said is kept in this process, until the answer has been handed to the connection whole; who does
 * not come back within a minute has gone, as everybody else has at once.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
export class KeptStreams {
  readonly #kept = new Map<string, KeptStream>()
  readonly #away = new Map<string, number>()
  #bytes = 0

  get size(): number {
    return this.#kept.size
  }

  /** Whether the client of this request can take a stream up: it began a session, in the revision that says how. */
  serves({ session }: Envelope): boolean {
    return session !== undefined && session.protocolVersion >= '2025-11-25'
  }

  /** @param onGone is called when the client has gone for good. */
  open(of: { caller: Caller; envelope: Envelope; onGone: () => void }): KeptStream {
    const id = makeSecret()
    const { grantId } = of.caller
    const stream = new KeptStream(id, of, {
      keep: (bytes) => {
        if (this.#bytes + bytes > keptBytesMax.all) return false
        this.#bytes += bytes
        return true
      },
      leave: () => {
        const away = this.#away.get(grantId) ?? 0
        if (away < awayMax) this.#away.set(grantId, away + 1)
        return away < awayMax
      },
      comeBack: () => {
        const left = this.#away.get(grantId)! - 1
        if (left === 0) this.#away.delete(grantId)
        else this.#away.set(grantId, left)
      },
      forget: (bytes) => {
        this.#kept.delete(id)
        this.#bytes -= bytes
      },
    })
    this.#kept.set(id, stream)
    return stream
  }

  /** The stream on which an event had this id; undefined where it is not this caller's, or cannot be taken up any more. */
  find(
    caller: Pick<Caller, 'key'>,
    session: { id: string } | undefined,
    lastEventId: unknown,
  ): { stream: KeptStream; after: number } | undefined {
    const [, id = '', number] = /^([\w-]+)\.(\d{1,9})$/.exec(String(lastEventId)) ?? []
    const stream = this.#kept.get(id)
    if (stream === undefined || stream.callerKey !== caller.key) return undefined
    return stream.sessionId === session?.id ? { stream, after: Number(number) } : undefined
  }
}

/** What a stream needs of all of them: each says whether there is room. */
interface Room {
  keep(bytes: number): boolean
  leave(): boolean
  comeBack(): void
  forget(bytes: number): void
}

/** One such stream. It is written to whichever connection the client has now. */
export class KeptStream {
  readonly callerKey: string
  readonly sessionId: string | undefined
  /** Of the request no more than its answer has to say. */
  readonly envelope: Pick<Envelope, 'era' | 'id'>
  /** Whether the right behind the answer still stands: asked when the client comes back. */
  holds: () => Promise<boolean> = () => Promise.resolve(false)
  readonly #id: string
  readonly #onGone: () => void
  readonly #room: Room
  #said: string[] = []
  #bytes = 0
  /** What is kept beside what was said. */
  #bytesBeside = 0
  #kept = true
  #ended = false
  #to: ServerResponse | undefined
  #away: NodeJS.Timeout | undefined

  constructor(id: string, of: { caller: Caller; envelope: Envelope; onGone: () => void }, room: Room) {
    this.#id = id
    const { era, id: requestId, session } = of.envelope
    this.callerKey = of.caller.key
    this.sessionId = session?.id
    this.envelope = { era, id: requestId }
    this.#onGone = of.onGone
    this.#room = room
  }

  /** Keeps it as long as this says that the right stands, if there is room for what that takes. */
  keepWhile(holds: KeptStream['holds'], bytes: number): void {
    if (!this.#room.keep(bytes)) return this.#forget()
    this.#bytesBeside = bytes
    this.holds = holds
  }

  /** Begins on this connection, with an event that says nothing but where the stream begins. */
  begin(to: ServerResponse): void {
    this.#attach(to)
    if (this.#kept) to.write(`id: ${this.#id}.0\nretry: ${retryMs}\ndata: \n\n`)
  }

  /** Goes on on this connection, after the event with this number. */
  resume(to: ServerResponse, after: number): void {
    if (!this.#kept) return void to.end()
    // It has gone again meanwhile, and of that there is no more news.
    if (to.destroyed) return
    this.#return()
    const before = this.#to
    this.#attach(to)
    before?.destroy()
    cutWhenStuck(to)
    for (const event of this.#said.slice(after)) say(to, event)
    if (this.#ended) finish(to)
  }

  /** Says one event, whoever listens. */
  say(text: string, last: boolean): void {
    const event = `id: ${this.#id}.${this.#said.length + 1}\n${text}`
    const bytes = text.length > keptBytesMax.one ? Infinity : Buffer.byteLength(event)
    if (this.#kept && this.#bytes + bytes <= keptBytesMax.one && this.#room.keep(bytes)) {
      this.#bytes += bytes
      this.#said.push(event)
      this.#write(event)
    } else {
      // It cannot be taken up from here on, and says so by numbering nothing.
      this.#forget()
      this.#write(text)
      if (this.#to === undefined) this.#go()
    }
    if (last) this.end()
  }

  end(): void {
    this.#ended = true
    if (this.#to !== undefined) finish(this.#to)
  }

  /** Breaks the connection off, and is not taken up again. */
  destroy(): void {
    this.#forget()
    this.#to?.destroy()
  }

  /**
   * Says where an event that comes in parts is passed on, because it becomes too large to be kept.
   *
   * @returns undefined as long as it could be kept, or where nobody is there.
   */
  passFor(parts: readonly Uint8Array[]): ServerResponse | undefined {
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, this.#bytes)
    if (this.#kept && bytes <= keptBytesMax.one) return undefined
    this.#forget()
    if (this.#to === undefined) this.#go()
    return this.#to
  }

  /** Whether the client is there, and has not taken what was sent. */
  get untaken(): boolean {
    return this.#to !== undefined && isUntaken(this.#to)
  }

  /** Waits until the client has taken what was sent, or is away. */
  async taken(signal?: AbortSignal): Promise<void> {
    if (this.#to !== undefined) await untilTaken(this.#to, signal)
  }

  #write(event: string): void {
    if (this.#to !== undefined) say(this.#to, event)
  }

  #attach(to: ServerResponse): void {
    this.#to = to
    to.once('close', () => this.#closed(to))
  }

  #closed(to: ServerResponse): void {
    // It may have been taken up on another connection before this one was known to be gone.
    if (this.#to !== to) return
    this.#to = undefined
    if (to.writableFinished) return this.#forget()
    if (!this.#kept || !this.#room.leave()) return this.#go()
    this.#away = setTimeout(() => this.#go(), awayMsMax)
    this.#away.unref()
  }

  #go(): void {
    this.#forget()
    this.#onGone()
  }

  #return(): void {
    if (this.#away === undefined) return
    clearTimeout(this.#away)
    this.#away = undefined
    this.#room.comeBack()
  }

  #forget(): void {
    this.#return()
    if (!this.#kept) return
    this.#kept = false
    this.#said = []
    this.#room.forget(this.#bytes + this.#bytesBeside)
    this.holds = () => Promise.resolve(false)
  }
}

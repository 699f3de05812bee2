import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import type { Learnt } from '../../model/upstream.ts'
import { cancelled, unreachable } from './answer.ts'
import { learntFromDiscover, learntFromInitialize, legacyVersion, ourselves, requestToModern } from './era.ts'
import type { LineListener, LineProcess } from './line-process.ts'
import type { RpcRequest } from './message.ts'
import { StdioSession } from './stdio-session.ts'
import type { UpstreamClient, UpstreamNeeds } from './upstream-kind.ts'

// One process, or one stream, through all its lives: started with the first use, started again after a crash, left alone
// for longer and longer when it crashes again and again.

/** What carries lines to an upstream. */
export type Carrier = Pick<LineProcess, 'write' | 'stop' | 'kill'>

export interface Started {
  carrier: Carrier
  /** How it runs, one sentence each. */
  runs?: readonly string[]
}

export interface LineParts {
  upstream: string
  needs: Pick<UpstreamNeeds, 'clock' | 'log' | 'onListChanged'>
  /** In whose name it is greeted: the caller's where it serves no other. */
  client: UpstreamClient
  /** @param signal Aborted when nobody wants it any more. */
  start(listener: LineListener, signal: AbortSignal): Promise<Started>
}

export interface Life {
  carrier: Carrier
  session: StdioSession
  learnt: Learnt
}

interface Born {
  session: StdioSession
  ready: boolean
  carrier: Carrier | undefined
}

const startMsMax = 20_000
const waitMsMax = 5_000
const backoffMs = { first: 250, most: 30_000, forgottenAfter: 60_000 }
const oddLines = { logged: 10, most: 1_000 }

export class LineConnection {
  readonly #parts: LineParts
  readonly #closing = new AbortController()
  #life: Promise<Life> | undefined
  #inFlight: () => number = () => 0
  #usedAt: number
  #crashes = 0
  #startAfter = 0
  #lastWords = ''

  constructor(parts: LineParts) {
    this.#parts = parts
    this.#usedAt = parts.needs.clock.monotonic()
  }

  /** For how long nobody has used it; not at all while a call is in flight. */
  get idleMs(): number {
    return this.#inFlight() > 0 ? 0 : this.#parts.needs.clock.monotonic() - this.#usedAt
  }

  /** The life that is now, or a new one. Giving up on it does not stop it for others. */
  async live(signal: AbortSignal): Promise<Life> {
    const { upstream, needs } = this.#parts
    if (signal.aborted) throw cancelled(signal)
    if (this.#closing.signal.aborted) throw unreachable(upstream, 'it is being closed')
    this.#usedAt = needs.clock.monotonic()
    const waitMs = this.#startAfter - this.#usedAt
    if (waitMs > waitMsMax) {
      const inSeconds = Math.ceil(waitMs / 1_000)
      throw unreachable(upstream, `it stopped (${this.#lastWords}) and is tried again in ${inSeconds} s`)
    }
    const life = this.#life ?? this.#begin()
    const gaveUp = Promise.withResolvers<never>()
    const onAbort = () => gaveUp.reject(cancelled(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([life, gaveUp.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const life = await this.#life?.catch(() => undefined)
    await life?.carrier.stop()
  }

  #begin(): Promise<Life> {
    const life = this.#start()
    this.#life = life
    life.catch(() => {
      if (this.#life === life) this.#life = undefined
    })
    return life
  }

  async #start(): Promise<Life> {
    const { upstream, needs } = this.#parts
    const born = this.#conceive()
    try {
      const waitMs = this.#startAfter - needs.clock.monotonic()
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#closing.signal, ref: false })
      const { carrier, runs } = await this.#parts.start(this.#listenerOf(born), this.#closing.signal)
      born.carrier = carrier
      const learnt = await this.#handshake(born.session, carrier)
      born.ready = true
      return { carrier, session: born.session, learnt: runs === undefined ? learnt : { ...learnt, runs } }
    } catch (error) {
      throw error instanceof Fault
        ? error
        : unreachable(upstream, error instanceof Error ? error.message : String(error))
    }
  }

  #conceive(): Born {
    const { upstream, needs } = this.#parts
    const session = new StdioSession({
      upstream,
      write: (line) => born.carrier?.write(line) ?? false,
      onListChanged: () => needs.onListChanged?.(),
    })
    const born: Born = { session, ready: false, carrier: undefined }
    this.#inFlight = () => session.inFlight
    return born
  }

  #listenerOf(born: Born): LineListener {
    const { upstream, needs } = this.#parts
    const { log, clock } = needs
    const startedAt = clock.monotonic()
    const { session } = born
    let oddities = 0
    return {
      onLine: (line) => {
        if (session.receive(line)) return
        if (oddities++ < oddLines.logged) log.warn({ upstream }, 'an upstream wrote a line that is no message')
        if (oddities > oddLines.most) born.carrier?.kill('it wrote too many lines that are no messages')
      },
      onEnd: (why) => {
        const again = born.ready && session.inFlight > 0
        session.end(why)
        if (born.ready) this.#life = undefined
        this.#ended(why, { again, livedMs: clock.monotonic() - startedAt })
      },
    }
  }

  // One that was in use is started again by itself; one that never got through its handshake, or that ends while nobody
  // needs it, waits for the next who does. So none goes round in circles.
  #ended(why: string, { again, livedMs }: { again: boolean; livedMs: number }): void {
    if (this.#closing.signal.aborted) return
    const { upstream, needs } = this.#parts
    this.#lastWords = why
    this.#crashes = livedMs > backoffMs.forgottenAfter ? 1 : this.#crashes + 1
    const pauseMs = Math.min(backoffMs.first * 2 ** (this.#crashes - 1), backoffMs.most)
    this.#startAfter = needs.clock.monotonic() + pauseMs
    needs.log.warn({ upstream, why, crashes: this.#crashes }, 'an upstream process ended')
    if (again) void this.#begin().catch(() => undefined)
  }

  async #handshake(session: StdioSession, carrier: Carrier): Promise<Learnt> {
    try {
      return await greet(this.#parts, session, AbortSignal.any([AbortSignal.timeout(startMsMax), this.#closing.signal]))
    } catch (error) {
      await carrier.stop()
      if (error instanceof Fault && error.code === 'gateway.upstream_unreachable') throw error
      const detail = error instanceof Fault ? (error.detail ?? error.message) : String(error)
      throw unreachable(this.#parts.upstream, `its handshake failed: ${detail}`)
    }
  }
}

type Greeted = Pick<LineParts, 'upstream' | 'client'>

// Legacy first: that is what processes speak today. One that knows only the modern era refuses `initialize`.
async function greet({ upstream, client }: Greeted, session: StdioSession, signal: AbortSignal): Promise<Learnt> {
  const initialize: RpcRequest = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: legacyVersion, capabilities: client.capabilities, clientInfo: client.info },
  }
  const { message } = await session.call(initialize, signal).answer
  if (!('error' in message)) {
    session.notify('notifications/initialized')
    return learntFromInitialize(upstream, message.result)
  }
  const discover = requestToModern({ jsonrpc: '2.0', id: 0, method: 'server/discover' }, ourselves)
  const { message: found } = await session.call(discover, signal).answer
  const learnt = 'error' in found ? undefined : learntFromDiscover(found.result)
  if (learnt === undefined) throw new Error(`it refuses \`initialize\`: ${message.error.message.slice(0, 200)}`)
  return learnt
}

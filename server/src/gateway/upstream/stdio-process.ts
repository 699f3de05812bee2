import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import type { Learnt } from '../../model/upstream.ts'
import { cancelled, unreachable } from './answer.ts'
import { learntFromDiscover, learntFromInitialize, legacyVersion, ourselves, requestToModern } from './era.ts'
import { startLineProcess, type LineProcess } from './line-process.ts'
import type { RpcRequest } from './message.ts'
import { StdioSession } from './stdio-session.ts'
import type { Confine, Sandbox, StdioLaunch, UpstreamNeeds } from './upstream-kind.ts'

// One process through all its lives: started with the first use, started again after a crash, left alone for longer and
// longer when it crashes again and again.

export interface ProcessParts {
  upstream: string
  launch: StdioLaunch
  needs: UpstreamNeeds
}

export interface Life {
  process: LineProcess
  session: StdioSession
  learnt: Learnt
}

/** How it is run, and what to say of that. */
interface Admitted {
  bwrap: string | undefined
  says: string
}

interface Born {
  process: LineProcess
  session: StdioSession
  ready: boolean
}

const startMsMax = 20_000
const waitMsMax = 5_000
const backoffMs = { first: 250, most: 30_000, forgottenAfter: 60_000 }
const oddLines = { logged: 10, most: 1_000 }

export class StdioProcess {
  readonly #parts: ProcessParts
  readonly #closing = new AbortController()
  #life: Promise<Life> | undefined
  #inFlight: () => number = () => 0
  #usedAt: number
  #crashes = 0
  #startAfter = 0
  #lastWords = ''

  constructor(parts: ProcessParts) {
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
    await life?.process.stop()
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
    const { upstream, launch, needs } = this.#parts
    try {
      const waitMs = this.#startAfter - needs.clock.monotonic()
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.#closing.signal, ref: false })
      const [credential, admitted] = await Promise.all([needs.credential(), admit(launch.confine, needs.sandbox)])
      if (this.#closing.signal.aborted) throw unreachable(upstream, 'it is being closed')
      const secrets = credential?.placement === 'env' ? credential.values : {}
      return await this.#handshake(this.#spawn(secrets, admitted.bwrap), admitted.says)
    } catch (error) {
      throw error instanceof Fault
        ? error
        : unreachable(upstream, error instanceof Error ? error.message : String(error))
    }
  }

  #spawn(secrets: Readonly<Record<string, string>>, bwrap: string | undefined): Born {
    const { upstream, launch } = this.#parts
    const { log, clock, onListChanged } = this.#parts.needs
    const startedAt = clock.monotonic()
    let oddities = 0
    const session = new StdioSession({
      upstream,
      write: (line) => process.write(line),
      onListChanged: () => onListChanged?.(),
    })
    const process = startLineProcess(
      { launch, secrets, log, bwrap },
      {
        onLine: (line) => {
          if (session.receive(line)) return
          if (oddities++ < oddLines.logged) log.warn({ upstream }, 'an upstream wrote a line that is no message')
          if (oddities > oddLines.most) process.kill('it wrote too many lines that are no messages')
        },
        onEnd: (why) => {
          const again = born.ready && session.inFlight > 0
          session.end(why)
          if (born.ready) this.#life = undefined
          this.#ended(why, { again, livedMs: clock.monotonic() - startedAt })
        },
      },
    )
    const born: Born = { process, session, ready: false }
    this.#inFlight = () => session.inFlight
    return born
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

  async #handshake(born: Born, says: string): Promise<Life> {
    const { process, session } = born
    const signal = AbortSignal.any([AbortSignal.timeout(startMsMax), this.#closing.signal])
    try {
      const learnt = await greet(session, signal)
      born.ready = true
      return { process, session, learnt: { ...learnt, runs: [says, sharing(this.#parts.launch)] } }
    } catch (error) {
      await process.stop()
      const detail = error instanceof Fault ? (error.detail ?? error.message) : String(error)
      throw unreachable(this.#parts.upstream, `its handshake failed: ${detail}`)
    }
  }
}

function sharing({ process, processesMax }: StdioLaunch): string {
  return process === 'shared' ? 'one process for everybody' : `a process for each principal, ${processesMax} at most`
}

/** How it may run here; fails where it must be confined and cannot be. */
async function admit(confine: Confine, sandbox: UpstreamNeeds['sandbox']): Promise<Admitted> {
  if (confine.sandbox === 'off')
    return { bwrap: undefined, says: 'not confined: the configuration says `sandbox: off`' }
  const found: Sandbox = (await sandbox?.()) ?? { works: false, why: 'nobody looked for one' }
  if (found.works) {
    const network = confine.network ? 'with the network of the machine, past the egress guard' : 'without the network'
    return { bwrap: found.bwrap, says: `confined by bubblewrap, ${network}` }
  }
  if (confine.sandbox === 'required') throw new Error(`its sandbox is required and there is none: ${found.why}`)
  return { bwrap: undefined, says: `not confined: ${found.why}` }
}

// Legacy first: that is what processes speak today. One that knows only the modern era refuses `initialize`.
async function greet(session: StdioSession, signal: AbortSignal): Promise<Learnt> {
  const initialize: RpcRequest = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: legacyVersion, capabilities: {}, clientInfo: ourselves.info },
  }
  const { message } = await session.call(initialize, signal).answer
  if (!('error' in message)) {
    session.notify('notifications/initialized')
    return learntFromInitialize(message.result)
  }
  const discover = requestToModern({ jsonrpc: '2.0', id: 0, method: 'server/discover' }, ourselves)
  const { message: found } = await session.call(discover, signal).answer
  const learnt = 'error' in found ? undefined : learntFromDiscover(found.result)
  if (learnt === undefined) throw new Error(`it refuses \`initialize\`: ${message.error.message.slice(0, 200)}`)
  return learnt
}

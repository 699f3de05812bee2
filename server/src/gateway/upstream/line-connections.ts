import { streamsPerPrincipalMax } from '../../base/limits.ts'
import { busy } from './answer.ts'
import { LineConnection, type LineParts, type Started } from './line-connection.ts'
import type { LineListener } from './line-process.ts'
import type { UpstreamClient } from './upstream-kind.ts'

// The processes or streams of one upstream: one for everybody, or one for each key. Those that nobody uses are ended, and
// there are never more than were allowed.

export interface LinesParts extends Omit<LineParts, 'start' | 'client'> {
  /** Whether one serves everybody. */
  shared: boolean
  most: number
  /** So many at once of one owner, whom a key names before its first space. */
  eachMax?: number
  start(key: string, listener: LineListener, signal: AbortSignal): Promise<Started>
}

const idleMsMax = 300_000
const sweepMs = 30_000

export class LineConnections {
  readonly #parts: LinesParts
  readonly #open = new Map<string, LineConnection>()
  readonly #ending = new Set<Promise<void>>()
  #sweep: NodeJS.Timeout | undefined

  constructor(parts: LinesParts) {
    this.#parts = parts
  }

  /** @param key whose it is, where one does not serve everybody. */
  get(key: string, client: UpstreamClient): LineConnection {
    const { shared, upstream, needs, start } = this.#parts
    const whose = shared ? '' : key
    const one = this.#open.get(whose)
    if (one !== undefined) return one
    if (!shared) this.#makeRoomFor(key)
    const made = new LineConnection({
      upstream,
      needs,
      client,
      start: (listener, signal) => start(whose, listener, signal),
    })
    this.#open.set(whose, made)
    if (!shared) this.#sweep ??= setInterval(() => this.endIdle(), sweepMs).unref()
    return made
  }

  /** Ends those that nobody has used for a while. */
  endIdle(): void {
    for (const [key, one] of this.#open) if (one.idleMs > idleMsMax) this.#end(key, one)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    for (const [key, one] of this.#open) this.#end(key, one)
    await Promise.all(this.#ending)
  }

  // Whoever has as many as one may have ends their own, and nobody else's.
  #makeRoomFor(key: string): void {
    const { most, upstream, eachMax = streamsPerPrincipalMax } = this.#parts
    const whose = key.split(' ', 1)[0]!
    const theirs = [...this.#open].filter(([one]) => one.split(' ', 1)[0] === whose)
    const full = theirs.length >= eachMax ? theirs : this.#open.size >= most ? [...this.#open] : undefined
    if (full !== undefined && !this.#endIdlest(full)) throw busy(upstream, `all ${full.length} of it are in use`)
  }

  #endIdlest(among: [string, LineConnection][]): boolean {
    const [idlest] = among.toSorted(([, a], [, b]) => b.idleMs - a.idleMs)
    if (idlest === undefined || idlest[1].idleMs === 0) return false
    this.#end(...idlest)
    return true
  }

  #end(key: string, one: LineConnection): void {
    this.#open.delete(key)
    const ending = one.close().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }
}

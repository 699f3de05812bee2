import type { Clock } from '../../base/clock.ts'
import { streamsPerPrincipalMax } from '../../base/limits.ts'

// Sessions with a legacy upstream, one for each caller: never shared, bounded in number, ended when they lie idle.

export interface HttpSession {
  /** Absent when the upstream keeps none. */
  id: string | undefined
  protocolVersion: string
  /** Whether the upstream logs, and from which level on it was told to. */
  logs: boolean
  level?: string
}

interface Kept {
  session: Promise<HttpSession>
  usedAt: number
}

const sessionsMax = 10_000
/** As many as one may have streams and calls open: whoever begins more ends their own, and nobody else's. */
const eachMax = streamsPerPrincipalMax
const idleMsMax = 30 * 60_000

export class HttpSessions {
  readonly #kept = new Map<string, Kept>()
  readonly #clock: Clock
  readonly #end: (session: HttpSession) => Promise<void>

  constructor(clock: Clock, end: (session: HttpSession) => Promise<void>) {
    this.#clock = clock
    this.#end = end
  }

  /** @param key whose it is: the grant, and behind a space what tells its sessions apart. */
  /** The session that is there, if there is one. */
  find(key: string): Promise<HttpSession> | undefined {
    return this.#kept.get(key)?.session
  }

  get(key: string, make: () => Promise<HttpSession>): Promise<HttpSession> {
    this.#sweep()
    const kept = this.#kept.get(key)
    if (kept === undefined) this.#makeRoomFor(key)
    const session = kept?.session ?? make()
    this.put(key, session)
    if (kept === undefined) session.catch(() => this.forget(key, session))
    return session
  }

  put(key: string, session: Promise<HttpSession>): void {
    const before = this.#kept.get(key)
    if (before !== undefined && before.session !== session) void this.#endQuietly(before)
    // Entered anew, so that the map stays in the order of use.
    this.#kept.delete(key)
    this.#kept.set(key, { session, usedAt: this.#clock.monotonic() })
  }

  /** Forgets a session that the upstream no longer knows, unless a newer one has taken its place. */
  forget(key: string, session: Promise<HttpSession>): void {
    if (this.#kept.get(key)?.session === session) this.#kept.delete(key)
  }

  async endAll(): Promise<void> {
    const all = [...this.#kept.values()]
    this.#kept.clear()
    await Promise.all(all.map((kept) => this.#endQuietly(kept)))
  }

  #makeRoomFor(key: string): void {
    const grant = `${key.split(' ', 1)[0]} `
    const theirs = [...this.#kept].filter(([one]) => one.startsWith(grant))
    for (const [one, kept] of theirs.slice(0, Math.max(0, theirs.length - eachMax + 1))) {
      this.#kept.delete(one)
      void this.#endQuietly(kept)
    }
  }

  #sweep(): void {
    const now = this.#clock.monotonic()
    for (const [key, kept] of this.#kept) {
      if (this.#kept.size < sessionsMax && now - kept.usedAt < idleMsMax) return
      this.#kept.delete(key)
      void this.#endQuietly(kept)
    }
  }

  async #endQuietly(kept: Kept): Promise<void> {
    try {
      await this.#end(await kept.session)
    } catch {
      // The upstream lets it lapse by itself.
    }
  }
}

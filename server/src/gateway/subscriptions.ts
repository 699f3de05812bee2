/** How many resources one session may be subscribed to, and how many sessions and resources of all are remembered. */
const urisMax = 256
const sessionsMax = 10_000
const allUrisMax = 50_000

interface Subscribed {
  uris: Set<string>
  changed: Set<() => void>
}

/**
 * The resources that legacy clients are subscribed to, where the upstream has no sessions that could remember it; and the
 * level from which on each wants log messages. Both belong to one session, in this process.
 */
export class Subscriptions {
  readonly #sessions = new Map<string, Subscribed>()
  #uris = 0
  readonly #levels = new Map<string, string>()

  /** @returns whether there was room. */
  add(sessionId: string, uri: string): boolean {
    const { uris, changed } = this.#of(sessionId)
    if (uris.size >= urisMax) return false
    if (!uris.has(uri)) this.#uris++
    uris.add(uri)
    this.#sweep(sessionId)
    for (const tell of changed) tell()
    return true
  }

  remove(sessionId: string, uri: string): void {
    const { uris, changed } = this.#of(sessionId)
    if (!uris.delete(uri)) return
    this.#uris--
    for (const tell of changed) tell()
  }

  list(sessionId: string): string[] {
    return [...(this.#sessions.get(sessionId)?.uris ?? [])]
  }

  /** Tells of each change, until the function that it returns is called. */
  onChange(sessionId: string, tell: () => void): () => void {
    const { changed } = this.#of(sessionId)
    changed.add(tell)
    return () => changed.delete(tell)
  }

  setLevel(sessionId: string, level: string): void {
    this.#levels.delete(sessionId)
    this.#levels.set(sessionId, level)
    if (this.#levels.size > sessionsMax) this.#levels.delete(this.#levels.keys().next().value!)
  }

  levelOf(sessionId: string): string | undefined {
    return this.#levels.get(sessionId)
  }

  /** Forgets a session that was ended. */
  forget(sessionId: string): void {
    this.#forget(sessionId)
    this.#levels.delete(sessionId)
  }

  #of(sessionId: string): Subscribed {
    const known = this.#sessions.get(sessionId) ?? { uris: new Set(), changed: new Set() }
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, known)
    this.#sweep(sessionId)
    return known
  }

  // The one that was used longest ago goes first; one that listens at this moment stays.
  #sweep(kept: string): void {
    if (this.#sessions.size <= sessionsMax && this.#uris <= allUrisMax) return
    for (const [id, { changed }] of this.#sessions) {
      if (this.#sessions.size <= sessionsMax && this.#uris <= allUrisMax) return
      if (changed.size === 0 && id !== kept) this.#forget(id)
    }
  }

  #forget(sessionId: string): void {
    this.#uris -= this.#sessions.get(sessionId)?.uris.size ?? 0
    this.#sessions.delete(sessionId)
  }
}

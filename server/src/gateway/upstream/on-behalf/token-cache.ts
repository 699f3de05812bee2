import type { Clock } from '../../../base/clock.ts'
import type { ExchangedToken } from '../../../identity/idp.ts'
import type { Act } from '../../../oauth/actor.ts'
import type { About } from '../../../store/revisions.ts'
import { holderWord } from '../caller-key.ts'

/** Whose token it is, and where it is sent. */
export interface TokenPlace {
  upstream: string
  grantId: string
  principalId: string
  clientId: string
  act?: Act | undefined
}

export interface CachedToken {
  token: string
  /** By the monotonic clock. */
  askedAt: number
  until: number
}

interface Kept {
  place: TokenPlace
  token: Promise<CachedToken>
  settled: CachedToken | undefined
}

const tokensMax = 10_000
const marginMsMax = 30_000
const lifeMsMax = 60 * 60_000
/** Of a token that does not say how long it is good. */
const lifeUnsaidSeconds = 60

/** The tokens of callers, in memory alone: each for the one place that it was asked for, until it is about to end. */
export class TokenCache {
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#kept.size
  }

  /** The token of a place: the one that is there, or a new one; all who ask at once wait for the same. */
  async get(place: TokenPlace, obtain: () => Promise<ExchangedToken>): Promise<CachedToken> {
    const key = keyOf(place)
    const found = this.#kept.get(key)
    const now = this.#clock.monotonic()
    if (found !== undefined && (found.settled === undefined || found.settled.until > now)) return found.token
    const kept: Kept = { place, settled: undefined, token: obtain().then((given) => cachedOf(given, now)) }
    this.#kept.delete(key)
    this.#makeRoom()
    this.#kept.set(key, kept)
    try {
      return (kept.settled = await kept.token)
    } catch (error) {
      if (this.#kept.get(key) === kept) this.#kept.delete(key)
      throw error
    }
  }

  /** The token of a place, if there is one that is good. */
  find(place: TokenPlace): CachedToken | undefined {
    const settled = this.#kept.get(keyOf(place))?.settled
    return settled !== undefined && settled.until > this.#clock.monotonic() ? settled : undefined
  }

  /**
   * Forgets the token that was refused.
   *
   * @returns whether it makes sense to ask for another: it is another by now, or was not fresh.
   */
  drop(place: TokenPlace, { token, olderThanMs }: { token: string; olderThanMs: number }): boolean {
    const key = keyOf(place)
    const settled = this.#kept.get(key)?.settled
    if (settled === undefined || settled.token !== token) return true
    if (this.#clock.monotonic() - settled.askedAt < olderThanMs) return false
    this.#kept.delete(key)
    return true
  }

  /** Forgets whatever these news concern. What is being asked for at this moment serves who asked, and nobody later. */
  forget({ kind, id }: About): void {
    const member = concerns[kind]
    if (member === undefined) return
    for (const [key, { place }] of this.#kept) {
      if (id === undefined || place[member] === id) this.#kept.delete(key)
    }
  }

  #makeRoom(): void {
    if (this.#kept.size < tokensMax) return
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key)
      return
    }
  }
}

const concerns: Partial<Record<About['kind'], Exclude<keyof TokenPlace, 'act'>>> = {
  grant: 'grantId',
  principal: 'principalId',
  client: 'clientId',
  upstream: 'upstream',
  connection: 'upstream',
}

function keyOf({ upstream, grantId, principalId, clientId, act }: TokenPlace): string {
  return JSON.stringify([upstream, holderWord({ grantId, act }), principalId, clientId])
}

// Its life is counted from when it was asked for: it did not begin before, and never ends before it is taken to end.
function cachedOf({ token, expiresInSeconds = lifeUnsaidSeconds }: ExchangedToken, askedAt: number): CachedToken {
  const lifeMs = expiresInSeconds * 1_000
  return { token, askedAt, until: askedAt + Math.min(lifeMs - Math.min(marginMsMax, lifeMs / 2), lifeMsMax) }
}

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../store/feed.ts'
import type { About } from '../store/revisions.ts'
import { revokedClaimMs, type RevokedSecret } from '../vault/credentials.ts'
import type { Vault } from '../vault/vault.ts'
import type { Fetch, Held } from './upstream/oauth/client.ts'
import { revokeTokens } from './upstream/oauth/revoke.ts'

/** What ending tokens elsewhere stands on. */
export interface RevocationRooms {
  clock: Clock
  log: Log
  feed: Pick<Feed, 'subscribe'>
  vault: Pick<Vault, 'revoked'>
  /** The guarded way out of one upstream. */
  fetchFor(upstream: string): Fetch
}

/** News of these may mean that a connection was removed. */
const removing: ReadonlySet<About['kind']> = new Set(['connection', 'principal', 'upstream'])
/** So many servers are asked at once: one that does not answer holds up no other. */
const atOnce = 4

/**
 * Ends the tokens of removed connections at the authorization servers that gave them (RFC 7009).
 *
 * Promise: it begins when the removal is durable, and changes nothing of it, whatever the server answers. Each is given back
 * by one of all replicas, and forgotten when the server has answered or has let the time run out; what somebody left lying
 * who died in between is given back by another, ten minutes later at most. What came of it is in the log. A connection that
 * is replaced is left to end by itself: many servers end all that a person gave a client with one token of it, and the new
 * one with it.
 */
export class Revocations {
  readonly #rooms: RevocationRooms
  readonly #end: () => void
  readonly #closing = new AbortController()
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> | undefined
  #again = false

  constructor(rooms: RevocationRooms) {
    this.#rooms = rooms
    this.#end = rooms.feed.subscribe(({ kind }) => {
      if (removing.has(kind)) this.#begin()
    })
    // Of what was claimed by somebody who is gone there is no news.
    this.#timer = setInterval(() => this.#begin(), revokedClaimMs)
    this.#timer.unref()
    this.#begin()
  }

  /** Ends tokens that have no connection; resolves when the server answered, or did not. Never throws. */
  async revoke({ id, upstream, principalId, secret }: RevokedSecret): Promise<void> {
    const { clock, log } = this.#rooms
    const about = { connection: id, upstream, ...(principalId !== undefined && { principal: principalId }) }
    const guarded = this.#rooms.fetchFor(upstream)
    const fetch: Fetch = (url, init) => {
      const signals = [this.#closing.signal, init?.signal].filter((one) => one instanceof AbortSignal)
      return guarded(url, { ...init, signal: AbortSignal.any(signals) })
    }
    try {
      if (await revokeTokens(secret as Held, { fetch, now: clock.now() }))
        log.info(about, 'the authorization server has ended the tokens of a removed connection')
      else
        log.info(
          about,
          'the authorization server takes no tokens back: those of a removed connection end by themselves',
        )
    } catch (error) {
      log.warn({ ...about, error }, 'the tokens of a removed connection could not be ended at the authorization server')
    }
  }

  async close(): Promise<void> {
    this.#end()
    clearInterval(this.#timer)
    this.#closing.abort()
    await this.#running
  }

  #begin(): void {
    this.#again = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // Of news that came when the last one had just looked.
      if (this.#again && !this.#closing.signal.aborted) this.#begin()
    })
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false
      await Promise.all(Array.from({ length: atOnce }, () => this.#work()))
    }
  }

  async #work(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const claimed = await this.#rooms.vault.revoked.claim()
        if (claimed === undefined) return
        await this.revoke(claimed)
        // Who was cut short has not heard the server: somebody else asks it.
        if (!this.#closing.signal.aborted) await this.#rooms.vault.revoked.forget(claimed.id)
      } catch (error) {
        this.#rooms.log.warn(
          { error },
          'cannot give the tokens of a removed connection back; they are kept, and tried again',
        )
        return
      }
    }
  }
}

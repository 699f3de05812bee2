import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Upstream } from '../model/upstream.ts'
import type { Feed } from '../store/feed.ts'
import { probeUpstream, type Probed } from './probe.ts'
import type { UpstreamConnection } from './upstream/upstream-kind.ts'

/** A list that is asked for, or a call, has the upstream looked at again when the last look is older than this. */
const lookAgeMaxMs = 10_000
const watchAgeMaxMs = 60_000
const probeTimeMaxMs = 20_000
/** A list waits for the very first look, so that it is not of yesterday; but not for longer than anybody waits for a list. */
const firstLookWaitMs = 2_000
/** Between two looks that an upstream brings about by its announcements. */
const announcedGapMs = 1_000

/** What the pool needs of the other rooms. */
export interface PoolRooms {
  clock: Clock
  log: Log
  feed: Feed
  inventory: Inventory
  /** Opens a connection to an upstream, lazily: nothing happens before its first use. */
  open(upstream: Upstream, onListChanged: (method?: string) => void): UpstreamConnection
}

interface Member {
  /** As which it was opened. */
  upstream: Upstream
  connection: UpstreamConnection
  lookedAt: number | undefined
  looking: Promise<void> | undefined
  /** What the last look found, if the inventory had nothing to note of it, and the news that had been heard then. */
  known: { digest: string; news: number } | undefined
}

/** The connections to the upstreams, one each, and when each was last looked at. */
export class Pool {
  readonly #rooms: PoolRooms
  readonly #members = new Map<string, Member>()
  readonly #listeners = new Map<string, Set<(method: string) => void>>()
  /** Announcements that are not looked into yet. */
  readonly #announced = new Set<string>()
  #closed = false
  readonly #unsubscribe: () => void
  /** Steps so far by which the inventory of an upstream may have changed. */
  #news = 0

  constructor(rooms: PoolRooms) {
    this.#rooms = rooms
    this.#unsubscribe = rooms.feed.subscribe((about) => {
      if (about.kind === 'tool' || about.kind === 'upstream') this.#news++
      if (about.kind === 'upstream' || about.kind === 'connection') void this.#settle(about.id)
    })
  }

  /** The connection to an upstream. Whether it may be used is not asked here: a call needs its receipt. */
  get(upstream: Upstream): UpstreamConnection {
    return this.#member(upstream).connection
  }

  /** Tells who listens each time that an upstream said that a list has changed, after it was looked at. */
  onListChanged(upstream: string, tell: (method: string) => void): () => void {
    const listeners = this.#listeners.get(upstream) ?? new Set()
    this.#listeners.set(upstream, listeners.add(tell))
    return () => {
      if (listeners.delete(tell) && listeners.size === 0) this.#listeners.delete(upstream)
    }
  }

  /**
   * An upstream says that a list has changed. It is looked at, at once or a second after the last look: who announces
   * changes without end does not have us look without end, and what it announces meanwhile is one announcement.
   */
  changed(upstream: Upstream, method = 'notifications/tools/list_changed'): void {
    const key = `${upstream.name} ${method}`
    if (this.#announced.has(key)) return
    this.#announced.add(key)
    void this.#tellSoon(upstream, { key, method })
  }

  async #tellSoon(upstream: Upstream, { key, method }: { key: string; method: string }): Promise<void> {
    const waitMs = announcedGapMs - this.#ageOf(upstream)
    if (waitMs > 0) await sleep(waitMs, undefined, { ref: false })
    this.#announced.delete(key)
    if (this.#closed) return
    await this.look(upstream).catch(() => undefined)
    for (const tell of this.#listeners.get(upstream.name) ?? []) tell(method)
  }

  /**
   * Looks at the upstream if the last look is older than ten seconds, and tells the inventory what it offers. Nobody waits
   * for that: what is shown is what was accepted, and what a look finds changed is withheld as soon as it ends. Only while
   * this process has not looked at all yet a list waits for it, 2 s at most.
   *
   * So a definition that changes is withheld from every list and call at the latest one look (20 s at most) after the first
   * list that is asked for ten seconds after the last look, or the first call a minute after it.
   */
  async freshen(upstream: Upstream): Promise<void> {
    const age = this.#ageOf(upstream)
    if (age <= lookAgeMaxMs) return
    const looking = this.look(upstream)
    if (age < Infinity) return
    const enough = new AbortController()
    const late = sleep(firstLookWaitMs, undefined, { signal: enough.signal }).catch(() => undefined)
    await Promise.race([looking, late])
    enough.abort()
  }

  /** Looks at the upstream in the background if the last look is older than a minute; called with each call. */
  watch(upstream: Upstream): void {
    if (this.#ageOf(upstream) > watchAgeMaxMs) void this.look(upstream)
  }

  #ageOf({ name }: Upstream): number {
    const lookedAt = this.#members.get(name)?.lookedAt
    return lookedAt === undefined ? Infinity : this.#rooms.clock.monotonic() - lookedAt
  }

  /**
   * Looks at the upstream now: what it is and which tools it offers. Looks that overlap are one. It never fails: what went
   * wrong is in the inventory afterwards, also that the upstream cannot even be opened.
   */
  async look(upstream: Upstream): Promise<void> {
    try {
      const member = this.#member(upstream)
      await (member.looking ??= this.#look(upstream, member).finally(() => (member.looking = undefined)))
    } catch (error) {
      const text = wordsOf(error)
      this.#rooms.log.warn({ upstream: upstream.name, error: text }, 'cannot look at the upstream')
      await this.#rooms.inventory.recordProbeFailure(upstream.name, text).catch(() => undefined)
    }
  }

  async #look(upstream: Upstream, member: Member): Promise<void> {
    const { inventory, clock } = this.#rooms
    try {
      const found = await probeUpstream(member.connection, AbortSignal.timeout(probeTimeMaxMs))
      await this.#takeIn(upstream, member, found)
    } finally {
      member.lookedAt = clock.monotonic()
      // Of what does not serve nothing stays open: a reviewer looked, or it was withdrawn since we began.
      const now = await inventory.findUpstream(upstream.name).catch(() => upstream)
      if (now?.state !== 'approved') await this.#drop(upstream.name)
    }
  }

  // Comparing a hundred definitions takes some twenty milliseconds, in which nothing else happens: what was compared
  // without any difference is not compared again while nobody has touched the inventory.
  async #takeIn(upstream: Upstream, member: Member, found: Probed): Promise<void> {
    const { digest } = found
    const news = this.#news
    if (member.known?.digest === digest && member.known.news === news) return
    await this.#rooms.inventory.observe(upstream.name, found)
    member.known = news === this.#news ? { digest, news } : undefined
  }

  #member(upstream: Upstream): Member {
    let member = this.#members.get(upstream.name)
    if (member !== undefined && isOutdated(member.upstream, upstream)) {
      void this.#drop(upstream.name)
      member = undefined
    }
    if (member === undefined) {
      const connection = this.#rooms.open(upstream, (method) => this.changed(upstream, method))
      member = { upstream, connection, lookedAt: undefined, looking: undefined, known: undefined }
      this.#members.set(upstream.name, member)
    }
    return member
  }

  // Whatever changed about an upstream, its credential or its standing: what is open belongs to the past.
  async #settle(name: string | undefined): Promise<void> {
    const names = name === undefined ? [...this.#members.keys()] : [name]
    await Promise.all(names.map((one) => this.#drop(one)))
  }

  async #drop(name: string): Promise<void> {
    const member = this.#members.get(name)
    if (member === undefined) return
    this.#members.delete(name)
    await member.connection.close().catch(() => undefined)
  }

  /** Ends every connection; processes of ours are gone when it resolves. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    await this.#settle(undefined)
  }
}

// Who was judged a moment before a document was replaced may have opened it by the one of before.
function isOutdated(before: Upstream, now: Upstream): boolean {
  const digestIn = ({ launch }: Upstream) => ('digest' in launch ? launch.digest : undefined)
  return digestIn(before) !== digestIn(now) && before.changedAt <= now.changedAt
}

// For who governs it the reason too, where it is our own: how often it crashed, which document is unreadable.
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const ours = error instanceof Fault && error.code === 'gateway.upstream_unreachable' && error.detail !== undefined
  return ours ? `${error.message} (${error.detail})` : error.message
}

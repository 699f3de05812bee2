import { Fault } from '../base/fault.ts'
import { streamsPerPrincipalMax } from '../base/limits.ts'
import type { Clock } from '../base/clock.ts'
import { type Placed, Roster } from '../base/roster.ts'
import type { Caller } from '../oauth/access-token.ts'
import type { Feed } from '../store/feed.ts'
import { type About, keysVoid } from '../store/revisions.ts'

/** What is open between a client and us: a call that waits for its answer, or a stream. */
export interface Exchange extends Disposable {
  readonly caller: Caller
  /** The JSON-RPC id of the request, so that the client can cancel it. */
  readonly requestId: string | number | undefined
  /** The session of a legacy client in which it was opened. */
  readonly sessionId: string | undefined
  /** A stream has no end of its own; a call has, and is given time for it. */
  readonly kind: 'call' | 'stream'
  /** Aborted when the exchange must end: the client went away, or the right behind it was withdrawn. */
  readonly signal: AbortSignal
  end(why: string): void
  /** Keeps its place, though it is disposed of, until this resolves: which it does. */
  outlast(over: Promise<void>): void
  /** Whether the right behind it still holds; asked whenever the policy state has moved. */
  stillHolds(): Promise<boolean>
}

/** Whose exchange it is, and what ends it. */
interface Begun {
  caller: Caller
  ending: AbortController
  kind: Exchange['kind']
  requestId?: string | number | undefined
  session?: { id: string } | undefined
}

// Classes, and not objects that hold their own steps: one is made for each call.

class OpenExchange implements Exchange, Placed {
  readonly caller: Caller
  readonly requestId: Exchange['requestId']
  readonly sessionId: string | undefined
  readonly kind: Exchange['kind']
  readonly signal: AbortSignal
  place = -1
  /** Until this instant time alone does not end the right behind it. */
  until = 0
  readonly #ending: AbortController
  readonly #holdsUntil: () => Promise<number | undefined>
  readonly #leave: (left: OpenExchange) => void
  #lasts: Promise<void> | undefined

  constructor(of: Begun, holdsUntil: () => Promise<number | undefined>, leave: (left: OpenExchange) => void) {
    this.caller = of.caller
    this.requestId = of.requestId
    this.sessionId = of.session?.id
    this.kind = of.kind
    this.signal = of.ending.signal
    this.#ending = of.ending
    this.#holdsUntil = holdsUntil
    this.#leave = leave
  }

  end(why: string): void {
    this.#ending.abort(new Error(why))
  }

  outlast(over: Promise<void>): void {
    this.#lasts = over
  }

  async stillHolds(): Promise<boolean> {
    const until = await this.#holdsUntil()
    this.until = until ?? 0
    return until !== undefined
  }

  [Symbol.dispose](): void {
    if (this.#lasts === undefined) this.#leave(this)
    else void this.#lasts.then(() => this.#leave(this))
  }
}

/** The place of a message that is being read. */
class Arrival implements Disposable {
  readonly #counts: Map<string, number>
  readonly #principalId: string

  constructor(counts: Map<string, number>, { principalId }: Caller) {
    this.#counts = counts
    this.#principalId = principalId
    add(counts, principalId, 1)
  }

  [Symbol.dispose](): void {
    add(this.#counts, this.#principalId, -1)
  }
}

/** Whom these news concern, by their id; all other news concern everybody. */
const concerned: Partial<Record<About['kind'], (caller: Caller, id: string) => boolean>> = {
  grant: ({ grantId }, id) => grantId === id,
  client: ({ clientId }, id) => clientId === id,
  principal: ({ principalId }, id) => principalId === id,
  // Of an entitlement the news name who holds it.
  entitlement: ({ principalId }, id) => principalId === id,
  // What an approval allowed is allowed once it is spent, and nothing else that is open rests on one.
  approval: () => false,
  'sign-in': () => false,
}

/** Why an exchange ended whose right may stand, for all that is known. */
export const inDoubt = 'the right behind it could not be read'

/** How long a stream may outlive a right that ended by time. */
const sweepMs = 2_000

/** All open exchanges of this process: the list that a withdrawal goes through. */
export class Exchanges {
  readonly #open = new Roster<OpenExchange>()
  readonly #counts = new Map<string, number>()
  readonly #arriving = new Map<string, number>()
  readonly #unsubscribe: () => void
  #checking: Promise<void> | undefined
  #again = false

  constructor(feed: Feed, clock: Clock) {
    // When there has been no news for too long, nothing holds: then everybody is asked, and who asks is refused.
    const unsubscribe = feed.subscribe(
      (about) => void this.#hear(about),
      () => void this.checkAll(),
    )
    // Rights also end by time, of which there is no news.
    const timer = setInterval(() => void this.#checkEnded(clock.now()), sweepMs)
    timer.unref()
    this.#unsubscribe = () => {
      unsubscribe()
      clearInterval(timer)
    }
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Enters an exchange into the list; disposing of it takes it out.
   *
   * @param of whose it is. `ending` is the request's own: it is aborted when the client has gone, and by whatever else ends
   *   the exchange. One request has one exchange.
   * @param holdsUntil until when the right behind it holds unless there is news of it, as `nextEnd` says; undefined when
   *   it does not. A throw counts as no.
   * @throws {Fault} `gateway.too_many_streams` when this principal holds as many open as one may.
   */
  begin(of: Begun, holdsUntil: () => Promise<number | undefined>): Exchange {
    // Counted where it is entered: nothing waits in between, so that no burst slips past the limit.
    requireRoom(this.#counts, of.caller)
    const exchange = new OpenExchange(of, holdsUntil, (left) => {
      if (this.#open.leave(left)) add(this.#counts, left.caller.principalId, -1)
    })
    this.#open.enter(exchange)
    add(this.#counts, of.caller.principalId, 1)
    return exchange
  }

  /**
   * Takes a place for a message that is still being read, so that nobody fills the memory with bodies that never end;
   * disposing of it gives it back. Counted apart from what is open: whose calls are all under way can still cancel one.
   *
   * @throws {Fault} `gateway.too_many_streams`
   */
  arrive({ caller }: { caller: Caller }): Disposable {
    requireRoom(this.#arriving, caller)
    return new Arrival(this.#arriving, caller)
  }

  /** Cancels the one open request of this grant, of the same reach, with this id; does nothing where that is not exactly one. */
  cancel(caller: Caller, requestId: string | number): void {
    const meant = this.#open.list().filter((one) => one.caller.key === caller.key && one.requestId === requestId)
    if (meant.length === 1) meant[0]!.end('cancelled by the client')
  }

  /** Ends what was opened within a session that its client has ended. */
  endSession({ id }: { id: string }): void {
    for (const one of this.#open.list()) if (one.sessionId === id) one.end('the client ended its session')
  }

  /** Asks every open exchange whether its right still holds, and ends those whose does not. Doubt ends them. */
  checkAll(): Promise<void> {
    this.#again = true
    this.#checking ??= this.#run().finally(() => (this.#checking = undefined))
    return this.#checking
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      await Promise.all(this.#open.list().map((exchange) => check(exchange)))
    }
  }

  async #hear({ kind, id }: About): Promise<unknown> {
    // Whose token of before was a forgery nobody can tell: who was let in by one comes in again by another.
    if (kind === 'key' && id === keysVoid) return this.#endAll('the keys of access tokens were replaced')
    const isConcerned = concerned[kind]
    if (isConcerned === undefined || id === undefined) return this.checkAll()
    const asked = this.#open.list().filter(({ caller }) => isConcerned(caller, id))
    return Promise.all(asked.map((exchange) => check(exchange)))
  }

  async #checkEnded(now: number): Promise<void> {
    const ended = this.#open.list().filter(({ until }) => until <= now)
    await Promise.all(ended.map((exchange) => check(exchange)))
  }

  /** Ends the streams, which would never end by themselves; calls may finish. */
  endStreams(): void {
    for (const exchange of this.#open.list()) if (exchange.kind === 'stream') exchange.end('the gateway stops')
  }

  close(): void {
    this.#unsubscribe()
    this.#endAll('the gateway stops')
  }

  #endAll(why: string): void {
    for (const exchange of this.#open.list()) exchange.end(why)
  }
}

// A store that is slow has withdrawn nothing, so it is asked twice; but what cannot be read then counts as no. Each reading
// ends within 2 s, and at once when the lease has run out.
async function check(exchange: Exchange): Promise<void> {
  const holds = (await ask(exchange)) ?? (await ask(exchange))
  if (holds !== true) exchange.end(holds === undefined ? inDoubt : 'the right behind it was withdrawn')
}

/** Whether it holds; `undefined` when that cannot be said. */
function ask(exchange: Exchange): Promise<boolean | undefined> {
  return exchange.stillHolds().catch(() => undefined)
}

function requireRoom(counts: ReadonlyMap<string, number>, { principalId }: Caller): void {
  if ((counts.get(principalId) ?? 0) < streamsPerPrincipalMax) return
  throw new Fault(
    'gateway.too_many_streams',
    `cannot open one more: ${streamsPerPrincipalMax} calls and streams are open; wait or close one`,
  )
}

function add(counts: Map<string, number>, principalId: string, by: 1 | -1): void {
  const count = (counts.get(principalId) ?? 0) + by
  if (count === 0) counts.delete(principalId)
  else counts.set(principalId, count)
}

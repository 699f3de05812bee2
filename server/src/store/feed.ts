import type { AlarmClock } from '../base/clock.ts'
import { listenTo } from './engine/listen.ts'
import { getRevision, listRevisions, type About } from './revisions.ts'
import type { Store } from './store.ts'

/** The news of the house: who subscribes hears of every change of the policy state, in order. */
export interface Feed {
  /** The newest revision that this process has heard of. */
  readonly revision: number
  /**
   * Whether this process has heard the feed within its lease. When it has not, what it remembers may be stale and it
   * MUST refuse to serve.
   */
  isFresh(): boolean
  /** Reads what is new and tells the subscribers; resolves when all have been told. */
  catchUp(): Promise<void>
  /**
   * @param onLapse Told when the lease ends without news, once each time: from then on `isFresh` is false.
   * @returns the way to end the subscription.
   */
  subscribe(listener: (about: About, revision: number) => void, onLapse?: () => void): () => void
  close(): Promise<void>
}

/**
 * Opens the feed. In one process it is told at once (`catchUp` after each change); between replicas PostgreSQL's `NOTIFY`
 * is the hint and polling is the truth.
 *
 * @param times `leaseMs`: how long without news from the database until `isFresh` is false, by the monotonic clock.
 */
export async function openFeed(
  store: Store,
  clock: AlarmClock,
  times: { leaseMs: number; pollMs: number } = { leaseMs: 5_000, pollMs: 1_000 },
): Promise<Feed> {
  const listeners = new Set<(about: About, revision: number) => void>()
  // Asked before, heard after: what is said may be as old as the question.
  const openedAt = clock.monotonic()
  let revision = await getRevision(store)
  const lease = openLease(store, clock, { leaseMs: times.leaseMs, heardAt: openedAt })
  let closed = false
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  async function read(): Promise<void> {
    try {
      let more: boolean
      do {
        const askedAt = clock.monotonic()
        const steps = await listRevisions(store, revision)
        for (const step of steps) {
          revision = step.revision
          for (const listener of listeners) listener(step.about, step.revision)
        }
        lease.renew(askedAt)
        more = steps.length > 0
      } while (more && !closed)
    } finally {
      // At once, not when somebody hears of it: who asks in between must not wait for a reading that has ended.
      running = undefined
    }
  }

  function catchUp(): Promise<void> {
    if (running === undefined) return (running = read())
    // A reading that began before this call may have missed the newest step: one more follows it, for all who have asked by
    // then. Who asks later waits for the one after that, so that however many ask, nobody waits for more than two.
    next ??= running.finally(() => (next = undefined)).then(() => (running ??= read()))
    return next
  }

  const timer = setInterval(() => void catchUp().catch(() => undefined), times.pollMs)
  timer.unref()
  const stopListening = await listenTo(
    store.listenPool,
    'sallyport_revision',
    () => void catchUp().catch(() => undefined),
  )

  return {
    get revision() {
      return revision
    },
    isFresh: () => lease.holds(),
    catchUp,
    subscribe(listener, onLapse) {
      listeners.add(listener)
      if (onLapse !== undefined) lease.onLapse.add(onLapse)
      return () => {
        listeners.delete(listener)
        if (onLapse !== undefined) lease.onLapse.delete(onLapse)
      }
    },
    async close() {
      closed = true
      clearInterval(timer)
      await stopListening()
      await (next ?? running)?.catch(() => undefined)
      // Last: what was under way has set the alarm anew.
      lease.close()
    },
  }
}

/** For how long what was heard may be taken for what is. One process alone with its store hears all there is. */
function openLease(store: Store, clock: AlarmClock, of: { leaseMs: number; heardAt: number }) {
  const onLapse = new Set<() => void>()
  const alone = store.kind === 'sqlite'
  let { heardAt } = of
  let callOff = (): void => undefined

  const holds = (): boolean => alone || clock.monotonic() - heardAt < of.leaseMs

  function arm(): void {
    if (alone) return
    callOff()
    // Timers may be early by a fraction of a millisecond, and the lease still hold.
    callOff = clock.alarm(Math.max(1, heardAt + of.leaseMs - clock.monotonic()), () => {
      if (holds()) return arm()
      for (const tell of onLapse) tell()
    })
  }

  arm()
  return {
    onLapse,
    holds,
    renew(askedAt: number): void {
      heardAt = askedAt
      arm()
    },
    close: () => callOff(),
  }
}

/** Wakes the other replicas. A hint only: they poll as well. */
export async function hintRevision(store: Store): Promise<void> {
  await store.listenPool?.query('notify sallyport_revision')
}

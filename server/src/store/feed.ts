import type { Clock } from '../base/clock.ts'
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
  /** @returns the way to end the subscription. */
  subscribe(listener: (about: About, revision: number) => void): () => void
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
  clock: Clock,
  times: { leaseMs: number; pollMs: number } = { leaseMs: 5_000, pollMs: 1_000 },
): Promise<Feed> {
  const listeners = new Set<(about: About, revision: number) => void>()
  let revision = await getRevision(store)
  let heardAt = clock.monotonic()
  let closed = false
  let running: Promise<void> | undefined
  let again = false

  async function read(): Promise<void> {
    try {
      do {
        again = false
        const askedAt = clock.monotonic()
        const steps = await listRevisions(store, revision)
        for (const step of steps) {
          revision = step.revision
          for (const listener of listeners) listener(step.about, step.revision)
        }
        heardAt = askedAt
        if (steps.length > 0) again = true
      } while (again && !closed)
    } finally {
      // At once, not when somebody hears of it: who asks in between must not wait for a reading that has ended.
      running = undefined
    }
  }

  function catchUp(): Promise<void> {
    // A reading that began before this call may have missed the newest step: it is told to look once more.
    again = true
    running ??= read()
    return running
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
    isFresh: () => store.kind === 'sqlite' || clock.monotonic() - heardAt < times.leaseMs,
    catchUp,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      closed = true
      clearInterval(timer)
      await stopListening()
      await running?.catch(() => undefined)
    },
  }
}

/** Wakes the other replicas. A hint only: they poll as well. */
export async function hintRevision(store: Store): Promise<void> {
  await store.listenPool?.query('notify sallyport_revision')
}

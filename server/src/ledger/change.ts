import { Fault } from '../base/fault.ts'
import { hintRevision } from '../store/feed.ts'
import { type About, advanceRevision } from '../store/revisions.ts'
import type { Handle } from '../store/store.ts'
import { type ChangeKind, entryVersion } from './entry.ts'
import type { LedgerParts } from './parts.ts'

/** A step of the policy state: who, what, about what and why. */
export interface Change {
  /** Id of the principal, or `set-up`, or `system`; `transmitter:<id>` or `provider:<id>` who said it from outside. */
  by: string
  what: ChangeKind
  about: About
  reason?: string | undefined
  /** What it was changed to, as JSON. Never a secret. */
  details?: Record<string, unknown> | undefined
}

/**
 * Makes a change, its entry and the new revision of the policy state in one transaction; see `Ledger.recordChange`, which
 * is this.
 *
 * @throws {Fault} `ledger.unavailable` if that is not confirmed in time: the change may have been made all the same.
 */
export async function recordChange<T>(
  { appender, clock, feed, log, store, times }: LedgerParts,
  change: Change,
  work: (tx: Handle) => Promise<T>,
): Promise<T> {
  const at = clock.now()
  const entry = { ...change, v: entryVersion, kind: 'change', at } as const
  const after = (tx: Handle): Promise<number> => advanceRevision(tx, at, change.about)
  const { result } = await appender.appendWith(entry, { work, after }, { withinMs: times.changeMs })
  try {
    await feed.catchUp()
  } catch (cause) {
    throw new Fault('ledger.unavailable', 'the change is made, but it cannot be confirmed that it is in force yet', {
      cause,
    })
  }
  // Other replicas poll as well: without the hint they hear a little later.
  await hintRevision(store).catch((error: unknown) => log.warn({ error }, 'cannot hint the other replicas'))
  return result
}

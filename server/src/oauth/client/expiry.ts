import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../base/config.ts'
import { type ClientExpiry, deleteExpiredClients, listExpiredClients } from '../../store/clients.ts'
import type { Store } from '../../store/store.ts'
import type { Recorder } from '../ports.ts'

const dayMs = 86_400_000
// An entry of the ledger holds 64 KiB, an id 1 KiB.
const batchMax = 40
const batchesMax = 10

class Moved extends Error {}

/**
 * Deletes clients that nobody uses: those that never led to a grant and that nobody owns, and those whose last use is long
 * ago. None that holds a grant, none of the configuration, and no address that was refused or revoked: it could come back.
 *
 * Bounded: 400 at the most, 40 in one transaction with the entry that names them.
 *
 * @returns how many.
 */
export async function expireClients(parts: {
  store: Store
  recorder: Recorder
  clock: Clock
  expiry: Config['clients']['expiry']
}): Promise<number> {
  const { store, recorder, clock, expiry } = parts
  const now = clock.now()
  const until: ClientExpiry = {
    neverUsedBefore: now - expiry.neverUsedAfterDays * dayMs,
    unusedBefore: now - expiry.unusedAfterDays * dayMs,
    now,
  }
  let count = 0
  for (let batch = 0; batch < batchesMax; batch++) {
    const ids = await listExpiredClients(store, until, batchMax)
    if (ids.length === 0) break
    const reason = `never used in ${expiry.neverUsedAfterDays} days, or not for ${expiry.unusedAfterDays}`
    const change = {
      by: 'system',
      what: 'client.expired',
      about: { kind: 'client' },
      reason,
      details: { ids },
    } as const
    try {
      await recorder.recordChange(change, async (tx) => {
        // Used or deleted meanwhile: the entry would name what is still there.
        if ((await deleteExpiredClients(tx, until, ids)).length !== ids.length) throw new Moved()
      })
    } catch (error) {
      if (error instanceof Moved) break
      throw error
    }
    count += ids.length
  }
  return count
}

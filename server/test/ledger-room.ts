import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../src/base/clock.ts'
import { type Ledger, openLedger } from '../src/ledger/ledger.ts'
import { openFeed } from '../src/store/feed.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { makeSigner, sampleOrigin } from './sample-ledger.ts'

/** A real ledger on a real store, for tests of what stands on them. */
export interface LedgerRoom {
  store: Store
  ledger: Ledger
  close(): Promise<void>
}

/** Opens the room where `place` says; without it in a folder that goes when the room is closed. */
export async function openLedgerRoom(clock: Clock, place?: Parameters<typeof openStore>[0]): Promise<LedgerRoom> {
  const folder = place === undefined ? mkdtempSync(join(tmpdir(), 'sallyport-ledger-')) : undefined
  const store = await openStore(place ?? { dataFolder: folder! })
  const feed = await openFeed(store, { ...systemClock, now: () => clock.now(), monotonic: () => clock.monotonic() })
  const log = { warn: () => undefined, error: () => undefined }
  const ledger = await openLedger({ store, feed, clock, origin: sampleOrigin, signer: makeSigner('a'), log })
  return {
    store,
    ledger,
    async close() {
      await ledger.close()
      await feed.close()
      await store.close()
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

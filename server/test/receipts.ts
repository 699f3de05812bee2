import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/base/clock.ts'
import type { Receipt } from '../src/ledger/intent.ts'
import { openLedger } from '../src/ledger/ledger.ts'
import { openFeed } from '../src/store/feed.ts'
import { openStore } from '../src/store/store.ts'
import { makeSigner, sampleEntry, sampleOrigin } from './sample-ledger.ts'

/** A source of receipts for tests of who demands them: a real ledger, for nobody else can make one. */
export interface Receipts {
  next(): Promise<Receipt>
  close(): Promise<void>
}

export async function openReceipts(): Promise<Receipts> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-receipts-'))
  const clock = systemClock
  const store = await openStore({ dataFolder })
  const feed = await openFeed(store, clock)
  const log = { error: () => undefined, warn: () => undefined, info: () => undefined }
  const ledger = await openLedger({ store, feed, clock, origin: sampleOrigin, signer: makeSigner('receipts'), log })
  const sample = sampleEntry(0)
  if (sample.kind !== 'intent') throw new Error('the first sample is an intent')
  return {
    next: () => ledger.recordIntent({ ...sample, callId: randomUUID() }),
    async close() {
      await ledger.close()
      await feed.close()
      await store.close()
      rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}

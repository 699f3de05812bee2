import { systemClock } from '../src/base/clock.ts'
import type { Receipt } from '../src/ledger/intent.ts'
import { openLedgerRoom } from './ledger-room.ts'
import { sampleIntent } from './sample-ledger.ts'

/** A source of receipts for tests of who demands them: a real ledger, for nobody else can make one. */
export interface Receipts {
  next(): Promise<Receipt>
  close(): Promise<void>
}

export async function openReceipts(): Promise<Receipts> {
  const { ledger, close } = await openLedgerRoom(systemClock)
  return { next: () => ledger.recordIntent(sampleIntent()), close }
}

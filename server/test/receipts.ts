import { randomUUID } from 'node:crypto'
import { systemClock } from '../src/base/clock.ts'
import type { Receipt } from '../src/ledger/intent.ts'
import { openLedgerRoom } from './ledger-room.ts'
import { sampleEntry } from './sample-ledger.ts'

/** A source of receipts for tests of who demands them: a real ledger, for nobody else can make one. */
export interface Receipts {
  next(): Promise<Receipt>
  close(): Promise<void>
}

export async function openReceipts(): Promise<Receipts> {
  const { ledger, close } = await openLedgerRoom(systemClock)
  const sample = sampleEntry(0)
  if (sample.kind !== 'intent') throw new Error('the first sample is an intent')
  return { next: () => ledger.recordIntent({ ...sample, callId: randomUUID() }), close }
}

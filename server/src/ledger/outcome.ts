import type { Appended } from './append.ts'
import { entryVersion, type Outcome } from './entry.ts'
import { Receipt } from './intent.ts'
import type { LedgerParts } from './parts.ts'

/**
 * Records what came of a call, once; see `Ledger.recordOutcome`, which is this.
 *
 * @throws {Fault} `ledger.unavailable`; it is tried again while this process lives, and
 *   recovery gives the call the outcome `unknown` after that.
 * @throws {TypeError} for a receipt that the ledger did not make, or whose outcome was recorded.
 */
export async function recordOutcome(
  { appender, clock, log, owed, times, underWay }: LedgerParts,
  receipt: Receipt,
  outcome: Outcome,
): Promise<void> {
  Receipt.take(receipt)
  const entry = {
    ...outcome,
    v: entryVersion,
    kind: 'outcome',
    at: clock.now(),
    callId: receipt.callId,
    intent: receipt.seq,
  } as const
  let appended: Appended | undefined
  try {
    appended = await appender.append(entry, { withinMs: times.recordMs })
  } catch (error) {
    owed.push(entry)
    throw error
  }
  underWay.delete(receipt.callId)
  if (appended === undefined) {
    log.warn({ callId: receipt.callId, outcome }, 'another replica took this one for dead and recorded the outcome')
  }
}

import type { Entry } from './entry.ts'
import type { Ledger } from './ledger.ts'

/** A call that was to be made, as the ledger tells it. */
export interface RecordedCall {
  seq: number
  intent: Extract<Entry, { kind: 'intent' }>
  /** Absent while it is under way. */
  outcome: Extract<Entry, { kind: 'outcome' }> | undefined
}

/** What came of a call; `under way` until the ledger says it. */
export type Fate = Extract<Entry, { kind: 'outcome' }>['status'] | 'under way'

/** Finds a call by its id; undefined if none was to be made under it. */
export async function findCall(ledger: Pick<Ledger, 'listEntries'>, callId: string): Promise<RecordedCall | undefined> {
  const placed = await ledger.listEntries({ after: -1, limit: 10, kinds: ['intent', 'outcome'], callId })
  const first = placed.find(({ entry }) => entry.kind === 'intent')
  if (first?.entry.kind !== 'intent') return undefined
  const outcome = placed.map(({ entry }) => entry).find((entry) => entry.kind === 'outcome')
  return { seq: first.seq, intent: first.entry, outcome }
}

/** What came of it, in one word. */
export function fateOf({ outcome }: Pick<RecordedCall, 'outcome'>): Fate {
  return outcome?.status ?? 'under way'
}

import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** A security event that was taken. Who sent it is proved; the ledger has it too, for good. */
export interface StoredSignal {
  /** UUIDv7: in the order of receipt. */
  id: string
  /** The transmitter, by its name in the configuration. */
  transmitter: string
  /** What happened, by the last part of the event type. */
  event: string
  issuedAt: number
  receivedAt: number
  /** Absent where the event was about nobody who is known here. */
  principalId: string | undefined
  /** What it ended, in words. */
  effect: string
}

/** Stores a signal and forgets the oldest of the same transmitter, of which `keptMax` stay. */
export async function insertSignal(tx: Handle, signal: StoredSignal, keptMax: number): Promise<void> {
  await open(tx)
    .insertInto('signals')
    .values({
      id: signal.id,
      transmitter: signal.transmitter,
      event: signal.event,
      issued_at: signal.issuedAt,
      received_at: signal.receivedAt,
      principal_id: signal.principalId ?? null,
      effect: signal.effect,
    })
    .execute()
  const oldest = await open(tx)
    .selectFrom('signals')
    .select('id')
    .where('transmitter', '=', signal.transmitter)
    .orderBy('id', 'desc')
    .offset(keptMax)
    .limit(1)
    .executeTakeFirst()
  if (oldest === undefined) return
  await open(tx)
    .deleteFrom('signals')
    .where('transmitter', '=', signal.transmitter)
    .where('id', '<=', oldest.id)
    .execute()
}

/** The signals of a transmitter, newest first, at most `limit`. */
export async function listSignals(handle: Handle, transmitter: string, limit: number): Promise<StoredSignal[]> {
  const rows = await open(handle)
    .selectFrom('signals')
    .selectAll()
    .where('transmitter', '=', transmitter)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    transmitter: row.transmitter,
    event: row.event,
    issuedAt: row.issued_at,
    receivedAt: row.received_at,
    principalId: row.principal_id ?? undefined,
    effect: row.effect,
  }))
}

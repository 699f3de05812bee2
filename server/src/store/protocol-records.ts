import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** What the protocol engine remembers between requests: codes, refresh tokens, authorization requests under way. */
export interface ProtocolRecord {
  /** Digest of the model and of the secret that finds it: the secret itself is not stored. */
  key: string
  model: string
  payload: Record<string, unknown>
  grantId: string | undefined
  expiresAt: number
}

/** Stores a record, in place of an older one under its key. */
export async function upsertProtocolRecord(handle: Handle, record: ProtocolRecord): Promise<void> {
  const renewed = {
    payload: JSON.stringify(record.payload),
    grant_id: record.grantId ?? null,
    expires_at: record.expiresAt,
  }
  await open(handle)
    .insertInto('protocol_records')
    .values({ key: record.key, model: record.model, ...renewed, uid: null, user_code: null, consumed_at: null })
    .onConflict((conflict) => conflict.column('key').doUpdateSet(renewed))
    .execute()
}

/** The record of this key, and when it was consumed. Expired ones are found until they are swept. */
export async function findProtocolRecord(
  handle: Handle,
  key: string,
): Promise<(ProtocolRecord & { consumedAt: number | undefined }) | undefined> {
  const row = await open(handle).selectFrom('protocol_records').selectAll().where('key', '=', key).executeTakeFirst()
  if (row === undefined) return undefined
  return {
    key: row.key,
    model: row.model,
    payload: JSON.parse(row.payload) as Record<string, unknown>,
    grantId: row.grant_id ?? undefined,
    expiresAt: row.expires_at ?? 0,
    consumedAt: row.consumed_at ?? undefined,
  }
}

/**
 * Consumes a record, once: of any number of parallel attempts one succeeds.
 *
 * @returns whether this attempt was the one.
 */
export async function consumeProtocolRecord(handle: Handle, key: string, at: number): Promise<boolean> {
  const row = await open(handle)
    .updateTable('protocol_records')
    .set({ consumed_at: at })
    .where('key', '=', key)
    .where('consumed_at', 'is', null)
    .returning('key')
    .executeTakeFirst()
  return row !== undefined
}

/** Forgets one record. */
export async function deleteProtocolRecord(handle: Handle, key: string): Promise<void> {
  await open(handle).deleteFrom('protocol_records').where('key', '=', key).execute()
}

/** Forgets all that was issued under these grants. */
export async function deleteProtocolRecordsOfGrants(tx: Handle, grantIds: string[]): Promise<void> {
  for (let at = 0; at < grantIds.length; at += 500) {
    await open(tx)
      .deleteFrom('protocol_records')
      .where('grant_id', 'in', grantIds.slice(at, at + 500))
      .execute()
  }
}

/** Forgets what expired before this instant. */
export async function deleteExpiredProtocolRecords(handle: Handle, before: number): Promise<void> {
  await open(handle).deleteFrom('protocol_records').where('expires_at', '<', before).execute()
}

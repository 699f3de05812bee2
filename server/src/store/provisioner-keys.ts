import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A key by which an identity provider provisions its people. */
export interface ProvisionerKey {
  /** The digest of the key. */
  id: string
  /** The identity provider whose people it may touch, and no others. */
  provider: string
  label: string
  createdBy: string
  createdAt: number
  expiresAt: number
  revokedAt: number | undefined
}

function toKey(row: Selectable<Tables['provisioner_keys']>): ProvisionerKey {
  return {
    id: row.id,
    provider: row.provider,
    label: row.label,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
  }
}

/** Stores a key. */
export async function insertProvisionerKey(tx: Handle, key: ProvisionerKey): Promise<void> {
  await open(tx)
    .insertInto('provisioner_keys')
    .values({
      id: key.id,
      provider: key.provider,
      label: key.label,
      created_by: key.createdBy,
      created_at: key.createdAt,
      expires_at: key.expiresAt,
      revoked_at: key.revokedAt ?? null,
    })
    .execute()
}

/** The keys that are neither revoked nor expired, oldest first. */
export async function listActiveProvisionerKeys(handle: Handle, now: number): Promise<ProvisionerKey[]> {
  const rows = await open(handle)
    .selectFrom('provisioner_keys')
    .selectAll()
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(toKey)
}

/** The key with this id if it is neither revoked nor expired. */
export async function findActiveProvisionerKey(
  handle: Handle,
  id: string,
  now: number,
): Promise<ProvisionerKey | undefined> {
  const row = await open(handle)
    .selectFrom('provisioner_keys')
    .selectAll()
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && toKey(row)
}

/**
 * Revokes a key.
 *
 * @returns whether it was still in force.
 */
export async function revokeProvisionerKey(tx: Handle, id: string, at: number): Promise<boolean> {
  const row = await open(tx)
    .updateTable('provisioner_keys')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

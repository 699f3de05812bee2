import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A key with which a principal's command line speaks to the control API for some hours. */
export interface OperatorKey {
  /** The digest of the key. */
  id: string
  principalId: string
  label: string
  createdAt: number
  expiresAt: number
  revokedAt: number | undefined
  /** The sign-in by which it was made was one that a stolen password does not make. */
  strong: boolean
}

function toKey(row: Selectable<Tables['operator_keys']>): OperatorKey {
  return {
    id: row.id,
    principalId: row.principal_id,
    label: row.label,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
    strong: row.strong !== 0,
  }
}

/** Stores a key. */
export async function insertOperatorKey(handle: Handle, key: OperatorKey): Promise<void> {
  await open(handle)
    .insertInto('operator_keys')
    .values({
      id: key.id,
      principal_id: key.principalId,
      label: key.label,
      created_at: key.createdAt,
      expires_at: key.expiresAt,
      revoked_at: key.revokedAt ?? null,
      strong: key.strong ? 1 : 0,
    })
    .execute()
}

/** The key with this id if it is neither revoked nor expired. */
export async function findActiveOperatorKey(handle: Handle, id: string, now: number): Promise<OperatorKey | undefined> {
  const row = await open(handle)
    .selectFrom('operator_keys')
    .selectAll()
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && toKey(row)
}

/** Revokes all keys of a principal. */
export async function revokeOperatorKeysOf(handle: Handle, principalId: string, at: number): Promise<void> {
  await open(handle)
    .updateTable('operator_keys')
    .set({ revoked_at: at })
    .where('principal_id', '=', principalId)
    .where('revoked_at', 'is', null)
    .execute()
}

import type { Insertable, Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A key of the gateway itself, its private half sealed by the vault. */
export interface SigningKey {
  id: string
  purpose: string
  algorithm: string
  /** In the form that the purpose uses; empty for secrets that have no public half. */
  publicKey: string
  sealed: string
  createdAt: number
  retiredAt: number | undefined
}

function toKey(row: Selectable<Tables['signing_keys']>): SigningKey {
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    publicKey: row.public_key,
    sealed: row.sealed,
    createdAt: row.created_at,
    retiredAt: row.retired_at ?? undefined,
  }
}

/**
 * The keys of a purpose that are not retired at an instant, newest first.
 *
 * @param now Epoch milliseconds. A key whose retirement lies ahead is still there.
 */
export async function listSigningKeys(handle: Handle, purpose: string, now: number): Promise<SigningKey[]> {
  const rows = await open(handle)
    .selectFrom('signing_keys')
    .selectAll()
    .where('purpose', '=', purpose)
    .where((is) => is.or([is('retired_at', 'is', null), is('retired_at', '>', now)]))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toKey)
}

/**
 * Stores a key unless one with this id exists. Of several processes that make the first key of a purpose at once, one
 * wins and all of them read that one afterwards.
 *
 * @returns whether this one was stored.
 */
export async function insertSigningKey(handle: Handle, key: SigningKey): Promise<boolean> {
  const row: Insertable<Tables['signing_keys']> = {
    id: key.id,
    purpose: key.purpose,
    algorithm: key.algorithm,
    public_key: key.publicKey,
    sealed: key.sealed,
    created_at: key.createdAt,
    retired_at: key.retiredAt ?? null,
  }
  const stored = await open(handle)
    .insertInto('signing_keys')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst()
  return stored !== undefined
}

/** Retires a key from an instant on, which may lie ahead. A retirement can be brought forward, never put off. */
export async function retireSigningKey(handle: Handle, id: string, at: number): Promise<void> {
  await open(handle)
    .updateTable('signing_keys')
    .set({ retired_at: at })
    .where('id', '=', id)
    .where((is) => is.or([is('retired_at', 'is', null), is('retired_at', '>', at)]))
    .execute()
}

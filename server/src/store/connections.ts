import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A sealed upstream credential as it is stored. Only the vault can open `sealed`. */
export interface StoredConnection {
  id: string
  upstream: string
  /** Whose it is; absent when it is the organisation's. */
  principalId: string | undefined
  placement: 'env' | 'headers'
  /** The names of the environment variables or headers; their values are sealed. */
  names: string[]
  sealed: string
  createdBy: string
  createdAt: number
  revokedAt: number | undefined
}

function toConnection(row: Selectable<Tables['connections']>): StoredConnection {
  return {
    id: row.id,
    upstream: row.upstream,
    principalId: row.principal_id ?? undefined,
    placement: row.placement as StoredConnection['placement'],
    names: JSON.parse(row.names) as string[],
    sealed: row.sealed,
    createdBy: row.created_by,
    createdAt: row.created_at,
    revokedAt: row.revoked_at ?? undefined,
  }
}

/** Stores a connection. */
export async function insertConnection(handle: Handle, connection: StoredConnection): Promise<void> {
  await open(handle)
    .insertInto('connections')
    .values({
      id: connection.id,
      upstream: connection.upstream,
      principal_id: connection.principalId ?? null,
      placement: connection.placement,
      names: JSON.stringify(connection.names),
      sealed: connection.sealed,
      created_by: connection.createdBy,
      created_at: connection.createdAt,
      revoked_at: connection.revokedAt ?? null,
    })
    .execute()
}

/** The connection in use for an upstream: exactly this person's, or without `principalId` exactly the organisation's. */
export async function findActiveConnection(
  handle: Handle,
  upstream: string,
  principalId: string | undefined,
): Promise<StoredConnection | undefined> {
  const row = await open(handle)
    .selectFrom('connections')
    .selectAll()
    .where('upstream', '=', upstream)
    .where('principal_id', principalId === undefined ? 'is' : '=', principalId ?? null)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row && toConnection(row)
}

/** The connections of an upstream that are not revoked, newest first. */
export async function listActiveConnections(handle: Handle, upstream: string): Promise<StoredConnection[]> {
  const rows = await open(handle)
    .selectFrom('connections')
    .selectAll()
    .where('upstream', '=', upstream)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toConnection)
}

/**
 * Revokes a connection and forgets what it sealed.
 *
 * @returns whether it was in use until now.
 */
export async function revokeStoredConnection(handle: Handle, id: string, at: number): Promise<boolean> {
  const row = await open(handle)
    .updateTable('connections')
    .set({ revoked_at: at, sealed: '' })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Revokes what is in use for an upstream and a person (or the organisation), before another takes its place. */
export async function revokeActiveConnections(
  handle: Handle,
  { upstream, principalId, at }: { upstream: string; principalId: string | undefined; at: number },
): Promise<void> {
  await open(handle)
    .updateTable('connections')
    .set({ revoked_at: at, sealed: '' })
    .where('upstream', '=', upstream)
    .where('principal_id', principalId === undefined ? 'is' : '=', principalId ?? null)
    .where('revoked_at', 'is', null)
    .execute()
}

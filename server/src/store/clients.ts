import type { Selectable } from 'kysely'
import type { Client } from '../model/rights.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A client as it is stored. */
export interface StoredClient extends Client {
  /** The client's secret, sealed by the vault; only confidential clients that registered themselves have one. */
  sealedSecret: string | undefined
  /** When its metadata document was last fetched; absent for other sources. */
  checkedAt: number | undefined
  /** Until when the fetched document may be used without asking its host again. */
  freshUntil: number | undefined
}

function toClient(row: Selectable<Tables['clients']>): StoredClient {
  return {
    id: row.id,
    source: row.source as Client['source'],
    name: row.name,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    sealedSecret: row.sealed_secret ?? undefined,
    state: row.state as Client['state'],
    createdAt: row.created_at,
    usedAt: row.used_at ?? undefined,
    checkedAt: row.checked_at ?? undefined,
    freshUntil: row.fresh_until ?? undefined,
  }
}

/**
 * Stores a client, or renews what is known of one that is stored. State, secret and age of a stored one stay: a revoked
 * client does not come back by introducing itself anew.
 */
export async function upsertClient(handle: Handle, client: StoredClient): Promise<void> {
  const renewed = {
    source: client.source,
    name: client.name,
    metadata: JSON.stringify(client.metadata),
    checked_at: client.checkedAt ?? null,
    fresh_until: client.freshUntil ?? null,
  }
  await open(handle)
    .insertInto('clients')
    .values({
      id: client.id,
      ...renewed,
      sealed_secret: client.sealedSecret ?? null,
      state: client.state,
      created_at: client.createdAt,
      used_at: client.usedAt ?? null,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(renewed))
    .execute()
}

/** The client of this id, whatever its state. */
export async function findStoredClient(handle: Handle, id: string): Promise<StoredClient | undefined> {
  const row = await open(handle).selectFrom('clients').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toClient(row)
}

/** The clients, newest first, at most `limit`. */
export async function listStoredClients(handle: Handle, limit: number): Promise<StoredClient[]> {
  const rows = await open(handle)
    .selectFrom('clients')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(toClient)
}

/** Notes that a client was used at this instant. */
export async function touchClient(handle: Handle, id: string, at: number): Promise<void> {
  await open(handle).updateTable('clients').set({ used_at: at }).where('id', '=', id).execute()
}

/**
 * Revokes a client and forgets its secret.
 *
 * @returns whether it was active until now.
 */
export async function revokeStoredClient(handle: Handle, id: string): Promise<boolean> {
  const row = await open(handle)
    .updateTable('clients')
    .set({ state: 'revoked', sealed_secret: null })
    .where('id', '=', id)
    .where('state', '=', 'active')
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

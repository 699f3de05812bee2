import { type Selectable, sql } from 'kysely'
import type { Client } from '../model/rights.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** By what a metadata document is asked for again, and for how long the copy stands in while its host is silent. */
export interface Caching {
  etag?: string | undefined
  lastModified?: string | undefined
  staleForSeconds: number
}

/** A client as it is stored. */
export interface StoredClient extends Client {
  /** Digest of the client's secret; only confidential clients that registered themselves have one. */
  secretHash: string | undefined
  /** When its metadata document was last fetched; absent for other sources. */
  checkedAt: number | undefined
  /** Until when the fetched document may be used without asking its host again. */
  freshUntil: number | undefined
  caching: Caching | undefined
}

function toClient(row: Selectable<Tables['clients']>): StoredClient {
  return {
    id: row.id,
    source: row.source as Client['source'],
    name: row.name,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    secretHash: row.secret_hash ?? undefined,
    state: row.state as Client['state'],
    ownerId: row.owner_id ?? undefined,
    askedBy: row.asked_by ?? undefined,
    createdAt: row.created_at,
    firstUsedAt: row.first_used_at ?? undefined,
    usedAt: row.used_at ?? undefined,
    checkedAt: row.checked_at ?? undefined,
    freshUntil: row.fresh_until ?? undefined,
    caching: row.caching === null ? undefined : (JSON.parse(row.caching) as Caching),
  }
}

/**
 * Stores a client, or renews what is known of one that is stored. State, owner, secret and age of a stored one stay: a
 * revoked client does not come back by introducing itself anew.
 */
export async function upsertClient(handle: Handle, client: StoredClient): Promise<void> {
  const renewed = {
    source: client.source,
    name: client.name,
    metadata: JSON.stringify(client.metadata),
    checked_at: client.checkedAt ?? null,
    fresh_until: client.freshUntil ?? null,
    caching: client.caching === undefined ? null : JSON.stringify(client.caching),
  }
  await open(handle)
    .insertInto('clients')
    .values({
      id: client.id,
      ...renewed,
      sealed_secret: null,
      secret_hash: client.secretHash ?? null,
      // That it waits is said by the mode of admission, which may be another tomorrow.
      state: client.state === 'waiting' ? 'active' : client.state,
      owner_id: client.ownerId ?? null,
      asked_by: client.askedBy ?? null,
      created_at: client.createdAt,
      first_used_at: client.firstUsedAt ?? null,
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

/** Notes that the document of a client says what it said: when it was asked, and for how long that holds. */
export async function noteUnchangedClient(
  handle: Handle,
  id: string,
  { checkedAt, freshUntil, caching }: Pick<StoredClient, 'checkedAt' | 'freshUntil' | 'caching'>,
): Promise<void> {
  await open(handle)
    .updateTable('clients')
    .set({
      checked_at: checkedAt ?? null,
      fresh_until: freshUntil ?? null,
      caching: caching === undefined ? null : JSON.stringify(caching),
    })
    .where('id', '=', id)
    .execute()
}

/**
 * The clients, at most `limit`: first those that somebody used, asked for or owns, then the others, newest first each.
 * Whoever registers by the thousand hides nothing.
 */
export async function listStoredClients(handle: Handle, limit: number): Promise<StoredClient[]> {
  const rows = await open(handle)
    .selectFrom('clients')
    .selectAll()
    .orderBy((eb) =>
      eb
        .case()
        .when(eb.fn.coalesce('asked_by', 'owner_id'), 'is not', null)
        .then(0)
        .when('used_at', 'is not', null)
        .then(0)
        .when('source', '=', 'configuration')
        .then(0)
        .else(1)
        .end(),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(toClient)
}

/** How many clients that nobody owns this principal has asked for. */
export async function countAskedClients(handle: Handle, askedBy: string): Promise<number> {
  const { count } = await open(handle)
    .selectFrom('clients')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('asked_by', '=', askedBy)
    .where('owner_id', 'is', null)
    .where('state', '=', 'active')
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Notes that a client was used at this instant. */
export async function touchClient(handle: Handle, id: string, at: number): Promise<void> {
  await open(handle)
    .updateTable('clients')
    .set((eb) => ({ used_at: at, first_used_at: eb.fn.coalesce('first_used_at', eb.val(at)) }))
    .where('id', '=', id)
    .execute()
}

/**
 * Changes owner, state or who asked, of a client that is not revoked: that is final.
 *
 * @returns whether there is such a client.
 */
export async function updateClient(
  handle: Handle,
  id: string,
  to: { ownerId?: string | null; state?: 'active' | 'refused'; askedBy?: string },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('clients')
    .set({
      ...(to.ownerId !== undefined && { owner_id: to.ownerId }),
      ...(to.state !== undefined && { state: to.state }),
      ...(to.askedBy !== undefined && { asked_by: to.askedBy }),
    })
    .where('id', '=', id)
    .where('state', '!=', 'revoked')
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Revokes a client and forgets its secret.
 *
 * @returns whether it was not revoked until now.
 */
export async function revokeStoredClient(handle: Handle, id: string): Promise<boolean> {
  const row = await open(handle)
    .updateTable('clients')
    .set({ state: 'revoked', sealed_secret: null, secret_hash: null })
    .where('id', '=', id)
    .where('state', '!=', 'revoked')
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Until when a client had to be used to stay: one that nobody owns and that was never used, and every other. */
export interface ClientExpiry {
  neverUsedBefore: number
  unusedBefore: number
  now: number
}

function expired(handle: Handle, { neverUsedBefore, unusedBefore, now }: ClientExpiry) {
  return open(handle)
    .selectFrom('clients')
    .where('source', '!=', 'configuration')
    .where((eb) =>
      eb.or([
        eb.and([
          eb('used_at', 'is', null),
          eb('owner_id', 'is', null),
          eb('created_at', '<', neverUsedBefore),
          // Who was told no by an address of his own could come back by it.
          eb.or([eb('source', '=', 'registration'), eb('state', '=', 'active')]),
        ]),
        eb.and([
          eb(eb.fn.coalesce('used_at', 'created_at'), '<', unusedBefore),
          eb.or([eb('source', '=', 'registration'), eb('state', '=', 'active')]),
        ]),
      ]),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('grants')
            .select('grants.id')
            .whereRef('grants.client_id', '=', 'clients.id')
            .where('grants.revoked_at', 'is', null)
            .where('grants.ends_at', '>', now),
        ),
      ),
    )
}

/** The ids of clients that nobody uses, oldest first, at most `limit`. None of them has a grant that holds. */
export async function listExpiredClients(handle: Handle, expiry: ClientExpiry, limit: number): Promise<string[]> {
  const rows = await expired(handle, expiry).select('clients.id').orderBy('created_at').limit(limit).execute()
  return rows.map(({ id }) => id)
}

/**
 * Deletes those of these clients that still nobody uses.
 *
 * @returns the ids of those that it deleted.
 */
export async function deleteExpiredClients(tx: Handle, expiry: ClientExpiry, ids: string[]): Promise<string[]> {
  const rows = await open(tx)
    .deleteFrom('clients')
    .where('id', 'in', expired(tx, expiry).select('clients.id').where('clients.id', 'in', ids))
    .returning('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Secrets that an earlier version kept sealed instead of hashed, at most `limit`. */
export async function listSealedSecrets(handle: Handle, limit: number): Promise<{ id: string; sealed: string }[]> {
  const rows = await open(handle)
    .selectFrom('clients')
    .select(['id', 'sealed_secret'])
    .where('sealed_secret', 'is not', null)
    .limit(limit)
    .execute()
  return rows.map(({ id, sealed_secret: sealed }) => ({ id, sealed: sealed! }))
}

/** Puts the digest of a secret in the place of the sealed secret. */
export async function hashSealedSecret(handle: Handle, id: string, secretHash: string | null): Promise<void> {
  await open(handle)
    .updateTable('clients')
    .set({ sealed_secret: null, secret_hash: sql`coalesce(secret_hash, ${secretHash})` })
    .where('id', '=', id)
    .execute()
}

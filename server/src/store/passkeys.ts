import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A passkey of a local principal: the public half, which opens nothing. */
export interface Passkey {
  /** The credential's id, base64url: unique in the world. */
  id: string
  principalId: string
  /** What the person calls it. */
  name: string
  /** COSE key, base64url. */
  publicKey: string
  /** How often its authenticator says that it signed; 0 where it does not count. */
  counter: number
  /** Whether it may be on several devices of the person. */
  synced: boolean
  createdAt: number
  usedAt: number | undefined
  /** From when it is more than the password by which it was added. */
  countsAt: number
}

function toPasskey(row: Selectable<Tables['passkeys']>): Passkey {
  return {
    id: row.id,
    principalId: row.principal_id,
    name: row.name,
    publicKey: row.public_key,
    counter: row.counter,
    synced: row.synced !== 0,
    createdAt: row.created_at,
    usedAt: row.used_at ?? undefined,
    countsAt: row.counts_at,
  }
}

/**
 * Stores a passkey unless one of this id exists, whosever it is.
 *
 * @returns whether it was stored.
 */
export async function insertPasskey(handle: Handle, passkey: Passkey): Promise<boolean> {
  const stored = await open(handle)
    .insertInto('passkeys')
    .values({
      id: passkey.id,
      principal_id: passkey.principalId,
      name: passkey.name,
      public_key: passkey.publicKey,
      counter: passkey.counter,
      synced: passkey.synced ? 1 : 0,
      created_at: passkey.createdAt,
      used_at: passkey.usedAt ?? null,
      counts_at: passkey.countsAt,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .executeTakeFirst()
  return stored !== undefined
}

/** The passkey of this id. */
export async function findPasskey(handle: Handle, id: string): Promise<Passkey | undefined> {
  const row = await open(handle).selectFrom('passkeys').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toPasskey(row)
}

/** The passkeys of a principal, oldest first. */
export async function listPasskeys(handle: Handle, principalId: string): Promise<Passkey[]> {
  const rows = await open(handle)
    .selectFrom('passkeys')
    .selectAll()
    .where('principal_id', '=', principalId)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(toPasskey)
}

/**
 * Notes that a passkey was used, if its counter is still what was judged: of two uses that were judged alike, one counts.
 *
 * @returns whether it was noted.
 */
export async function usePasskey(
  handle: Handle,
  id: string,
  use: { from: number; to: number; at: number },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('passkeys')
    .set({ counter: use.to, used_at: use.at })
    .where('id', '=', id)
    .where('counter', '=', use.from)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Removes a passkey of a principal.
 *
 * @returns whether there was one.
 */
export async function deletePasskey(handle: Handle, principalId: string, id: string): Promise<boolean> {
  const row = await open(handle)
    .deleteFrom('passkeys')
    .where('id', '=', id)
    .where('principal_id', '=', principalId)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Removes all passkeys of a principal; returns how many there were. */
export async function deletePasskeysOf(handle: Handle, principalId: string): Promise<number> {
  const rows = await open(handle)
    .deleteFrom('passkeys')
    .where('principal_id', '=', principalId)
    .returning('id')
    .execute()
  return rows.length
}

/** Removes the passkeys of a principal that do not count yet. */
export async function deleteWaitingPasskeys(handle: Handle, principalId: string, now: number): Promise<void> {
  await open(handle)
    .deleteFrom('passkeys')
    .where('principal_id', '=', principalId)
    .where('counts_at', '>', now)
    .execute()
}

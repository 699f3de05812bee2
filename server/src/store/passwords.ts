import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** The password of a local principal, hashed. */
export interface Password {
  principalId: string
  /** What the person types to say who they are; unique. */
  login: string
  /** PHC string. */
  hash: string
  changedAt: number
  /** The person wants it to be worth nothing without a passkey. */
  passkeyOnly: boolean
}

function toPassword(row: Selectable<Tables['passwords']>): Password {
  return {
    principalId: row.principal_id,
    login: row.login,
    hash: row.hash,
    changedAt: row.changed_at,
    passkeyOnly: row.passkey_only !== 0,
  }
}

/**
 * Stores a password unless the login is taken or the principal has one.
 *
 * @returns whether it was stored.
 */
export async function insertPassword(handle: Handle, password: Password): Promise<boolean> {
  const stored = await open(handle)
    .insertInto('passwords')
    .values({
      principal_id: password.principalId,
      login: password.login,
      hash: password.hash,
      changed_at: password.changedAt,
      passkey_only: password.passkeyOnly ? 1 : 0,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('principal_id')
    .executeTakeFirst()
  return stored !== undefined
}

/** The password of a login. */
export async function findPasswordByLogin(handle: Handle, login: string): Promise<Password | undefined> {
  const row = await open(handle).selectFrom('passwords').selectAll().where('login', '=', login).executeTakeFirst()
  return row && toPassword(row)
}

/** Puts a newer hash in the place of the one that was checked; leaves one that somebody else changed meanwhile. */
export async function updatePasswordHash(
  handle: Handle,
  principalId: string,
  hash: { from: string; to: string },
): Promise<void> {
  await open(handle)
    .updateTable('passwords')
    .set({ hash: hash.to })
    .where('principal_id', '=', principalId)
    .where('hash', '=', hash.from)
    .execute()
}

/** The password of a principal. */
export async function findPasswordOf(handle: Handle, principalId: string): Promise<Password | undefined> {
  const row = await open(handle)
    .selectFrom('passwords')
    .selectAll()
    .where('principal_id', '=', principalId)
    .executeTakeFirst()
  return row && toPassword(row)
}

/**
 * Changes what is given of the password of a principal.
 *
 * @returns whether he has one.
 */
export async function updatePassword(
  handle: Handle,
  principalId: string,
  to: { hash?: string; changedAt?: number; passkeyOnly?: boolean },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('passwords')
    .set({
      ...(to.hash !== undefined && { hash: to.hash }),
      ...(to.changedAt !== undefined && { changed_at: to.changedAt }),
      ...(to.passkeyOnly !== undefined && { passkey_only: to.passkeyOnly ? 1 : 0 }),
    })
    .where('principal_id', '=', principalId)
    .returning('principal_id')
    .executeTakeFirst()
  return row !== undefined
}

/** Makes all who change how a principal signs in wait for one another until the transaction ends. */
export async function lockPassword(tx: Handle, principalId: string): Promise<void> {
  await open(tx)
    .updateTable('passwords')
    .set((eb) => ({ changed_at: eb.ref('changed_at') }))
    .where('principal_id', '=', principalId)
    .execute()
}

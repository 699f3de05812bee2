import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** The password of a local principal, hashed. */
export interface Password {
  principalId: string
  /** What the person types to say who they are; unique. */
  login: string
  /** PHC string. */
  hash: string
  changedAt: number
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
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('principal_id')
    .executeTakeFirst()
  return stored !== undefined
}

/** The password of a login. */
export async function findPasswordByLogin(handle: Handle, login: string): Promise<Password | undefined> {
  const row = await open(handle).selectFrom('passwords').selectAll().where('login', '=', login).executeTakeFirst()
  return row && { principalId: row.principal_id, login: row.login, hash: row.hash, changedAt: row.changed_at }
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

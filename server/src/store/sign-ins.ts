import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** A browser in which a principal is signed in. */
export interface StoredSignIn {
  /** The digest of the cookie's secret. */
  id: string
  principalId: string
  /** The identity provider that it came by. */
  provider: string
  createdAt: number
  expiresAt: number
}

/** Stores a sign-in. */
export async function insertSignIn(handle: Handle, signIn: StoredSignIn): Promise<void> {
  await open(handle)
    .insertInto('sign_ins')
    .values({
      id: signIn.id,
      principal_id: signIn.principalId,
      provider: signIn.provider,
      created_at: signIn.createdAt,
      expires_at: signIn.expiresAt,
    })
    .execute()
}

/** The sign-in with this id if it has not expired. */
export async function findSignIn(handle: Handle, id: string, now: number): Promise<StoredSignIn | undefined> {
  const row = await open(handle)
    .selectFrom('sign_ins')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return (
    row && {
      id: row.id,
      principalId: row.principal_id,
      provider: row.provider,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    }
  )
}

/** Ends one sign-in, and what it brought. */
export async function deleteSignIn(handle: Handle, id: string): Promise<void> {
  await open(handle).deleteFrom('kept_logins').where('sign_in_id', '=', id).execute()
  await open(handle).deleteFrom('sign_ins').where('id', '=', id).execute()
}

/** Ends all sign-ins of a principal, and what they brought. */
export async function deleteSignInsOf(handle: Handle, principalId: string): Promise<void> {
  await open(handle).deleteFrom('kept_logins').where('principal_id', '=', principalId).execute()
  await open(handle).deleteFrom('sign_ins').where('principal_id', '=', principalId).execute()
}

/** Forgets the sign-ins that have expired. */
export async function deleteExpiredSignIns(handle: Handle, now: number): Promise<void> {
  await open(handle).deleteFrom('sign_ins').where('expires_at', '<=', now).execute()
}

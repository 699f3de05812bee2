import type { Login } from '../model/login.ts'
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
  /** The session there that it came out of (`sid`), where the provider says it. */
  session?: string | undefined
  /** How and when it was proved who he is; absent for what was stored before that was. */
  login?: Login | undefined
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
      session: signIn.session ?? null,
      login: signIn.login ? JSON.stringify(signIn.login) : null,
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
      ...(row.login !== null && { login: JSON.parse(row.login) as Login }),
    }
  )
}

/** Ends one sign-in, and what it brought. */
export async function deleteSignIn(handle: Handle, id: string): Promise<void> {
  await open(handle).deleteFrom('kept_logins').where('sign_in_id', '=', id).execute()
  await open(handle).deleteFrom('sign_ins').where('id', '=', id).execute()
}

/** Ends all sign-ins of a principal but one, and what they brought. */
export async function deleteOtherSignIns(handle: Handle, principalId: string, keptId: string): Promise<void> {
  await open(handle)
    .deleteFrom('kept_logins')
    .where('principal_id', '=', principalId)
    .where('sign_in_id', '!=', keptId)
    .execute()
  await open(handle).deleteFrom('sign_ins').where('principal_id', '=', principalId).where('id', '!=', keptId).execute()
}

/** Ends all sign-ins of a principal, and what they brought. */
export async function deleteSignInsOf(handle: Handle, principalId: string): Promise<void> {
  await open(handle).deleteFrom('kept_logins').where('principal_id', '=', principalId).execute()
  await open(handle).deleteFrom('sign_ins').where('principal_id', '=', principalId).execute()
}

/** Whose sign-ins came out of this session at the provider of these people, each once; two at the most. */
export async function findPrincipalIdsOfSession(
  handle: Handle,
  of: { issuer: string; session: string },
): Promise<string[]> {
  const rows = await open(handle)
    .selectFrom('sign_ins')
    .innerJoin('principals', 'principals.id', 'sign_ins.principal_id')
    .select('principals.id')
    .distinct()
    .where('sign_ins.session', '=', of.session)
    .where('principals.issuer', '=', of.issuer)
    .limit(2)
    .execute()
  return rows.map(({ id }) => id)
}

/**
 * Ends the sign-ins that came out of one session at a provider, and what they brought.
 *
 * @returns whose they were, each once.
 */
export async function deleteSignInsOfSession(tx: Handle, of: { provider: string; session: string }): Promise<string[]> {
  const rows = await open(tx)
    .deleteFrom('sign_ins')
    .where('provider', '=', of.provider)
    .where('session', '=', of.session)
    .returning(['id', 'principal_id'])
    .execute()
  for (const { id } of rows) await open(tx).deleteFrom('kept_logins').where('sign_in_id', '=', id).execute()
  return [...new Set(rows.map((row) => row.principal_id))]
}

/**
 * Forgets the sign-ins that have expired, but not those that brought something which serves on: whoever ends the session at
 * the provider ends that as well, and must find it.
 */
export async function deleteExpiredSignIns(handle: Handle, now: number): Promise<void> {
  await open(handle)
    .deleteFrom('sign_ins')
    .where('expires_at', '<=', now)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('kept_logins')
            .select('kept_logins.sign_in_id')
            .whereRef('kept_logins.sign_in_id', '=', 'sign_ins.id')
            .where('kept_logins.ends_at', '>', now),
        ),
      ),
    )
    .execute()
}

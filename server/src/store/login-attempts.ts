import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** A login that was begun and waits for the browser to come back from the identity provider. */
export interface LoginAttempt {
  /** The digest of `state`. */
  id: string
  provider: string
  /** The digest of the cookie of the browser that began. */
  browser: string
  /** What the provider's kind needs to complete it, sealed. */
  payload: string
  returnTo: string
  expiresAt: number
}

/** Stores an attempt. */
export async function insertLoginAttempt(handle: Handle, attempt: LoginAttempt): Promise<void> {
  await open(handle)
    .insertInto('login_attempts')
    .values({
      id: attempt.id,
      provider: attempt.provider,
      browser: attempt.browser,
      payload: attempt.payload,
      return_to: attempt.returnTo,
      expires_at: attempt.expiresAt,
    })
    .execute()
}

/** Takes an attempt out: of any number of callers exactly one gets it, and only before it expires. */
export async function takeLoginAttempt(handle: Handle, id: string, now: number): Promise<LoginAttempt | undefined> {
  const row = await open(handle).deleteFrom('login_attempts').where('id', '=', id).returningAll().executeTakeFirst()
  if (row === undefined || row.expires_at <= now) return undefined
  return {
    id: row.id,
    provider: row.provider,
    browser: row.browser,
    payload: row.payload,
    returnTo: row.return_to,
    expiresAt: row.expires_at,
  }
}

/** Forgets the attempts that have expired. */
export async function deleteExpiredLoginAttempts(handle: Handle, now: number): Promise<void> {
  await open(handle).deleteFrom('login_attempts').where('expires_at', '<=', now).execute()
}

/** How many attempts wait. */
export async function countLoginAttempts(handle: Handle): Promise<number> {
  const row = await open(handle)
    .selectFrom('login_attempts')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

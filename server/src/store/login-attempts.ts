import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

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

function toAttempt(row: Selectable<Tables['login_attempts']>): LoginAttempt {
  return {
    id: row.id,
    provider: row.provider,
    browser: row.browser,
    payload: row.payload,
    returnTo: row.return_to,
    expiresAt: row.expires_at,
  }
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
  return row === undefined || row.expires_at <= now ? undefined : toAttempt(row)
}

/** The attempt with this id, if it has not expired. */
export async function findLoginAttempt(handle: Handle, id: string, now: number): Promise<LoginAttempt | undefined> {
  const row = await open(handle)
    .selectFrom('login_attempts')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && toAttempt(row)
}

/**
 * Replaces what an attempt keeps, if nobody has replaced or taken it since it was read.
 *
 * @returns whether it was replaced.
 */
export async function replaceLoginPayload(handle: Handle, attempt: LoginAttempt, payload: string): Promise<boolean> {
  const row = await open(handle)
    .updateTable('login_attempts')
    .set({ payload })
    .where('id', '=', attempt.id)
    .where('payload', '=', attempt.payload)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
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

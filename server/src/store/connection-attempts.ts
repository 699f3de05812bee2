import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A connection to an upstream that was begun and waits for the administrator to come back from the authorization server. */
export interface ConnectionAttempt {
  /** The digest of `state`. */
  id: string
  upstream: string
  /** Who began it, and alone may finish it. */
  principalId: string
  /** The digest of what only the browser knows that began it; absent when a program did. */
  browser: string | undefined
  /** What is needed to finish it, sealed. */
  payload: string
  expiresAt: number
}

/** Stores an attempt, and forgets those that have expired. */
export async function insertConnectionAttempt(handle: Handle, attempt: ConnectionAttempt, now: number): Promise<void> {
  await open(handle).deleteFrom('connection_attempts').where('expires_at', '<=', now).execute()
  await open(handle)
    .insertInto('connection_attempts')
    .values({
      id: attempt.id,
      upstream: attempt.upstream,
      principal_id: attempt.principalId,
      browser: attempt.browser ?? null,
      payload: attempt.payload,
      expires_at: attempt.expiresAt,
    })
    .execute()
}

/** How many of a principal wait to be finished. */
export async function countConnectionAttempts(handle: Handle, principalId: string, now: number): Promise<number> {
  const row = await open(handle)
    .selectFrom('connection_attempts')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('principal_id', '=', principalId)
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  return row.count
}

/** An attempt that has not expired; it stays. */
export async function findConnectionAttempt(
  handle: Handle,
  id: string,
  now: number,
): Promise<ConnectionAttempt | undefined> {
  const row = await open(handle)
    .selectFrom('connection_attempts')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && toAttempt(row)
}

/** Takes an attempt out: of any number of callers exactly one gets it, and only before it expires. */
export async function takeConnectionAttempt(
  handle: Handle,
  id: string,
  now: number,
): Promise<ConnectionAttempt | undefined> {
  const row = await open(handle)
    .deleteFrom('connection_attempts')
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row === undefined || row.expires_at <= now ? undefined : toAttempt(row)
}

function toAttempt(row: Selectable<Tables['connection_attempts']>): ConnectionAttempt {
  return {
    id: row.id,
    upstream: row.upstream,
    principalId: row.principal_id,
    browser: row.browser ?? undefined,
    payload: row.payload,
    expiresAt: row.expires_at,
  }
}

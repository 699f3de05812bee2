import { sql } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** What is limited: at most `points` in `seconds`, counted from the first one. */
export interface RateLimit {
  /** Of which limit: no two have the same name. */
  name: string
  points: number
  seconds: number
}

/**
 * Takes a point of a limit, or several at once, at whichever replica, before what it limits is done: of any number that come
 * at once, no more than `points` are let through. Several are taken all or not at all, and what is refused takes none.
 *
 * @param key A digest, so that no names and addresses stand there in clear.
 * @returns How long to wait when there are not so many left, in milliseconds; `undefined` when there are.
 */
export async function takePoint(
  handle: Handle,
  limit: RateLimit,
  { key, now, count = 1 }: { key: string; now: number; count?: number },
): Promise<number | undefined> {
  const resets = now + limit.seconds * 1_000
  if (count <= limit.points) {
    const row = await open(handle)
      .insertInto('rates')
      .values({ name: limit.name, key, taken: count, resets_at: resets })
      .onConflict((conflict) =>
        conflict
          .columns(['name', 'key'])
          .doUpdateSet({
            taken: sql<number>`case when rates.resets_at <= ${now} then ${count} else rates.taken + ${count} end`,
            resets_at: sql<number>`case when rates.resets_at <= ${now} then ${resets} else rates.resets_at end`,
          })
          .where((eb) => eb.or([eb('rates.resets_at', '<=', now), eb('rates.taken', '<=', limit.points - count)])),
      )
      .returning('taken')
      .executeTakeFirst()
    if (row !== undefined) return undefined
  }
  const row = await open(handle)
    .selectFrom('rates')
    .select('resets_at')
    .where('name', '=', limit.name)
    .where('key', '=', key)
    .where('resets_at', '>', now)
    .executeTakeFirst()
  return (row?.resets_at ?? resets) - now
}

/** How long to wait when a limit is spent, without taking a point of it; `undefined` when it is not. */
export async function findWait(
  handle: Handle,
  limit: RateLimit,
  { key, now }: { key: string; now: number },
): Promise<number | undefined> {
  const row = await open(handle)
    .selectFrom('rates')
    .select(['taken', 'resets_at'])
    .where('name', '=', limit.name)
    .where('key', '=', key)
    .executeTakeFirst()
  return row !== undefined && row.resets_at > now && row.taken >= limit.points ? row.resets_at - now : undefined
}

/** Gives a point back: it was not one of those that are limited. */
export async function givePoint(handle: Handle, limit: RateLimit, key: string): Promise<void> {
  await open(handle)
    .updateTable('rates')
    .set((eb) => ({ taken: eb('taken', '-', 1) }))
    .where('name', '=', limit.name)
    .where('key', '=', key)
    .where('taken', '>', 0)
    .execute()
}

/** Gives all points of a limit back. */
export async function givePoints(handle: Handle, limit: RateLimit, key: string): Promise<void> {
  await open(handle).deleteFrom('rates').where('name', '=', limit.name).where('key', '=', key).execute()
}

/** Forgets the limits whose time is over. */
export async function deleteEndedRates(handle: Handle, now: number): Promise<void> {
  await open(handle).deleteFrom('rates').where('resets_at', '<=', now).execute()
}

import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/**
 * Spends something that is good for one use, or until it is ended. Of any number that spend it at once, one does.
 *
 * @param of `until`: afterwards it is worth nothing by itself, and the row goes with the next sweep.
 * @returns whether it was this call that spent it.
 */
export async function spend(
  handle: Handle,
  of: { purpose: string; id: string; until: number; now: number },
): Promise<boolean> {
  const { purpose, id, until, now } = of
  const row = await open(handle)
    .insertInto('spent')
    .values({ purpose, id, expires_at: until })
    .onConflict((conflict) =>
      conflict.columns(['purpose', 'id']).doUpdateSet({ expires_at: until }).where('spent.expires_at', '<', now),
    )
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Spends it once more: it is worth nothing until the later of both instants. */
export async function spendLonger(handle: Handle, of: { purpose: string; id: string; until: number }): Promise<void> {
  await open(handle)
    .insertInto('spent')
    .values({ purpose: of.purpose, id: of.id, expires_at: of.until })
    .onConflict((conflict) =>
      conflict
        .columns(['purpose', 'id'])
        .doUpdateSet((eb) => ({ expires_at: eb.ref('excluded.expires_at') }))
        .where('spent.expires_at', '<', of.until),
    )
    .execute()
}

/** Until when it is spent; undefined when it is not. */
export async function spentUntil(handle: Handle, purpose: string, id: string): Promise<number | undefined> {
  const row = await open(handle)
    .selectFrom('spent')
    .select('expires_at')
    .where('purpose', '=', purpose)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.expires_at
}

/** Whether it was spent. */
export async function isSpent(handle: Handle, purpose: string, id: string): Promise<boolean> {
  return (await spentUntil(handle, purpose, id)) !== undefined
}

/** How many things of this purpose are spent and would be worth something yet. */
export async function countSpent(handle: Handle, purpose: string, now: number): Promise<number> {
  const { count } = await open(handle)
    .selectFrom('spent')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('purpose', '=', purpose)
    .where('expires_at', '>=', now)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Forgets what would be worth nothing any more. */
export async function deleteEndedSpent(handle: Handle, now: number): Promise<void> {
  await open(handle).deleteFrom('spent').where('expires_at', '<', now).execute()
}

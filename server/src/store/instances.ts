import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** Says that a process lives: its row is new or has a later `seenAt`. */
export async function beatInstance(handle: Handle, id: string, seenAt: number): Promise<void> {
  await open(handle)
    .insertInto('instances')
    .values({ id, started_at: seenAt, seen_at: seenAt })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: seenAt }))
    .execute()
}

/** All processes that did not end in good order, the living among them. `seenAt` is by their own clocks. */
export async function listInstances(handle: Handle): Promise<{ id: string; seenAt: number }[]> {
  const rows = await open(handle).selectFrom('instances').select(['id', 'seen_at']).execute()
  return rows.map((row) => ({ id: row.id, seenAt: row.seen_at }))
}

/** Forgets a process that ended. */
export async function deleteInstance(handle: Handle, id: string): Promise<void> {
  await open(handle).deleteFrom('instances').where('id', '=', id).execute()
}

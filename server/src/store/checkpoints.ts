import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** A signed checkpoint, with the edge of the tree to go on from. */
export interface StoredCheckpoint {
  size: number
  at: number
  note: string
  frontier: string
}

/**
 * Keeps a checkpoint, unless there is one of its size.
 *
 * @returns the one that is kept, which may be another replica's.
 */
export async function insertCheckpoint(handle: Handle, checkpoint: StoredCheckpoint): Promise<StoredCheckpoint> {
  const db = open(handle)
  await db
    .insertInto('checkpoints')
    .values({ ...checkpoint })
    .onConflict((conflict) => conflict.column('size').doNothing())
    .execute()
  const kept = db.selectFrom('checkpoints').selectAll().where('size', '=', checkpoint.size)
  return { ...(await kept.executeTakeFirstOrThrow()) }
}

/** The largest checkpoint. */
export async function findLastCheckpoint(handle: Handle): Promise<StoredCheckpoint | undefined> {
  const row = await open(handle)
    .selectFrom('checkpoints')
    .selectAll()
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && { ...row }
}

/** The notes of the checkpoints that are larger than `after`, by their size. */
export async function listCheckpoints(
  handle: Handle,
  after: number,
  limit = 1_000,
): Promise<{ size: number; note: string }[]> {
  const rows = await open(handle)
    .selectFrom('checkpoints')
    .select(['size', 'note'])
    .where('size', '>', after)
    .orderBy('size')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row }))
}

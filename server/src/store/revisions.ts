import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** What a change touched, so that who remembers something of it can forget. `id` is absent where the whole kind is meant. */
export interface About {
  kind:
    | 'approval'
    | 'bundle'
    | 'client'
    | 'connection'
    | 'entitlement'
    | 'grant'
    | 'group'
    | 'key'
    | 'principal'
    | 'setting'
    | 'sign-in'
    | 'tool'
    | 'upstream'
  id?: string
}

/** Of the news of a `key`: every access token of before is void, and so is what was opened with one. */
export const keysVoid = 'void'

/** One step of the policy state. */
export interface Revision {
  revision: number
  at: number
  about: About
}

/**
 * Advances the policy state by one within a transaction. The counter's row stays locked until the commit, so revisions
 * become visible in their order and without gaps.
 */
export async function advanceRevision(tx: Handle, at: number, about: About): Promise<number> {
  const db = open(tx)
  const { value } = await db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'revision')
    .returning('value')
    .executeTakeFirstOrThrow()
  await db
    .insertInto('revisions')
    .values({ revision: value, at, about: JSON.stringify(about) })
    .execute()
  return value
}

/** The number of the present policy state. */
export async function getRevision(handle: Handle): Promise<number> {
  const row = await open(handle)
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'revision')
    .executeTakeFirstOrThrow()
  return row.value
}

/** The steps after `revision`, in order, at most `limit`. */
export async function listRevisions(handle: Handle, after: number, limit = 1_000): Promise<Revision[]> {
  const rows = await open(handle)
    .selectFrom('revisions')
    .selectAll()
    .where('revision', '>', after)
    .orderBy('revision')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ revision: row.revision, at: row.at, about: JSON.parse(row.about) as About }))
}

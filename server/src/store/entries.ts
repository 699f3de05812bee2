import { sql } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** One entry as it is kept: the leaf is the truth, the other columns are for finding it. */
export interface StoredEntry {
  /** Position in the ledger, from 0, without gaps. */
  seq: number
  kind: string
  at: number
  callId: string | undefined
  leaf: string
}

/**
 * Takes the next positions of the ledger. The counter's row stays locked until the commit, so entries become visible in
 * their order and without gaps. Whoever comes next waits for it, so such a transaction must be short.
 *
 * @returns the first of them.
 */
export async function takePositions(tx: Handle, count: number): Promise<number> {
  const { rows } = await sql<{ value: number }>`
    update counters set value = value + ${count} where name = 'entries' returning value`.execute(open(tx))
  return rows[0]!.value - count
}

/** Inserts entries at positions that were taken, beside other work of the same transaction. */
export async function insertEntries(tx: Handle, entries: readonly StoredEntry[]): Promise<void> {
  const rows = entries.map(({ callId, ...entry }) => ({ ...entry, call_id: callId ?? null }))
  await open(tx).insertInto('entries').values(rows).execute()
}

/** Entries so far. */
export async function countEntries(handle: Handle): Promise<number> {
  return getCounter(handle, 'entries')
}

/** The intents from a position on that have no outcome, in their order. */
export async function listOpenIntents(
  handle: Handle,
  from: number,
  limit = 1_000,
): Promise<{ seq: number; callId: string; leaf: string }[]> {
  const rows = await open(handle)
    .selectFrom('entries as intent')
    .select(['intent.seq', 'intent.call_id', 'intent.leaf'])
    .where('intent.kind', '=', 'intent')
    .where('intent.seq', '>=', from)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('entries as outcome')
            .select('outcome.seq')
            .whereRef('outcome.call_id', '=', 'intent.call_id')
            .where('outcome.kind', '=', 'outcome'),
        ),
      ),
    )
    .orderBy('intent.seq')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ seq: row.seq, callId: row.call_id!, leaf: row.leaf }))
}

/** The leaves from a position on, in their order, up to the first position that is missing. */
export async function listLeaves(handle: Handle, from: number, limit: number): Promise<string[]> {
  const rows = await open(handle)
    .selectFrom('entries')
    .select(['seq', 'leaf'])
    .where('seq', '>=', from)
    .orderBy('seq')
    .limit(limit)
    .execute()
  const gap = rows.findIndex(({ seq }, i) => seq !== from + i)
  return (gap < 0 ? rows : rows.slice(0, gap)).map(({ leaf }) => leaf)
}

/** Which entries to list. `after` lists upwards from there; without it the newest come first, those before `before`. */
export interface EntryQuery {
  after?: number | undefined
  before?: number | undefined
  limit: number
  kinds?: readonly string[] | undefined
  callId?: string | undefined
}

/** A page of entries. */
export async function listEntries(handle: Handle, query: EntryQuery): Promise<StoredEntry[]> {
  let select = open(handle).selectFrom('entries').selectAll()
  if (query.after !== undefined) select = select.where('seq', '>', query.after)
  if (query.before !== undefined) select = select.where('seq', '<', query.before)
  if (query.kinds !== undefined) select = select.where('kind', 'in', query.kinds)
  if (query.callId !== undefined) select = select.where('call_id', '=', query.callId)
  const rows = await select
    .orderBy('seq', query.after === undefined ? 'desc' : 'asc')
    .limit(query.limit)
    .execute()
  return rows.map(({ call_id, ...row }) => ({ ...row, callId: call_id ?? undefined }))
}

/** The position before which every intent has its outcome. */
export async function getSettled(handle: Handle): Promise<number> {
  return getCounter(handle, 'settled')
}

/** Moves that position on, never back. */
export async function advanceSettled(handle: Handle, to: number): Promise<void> {
  await open(handle)
    .updateTable('counters')
    .set({ value: to })
    .where('name', '=', 'settled')
    .where('value', '<', to)
    .execute()
}

async function getCounter(handle: Handle, name: string): Promise<number> {
  const row = await open(handle)
    .selectFrom('counters')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
  return row.value
}

import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A person or group that an identity provider keeps here, as the provider describes it. */
export interface Provisioned {
  /** The id of the principal. */
  id: string
  provider: string
  kind: 'User' | 'Group'
  /** The folded user name or display name, unique among those of a provider and kind. */
  nameKey: string
  externalId: string | undefined
  /** What the provider says, without members. */
  resource: Record<string, unknown>
  /** Whether the provider says that the person may be here. */
  active: boolean
  /** Whether the principal is disabled because the provider says so, and for no other reason. */
  ended: boolean
  version: number
  createdAt: number
  changedAt: number
}

/** Whose: of one provider nothing of another is ever found. */
export type ProvisionedOf = Pick<Provisioned, 'provider' | 'kind'>

function toProvisioned(row: Selectable<Tables['provisioned']>): Provisioned {
  return {
    id: row.id,
    provider: row.provider,
    kind: row.kind as Provisioned['kind'],
    nameKey: row.name_key.slice(1),
    externalId: row.external_id ?? undefined,
    resource: JSON.parse(row.resource) as Record<string, unknown>,
    active: row.active === 1,
    ended: row.ended === 1,
    version: row.version,
    createdAt: row.created_at,
    changedAt: row.changed_at,
  }
}

// What is deleted has a key that is no name, so that the name is free.
const liveKey = (name: string) => `=${name}`
const deletedKey = (id: string) => `-${id}`

function columnsOf(one: Provisioned) {
  return {
    name_key: liveKey(one.nameKey),
    external_id: one.externalId ?? null,
    resource: JSON.stringify(one.resource),
    active: one.active ? 1 : 0,
    version: one.version,
    changed_at: one.changedAt,
    deleted_at: null,
  }
}

function liveOf(handle: Handle, { provider, kind }: ProvisionedOf) {
  return open(handle)
    .selectFrom('provisioned')
    .where('provider', '=', provider)
    .where('kind', '=', kind)
    .where('deleted_at', 'is', null)
}

/**
 * Stores one that is new, or was deleted before. Nothing is stored if the name is taken, or if it is there already.
 *
 * @returns whether it was stored.
 */
export async function insertProvisioned(tx: Handle, one: Provisioned): Promise<boolean> {
  const db = open(tx)
  const ended = one.ended ? 1 : 0
  const taken = await liveOf(tx, one).select('id').where('name_key', '=', liveKey(one.nameKey)).executeTakeFirst()
  if (taken !== undefined) return false
  const stored = await db
    .insertInto('provisioned')
    .values({ id: one.id, provider: one.provider, kind: one.kind, created_at: one.createdAt, ended, ...columnsOf(one) })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (stored !== undefined) return true
  const again = await db
    .updateTable('provisioned')
    .set({ ...columnsOf(one), ended, created_at: one.createdAt })
    .where('id', '=', one.id)
    .where('provider', '=', one.provider)
    .where('kind', '=', one.kind)
    .where('deleted_at', 'is not', null)
    .returning('id')
    .executeTakeFirst()
  return again !== undefined
}

/** The one with this id, if this provider keeps it. */
export async function findProvisioned(
  handle: Handle,
  { id, ...of }: ProvisionedOf & { id: string },
): Promise<Provisioned | undefined> {
  const row = await liveOf(handle, of).selectAll().where('id', '=', id).executeTakeFirst()
  return row && toProvisioned(row)
}

/** What any provider says, or said before it deleted it, of a principal. */
export async function findProvisionedPrincipal(
  handle: Handle,
  id: string,
): Promise<(Provisioned & { deleted: boolean }) | undefined> {
  const row = await open(handle).selectFrom('provisioned').selectAll().where('id', '=', id).executeTakeFirst()
  return row && { ...toProvisioned(row), deleted: row.deleted_at !== null }
}

/** Which are meant, beside whose they are. */
export interface ProvisionedFilter {
  ids?: readonly string[] | undefined
  nameKey?: string | undefined
  externalId?: string | undefined
  /** In the order of their ids, this many of them are left out, and at most `limit` are returned. */
  offset?: number | undefined
  limit?: number | undefined
}

function select(handle: Handle, of: ProvisionedOf, filter: ProvisionedFilter) {
  let query = liveOf(handle, of)
  if (filter.ids !== undefined) query = query.where('id', 'in', [...filter.ids])
  if (filter.nameKey !== undefined) query = query.where('name_key', '=', liveKey(filter.nameKey))
  if (filter.externalId !== undefined) query = query.where('external_id', '=', filter.externalId)
  return query
}

/** Those that fit, in the order of their ids. */
export async function listProvisioned(
  handle: Handle,
  of: ProvisionedOf,
  filter: ProvisionedFilter,
): Promise<Provisioned[]> {
  if (filter.ids?.length === 0) return []
  let query = select(handle, of, filter).selectAll().orderBy('id')
  if (filter.limit !== undefined) query = query.limit(filter.limit).offset(filter.offset ?? 0)
  return (await query.execute()).map(toProvisioned)
}

/** How many there are. */
export async function countProvisioned(handle: Handle, of: ProvisionedOf): Promise<number> {
  const row = await liveOf(handle, of)
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

const idsMax = 500

/** Those of these ids that this provider keeps. */
export async function keepProvisionedIds(
  handle: Handle,
  of: ProvisionedOf,
  ids: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>()
  for (let at = 0; at < ids.length; at += idsMax) {
    const rows = await select(handle, of, { ids: ids.slice(at, at + idsMax) })
      .select('id')
      .execute()
    for (const { id } of rows) found.add(id)
  }
  return found
}

/**
 * Replaces what is stored by the next version; `ended` stays as it is.
 *
 * @param next its `version` is the one before, plus one: if that is not the stored one any more, nothing is changed.
 * @returns `changed`, or why not.
 */
export async function replaceProvisioned(tx: Handle, next: Provisioned): Promise<'changed' | 'overtaken' | 'taken'> {
  const namesake = await liveOf(tx, next)
    .select('id')
    .where('name_key', '=', liveKey(next.nameKey))
    .where('id', '!=', next.id)
    .executeTakeFirst()
  if (namesake !== undefined) return 'taken'
  const row = await open(tx)
    .updateTable('provisioned')
    .set(columnsOf(next))
    .where('id', '=', next.id)
    .where('provider', '=', next.provider)
    .where('version', '=', next.version - 1)
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row === undefined ? 'overtaken' : 'changed'
}

/**
 * Deletes what is stored, in this version: nothing that the provider said is kept but that it was there.
 *
 * @returns whether it was still there.
 */
export async function deleteProvisioned(tx: Handle, { id, version }: Provisioned, at: number): Promise<boolean> {
  const row = await open(tx)
    .updateTable('provisioned')
    .set({ name_key: deletedKey(id), external_id: null, resource: '{}', active: 0, deleted_at: at, changed_at: at })
    .where('id', '=', id)
    .where('version', '=', version)
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Says whether a principal is disabled because of the provider, and for no other reason. */
export async function updateProvisionedEnd(tx: Handle, id: string, ended: boolean): Promise<void> {
  await open(tx)
    .updateTable('provisioned')
    .set({ ended: ended ? 1 : 0 })
    .where('id', '=', id)
    .execute()
}

/** Advances the versions of groups whose members have changed by something else than a change of the group. */
export async function touchProvisioned(tx: Handle, ids: readonly string[], at: number): Promise<void> {
  for (const id of ids.toSorted()) {
    await open(tx)
      .updateTable('provisioned')
      .set((eb) => ({ version: eb('version', '+', 1), changed_at: at }))
      .where('id', '=', id)
      .execute()
  }
}

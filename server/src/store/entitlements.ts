import type { Selectable } from 'kysely'
import type { LoginDemand } from '../model/login.ts'
import type { Entitlement, Right } from '../model/rights.ts'
import { type Db, open } from './engine/handle.ts'
import { listGroupIdsOf } from './memberships.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

function toEntitlement(row: Selectable<Tables['entitlements']>): Entitlement {
  return {
    id: row.id,
    principalId: row.principal_id,
    right: row.right as Right,
    upstream: row.upstream,
    tool: row.tool,
    grantedBy: row.granted_by ?? undefined,
    reason: row.reason,
    createdAt: row.created_at,
    endsAt: row.ends_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    ...(row.login !== null && { login: JSON.parse(row.login) as LoginDemand }),
  }
}

/** Stores a right that was given. */
export async function insertEntitlement(handle: Handle, entitlement: Entitlement): Promise<void> {
  await open(handle)
    .insertInto('entitlements')
    .values({
      id: entitlement.id,
      principal_id: entitlement.principalId,
      right: entitlement.right,
      upstream: entitlement.upstream,
      tool: entitlement.tool,
      granted_by: entitlement.grantedBy ?? null,
      reason: entitlement.reason,
      created_at: entitlement.createdAt,
      ends_at: entitlement.endsAt ?? null,
      revoked_at: entitlement.revokedAt ?? null,
      login: entitlement.login ? JSON.stringify(entitlement.login) : null,
    })
    .execute()
}

/** The entitlement of this id. */
export async function findEntitlement(handle: Handle, id: string): Promise<Entitlement | undefined> {
  const row = await open(handle).selectFrom('entitlements').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toEntitlement(row)
}

/** Which entitlements: every condition that is given must hold. `activeAt` leaves out what is revoked or past its end. */
export interface EntitlementFilter {
  principalId?: string
  right?: Right
  upstream?: string
  tool?: string
  activeAt?: number
}

/** The entitlements that fit, oldest first. */
export async function listEntitlements(handle: Handle, filter: EntitlementFilter): Promise<Entitlement[]> {
  const rows = await select(open(handle), filter).execute()
  return rows.map(toEntitlement)
}

/**
 * The entitlements by which a principal holds rights: his own, and those of the groups that he is in, directly or through
 * other groups. Each is told as his; `through` names the group.
 */
export async function listHeldEntitlements(
  handle: Handle,
  { principalId, ...filter }: EntitlementFilter & { principalId: string },
): Promise<Entitlement[]> {
  const holders = [principalId, ...(await listGroupIdsOf(handle, principalId))]
  const rows = await select(open(handle), filter).where('principal_id', 'in', holders).execute()
  return rows.map((row) => {
    const held = toEntitlement(row)
    return held.principalId === principalId ? held : { ...held, principalId, through: held.principalId }
  })
}

function select(db: Db, filter: EntitlementFilter) {
  let query = db.selectFrom('entitlements').selectAll()
  if (filter.principalId !== undefined) query = query.where('principal_id', '=', filter.principalId)
  if (filter.right !== undefined) query = query.where('right', '=', filter.right)
  if (filter.upstream !== undefined) query = query.where('upstream', '=', filter.upstream)
  if (filter.tool !== undefined) query = query.where('tool', '=', filter.tool)
  const { activeAt } = filter
  if (activeAt !== undefined) {
    query = query
      .where('revoked_at', 'is', null)
      .where((eb) => eb.or([eb('ends_at', 'is', null), eb('ends_at', '>', activeAt)]))
  }
  return query.orderBy('created_at').orderBy('id')
}

/**
 * Ends an entitlement.
 *
 * @returns whether it was still in force.
 */
export async function revokeEntitlement(handle: Handle, id: string, at: number): Promise<boolean> {
  const result = await open(handle)
    .updateTable('entitlements')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/**
 * Changes what an entitlement demands of a login.
 *
 * @returns whether it is in force.
 */
export async function updateEntitlementLogin(
  handle: Handle,
  id: string,
  demand: LoginDemand | undefined,
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('entitlements')
    .set({ login: demand ? JSON.stringify(demand) : null })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

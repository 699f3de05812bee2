import type { Selectable } from 'kysely'
import type { ArgumentLimits } from '../model/limits.ts'
import type { Login } from '../model/login.ts'
import type { Grant } from '../model/rights.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** Which grants are meant: all that match every field that is given. */
export interface GrantFilter {
  principalId?: string | undefined
  clientId?: string | undefined
  upstream?: string | undefined
  /** Only those that are neither revoked nor past their end at this instant. */
  activeAt?: number | undefined
}

type GrantRow = Selectable<Tables['grants']>
type ToolRow = Selectable<Tables['grant_tools']>

function toGrant(row: GrantRow, chosen: readonly ToolRow[]): Grant {
  const limits = chosen.flatMap(({ tool, limits: text }) =>
    text === null ? [] : [[tool, JSON.parse(text) as ArgumentLimits] as const],
  )
  return {
    id: row.id,
    principalId: row.principal_id,
    clientId: row.client_id,
    upstream: row.upstream,
    createdAt: row.created_at,
    endsAt: row.ends_at,
    revokedAt: row.revoked_at ?? undefined,
    revokedBecause: row.revoked_because ?? undefined,
    ...(row.issuer !== null && { issuer: row.issuer }),
    ...(row.client_digest !== null && { clientDigest: row.client_digest }),
    ...(row.scope !== null && { scope: row.scope }),
    ...(row.told !== null && { told: row.told }),
    ...(row.login !== null && { login: JSON.parse(row.login) as Login }),
    tools: new Map(chosen.map(({ tool, digest }) => [tool, digest])),
    ...(limits.length > 0 && { limits: new Map(limits) }),
  }
}

async function withTools(handle: Handle, rows: GrantRow[]): Promise<Grant[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const chosen = await open(handle)
    .selectFrom('grant_tools')
    .selectAll()
    .where('grant_id', 'in', ids)
    .orderBy('tool')
    .execute()
  const byGrant = Map.groupBy(chosen, (row) => row.grant_id)
  return rows.map((row) => toGrant(row, byGrant.get(row.id) ?? []))
}

/** Stores a grant with its tools. Use a transaction: it is more than one statement. */
export async function insertGrant(tx: Handle, grant: Grant): Promise<void> {
  await open(tx)
    .insertInto('grants')
    .values({
      id: grant.id,
      principal_id: grant.principalId,
      client_id: grant.clientId,
      upstream: grant.upstream,
      created_at: grant.createdAt,
      ends_at: grant.endsAt,
      revoked_at: grant.revokedAt ?? null,
      revoked_because: grant.revokedBecause ?? null,
      issuer: grant.issuer ?? null,
      client_digest: grant.clientDigest ?? null,
      scope: grant.scope ?? null,
      told: grant.told ?? null,
      login: grant.login ? JSON.stringify(grant.login) : null,
    })
    .execute()
  const tools = [...grant.tools].map(([tool, digest]) => {
    const limits = grant.limits?.get(tool)
    return { grant_id: grant.id, tool, digest, limits: limits === undefined ? null : JSON.stringify(limits) }
  })
  // SQLite and PostgreSQL bound the parameters of one statement; 500 rows of 4 are far below either bound.
  for (let at = 0; at < tools.length; at += 500) {
    await open(tx)
      .insertInto('grant_tools')
      .values(tools.slice(at, at + 500))
      .execute()
  }
}

/**
 * Adds tools to a grant that is in force, or puts newer definitions in the place of those that it has.
 *
 * @returns whether it was in force; nothing was added otherwise. Use a transaction.
 */
export async function widenStoredGrant(
  tx: Handle,
  id: string,
  more: { tools: ReadonlyMap<string, string>; scope: string | undefined; now: number },
): Promise<boolean> {
  const row = await open(tx)
    .updateTable('grants')
    .set(({ fn }) => ({ scope: more.scope ?? null, told: fn.coalesce('told', 'scope') }))
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where('ends_at', '>', more.now)
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) return false
  for (const [tool, digest] of more.tools) {
    await open(tx)
      .insertInto('grant_tools')
      .values({ grant_id: id, tool, digest })
      .onConflict((conflict) => conflict.columns(['grant_id', 'tool']).doUpdateSet({ digest }))
      .execute()
  }
  return true
}

/** The grant of this id, whatever its state. */
export async function findStoredGrant(handle: Handle, id: string): Promise<Grant | undefined> {
  const row = await open(handle).selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const [grant] = await withTools(handle, [row])
  return grant
}

/** The grants that match, newest first, at most `limit`. */
export async function listStoredGrants(handle: Handle, filter: GrantFilter, limit: number): Promise<Grant[]> {
  let query = open(handle).selectFrom('grants').selectAll()
  if (filter.principalId !== undefined) query = query.where('principal_id', '=', filter.principalId)
  if (filter.clientId !== undefined) query = query.where('client_id', '=', filter.clientId)
  if (filter.upstream !== undefined) query = query.where('upstream', '=', filter.upstream)
  if (filter.activeAt !== undefined) {
    query = query.where('revoked_at', 'is', null).where('ends_at', '>', filter.activeAt)
  }
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return await withTools(handle, rows)
}

/**
 * Revokes the grants that match and are not revoked yet, ended ones included: what a late answer could still find must
 * say so.
 *
 * @returns the ids of those that this call revoked.
 */
export async function revokeStoredGrants(
  tx: Handle,
  which: {
    id?: string
    principalId?: string
    clientId?: string
    upstream?: string
    issuer?: string | null
    scope?: string | null
    /** Only those that were not given to a client that says this of itself. */
    clientDigestOtherThan?: string
  },
  revocation: { at: number; because: string },
): Promise<string[]> {
  if (Object.values(which).every((value) => value === undefined))
    throw new TypeError('cannot revoke every grant at once')
  let query = open(tx)
    .updateTable('grants')
    .set({ revoked_at: revocation.at, revoked_because: revocation.because })
    .where('revoked_at', 'is', null)
  if (which.id !== undefined) query = query.where('id', '=', which.id)
  if (which.principalId !== undefined) query = query.where('principal_id', '=', which.principalId)
  if (which.clientId !== undefined) query = query.where('client_id', '=', which.clientId)
  if (which.upstream !== undefined) query = query.where('upstream', '=', which.upstream)
  const { clientDigestOtherThan: digest } = which
  if (digest !== undefined) {
    query = query.where((eb) => eb.or([eb('client_digest', 'is', null), eb('client_digest', '!=', digest)]))
  }
  if (which.issuer === null) query = query.where('issuer', 'is', null)
  else if (which.issuer !== undefined) query = query.where('issuer', '=', which.issuer)
  if (which.scope === null) query = query.where('scope', 'is', null)
  else if (which.scope !== undefined) query = query.where('scope', '=', which.scope)
  const rows = await query.returning('id').execute()
  return rows.map((row) => row.id)
}

/**
 * Says anew how and when the principal of a grant proved to be himself.
 *
 * @returns whether it is in force.
 */
export async function updateGrantLogin(tx: Handle, id: string, login: Login): Promise<boolean> {
  const row = await open(tx)
    .updateTable('grants')
    .set({ login: JSON.stringify(login) })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

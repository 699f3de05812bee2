import type { ExpressionBuilder, Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** What may be shown of a connection that was made with an authorization server. */
export interface ConnectionDetails {
  /** The authorization server that the credential belongs to, and no other is ever asked with it. */
  issuer: string
  resource?: string | undefined
  clientId: string
  grant: 'authorization_code' | 'client_credentials'
  /** What was asked for. */
  scope?: string | undefined
  /** What the upstream asked for later: an administrator must connect it again to give it. */
  wanted?: string | undefined
  /** Why it serves no more, until an administrator connects it again. */
  lapsed?: string | undefined
}

/** A sealed upstream credential as it is stored. Only the vault can open `sealed`. */
export interface StoredConnection {
  id: string
  upstream: string
  /** Whose it is; absent when it is the organisation's. */
  principalId: string | undefined
  /** Where it goes; `oauth`: the header `Authorization`, with a token that is renewed. */
  placement: 'env' | 'headers' | 'oauth'
  /** The names of the environment variables or headers; their values are sealed. */
  names: string[]
  sealed: string
  /** Only of `oauth`. */
  details?: ConnectionDetails | undefined
  createdBy: string
  createdAt: number
  revokedAt: number | undefined
}

function toConnection(row: Selectable<Tables['connections']>): StoredConnection {
  return {
    id: row.id,
    upstream: row.upstream,
    principalId: row.principal_id ?? undefined,
    placement: row.placement as StoredConnection['placement'],
    names: JSON.parse(row.names) as string[],
    sealed: row.sealed,
    ...(row.details !== null && { details: JSON.parse(row.details) as ConnectionDetails }),
    createdBy: row.created_by,
    createdAt: row.created_at,
    revokedAt: row.revoked_at ?? undefined,
  }
}

/** Stores a connection. */
export async function insertConnection(handle: Handle, connection: StoredConnection): Promise<void> {
  await open(handle)
    .insertInto('connections')
    .values({
      id: connection.id,
      upstream: connection.upstream,
      principal_id: connection.principalId ?? null,
      placement: connection.placement,
      names: JSON.stringify(connection.names),
      sealed: connection.sealed,
      details: connection.details === undefined ? null : JSON.stringify(connection.details),
      renewing_until: null,
      created_by: connection.createdBy,
      created_at: connection.createdAt,
      revoked_at: connection.revokedAt ?? null,
    })
    .execute()
}

/** The connection in use for an upstream: exactly this person's, or without `principalId` exactly the organisation's. */
export async function findActiveConnection(
  handle: Handle,
  upstream: string,
  principalId: string | undefined,
): Promise<StoredConnection | undefined> {
  const row = await open(handle)
    .selectFrom('connections')
    .selectAll()
    .where('upstream', '=', upstream)
    .where('principal_id', principalId === undefined ? 'is' : '=', principalId ?? null)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  return row && toConnection(row)
}

/** The connections of an upstream that are not revoked, newest first. */
export async function listActiveConnections(handle: Handle, upstream: string): Promise<StoredConnection[]> {
  const rows = await open(handle)
    .selectFrom('connections')
    .selectAll()
    .where('upstream', '=', upstream)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toConnection)
}

/** What a removed connection sealed: tokens that its authorization server holds good still. */
export type RevokedTokens = Pick<StoredConnection, 'id' | 'upstream' | 'principalId' | 'sealed'>

/**
 * Revokes a connection and forgets what it sealed; tokens of an authorization server once they were given back there.
 *
 * @returns whether it was in use until now.
 */
export async function revokeStoredConnection(handle: Handle, id: string, at: number): Promise<boolean> {
  await leaveTokens(handle, ['id', id])
  const row = await open(handle)
    .updateTable('connections')
    .set({ revoked_at: at, sealed: '' })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Revokes what is in use for an upstream and a person (or the organisation), before another takes its place. */
export async function revokeActiveConnections(
  handle: Handle,
  { upstream, principalId, at }: { upstream: string; principalId: string | undefined; at: number },
): Promise<void> {
  await open(handle)
    .updateTable('connections')
    .set({ revoked_at: at, sealed: '' })
    .where('upstream', '=', upstream)
    .where('principal_id', principalId === undefined ? 'is' : '=', principalId ?? null)
    .where('revoked_at', 'is', null)
    .execute()
}

/** The connections of one person that are not revoked, newest first. */
export async function listActiveConnectionsOf(handle: Handle, principalId: string): Promise<StoredConnection[]> {
  const rows = await open(handle)
    .selectFrom('connections')
    .selectAll()
    .where('principal_id', '=', principalId)
    .where('revoked_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(toConnection)
}

/**
 * Revokes all connections of a person, or of an upstream whoever owns them, and forgets what they sealed; tokens of an
 * authorization server once they are taken from here.
 */
export async function revokeConnectionsOf(
  handle: Handle,
  of: { principalId: string } | { upstream: string },
  at: number,
): Promise<void> {
  const [column, value] =
    'principalId' in of ? (['principal_id', of.principalId] as const) : (['upstream', of.upstream] as const)
  await leaveTokens(handle, [column, value])
  await open(handle)
    .updateTable('connections')
    .set({ revoked_at: at, sealed: '' })
    .where(column, '=', value)
    .where('revoked_at', 'is', null)
    .execute()
}

async function leaveTokens(
  handle: Handle,
  [column, value]: ['id' | 'principal_id' | 'upstream', string],
): Promise<void> {
  await open(handle)
    .insertInto('revoked_tokens')
    .columns(['id', 'upstream', 'principal_id', 'sealed'])
    .expression((eb) =>
      eb
        .selectFrom('connections')
        .select(['id', 'upstream', 'principal_id', 'sealed'])
        .where(column, '=', value)
        .where('placement', '=', 'oauth')
        .where('revoked_at', 'is', null),
    )
    .execute()
}

/**
 * Claims the tokens of one removed connection until an instant: of all replicas exactly one gets them. They stay until
 * `deleteRevokedTokens`, so that somebody else gets them when who claimed them is gone.
 */
export async function claimRevokedTokens(
  handle: Handle,
  { now, until }: { now: number; until: number },
): Promise<RevokedTokens | undefined> {
  for (;;) {
    const next = await open(handle)
      .selectFrom('revoked_tokens')
      .select('id')
      .where(isUnclaimed(now))
      .limit(1)
      .executeTakeFirst()
    if (next === undefined) return undefined
    const row = await open(handle)
      .updateTable('revoked_tokens')
      .set({ claimed_until: until })
      .where('id', '=', next.id)
      .where(isUnclaimed(now))
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) continue
    return { id: row.id, upstream: row.upstream, principalId: row.principal_id ?? undefined, sealed: row.sealed }
  }
}

/** Forgets the tokens of a removed connection. */
export async function deleteRevokedTokens(handle: Handle, id: string): Promise<void> {
  await open(handle).deleteFrom('revoked_tokens').where('id', '=', id).execute()
}

function isUnclaimed(now: number) {
  return (eb: ExpressionBuilder<Tables, 'revoked_tokens'>) =>
    eb.or([eb('claimed_until', 'is', null), eb('claimed_until', '<=', now)])
}

/**
 * Claims the renewal of a connection until an instant: of all replicas exactly one gets it, and only while `sealed` is
 * still what is stored.
 */
export async function claimRenewal(
  handle: Handle,
  { id, sealed, now, until }: { id: string; sealed: string; now: number; until: number },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('connections')
    .set({ renewing_until: until })
    .where('id', '=', id)
    .where('sealed', '=', sealed)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('renewing_until', 'is', null), eb('renewing_until', '<=', now)]))
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Puts what was renewed in the place of what it was renewed from, and ends the claim. False if it was replaced or revoked. */
export async function updateSealed(
  handle: Handle,
  { id, from, to }: { id: string; from: string; to: string },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('connections')
    .set({ sealed: to, renewing_until: null })
    .where('id', '=', id)
    .where('sealed', '=', from)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Ends a claim without a renewal. */
export async function dropRenewal(handle: Handle, id: string): Promise<void> {
  await open(handle).updateTable('connections').set({ renewing_until: null }).where('id', '=', id).execute()
}

/** Changes what may be shown of a connection that is in use. */
export async function updateConnectionDetails(handle: Handle, id: string, details: ConnectionDetails): Promise<void> {
  await open(handle)
    .updateTable('connections')
    .set({ details: JSON.stringify(details) })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .execute()
}

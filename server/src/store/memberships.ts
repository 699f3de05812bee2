import { sql, type Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** How many groups deep a membership reaches: a group in a group in a group. */
export const groupDepthMax = 8

/** That a principal, or a group, is in a group. One who is in it by several sources leaves when the last one is gone. */
export interface Membership {
  groupId: string
  memberId: string
  /** Who says so: the id of an identity provider, `scim` with the name of its client, or `hand`. */
  source: string
  createdAt: number
}

function toMembership(row: Selectable<Tables['memberships']>): Membership {
  return { groupId: row.group_id, memberId: row.member_id, source: row.source, createdAt: row.created_at }
}

/**
 * Stores a membership unless this source has said so already.
 *
 * @returns whether it was stored.
 */
export async function insertMembership(tx: Handle, membership: Membership): Promise<boolean> {
  const stored = await open(tx)
    .insertInto('memberships')
    .values({
      group_id: membership.groupId,
      member_id: membership.memberId,
      source: membership.source,
      created_at: membership.createdAt,
    })
    .onConflict((conflict) => conflict.columns(['group_id', 'member_id', 'source']).doNothing())
    .returning('group_id')
    .executeTakeFirst()
  return stored !== undefined
}

/** Which memberships: every condition that is given must hold. */
export interface MembershipFilter {
  groupId?: string | undefined
  memberId?: string | undefined
  source?: string | undefined
}

/** The memberships that fit, oldest first, at most `limit`. */
export async function listMemberships(handle: Handle, filter: MembershipFilter, limit = 10_000): Promise<Membership[]> {
  let query = open(handle).selectFrom('memberships').selectAll()
  if (filter.groupId !== undefined) query = query.where('group_id', '=', filter.groupId)
  if (filter.memberId !== undefined) query = query.where('member_id', '=', filter.memberId)
  if (filter.source !== undefined) query = query.where('source', '=', filter.source)
  const rows = await query.orderBy('created_at').orderBy('group_id').orderBy('member_id').limit(limit).execute()
  return rows.map(toMembership)
}

/** The sources by which anybody is in a group. */
export async function listMembershipSources(handle: Handle): Promise<string[]> {
  const rows = await open(handle).selectFrom('memberships').select('source').distinct().orderBy('source').execute()
  return rows.map(({ source }) => source)
}

/**
 * Ends the memberships that fit; one condition at least must be given.
 *
 * @returns those that ended.
 */
export async function deleteMemberships(tx: Handle, filter: MembershipFilter): Promise<Membership[]> {
  if (Object.values(filter).every((value) => value === undefined))
    throw new TypeError('cannot end every membership at once')
  let query = open(tx).deleteFrom('memberships')
  if (filter.groupId !== undefined) query = query.where('group_id', '=', filter.groupId)
  if (filter.memberId !== undefined) query = query.where('member_id', '=', filter.memberId)
  if (filter.source !== undefined) query = query.where('source', '=', filter.source)
  return (await query.returningAll().execute()).map(toMembership)
}

/** How many memberships in a group there are, by whatever source. */
export async function countMembers(handle: Handle, groupId: string): Promise<number> {
  const query = open(handle).selectFrom('memberships').where('group_id', '=', groupId)
  const { count } = await query.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow()
  return Number(count)
}

/** Ends all memberships in a group, where a source is named those by that source: in one statement, however many. */
export async function deleteAllMembers(
  tx: Handle,
  { groupId, source }: { groupId: string; source?: string | undefined },
): Promise<void> {
  const query = open(tx).deleteFrom('memberships').where('group_id', '=', groupId)
  await (source === undefined ? query : query.where('source', '=', source)).execute()
}

/**
 * The groups that a principal or a group is in, directly or through other groups; a group that is disabled leads nowhere.
 * None is deeper than `groupDepthMax`, so that the question ends whatever is stored.
 */
export async function listGroupIdsOf(handle: Handle, memberId: string): Promise<string[]> {
  const rows = await open(handle)
    .withRecursive('reached(id, depth)', (db) =>
      db.selectNoFrom([sql<string>`cast(${memberId} as text)`.as('id'), sql<number>`0`.as('depth')]).union(
        db
          .selectFrom('reached')
          .innerJoin('memberships', 'memberships.member_id', 'reached.id')
          .innerJoin('principals', 'principals.id', 'memberships.group_id')
          .where('principals.kind', '=', 'group')
          .where('principals.state', '=', 'active')
          .where('reached.depth', '<', groupDepthMax)
          .select(['memberships.group_id as id', sql<number>`reached.depth + 1`.as('depth')]),
      ),
    )
    .selectFrom('reached')
    .select('id')
    .distinct()
    .where('depth', '>', 0)
    .orderBy('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** The groups one level above or below any of these groups, however many people are in them. */
export async function listNextGroupIds(handle: Handle, ids: readonly string[], way: 'up' | 'down'): Promise<string[]> {
  const [from, to] = way === 'up' ? (['member_id', 'group_id'] as const) : (['group_id', 'member_id'] as const)
  const rows = await open(handle)
    .selectFrom('memberships')
    .innerJoin('principals', 'principals.id', `memberships.${to}`)
    .where('principals.kind', '=', 'group')
    .where(`memberships.${from}`, 'in', ids)
    .select('principals.id')
    .distinct()
    .orderBy('principals.id')
    .execute()
  return rows.map(({ id }) => id)
}

// Each statement names its rows one by one, and engines bound how many values one statement has.
const rowsMax = 200

/** Stores many memberships of one group by one source; those that it has said already stay as they are. */
export async function insertMemberships(
  tx: Handle,
  { groupId, source, memberIds, createdAt }: Omit<Membership, 'memberId'> & { memberIds: readonly string[] },
): Promise<void> {
  for (let at = 0; at < memberIds.length; at += rowsMax) {
    const rows = memberIds.slice(at, at + rowsMax).map((member_id) => ({
      group_id: groupId,
      member_id,
      source,
      created_at: createdAt,
    }))
    await open(tx)
      .insertInto('memberships')
      .values(rows)
      .onConflict((conflict) => conflict.columns(['group_id', 'member_id', 'source']).doNothing())
      .execute()
  }
}

/** Ends what one source says of many members of one group. */
export async function deleteMembers(
  tx: Handle,
  { groupId, source, memberIds }: Pick<Membership, 'groupId' | 'source'> & { memberIds: readonly string[] },
): Promise<void> {
  for (let at = 0; at < memberIds.length; at += rowsMax) {
    await open(tx)
      .deleteFrom('memberships')
      .where('group_id', '=', groupId)
      .where('source', '=', source)
      .where('member_id', 'in', memberIds.slice(at, at + rowsMax))
      .execute()
  }
}

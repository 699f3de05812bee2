import type { Selectable } from 'kysely'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** That who has a value in the group claim of a provider is in a group of ours. */
export interface GroupRule {
  id: string
  /** Id of the provider. */
  provider: string
  /** Whether the value is the whole, or the beginning, of what the provider says. */
  match: 'exact' | 'prefix'
  value: string
  groupId: string
  createdBy: string
  createdAt: number
}

function toRule(row: Selectable<Tables['group_rules']>): GroupRule {
  return {
    id: row.id,
    provider: row.provider,
    match: row.match as GroupRule['match'],
    value: row.value,
    groupId: row.group_id,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }
}

/**
 * Stores a rule unless the same one exists.
 *
 * @returns whether it was stored.
 */
export async function insertGroupRule(tx: Handle, rule: GroupRule): Promise<boolean> {
  const stored = await open(tx)
    .insertInto('group_rules')
    .values({
      id: rule.id,
      provider: rule.provider,
      match: rule.match,
      value: rule.value,
      group_id: rule.groupId,
      created_by: rule.createdBy,
      created_at: rule.createdAt,
    })
    .onConflict((conflict) => conflict.columns(['provider', 'match', 'value', 'group_id']).doNothing())
    .returning('id')
    .executeTakeFirst()
  return stored !== undefined
}

/** The rules of a provider, or all, oldest first. */
export async function listGroupRules(handle: Handle, provider?: string): Promise<GroupRule[]> {
  let query = open(handle).selectFrom('group_rules').selectAll().orderBy('created_at').orderBy('id')
  if (provider !== undefined) query = query.where('provider', '=', provider)
  return (await query.execute()).map(toRule)
}

/**
 * Removes a rule, or all that lead to a group.
 *
 * @returns those that were removed.
 */
export async function deleteGroupRules(tx: Handle, which: { id: string } | { groupId: string }): Promise<GroupRule[]> {
  const query = open(tx).deleteFrom('group_rules')
  const meant = 'id' in which ? query.where('id', '=', which.id) : query.where('group_id', '=', which.groupId)
  return (await meant.returningAll().execute()).map(toRule)
}

import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import type { Principal } from '../model/principal.ts'
import { readReason } from '../model/rights.ts'
import { listEntitlements, revokeEntitlement } from '../store/entitlements.ts'
import {
  deleteAllMembers,
  deleteMemberships,
  groupDepthMax,
  insertMembership,
  listGroupIdsOf,
  listMemberships,
  listNextGroupIds,
  type Membership,
} from '../store/memberships.ts'
import {
  countGroupsByHand,
  findPrincipal,
  insertPrincipal,
  listGroups,
  updatePrincipalState,
} from '../store/principals.ts'
import { deleteGroupRules } from '../store/group-rules.ts'
import { deleteProvisioned, findProvisionedPrincipal, touchProvisioned } from '../store/provisioned.ts'
import type { Handle, Store } from '../store/store.ts'
import { checkAdministers, lockAdministration } from './principals.ts'
import type { IdentityLedger } from './records.ts'

/** Groups that are made by hand. Identity providers have a limit of their own each. */
const groupsMax = 2_000
/** Groups that are read at once. */
const pageMax = 1_000
const groupName = /^[^\p{C}\s](?:[^\p{C}]{0,98}[^\p{C}\s])?$/u

/** The source of a membership that an administrator gave on a page. */
export const byHand = 'hand'

/** A step that somebody takes with a group. */
interface GroupStep {
  by: string
  group: string
  reason: string
}

/** Groups: they hold rights for their members. Nobody is in one unless an administrator, a rule of one, or SCIM says so. */
export interface Groups {
  /**
   * Makes a group with no members and no rights.
   *
   * @param step `name`: 1 to 100 characters that can be shown, of no other group.
   * @throws {Fault} `identity.input_invalid`, `identity.not_allowed`
   */
  makeGroup(step: { by: string; name: string; reason: string }): Promise<Principal>
  /** Ends a group for good: its memberships, its rights and the rules that lead to it. */
  retireGroup(step: GroupStep): Promise<void>
  /**
   * The groups that are not retired, in the order in which they were made.
   *
   * @param page Those after the id `after`, at most `limit` (1 000 at most); left out, all of them.
   */
  listGroups(page?: { after?: string; limit: number }): Promise<Principal[]>
  /**
   * Puts a principal, or a group, into a group by hand.
   *
   * @throws {Fault} `identity.not_found`; `identity.input_invalid` if the groups would then contain one another, or lie in
   *   one another deeper than `groupDepthMax`.
   */
  addMember(step: GroupStep & { member: string }): Promise<void>
  /**
   * Takes a member out, for one source; who is in it by another source stays.
   *
   * @throws {Fault} `identity.not_found`
   */
  removeMember(step: GroupStep & { member: string; source?: string }): Promise<void>
  /** Who is in a group directly, and the groups that a principal is in directly. At most 10 000. */
  listMemberships(of: { groupId?: string; memberId?: string }): Promise<Membership[]>
}

/** What the groups stand on. */
export interface GroupParts {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  onLeave: OnLeave[]
}

/**
 * What ends when somebody leaves a group: approvals of calls that the membership may have carried. Runs within the
 * transaction in which they leave, under a lock that everybody waits for: so it is told of all at once, of principals, at
 * most 10,000, or of whoever is directly in one of these groups, where a source is named by that source. Of groups it is
 * told before the memberships in them end.
 */
export type OnLeave = (
  tx: Handle,
  who: { principalIds: readonly string[] } | { groupIds: readonly string[]; source?: string },
) => Promise<void>

/** Opens the groups. */
export function openGroups(parts: GroupParts): Groups {
  const { store, ledger, clock } = parts

  async function change(
    step: GroupStep,
    what: 'group.joined' | 'group.left' | 'group.retired',
    given: { details?: Record<string, unknown>; work: (tx: Handle) => Promise<void> },
  ): Promise<void> {
    const about = { kind: 'group', id: step.group } as const
    const reason = readReason(step.reason)
    await ledger.recordChange({ by: step.by, what, about, reason, details: given.details }, async (tx) => {
      await lockAdministration(tx, clock)
      await checkAdministers(tx, step.by, clock)
      await getGroup(tx, step.group)
      await given.work(tx)
    })
  }

  return {
    async makeGroup({ by, name, reason }) {
      const group = newGroup(name, clock)
      const about = { kind: 'group', id: group.id } as const
      const details = { name: group.name }
      await ledger.recordChange({ by, what: 'group.made', about, details, reason: readReason(reason) }, async (tx) => {
        await lockAdministration(tx, clock)
        await checkAdministers(tx, by, clock)
        await insertGroup(tx, group)
      })
      return group
    },
    retireGroup: (step) =>
      change(step, 'group.retired', {
        work: async (tx) => {
          const provisioned = await findProvisionedPrincipal(tx, step.group)
          if (provisioned !== undefined) await deleteProvisioned(tx, provisioned, clock.now())
          await retireWithin(parts, tx, step.group)
        },
      }),
    listGroups: (page) =>
      page === undefined
        ? listAllGroups(store)
        : listGroups(store, { after: page.after, limit: Math.min(page.limit, pageMax) }),
    addMember: (step) =>
      change(step, 'group.joined', {
        details: { members: [step.member], source: byHand },
        work: async (tx) => {
          const member = await findPrincipal(tx, step.member)
          if (member === undefined || (member.kind === 'group' && member.state !== 'active'))
            throw new Fault('identity.not_found', 'cannot find whom to put into this group')
          if (member.kind === 'group') await requireNesting(tx, { outer: step.group, inner: member.id })
          const membership = { groupId: step.group, memberId: member.id, source: byHand, createdAt: clock.now() }
          if (!(await insertMembership(tx, membership)))
            throw new Fault('identity.input_invalid', `\`${member.name}\` is in this group by hand already`)
        },
      }),
    removeMember: ({ source = byHand, ...step }) =>
      change(step, 'group.left', {
        details: { members: [step.member], source },
        work: async (tx) => {
          const ended = await deleteMemberships(tx, { groupId: step.group, memberId: step.member, source })
          if (ended.length === 0)
            throw new Fault('identity.not_found', 'cannot take this one out: he is not in this group by this source')
          for (const end of parts.onLeave) await end(tx, { principalIds: [step.member] })
          await endWithin(parts, tx, step.member)
          await touchProvisioned(tx, [step.group], clock.now())
        },
      }),
    listMemberships: (of) => listMemberships(store, of),
  }
}

/** Ends a group for good, within the transaction that records it. */
export async function retireWithin(
  parts: Pick<GroupParts, 'clock' | 'onLeave'>,
  tx: Handle,
  group: string,
): Promise<void> {
  const at = parts.clock.now()
  await endWithin(parts, tx, group)
  await deleteAllMembers(tx, { groupId: group })
  await deleteMemberships(tx, { memberId: group })
  await deleteGroupRules(tx, { groupId: group })
  for (const { id } of await listEntitlements(tx, { principalId: group, activeAt: at })) {
    await revokeEntitlement(tx, id, at)
  }
  await updatePrincipalState(tx, group, { state: 'disabled', at })
}

/** What ends for those who are in a group, directly or through others, when the group ends or leaves another one. */
async function endWithin({ onLeave }: Pick<GroupParts, 'onLeave'>, tx: Handle, group: string): Promise<void> {
  const groupIds = [group]
  for (let level = groupIds, depth = 0; depth < groupDepthMax && level.length > 0; depth++) {
    level = await listNextGroupIds(tx, level, 'down')
    groupIds.push(...level)
  }
  for (const end of onLeave) await end(tx, { groupIds })
}

/** A group that is not retired. Throws `identity.not_found`. */
export async function getGroup(handle: Handle, id: string): Promise<Principal> {
  const group = await findPrincipal(handle, id)
  if (group?.kind === 'group' && group.state === 'active') return group
  throw new Fault('identity.not_found', 'there is no such group')
}

/** A group that is not stored yet. Throws `identity.input_invalid` for a name that cannot be shown. */
export function newGroup(name: string, clock: Clock): Principal {
  const shown = name.trim()
  if (!groupName.test(shown))
    throw new Fault('identity.input_invalid', 'cannot use this name: 1 to 100 characters that can be shown')
  const id = makeId(clock)
  const rest = { email: undefined, state: 'active', createdAt: clock.now() } as const
  return { id, issuer: 'group', subject: id, kind: 'group', name: shown, ...rest }
}

/** Stores a group under the lock of administration. Throws `identity.input_invalid` for the name of another one. */
export async function insertGroup(tx: Handle, group: Principal): Promise<void> {
  if ((await countGroupsByHand(tx)) >= groupsMax)
    throw new Fault('identity.input_invalid', `somebody has made ${groupsMax} groups already: retire some first`)
  const same = (one: Principal) => one.name.toLowerCase() === group.name.toLowerCase()
  if ((await listAllGroups(tx)).some(same))
    throw new Fault('identity.input_invalid', `there is a group \`${group.name}\` already`)
  await insertPrincipal(tx, group)
}

/** There are no more than are made by hand and each identity provider keeps, and nothing that was retired counts. */
async function listAllGroups(handle: Handle): Promise<Principal[]> {
  const groups: Principal[] = []
  for (;;) {
    const after = groups.at(-1)?.id
    const page = await listGroups(handle, { after, limit: pageMax })
    groups.push(...page)
    if (page.length < pageMax) return groups
  }
}

/**
 * Refuses to put one group into another where they would contain one another, or lie too deep.
 *
 * @throws {Fault} `identity.input_invalid`
 */
export async function requireNesting(tx: Handle, { outer, inner }: { outer: string; inner: string }): Promise<void> {
  const above = await listGroupIdsOf(tx, outer)
  if (outer === inner || above.includes(inner))
    throw new Fault(
      'identity.input_invalid',
      'cannot put these groups into one another: they would contain one another',
    )
  const depth = (await heightOf(tx, outer, 'up')) + (await heightOf(tx, inner, 'down')) + 1
  // One level is that of the people in the innermost group.
  if (depth + 1 > groupDepthMax)
    throw new Fault('identity.input_invalid', `cannot put this group there: groups lie ${groupDepthMax} deep at most`)
}

/** How many levels of groups lie above or below a group: one query for each, for it is asked under a lock. */
async function heightOf(tx: Handle, id: string, way: 'up' | 'down'): Promise<number> {
  let level = [id]
  for (let height = 0; height <= groupDepthMax; height++) {
    level = await listNextGroupIds(tx, level, way)
    if (level.length === 0) return height
  }
  return groupDepthMax + 1
}

import { canonicalJson } from '../../base/json.ts'
import { makeId } from '../../base/ids.ts'
import type { Principal } from '../../model/principal.ts'
import { countMembers, deleteMembers, insertMemberships, listMemberships } from '../../store/memberships.ts'
import { insertPrincipal, updatePrincipalDisplay } from '../../store/principals.ts'
import {
  countProvisioned,
  deleteProvisioned,
  insertProvisioned,
  keepProvisionedIds,
  type Provisioned,
} from '../../store/provisioned.ts'
import type { Handle } from '../../store/store.ts'
import { retireWithin } from '../groups.ts'
import { endingsOnce } from './ending.ts'
import { fold, type Parts } from './match.ts'
import { type IfMatch, Overtaken, type ScimParts, untilNotOvertaken } from './parts.ts'
import { type Provisioner, sourceOf } from './provisioner.ts'
import { refuse, refuseBy } from './refuse.ts'
import { membersMax, readResource, type Resource } from './resource.ts'
import { groupKind } from './schema.ts'
import { getProvisioned, replace } from './users.ts'

const groupsMax = 2_000

/** Makes a group. It has no rights until an administrator gives it some. */
export async function createGroup(parts: ScimParts, provisioner: Provisioner, body: unknown): Promise<Provisioned> {
  const { store, ledger, clock } = parts
  const { members, ...resource } = readResource(groupKind, body)
  const memberIds = idsOf(members)
  if ((await countProvisioned(store, { provider: provisioner.id, kind: 'Group' })) >= groupsMax)
    throw refuseBy(403, `cannot keep more than ${groupsMax} groups of one provider`)
  const now = clock.now()
  const made: Provisioned = {
    ...recordOf(provisioner, resource),
    id: makeId(clock),
    active: true,
    ended: false,
    version: 1,
    createdAt: now,
    changedAt: now,
  }
  const about = { kind: 'group', id: made.id } as const
  const source = sourceOf(provisioner)
  const details = { name: nameOf(resource), source, ...told('members', memberIds) }
  await ledger.recordChange({ by: source, what: 'group.made', about, details }, async (tx) => {
    await requirePeople(tx, provisioner, memberIds)
    if (!(await insertProvisioned(tx, made))) throw refuse('uniqueness', 'another group of this provider has this name')
    await insertPrincipal(tx, groupOf(provisioner, made))
    await insertMemberships(tx, { groupId: made.id, source, memberIds, createdAt: now })
  })
  return made
}

/**
 * Changes a group. Members that others put into it are not seen here, and stay.
 *
 * @param change `make` gets what the provider said until now, and returns what it says now.
 */
export function changeGroup(
  parts: ScimParts,
  provisioner: Provisioner,
  change: { id: string; ifMatch: IfMatch; make: (before: Resource) => Resource },
): Promise<Provisioned> {
  const { store, ledger, clock } = parts
  const source = sourceOf(provisioner)
  const ending = endingsOnce(parts, provisioner)
  return untilNotOvertaken(async () => {
    const before = await getProvisioned(store, provisioner, { ...change, kind: 'Group' })
    // Members are read after the version: who has changed them meanwhile has changed the version too.
    const had = await listMemberIds(store, provisioner, before.id)
    const { members, ...resource } = change.make({ ...before.resource, members: had.map(memberOf) })
    const has = new Set(idsOf(members))
    const [added, removed] = [[...has].filter((id) => !new Set(had).has(id)), had.filter((id) => !has.has(id))]
    const same = canonicalJson(before.resource) === canonicalJson(resource)
    if (same && added.length === 0 && removed.length === 0) return before
    await ending(removed.length)
    const now = clock.now()
    const next = { ...before, ...recordOf(provisioner, resource), version: before.version + 1, changedAt: now }
    const about = { kind: 'group', id: before.id } as const
    const details = { name: nameOf(resource), source, ...told('joined', added), ...told('left', removed) }
    await ledger.recordChange({ by: source, what: 'group.changed', about, details }, async (tx) => {
      await replace(tx, next)
      await requirePeople(tx, provisioner, added)
      await insertMemberships(tx, { groupId: before.id, source, memberIds: added, createdAt: now })
      await deleteMembers(tx, { groupId: before.id, source, memberIds: removed })
      // All of them are people: nobody is in the group through one of them.
      if (removed.length > 0) for (const end of parts.onLeave) await end(tx, { principalIds: removed })
      await updatePrincipalDisplay(tx, before.id, { name: nameOf(resource), email: undefined })
    })
    return next
  })
}

/** Deletes a group for good: its rights and all memberships in it. One of the same name is another group. */
export function deleteGroup(
  parts: ScimParts,
  provisioner: Provisioner,
  which: { id: string; ifMatch: IfMatch },
): Promise<void> {
  const { store, ledger, clock } = parts
  const ending = endingsOnce(parts, provisioner)
  return untilNotOvertaken(async () => {
    const before = await getProvisioned(store, provisioner, { ...which, kind: 'Group' })
    await ending(1 + (await countMembers(store, before.id)))
    const about = { kind: 'group', id: before.id } as const
    const details = { name: nameOf(before.resource), source: sourceOf(provisioner) }
    await ledger.recordChange({ by: sourceOf(provisioner), what: 'group.retired', about, details }, async (tx) => {
      if (!(await deleteProvisioned(tx, before, clock.now()))) throw new Overtaken()
      await retireWithin(parts, tx, before.id)
    })
  })
}

/** The ids of the people whom this provider has put into a group. */
export async function listMemberIds(handle: Handle, provisioner: Provisioner, groupId: string): Promise<string[]> {
  const found = await listMemberships(handle, { groupId, source: sourceOf(provisioner) }, membersMax + 1)
  return found.map(({ memberId }) => memberId)
}

/** A member as the schema has it. */
export function memberOf(id: string): Resource {
  return { value: id, type: 'User' }
}

function idsOf(members: unknown): string[] {
  return [...new Set(((members ?? []) as Parts[]).map((one) => String(one['value'])))]
}

async function requirePeople(tx: Handle, { id: provider }: Provisioner, ids: readonly string[]): Promise<void> {
  const known = await keepProvisionedIds(tx, { provider, kind: 'User' }, ids)
  const unknown = ids.find((id) => !known.has(id))
  if (unknown === undefined) return
  throw refuse(
    'invalidValue',
    `the member \`${unknown.slice(0, 100)}\` is no person that this provider has provisioned`,
  )
}

function recordOf(
  { id }: Provisioner,
  resource: Resource,
): Pick<Provisioned, 'provider' | 'kind' | 'nameKey' | 'externalId' | 'resource'> {
  const { externalId } = resource as { externalId?: string }
  return { provider: id, kind: 'Group', nameKey: fold(String(resource['displayName'])), externalId, resource }
}

const nameMax = 100

function nameOf(resource: Resource): string {
  return String(resource['displayName']).trim().slice(0, nameMax).toWellFormed()
}

function groupOf(provisioner: Provisioner, made: Provisioned): Principal {
  return {
    id: made.id,
    issuer: 'group',
    subject: `${sourceOf(provisioner)}:${made.id}`,
    kind: 'group',
    name: nameOf(made.resource),
    email: undefined,
    state: 'active',
    createdAt: made.createdAt,
  }
}

const toldMax = 500

/** An entry has room for some hundred ids: of more it says how many there were. */
function told(what: string, ids: readonly string[]): Record<string, unknown> {
  if (ids.length === 0) return {}
  return { [what]: ids.slice(0, toldMax), ...(ids.length > toldMax && { [`${what}InAll`]: ids.length }) }
}

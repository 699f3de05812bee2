import { listMemberships } from '../../store/memberships.ts'
import { listProvisioned, type Provisioned } from '../../store/provisioned.ts'
import { listMemberIds, memberOf } from './groups.ts'
import { etagOf, type ScimParts } from './parts.ts'
import { type Provisioner, sourceOf } from './provisioner.ts'
import { isTold, type Projection, project, type Resource } from './resource.ts'
import { type Kind, kinds } from './schema.ts'

/** The address below which everything of this protocol is. */
export function baseOf({ origin }: Pick<ScimParts, 'origin'>): string {
  return `${origin}/scim/v2`
}

/** The whole address of a resource. */
export function locationOf(parts: Pick<ScimParts, 'origin'>, { kind, id }: Pick<Provisioned, 'kind' | 'id'>): string {
  return `${baseOf(parts)}${kinds[kind].endpoint}/${id}`
}

/** What a resource says of itself: all of it but who is in a group, and in which groups a person is. */
export function tellPlain(parts: Pick<ScimParts, 'origin'>, record: Provisioned): Resource {
  return {
    schemas: [kinds[record.kind].urn],
    id: record.id,
    ...record.resource,
    ...(record.kind === 'User' && { active: record.active }),
    meta: {
      resourceType: record.kind,
      created: new Date(record.createdAt).toISOString(),
      lastModified: new Date(record.changedAt).toISOString(),
      location: locationOf(parts, record),
      version: etagOf(record),
    },
  }
}

/** A resource as an answer tells it; what it does not tell is not read. */
export async function tell(
  parts: ScimParts,
  provisioner: Provisioner,
  { record, asked }: { record: Provisioned; asked: Projection },
): Promise<Resource> {
  const kind = kinds[record.kind]
  const told = tellPlain(parts, record)
  const joined = joinedName(kind)
  if (isTold(kind, joined, asked)) {
    const values =
      record.kind === 'Group' ? await membersOf(parts, provisioner, record) : await groupsOf(parts, provisioner, record)
    if (values.length > 0) told[joined] = values
  }
  return project(kind, told, asked)
}

/** The attribute that is kept elsewhere. */
export function joinedName({ name }: Kind): 'members' | 'groups' {
  return name === 'Group' ? 'members' : 'groups'
}

async function membersOf(parts: ScimParts, provisioner: Provisioner, { id }: Provisioned): Promise<Resource[]> {
  const ids = await listMemberIds(parts.store, provisioner, id)
  return ids.map((one) => ({ ...memberOf(one), $ref: locationOf(parts, { kind: 'User', id: one }) }))
}

async function groupsOf(parts: ScimParts, provisioner: Provisioner, { id }: Provisioned): Promise<Resource[]> {
  const memberships = await listMemberships(parts.store, { memberId: id, source: sourceOf(provisioner) })
  const ids = memberships.map(({ groupId }) => groupId)
  const groups = await listProvisioned(parts.store, { provider: provisioner.id, kind: 'Group' }, { ids })
  return groups.map((group) => ({
    value: group.id,
    $ref: locationOf(parts, group),
    display: group.resource['displayName'],
    type: 'direct',
  }))
}

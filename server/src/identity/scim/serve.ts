import { findProvisioned, type Provisioned } from '../../store/provisioned.ts'
import { createGroup, changeGroup, deleteGroup } from './groups.ts'
import { list, type Query } from './list.ts'
import { listOf, type Parts } from './match.ts'
import { etagOf, isMatch, readTags, type ScimParts } from './parts.ts'
import type { Provisioner } from './provisioner.ts'
import { applyPatch } from './patch.ts'
import { notFound, refuse, refuseBy } from './refuse.ts'
import { type Projection, readResource } from './resource.ts'
import { groupKind, type Kind, resourceTypesAt, schemasAt, urns, userKind } from './schema.ts'
import { serviceProviderConfig } from './config.ts'
import { baseOf, locationOf, tell } from './tell.ts'
import { createUser, changeUser, deleteUser } from './users.ts'

/** One request, by itself or within a bulk. */
export interface Asked {
  method: string
  /** Below `/scim/v2`, with a slash at its start. */
  path: string
  query: URLSearchParams
  /** JSON, read; undefined when there is none. */
  body: unknown
  ifMatch: string | undefined
  ifNoneMatch: string | undefined
  /** Called before everything of a provider is looked through: it may refuse. */
  scanning: () => Promise<void>
}

/** What came of it. */
export interface Answer {
  status: number
  body?: object
  etag?: string
  location?: string
}

const changes = {
  User: { create: createUser, change: changeUser, end: deleteUser },
  Group: { create: createGroup, change: changeGroup, end: deleteGroup },
} as const

/**
 * Serves one request of a provider.
 *
 * @throws {Fault} `identity.scim_refused` and what the changes throw.
 */
export async function serve(parts: ScimParts, provisioner: Provisioner, asked: Asked): Promise<Answer> {
  const [, first = '', second, ...more] = asked.path.split('/')
  if (more.length > 0) throw notFound()
  const kind = [userKind, groupKind].find(({ endpoint }) => endpoint === `/${first}`)
  if (kind === undefined) return describe(parts, asked, { first, second })
  if (second === undefined) return serveMany(parts, provisioner, { asked, kind })
  if (second === '.search') return searchMany(parts, provisioner, { asked, kind })
  return serveOne(parts, provisioner, { asked, kind, id: second })
}

/** What the server tells of itself. */
function describe(
  parts: ScimParts,
  { method, query }: Asked,
  { first, second }: { first: string; second?: string | undefined },
): Answer {
  if (first === 'Me' || first === '.search') throw refuseBy(501, 'this is not served here')
  const base = baseOf(parts)
  const config = first === 'ServiceProviderConfig' && second === undefined
  const listed = first === 'Schemas' ? schemasAt(base) : first === 'ResourceTypes' ? resourceTypesAt(base) : undefined
  if (!config && listed === undefined) throw notFound()
  if (method !== 'GET') throw refuseBy(405, 'this takes GET only')
  if (query.has('filter')) throw refuseBy(403, 'this cannot be filtered')
  if (config || listed === undefined) return { status: 200, body: serviceProviderConfig(base) }
  if (second === undefined) {
    const counts = { totalResults: listed.length, startIndex: 1, itemsPerPage: listed.length }
    return { status: 200, body: { schemas: [urns.list], ...counts, Resources: listed } }
  }
  const one = listed.find(({ id }) => id.toLowerCase() === second.toLowerCase())
  if (one === undefined) throw notFound()
  return { status: 200, body: one }
}

interface Of {
  asked: Asked
  kind: Kind
}

async function serveMany(parts: ScimParts, provisioner: Provisioner, { asked, kind }: Of): Promise<Answer> {
  const { method, query, scanning } = asked
  if (method === 'POST') {
    const record = await changes[kind.name].create(parts, provisioner, asked.body)
    return answerWith(parts, provisioner, { record, asked, status: 201 })
  }
  if (method !== 'GET') throw refuseBy(405, 'this takes GET and POST')
  const text = (name: string) => query.get(name) ?? undefined
  const question: Query = {
    ...projectionOf(query),
    filter: text('filter'),
    sortBy: text('sortBy'),
    sortOrder: text('sortOrder'),
    startIndex: text('startIndex'),
    count: text('count'),
  }
  return { status: 200, body: await list(parts, provisioner, { kind, query: question, scanning }) }
}

/** @see https://www.rfc-editor.org/rfc/rfc7644#section-3.4.3 */
async function searchMany(parts: ScimParts, provisioner: Provisioner, { asked, kind }: Of): Promise<Answer> {
  if (asked.method !== 'POST') throw refuseBy(405, 'this takes POST only')
  const body = (asked.body ?? {}) as Parts
  if (!listOf(body['schemas']).includes(urns.search))
    throw refuse('invalidSyntax', `\`schemas\` does not name \`${urns.search}\``)
  const text = (name: string) => {
    const value = body[name]
    if (value === undefined || typeof value === 'string') return value
    throw refuse('invalidValue', `\`${name}\` is not a text`)
  }
  const names = (name: string) => {
    const given = listOf(body[name])
    if (given.some((one) => typeof one !== 'string')) throw refuse('invalidValue', `\`${name}\` is not a list of names`)
    return given.length === 0 ? undefined : (given as string[])
  }
  const query: Query = {
    only: names('attributes'),
    without: names('excludedAttributes'),
    filter: text('filter'),
    sortBy: text('sortBy'),
    sortOrder: text('sortOrder'),
    startIndex: body['startIndex'],
    count: body['count'],
  }
  return { status: 200, body: await list(parts, provisioner, { kind, query, scanning: asked.scanning }) }
}

async function serveOne(
  parts: ScimParts,
  provisioner: Provisioner,
  { asked, kind, id }: Of & { id: string },
): Promise<Answer> {
  const { method, body } = asked
  const ifMatch = readTags(asked.ifMatch)
  const { change, end } = changes[kind.name]
  if (method === 'GET') {
    const record = await findProvisioned(parts.store, { id, provider: provisioner.id, kind: kind.name })
    if (record === undefined) throw notFound()
    const known = readTags(asked.ifNoneMatch)
    if (known !== undefined && isMatch(known, record)) return { status: 304, etag: etagOf(record) }
    return answerWith(parts, provisioner, { record, asked, status: 200 })
  }
  if (method === 'PUT') {
    const record = await change(parts, provisioner, { id, ifMatch, make: () => readResource(kind, body) })
    return answerWith(parts, provisioner, { record, asked, status: 200 })
  }
  if (method === 'PATCH') {
    const make = (before: Record<string, unknown>) => applyPatch(kind, before, body)
    const record = await change(parts, provisioner, { id, ifMatch, make })
    // A group may be long, and who has changed it knows what he changed.
    const brief = kind.name === 'Group' && !asked.query.has('attributes')
    if (brief) return { status: 204, etag: etagOf(record), location: locationOf(parts, record) }
    return answerWith(parts, provisioner, { record, asked, status: 200 })
  }
  if (method !== 'DELETE') throw refuseBy(405, 'this takes GET, PUT, PATCH and DELETE')
  await end(parts, provisioner, { id, ifMatch })
  return { status: 204 }
}

async function answerWith(
  parts: ScimParts,
  provisioner: Provisioner,
  { record, asked, status }: { record: Provisioned; asked: Asked; status: number },
): Promise<Answer> {
  const body = await tell(parts, provisioner, { record, asked: projectionOf(asked.query) })
  return { status, body, etag: etagOf(record), location: locationOf(parts, record) }
}

function projectionOf(query: URLSearchParams): Projection {
  const names = (name: string) =>
    query
      .get(name)
      ?.split(',')
      .map((one) => one.trim())
      .filter(Boolean)
  const [only, without] = [names('attributes'), names('excludedAttributes')]
  return { only: only?.length ? only : undefined, without: without?.length ? without : undefined }
}

import { countProvisioned, listProvisioned, type Provisioned, type ProvisionedFilter } from '../../store/provisioned.ts'
import { resultsMax } from './config.ts'
import { type Filter, readFilter, readPath } from './filter.ts'
import { compile, fold, keyOf, listOf, type Parts, resolve } from './match.ts'
import type { ScimParts } from './parts.ts'
import type { Provisioner } from './provisioner.ts'
import { refuse } from './refuse.ts'
import type { Projection, Resource } from './resource.ts'
import { findAttribute, type Kind, urns } from './schema.ts'
import { joinedName, tell, tellPlain } from './tell.ts'

const countMax = resultsMax
const countDefault = 100
/** More are not looked through one by one for one question. */
const scanMax = 50_000
/** Nor more of those whose members, or groups, have to be read for it. */
const joinedMax = 500

/** A question for many. Absent and empty are the same. */
export interface Query extends Projection {
  filter: string | undefined
  sortBy: string | undefined
  sortOrder: string | undefined
  startIndex: unknown
  count: unknown
}

/** A page of what was asked for. @see https://www.rfc-editor.org/rfc/rfc7644#section-3.4.2 */
export interface ListResponse {
  schemas: string[]
  totalResults: number
  startIndex: number
  itemsPerPage: number
  Resources: Resource[]
}

/**
 * Answers a question for many.
 *
 * @param scanning is called before everything of a provider is looked through one by one: it may refuse.
 * @throws {Fault} `invalidFilter`, `invalidValue`, `invalidPath`, `tooMany`
 */
export async function list(
  parts: ScimParts,
  provisioner: Provisioner,
  { kind, query, scanning }: { kind: Kind; query: Query; scanning: () => Promise<void> },
): Promise<ListResponse> {
  const { store } = parts
  const start = Math.max(1, readNumber('startIndex', query.startIndex) ?? 1)
  const count = Math.min(countMax, Math.max(0, readNumber('count', query.count) ?? countDefault))
  const of = { provider: provisioner.id, kind: kind.name }
  const filter = query.filter ? readFilter(query.filter) : undefined
  const page = { offset: start - 1, limit: count }
  let found: Provisioned[]
  let total: number
  if (filter === undefined && !query.sortBy) {
    total = await countProvisioned(store, of)
    found = count === 0 ? [] : await listProvisioned(store, of, page)
  } else {
    const all = await search(parts, provisioner, { kind, filter, sort: query, scanning })
    total = all.length
    found = all.slice(page.offset, page.offset + page.limit)
  }
  const told: Resource[] = []
  for (const record of found) told.push(await tell(parts, provisioner, { record, asked: query }))
  return { schemas: [urns.list], totalResults: total, startIndex: start, itemsPerPage: told.length, Resources: told }
}

function readNumber(name: string, value: unknown): number | undefined {
  if (value === undefined || value === '') return undefined
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !/^-?\d{1,9}$/.test(text))
    throw refuse('invalidValue', `\`${name}\` is not a whole number`)
  return Number(text)
}

async function search(
  parts: ScimParts,
  provisioner: Provisioner,
  asked: {
    kind: Kind
    filter: Filter | undefined
    sort: Pick<Query, 'sortBy' | 'sortOrder'>
    scanning: () => Promise<void>
  },
): Promise<Provisioned[]> {
  const { kind, filter, sort, scanning } = asked
  const test = filter && compile(kind, filter)
  const order = orderOf(kind, sort)
  const near = filter && findNear(kind, filter)
  if (near === undefined) await scanning()
  const of = { provider: provisioner.id, kind: kind.name }
  const candidates = await listProvisioned(parts.store, of, near ?? { limit: scanMax + 1 })
  const joined = filter !== undefined && names(filter, joinedName(kind))
  const most = joined ? joinedMax : scanMax
  if (candidates.length > most) throw refuse('tooMany', `there are more than ${most}: ask for one by its name or id`)
  const seen: { record: Provisioned; told: Parts }[] = []
  for (const record of candidates) {
    const told = joined ? await tell(parts, provisioner, { record, asked: {} }) : tellPlain(parts, record)
    if (test === undefined || test(told)) seen.push({ record, told })
  }
  if (order !== undefined) seen.sort((a, b) => order(a.told, b.told))
  return seen.map(({ record }) => record)
}

/** What the store finds by itself: every match has this id or name. */
function findNear(kind: Kind, filter: Filter): ProvisionedFilter | undefined {
  if (filter.op === 'and') {
    for (const one of filter.filters) {
      const near = findNear(kind, one)
      if (near !== undefined) return near
    }
  }
  if (filter.op !== 'eq' || typeof filter.value !== 'string' || filter.path.sub !== undefined) return undefined
  const name = filter.path.name.toLowerCase()
  if (name === 'id') return { ids: [filter.value] }
  if (name === 'externalid') return { externalId: filter.value }
  if (name === (kind.name === 'User' ? 'username' : 'displayname')) return { nameKey: fold(filter.value) }
  return undefined
}

function names(filter: Filter, name: string): boolean {
  if ('filters' in filter) return filter.filters.some((one) => names(one, name))
  if (filter.op === 'not') return names(filter.filter, name)
  return filter.path.name.toLowerCase() === name
}

type Order = (a: Parts, b: Parts) => number

/** @see https://www.rfc-editor.org/rfc/rfc7644#section-3.4.2.3 */
function orderOf(kind: Kind, { sortBy, sortOrder }: Pick<Query, 'sortBy' | 'sortOrder'>): Order | undefined {
  if (!sortBy) return undefined
  const path = readPath(sortBy)
  const found = path.filter === undefined ? resolve(kind, path, 'invalidPath') : undefined
  if (sortOrder !== undefined && !/^(?:ascending|descending)?$/i.test(sortOrder))
    throw refuse('invalidValue', '`sortOrder` is neither ascending nor descending')
  if (found === undefined) return undefined
  const { attribute } = found
  const sub = found.sub ?? (attribute.multi ? findAttribute(attribute.sub ?? [], 'value') : undefined)
  const key = keyOf(sub ?? attribute)
  const valueOf = (resource: Parts) => {
    const values = listOf(resource[attribute.name])
    const chosen = values.find((one) => attribute.multi && (one as Parts)['primary'] === true) ?? values[0]
    return sub === undefined || chosen === undefined ? chosen : (chosen as Parts)[sub.name]
  }
  const way = sortOrder?.toLowerCase() === 'descending' ? -1 : 1
  return (a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)]
    // What has no value comes last when ascending, and first when descending.
    if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? way : -way
    const [one, other] = [key(left), key(right)]
    return one === other ? 0 : one < other ? -way : way
  }
}

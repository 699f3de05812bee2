import type { AttributePath, Comparison, Filter, Literal } from './filter.ts'
import { refuse } from './refuse.ts'
import { type Attribute, findAttribute, isStandardElsewhere, type Kind, urns, withoutUrn } from './schema.ts'

/** A resource, or a value of an attribute with parts. */
export type Parts = Readonly<Record<string, unknown>>

/** Whether a resource is one that is asked for. */
export type Test = (resource: Parts) => boolean

/** An attribute, or a part of one, that a path names. */
export interface Found {
  attribute: Attribute
  sub: Attribute | undefined
}

/**
 * Finds what a path names.
 *
 * @returns undefined for what the standard has and we do not keep.
 * @throws {Fault} `invalidFilter` or `invalidPath` for what is neither.
 */
export function resolve(kind: Kind, path: AttributePath, as: 'invalidFilter' | 'invalidPath'): Found | undefined {
  const { urn, name, sub } = path
  if (urn?.toLowerCase().startsWith(urns.enterprise.toLowerCase())) return undefined
  if (urn !== undefined && withoutUrn(kind, `${urn}:${name}`) === undefined) throw unknownName(as, `${urn}:${name}`)
  const attribute = findAttribute(kind.attributes, name)
  if (attribute === undefined) {
    if (isStandardElsewhere(kind, name)) return undefined
    throw unknownName(as, name)
  }
  if (sub === undefined) return { attribute, sub: undefined }
  const part = findAttribute(attribute.sub ?? [], sub)
  if (part !== undefined) return { attribute, sub: part }
  // Parts of the standard that are not kept: `emails.display`, `name.middleName`.
  if (attribute.type === 'complex') return undefined
  throw unknownName(as, `${name}.${sub}`)
}

function unknownName(as: 'invalidFilter' | 'invalidPath', name: string) {
  return refuse(as, `there is no attribute \`${name.slice(0, 100)}\``)
}

/**
 * Makes a test of a filter: checks all names and kinds of values before anything is looked at.
 *
 * @throws {Fault} `invalidFilter`
 */
export function compile(kind: Kind, filter: Filter): Test {
  return compileIn(filter, (path) => placeOf(resolve(kind, path, 'invalidFilter')))
}

/** The same for the values of one attribute: its parts are the names. */
export function compileWithin(attribute: Attribute, filter: Filter, as: 'invalidFilter' | 'invalidPath'): Test {
  const parts = attribute.sub ?? []
  return compileIn(filter, ({ urn, name, sub }) => {
    const part = urn === undefined && sub === undefined ? findAttribute(parts, name) : undefined
    if (part === undefined) throw unknownName(as, name)
    return { attribute: part, valuesOf: (value) => listOf(value[part.name]), has: undefined }
  })
}

interface Place {
  /** What is compared. */
  attribute: Attribute
  valuesOf(resource: Parts): readonly unknown[]
  /** The attribute whose parts a filter in brackets names. */
  has: Attribute | undefined
}

function placeOf(found: Found | undefined): Place | undefined {
  if (found === undefined) return undefined
  const { attribute } = found
  // Of an attribute with several values that have parts, the value is meant.
  const sub = found.sub ?? (attribute.multi ? findAttribute(attribute.sub ?? [], 'value') : undefined)
  return {
    attribute: sub ?? attribute,
    has: found.sub === undefined && attribute.type === 'complex' ? attribute : undefined,
    valuesOf: (resource) => {
      const values = listOf(resource[attribute.name])
      return sub === undefined ? values : values.map((value) => (value as Parts)[sub.name]).filter(isPresent)
    },
  }
}

type Find = (path: AttributePath) => Place | undefined

function compileIn(filter: Filter, find: Find): Test {
  if ('filters' in filter) {
    const tests = filter.filters.map((one) => compileIn(one, find))
    return filter.op === 'and'
      ? (resource) => tests.every((test) => test(resource))
      : (resource) => tests.some((test) => test(resource))
  }
  if (filter.op === 'not') {
    const test = compileIn(filter.filter, find)
    return (resource) => !test(resource)
  }
  const place = find(filter.path)
  if (filter.op === 'pr') return (resource) => place !== undefined && place.valuesOf(resource).length > 0
  if (filter.op === 'has') return place === undefined ? () => false : having(place, filter)
  return place === undefined ? () => filter.op === 'ne' && filter.value !== null : comparing(place, filter)
}

function having({ has }: Place, { path, filter }: { path: AttributePath; filter: Filter }): Test {
  if (has === undefined) throw refuse('invalidFilter', `\`${path.name}\` has no parts to ask for`)
  const test = compileWithin(has, filter, 'invalidFilter')
  return (resource) => listOf(resource[has.name]).some((value) => test(value as Parts))
}

function comparing(place: Place, { op, path, value }: { op: Comparison; path: AttributePath; value: Literal }): Test {
  const { attribute, valuesOf } = place
  const wrong = () => refuse('invalidFilter', `cannot compare \`${path.name}\` by \`${op}\` with what the filter gives`)
  if (value === null) {
    if (op === 'eq') return (resource) => valuesOf(resource).length === 0
    if (op === 'ne') return (resource) => valuesOf(resource).length > 0
    throw wrong()
  }
  if (attribute.type === 'complex') throw wrong()
  if (attribute.type === 'boolean') {
    const wanted = booleanOf(value)
    if (wanted === undefined || (op !== 'eq' && op !== 'ne')) throw wrong()
    return (resource) => valuesOf(resource).includes(wanted) === (op === 'eq')
  }
  if (typeof value !== 'string') throw wrong()
  const fold = keyOf(attribute)
  const wanted = fold(value)
  if (attribute.type === 'dateTime' && typeof wanted !== 'number') throw wrong()
  const test = comparers[op]
  if (typeof wanted === 'number' && (op === 'co' || op === 'sw' || op === 'ew')) throw wrong()
  // What has no value is different from every value.
  if (op === 'ne') return (resource) => !valuesOf(resource).some((one) => fold(one) === wanted)
  return (resource) => valuesOf(resource).some((one) => test(fold(one), wanted))
}

type Key = string | number

/** How values of an attribute are compared: instants as numbers, texts without regard to case where case means nothing. */
export function keyOf({ type, exact }: Attribute): (value: unknown) => Key {
  if (type === 'dateTime') {
    return (value) => {
      const at = Date.parse(String(value))
      return Number.isNaN(at) ? '' : at
    }
  }
  return exact ? (value) => String(value) : (value) => fold(String(value))
}

/** A text without regard to case, and to how its characters are composed. */
export function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}

const comparers: Record<Comparison, (value: Key, wanted: Key) => boolean> = {
  eq: (value, wanted) => value === wanted,
  ne: (value, wanted) => value !== wanted,
  co: (value, wanted) => String(value).includes(String(wanted)),
  sw: (value, wanted) => String(value).startsWith(String(wanted)),
  ew: (value, wanted) => String(value).endsWith(String(wanted)),
  gt: (value, wanted) => value > wanted,
  ge: (value, wanted) => value >= wanted,
  lt: (value, wanted) => value < wanted,
  le: (value, wanted) => value <= wanted,
}

/** Providers write booleans as texts too: `"True"`. */
export function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return undefined
  const folded = value.trim().toLowerCase()
  return folded === 'true' ? true : folded === 'false' ? false : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return isPresent(value) ? [value] : []
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

import { isObject } from '../../base/json.ts'
import { booleanOf, listOf, type Parts } from './match.ts'
import { refuse } from './refuse.ts'
import { type Attribute, findAttribute, type Kind, withoutUrn } from './schema.ts'

/** What a provider says of a person or a group: by the names of the schema, without what is read only. */
export type Resource = Record<string, unknown>

const charactersMax = 500
/** Values of one attribute; members are as many as fit into a body. */
export const valuesMax = 20
export const membersMax = 10_000

/**
 * Reads a whole resource. What the schema does not have, and what is read only, is left out and never an error: providers
 * send both, and neither has any effect.
 *
 * @throws {Fault} `invalidSyntax`, `invalidValue`
 */
export function readResource(kind: Kind, body: unknown): Resource {
  if (!isObject(body)) throw refuse('invalidSyntax', 'cannot read this: send one JSON object')
  requireSchema(kind, body)
  const read = readParts(kind.attributes, named(kind, body))
  return finish(kind, read)
}

function requireSchema(kind: Kind, body: Parts): void {
  const [, schemas] = Object.entries(body).find(([name]) => name.toLowerCase() === 'schemas') ?? []
  const listed = listOf(schemas).map((one) => String(one).toLowerCase())
  if (!listed.includes(kind.urn.toLowerCase()))
    throw refuse('invalidSyntax', `\`schemas\` does not name \`${kind.urn}\``)
}

/** What a resource must have, wherever it came from: read whole, or changed in parts. */
export function finish(kind: Kind, resource: Resource): Resource {
  for (const attribute of kind.attributes) {
    const values = listOf(resource[attribute.name])
    if (attribute.required && values.length === 0) throw refuse('invalidValue', `\`${attribute.name}\` is missing`)
    if (!attribute.multi) continue
    if (values.length > maxOf(attribute)) {
      throw refuse('tooMany', `\`${attribute.name}\` has more than ${maxOf(attribute)} values`)
    }
    if (values.filter((value) => (value as Parts)['primary'] === true).length > 1)
      throw refuse('invalidValue', `several values of \`${attribute.name}\` are primary`)
  }
  return resource
}

function maxOf({ name }: Attribute): number {
  return name === 'members' ? membersMax : valuesMax
}

/** Names without the URN of the schema before them. */
function named(kind: Kind, body: Parts): Parts {
  const entries = Object.entries(body).map(([name, value]) => [withoutUrn(kind, name) ?? '', value] as const)
  return Object.fromEntries(entries.filter(([name]) => name !== ''))
}

function readParts(attributes: readonly Attribute[], given: Parts): Resource {
  const read: Resource = {}
  for (const [name, value] of Object.entries(given)) {
    const attribute = findAttribute(attributes, name)
    if (attribute === undefined || attribute.mutability === 'readOnly') continue
    if (attribute.name in read) throw refuse('invalidSyntax', `\`${attribute.name}\` comes twice`)
    const kept = readValue(attribute, value)
    if (kept !== undefined) read[attribute.name] = kept
  }
  return read
}

/**
 * Reads the value of an attribute.
 *
 * @returns undefined when it has none: `null`, an empty list or an empty text.
 * @throws {Fault} `invalidValue`
 */
export function readValue(attribute: Attribute, value: unknown): unknown {
  if (!attribute.multi) return readOne(attribute, value)
  const read: unknown[] = []
  for (const one of listOf(value)) {
    const kept = readOne(attribute, typeof one === 'string' ? { value: one } : one)
    if (kept !== undefined) read.push(kept)
  }
  return read.length === 0 ? undefined : withoutDoubles(read as Resource[])
}

/** Reads one value of an attribute that may have several, or the value of one that has one. */
export function readOne(attribute: Attribute, value: unknown): unknown {
  if (value === null || value === undefined || value === '') return undefined
  const wrong = (what: string) => refuse('invalidValue', `\`${attribute.name}\` is not ${what}`)
  if (attribute.type === 'boolean') return booleanOf(value) ?? raise(wrong('true or false'))
  if (attribute.type === 'complex') {
    if (!isObject(value)) throw wrong('an object')
    const parts = readParts(attribute.sub ?? [], value)
    for (const { name, required } of attribute.sub ?? []) {
      if (required && parts[name] === undefined) throw wrong(`complete: \`${name}\` is missing`)
    }
    return Object.keys(parts).length === 0 ? undefined : parts
  }
  if (typeof value !== 'string') throw wrong('a text')
  if (value.length > charactersMax) throw wrong(`a text of ${charactersMax} characters at the most`)
  if (/\p{Cc}/u.test(value)) throw wrong('a text without control characters')
  return value
}

function raise(error: Error): never {
  throw error
}

/** One value of each kind: of those that are the same but for what is preferred, the last. */
export function withoutDoubles(values: readonly Resource[]): Resource[] {
  const byKey = new Map<string, Resource>()
  for (const value of values) byKey.set(identityOf(value), value)
  return [...byKey.values()]
}

/** What tells a value from others of the same attribute. */
export function identityOf(value: Resource): string {
  const { value: text, type } = value as { value?: unknown; type?: unknown }
  return JSON.stringify([text, value['$ref'] === undefined && type !== 'User' ? type : undefined])
}

/** Which attributes an answer has: those asked for, or all but those not wanted; what is always told is always told. */
export function project(kind: Kind, resource: Resource, asked: Projection): Resource {
  if (asked.only === undefined && asked.without === undefined) return resource
  const told: Resource = {}
  for (const [name, value] of Object.entries(resource)) {
    const attribute = findAttribute(kind.attributes, name)
    const always = attribute?.returned === 'always'
    const kept = always ? value : (asked.only ? pick : omit)(value, partsOf(kind, name, asked.only ?? asked.without!))
    if (kept !== undefined) told[name] = kept
  }
  return told
}

/** Names as they were sent. */
export interface Projection {
  only?: readonly string[] | undefined
  without?: readonly string[] | undefined
}

/** The parts of an attribute that are named: `true` for all of it, none when it is not named. */
function partsOf(kind: Kind, attribute: string, names: readonly string[]): Set<string> | true {
  const parts = new Set<string>()
  for (const name of names) {
    const [first, sub] = (withoutUrn(kind, name) ?? '').toLowerCase().split('.')
    if (first !== attribute.toLowerCase()) continue
    if (sub === undefined) return true
    parts.add(sub)
  }
  return parts
}

function pick(value: unknown, parts: Set<string> | true): unknown {
  if (parts === true) return value
  return parts.size === 0 ? undefined : sift(value, (name) => parts.has(name))
}

function omit(value: unknown, parts: Set<string> | true): unknown {
  if (parts === true) return undefined
  return parts.size === 0 ? value : sift(value, (name) => !parts.has(name))
}

function sift(value: unknown, keep: (name: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => sift(one, keep))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => keep(name.toLowerCase())))
}

/** Whether an answer to this question tells an attribute, so that what nobody asked for need not be read. */
export function isTold(kind: Kind, name: string, { only, without }: Projection): boolean {
  if (only !== undefined)
    return partsOf(kind, name, only) === true || (partsOf(kind, name, only) as Set<string>).size > 0
  return without === undefined || partsOf(kind, name, without) !== true
}

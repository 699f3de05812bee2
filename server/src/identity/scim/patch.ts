import { isObject } from '../../base/json.ts'
import { type Filter, readPath, type TargetPath } from './filter.ts'
import { compileWithin, listOf, type Parts, resolve } from './match.ts'
import { refuse } from './refuse.ts'
import { finish, identityOf, readOne, readValue, type Resource, withoutDoubles } from './resource.ts'
import { type Attribute, findAttribute, type Kind, urns } from './schema.ts'

const operationsMax = 500

type Op = 'add' | 'replace' | 'remove'

interface Operation {
  op: Op
  path: string | undefined
  value: unknown
}

/**
 * Changes a resource in parts.
 *
 * Takes what the standard says, and what providers send beside it: operations in any case (`Replace`), booleans as texts
 * (`"False"`), names with dots or filters as members of a value without a path, members to remove as a value.
 *
 * @param resource is left as it is.
 * @returns the changed one, complete and valid.
 * @throws {Fault} `invalidSyntax`, `invalidPath`, `invalidValue`, `noTarget`, `mutability`; nothing is changed then.
 * @see https://www.rfc-editor.org/rfc/rfc7644#section-3.5.2
 */
export function applyPatch(kind: Kind, resource: Resource, body: unknown): Resource {
  const changed = structuredClone(resource)
  for (const operation of readOperations(body)) apply(kind, changed, operation)
  return finish(kind, changed)
}

function readOperations(body: unknown): Operation[] {
  if (!isObject(body)) throw refuse('invalidSyntax', 'cannot read this: send one JSON object')
  const message = lowered(body)
  const schemas = listOf(message['schemas']).map((one) => String(one).toLowerCase())
  if (!schemas.includes(urns.patch.toLowerCase()))
    throw refuse('invalidSyntax', `\`schemas\` does not name \`${urns.patch}\``)
  const operations = message['operations']
  if (!Array.isArray(operations) || operations.length === 0) throw refuse('invalidSyntax', '`Operations` is not a list')
  if (operations.length > operationsMax) throw refuse('tooMany', `more than ${operationsMax} operations at once`)
  return operations.map((given: unknown) => {
    const { op, path, value } = isObject(given) ? lowered(given) : {}
    const known = typeof op === 'string' ? op.toLowerCase() : ''
    if (known !== 'add' && known !== 'replace' && known !== 'remove') {
      throw refuse('invalidSyntax', 'an operation is none of add, replace, remove')
    }
    if (path !== undefined && path !== null && typeof path !== 'string')
      throw refuse('invalidPath', 'a path is not a text')
    return { op: known, path: path || undefined, value }
  })
}

function lowered(object: Parts): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]))
}

function apply(kind: Kind, resource: Resource, { op, path, value }: Operation): void {
  if (path !== undefined) return applyAt(kind, resource, { op, path: readPath(path), value })
  if (op === 'remove') throw refuse('noTarget', 'what is to be removed needs a path')
  if (!isObject(value)) throw refuse('invalidValue', 'without a path the value must be an object')
  for (const [name, part] of Object.entries(value)) {
    const target = findTarget(kind, name)
    // The whole resource is described here, with what is read only, and with what is not kept.
    if (target !== undefined) applyAt(kind, resource, { op, path: target, value: part })
  }
}

function findTarget(kind: Kind, name: string): TargetPath | undefined {
  if (/^(?:schemas|urn:[^"[\]]*:User|urn:[^"[\]]*:Group)$/i.test(name)) return undefined
  const path = readPath(name)
  const attribute = findAttribute(kind.attributes, path.name)
  return attribute === undefined || attribute.mutability === 'readOnly' ? undefined : path
}

function applyAt(
  kind: Kind,
  resource: Resource,
  { op, path, value }: { op: Op; path: TargetPath; value: unknown },
): void {
  const found = resolve(kind, path, 'invalidPath')
  if (found === undefined) return
  const { attribute, sub } = found
  if (attribute.mutability === 'readOnly') throw refuse('mutability', `\`${attribute.name}\` cannot be changed here`)
  if (attribute.multi) return changeValues(resource, { op, attribute, sub, filter: path.filter, value })
  if (path.filter !== undefined) throw refuse('invalidPath', `\`${attribute.name}\` has one value and takes no filter`)
  if (sub !== undefined) {
    const parts = { ...(resource[attribute.name] as Resource | undefined) }
    set(parts, sub, op === 'remove' ? undefined : readValue(sub, value))
    return set(resource, attribute, Object.keys(parts).length === 0 ? undefined : parts)
  }
  const read = op === 'remove' ? undefined : readValue(attribute, value)
  const merged = isObject(read) ? { ...(resource[attribute.name] as Resource | undefined), ...read } : read
  if (merged === undefined && attribute.required) throw refuse('mutability', `\`${attribute.name}\` cannot be removed`)
  set(resource, attribute, merged)
}

function set(parts: Resource, { name }: Attribute, value: unknown): void {
  if (value === undefined) delete parts[name]
  else parts[name] = value
}

interface ValuesChange {
  op: Op
  attribute: Attribute
  sub: Attribute | undefined
  filter: Filter | undefined
  value: unknown
}

function changeValues(resource: Resource, change: ValuesChange): void {
  const { op, attribute, sub, filter, value } = change
  const before = listOf(resource[attribute.name]) as Resource[]
  const test = filter && compileWithin(attribute, filter, 'invalidPath')
  const isMeant = (one: Resource) => test === undefined || test(one)
  let after: Resource[]
  if (op === 'remove') after = without(before, change, isMeant)
  else if (sub === undefined && filter === undefined) {
    const given = (readValue(attribute, value) ?? []) as Resource[]
    after = op === 'replace' ? given : adding(before, given)
  } else {
    const parts = sub === undefined ? readOne(attribute, value) : readParts(sub, value)
    const meant = new Set(before.filter(isMeant))
    if (meant.size > 0) after = before.map((one) => (meant.has(one) ? { ...one, ...(parts as Resource) } : one))
    else after = [...before, { ...named(op, change), ...(parts as Resource) }]
    const set = after.filter((_one, at) => at >= before.length || meant.has(before[at]!))
    after = preferring(after, set)
  }
  const doubled = after.length > 1 && attribute.name !== 'members'
  resource[attribute.name] = doubled ? withoutDoubles(after) : after
  if (after.length === 0) delete resource[attribute.name]
}

function readParts(sub: Attribute, value: unknown): Resource {
  const read = readValue(sub, value)
  if (read === undefined) throw refuse('invalidValue', `\`${sub.name}\` has no value`)
  return { [sub.name]: read }
}

function adding(before: readonly Resource[], given: readonly Resource[]): Resource[] {
  const added = new Map(given.map((one) => [identityOf(one), one]))
  const kept = before.filter((one) => !added.has(identityOf(one)))
  return preferring([...kept, ...added.values()], given)
}

// One value at most is preferred: what was set last, and no longer what was before.
function preferring(values: readonly Resource[], set: readonly Resource[]): Resource[] {
  const chosen = set.findLast((one) => one['primary'] === true)
  if (chosen === undefined) return [...values]
  return values.map((one) => (one === chosen || one['primary'] !== true ? one : { ...one, primary: false }))
}

function without(before: readonly Resource[], change: ValuesChange, isMeant: (one: Resource) => boolean): Resource[] {
  const { attribute, sub, filter, value } = change
  if (sub !== undefined) {
    if (sub.mutability === 'immutable')
      throw refuse('mutability', `\`${attribute.name}.${sub.name}\` cannot be removed`)
    return before.map((one) => {
      if (!isMeant(one)) return one
      const { [sub.name]: _removed, ...rest } = one
      return rest
    })
  }
  // Some providers name the members that leave in the value, and would empty the group if that were not heard.
  const listed = filter === undefined && value !== undefined && value !== null
  if (!listed) return before.filter((one) => !isMeant(one))
  const given = (readValue(attribute, value) ?? []) as Resource[]
  if (given.length === 0) throw refuse('invalidValue', `it is not said which \`${attribute.name}\` to remove`)
  const leaving = new Set(given.map((one) => one['value']))
  return before.filter((one) => !leaving.has(one['value']))
}

/** What a filter says of a value that is not there yet, where it says it outright: `type eq "work"`. */
function named(op: Op, { attribute, filter }: ValuesChange): Resource {
  const noTarget = () => refuse('noTarget', `no value of \`${attribute.name}\` is meant by this path`)
  if (filter === undefined) return {}
  if (op === 'replace') throw noTarget()
  const parts: Resource = {}
  for (const one of filter.op === 'and' ? filter.filters : [filter]) {
    if (one.op !== 'eq') throw noTarget()
    const part = findAttribute(attribute.sub ?? [], one.path.name)
    if (part !== undefined) parts[part.name] = readValue(part, one.value)
  }
  return parts
}

import { isObject } from '../../base/json.ts'

// A string argument names something unless its own name says that it is prose, a place or an address: an API behind the
// upstream may put it into a URL as it is, so that `../keys` would reach another operation than the one that was judged.
const proseNames = new Set(
  (
    'text content contents body message messages description descriptions title subject summary comment comments note notes query search ' +
    'question prompt instructions observation observations reason label caption markdown html code script sql input transcript passthrough ' +
    'value values data metadata filter filters thought intent'
  ).split(' '),
)
const placeNames = new Set('path paths file files filename filepath directory folder dir'.split(' '))
const addressNames = new Set('url urls uri uris href link links website endpoint callback webhook origin'.split(' '))
const addressFormats = new Set(['uri', 'uri-reference', 'iri', 'iri-reference', 'url'])

/** How strict a string is read. */
export type StringKind = 'identifier' | 'place' | 'address' | 'prose' | 'base64'

/** What may stand at one place of the arguments. */
export interface Rule {
  string: StringKind
  /** Values that the definition itself lists, which need no further look. */
  listed: ReadonlySet<string> | undefined
  /** Declared members; undefined when the definition says nothing of members. */
  members: ReadonlyMap<string, Rule> | undefined
  /** For members that are not declared, where the definition says what they are; undefined refuses them. */
  others: Rule | undefined
  items: Rule | undefined
}

const depthMax = 16
// Schemas that refer to themselves twice grow as a power: past this many places nothing more is declared, so it is refused.
const placesMax = 20_000

/**
 * Reads the rules out of an input schema, once per accepted definition. References lead only inside the schema; what it
 * does not say is read as strictly as can be.
 */
export function compileRules(schema: unknown, allowedArguments: readonly string[]): Rule {
  const compiler = { root: schema, allowed: new Set(allowedArguments), placesLeft: placesMax }
  const rule = compile(compiler, schema, { name: '', path: '', depth: 0 })
  const members = new Map(rule.members ?? [])
  for (const name of compiler.allowed) {
    if (!name.includes('.')) members.set(name, members.get(name) ?? anything(name))
  }
  return { ...rule, members, others: undefined, items: undefined }
}

interface Compiler {
  root: unknown
  allowed: ReadonlySet<string>
  placesLeft: number
}

interface Place {
  name: string
  path: string
  depth: number
}

function compile(compiler: Compiler, schema: unknown, place: Place): Rule {
  const rule = {
    string: kindOf(compiler, schema, place),
    listed: undefined as Set<string> | undefined,
    members: undefined as Map<string, Rule> | undefined,
    others: undefined as Rule | undefined,
    items: undefined as Rule | undefined,
  }
  compiler.placesLeft -= 1
  if (place.depth > depthMax || compiler.placesLeft < 0) return { ...rule, members: new Map() }
  for (const part of partsOf(compiler.root, schema, 0)) {
    addListed(rule, part)
    const inner = { ...place, depth: place.depth + 1 }
    if (isObject(part['properties'])) {
      rule.members ??= new Map()
      for (const [name, member] of Object.entries(part['properties'])) {
        const path = place.path === '' ? name : `${place.path}.${name}`
        rule.members.set(name, compile(compiler, member, { name, path, depth: place.depth + 1 }))
      }
    }
    const additional = part['additionalProperties']
    if (additional === true || isObject(additional))
      rule.others = compile(compiler, additional === true ? {} : additional, inner)
    if (isObject(part['items'])) rule.items = compile(compiler, part['items'], inner)
  }
  // What the owner allowed is allowed with all that is in it, where the definition does not say what that is.
  const open = rule.members === undefined && rule.others === undefined
  return open && compiler.allowed.has(place.path)
    ? { ...rule, others: allowedWhole(), items: rule.items ?? allowedWhole() }
    : rule
}

function addListed(rule: { listed: Set<string> | undefined }, part: Record<string, unknown>): void {
  const listed = Array.isArray(part['enum']) ? part['enum'] : part['const'] === undefined ? [] : [part['const']]
  for (const value of listed) {
    if (typeof value === 'string') (rule.listed ??= new Set()).add(value)
  }
}

// The schema itself, what it refers to inside the document, and the branches of its compositions: a member that any of
// them declares is declared.
function partsOf(root: unknown, schema: unknown, depth: number): Record<string, unknown>[] {
  if (!isObject(schema) || depth > depthMax) return []
  const parts = [schema]
  const reference = schema['$ref']
  if (typeof reference === 'string') parts.push(...partsOf(root, resolve(root, reference), depth + 1))
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    const branches = schema[keyword]
    if (Array.isArray(branches)) for (const branch of branches) parts.push(...partsOf(root, branch, depth + 1))
  }
  return parts
}

function resolve(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  let at = root
  for (const step of reference.slice(1).split('/').filter(Boolean)) {
    if (!isObject(at)) return undefined
    at = at[step.replaceAll('~1', '/').replaceAll('~0', '~')]
  }
  return at
}

function kindOf(compiler: Compiler, schema: unknown, place: Place): StringKind {
  if (compiler.allowed.has(place.path)) return 'prose'
  const format = isObject(schema) ? schema['format'] : undefined
  if (typeof format === 'string' && addressFormats.has(format)) return 'address'
  if (isObject(schema) && (schema['contentEncoding'] === 'base64' || format === 'byte')) return 'base64'
  const words = place.name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  const last = words.at(-1) ?? ''
  if (addressNames.has(last)) return 'address'
  if (placeNames.has(last)) return 'place'
  return proseNames.has(last) ? 'prose' : 'identifier'
}

function allowedWhole(): Rule {
  const rule = { string: 'prose' as const, listed: undefined, members: undefined }
  const whole: Rule & { others: Rule | undefined; items: Rule | undefined } = {
    ...rule,
    others: undefined,
    items: undefined,
  }
  return Object.assign(whole, { others: whole, items: whole })
}

function anything(name: string): Rule {
  const open: Rule = { string: 'prose', listed: undefined, members: undefined, others: undefined, items: undefined }
  return { ...open, others: open, items: open, string: name === '' ? 'identifier' : 'prose' }
}

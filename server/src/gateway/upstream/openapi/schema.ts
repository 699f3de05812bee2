import { isObject } from '../../../base/json.ts'
import { lookUp, type Json } from './document.ts'

// A schema of the document as an input schema of a tool: JSON Schema 2020-12, whole in itself, bounded. What refers to
// itself, or lies too deep, is cut to its type; the gateway then reads what stands there as strictly as can be.

export interface SchemaBounds {
  depthMax: number
  /** Places left; the schema is too large when they are used up. */
  places: { left: number }
}

export class SchemaTooLarge extends Error {}

const kept = new Set(
  (
    'type format enum const default title minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength ' +
    'pattern minItems maxItems uniqueItems minProperties maxProperties deprecated'
  ).split(' '),
)
const lists = ['allOf', 'anyOf', 'oneOf'] as const
const descriptionMax = 400
const enumMax = 500

interface Walk {
  root: Json
  bounds: SchemaBounds
  /** The references that were followed to get here. */
  through: readonly string[]
  depth: number
}

export function inputSchemaOf(root: Json, schema: unknown, bounds: SchemaBounds): Json {
  return convert({ root, bounds, through: [], depth: 0 }, schema)
}

function convert(walk: Walk, schema: unknown): Json {
  if (--walk.bounds.places.left < 0) throw new SchemaTooLarge()
  if (!isObject(schema)) return {}
  const reference = schema['$ref']
  if (typeof reference === 'string') return referred(walk, schema, reference)
  if (walk.depth >= walk.bounds.depthMax) return cut(schema)
  const out: Json = {}
  for (const [key, value] of Object.entries(schema)) if (kept.has(key)) out[key] = value
  if (typeof schema['description'] === 'string') out['description'] = shortened(schema['description'])
  if (Array.isArray(out['enum']) && out['enum'].length > enumMax) delete out['enum']
  fromOlder(out, schema)
  const inner = { ...walk, depth: walk.depth + 1 }
  properties(inner, schema, out)
  for (const key of lists) {
    const branches = schema[key]
    if (Array.isArray(branches) && branches.length > 0) out[key] = branches.map((branch) => convert(inner, branch))
  }
  if (isObject(schema['items'])) out['items'] = convert(inner, schema['items'])
  const additional = schema['additionalProperties']
  if (typeof additional === 'boolean') out['additionalProperties'] = additional
  else if (isObject(additional)) out['additionalProperties'] = convert(inner, additional)
  return out
}

function referred(walk: Walk, schema: Json, reference: string): Json {
  const target = lookUp(walk.root, reference)
  const seen = walk.through.includes(reference) || walk.through.length > 50
  const out = seen ? cut(target) : convert({ ...walk, through: [...walk.through, reference] }, target)
  // Beside a reference, 3.1 lets other words stand.
  if (typeof schema['description'] === 'string') out['description'] = shortened(schema['description'])
  return out
}

function properties(walk: Walk, schema: Json, out: Json): void {
  if (!isObject(schema['properties'])) return
  const given = Object.entries(schema['properties']).filter(([name, value]) => {
    // What only the API may set is no input; a name that JSON readers disagree on is no member.
    return name !== '__proto__' && !(isObject(value) && value['readOnly'] === true)
  })
  out['properties'] = Object.fromEntries(given.map(([name, value]) => [name, convert(walk, value)]))
  const names = new Set(given.map(([name]) => name))
  const required = Array.isArray(schema['required'])
    ? schema['required'].filter((name) => typeof name === 'string' && names.has(name))
    : []
  if (required.length > 0) out['required'] = required
}

/** What OpenAPI 3.0 says otherwise than JSON Schema. */
function fromOlder(out: Json, schema: Json): void {
  if (schema['nullable'] === true && typeof out['type'] === 'string') {
    out['type'] = [out['type'], 'null']
    if (Array.isArray(out['enum']) && !out['enum'].includes(null)) out['enum'] = [...(out['enum'] as unknown[]), null]
  }
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof out[exclusive] !== 'boolean') continue
    if (out[exclusive] && typeof out[bound] === 'number') {
      out[exclusive] = out[bound]
      delete out[bound]
    } else delete out[exclusive]
  }
}

function cut(schema: unknown): Json {
  const type = isObject(schema) ? schema['type'] : undefined
  return typeof type === 'string' || Array.isArray(type) ? { type } : {}
}

function shortened(text: string): string {
  return text.length <= descriptionMax ? text : `${text.slice(0, descriptionMax - 1)}…`
}

import { isScalar, LineCounter, parseDocument, visit, type Node } from 'yaml'
import { isObject } from '../../../base/json.ts'

// An OpenAPI document as it is read: bounded, with no reference that leads out of it. Nothing is fetched, ever.

export type Json = Record<string, unknown>

export interface ApiDocument {
  root: Json
  title: string
  version: string
  description: string | undefined
  /** The first address that the document names, where that is absolute. */
  server: string | undefined
  /** What a value is when it is a reference inside the document: what it leads to, through other references. */
  follow(value: unknown): unknown
}

export const documentBytesMax = 32 * 1024 * 1024
const depthMax = 200
const followedMax = 20

/**
 * Reads an OpenAPI 3.0 or 3.1 document, JSON or YAML.
 *
 * @throws {Error} whose message says what is wrong, for people.
 */
export function readDocument(text: string): ApiDocument {
  const root = parse(text)
  if (!isObject(root)) throw new Error('it is no object')
  const version = root['openapi']
  if (typeof version !== 'string' || !/^3\.[01]\.\d+/.test(version)) {
    const said = root['swagger'] === undefined ? JSON.stringify(version ?? null).slice(0, 40) : 'Swagger 2'
    throw new Error(
      `it is not OpenAPI 3.0 or 3.1 but ${said} (at \`#/${version === undefined && 'swagger' in root ? 'swagger' : 'openapi'}\`)`,
    )
  }
  refuseRemote(root, { key: '', depth: 0, above: undefined })
  const info = isObject(root['info']) ? root['info'] : {}
  return {
    root,
    title: textOf(info['title']) ?? 'API',
    version: textOf(info['version']) ?? '',
    description: textOf(info['description']),
    server: firstServer(root['servers']),
    follow: (value) => follow(root, value),
  }
}

/** What is larger and begins like JSON was meant to be JSON; as YAML it would be read for minutes. */
const flowMax = 2 * 1024 * 1024

function parse(text: string): unknown {
  let noJson: string | undefined
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text) as unknown
    } catch (error) {
      // A flow mapping of YAML begins the same way.
      noJson = (error as Error).message
      if (text.length > flowMax) throw new Error(`it is no JSON: ${noJson}`, { cause: error })
    }
  }
  // Whether a key stands twice is asked here: the reader compares each with each, for minutes where there are many.
  const lineCounter = new LineCounter()
  const parsed = parseDocument(text, { uniqueKeys: false, merge: false, prettyErrors: false, lineCounter })
  const trouble = parsed.errors[0]
  const where = ([at]: readonly number[]) => {
    const { line, col } = lineCounter.linePos(at!)
    return `line ${line} column ${col}`
  }
  if (trouble !== undefined)
    throw new Error(`it is neither JSON nor YAML: ${noJson ?? `${trouble.message} (${where(trouble.pos)})`}`)
  visit(parsed, {
    Map(_key, { items }) {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : undefined
        if (seen.has(name)) throw new Error(`a key stands twice in it (${where((key as Node).range ?? [0])})`)
        seen.add(name)
      }
    },
  })
  return parsed.toJS({ maxAliasCount: 100 }) as unknown
}

const samples = new Set(['example', 'examples', 'default', 'enum', 'const'])

// Where a schema's members are named, their names are no keywords.
function refuseRemote(value: unknown, at: Place): void {
  if (at.depth > depthMax) throw new Error(`it is nested more than ${depthMax} deep (at \`${pointerTo(at)}\`)`)
  const inner = (key: string): Place => ({ key, depth: at.depth + 1, above: at })
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) refuseRemote(item, inner(String(index)))
    return
  }
  if (!isObject(value)) return
  for (const [key, member] of Object.entries(value)) {
    if (key === '$ref' && typeof member === 'string' && !member.startsWith('#')) {
      const refers = `it refers to \`${member.slice(0, 200)}\` (at \`${pointerTo(inner(key))}\`)`
      throw new Error(`${refers}: references may lead only inside the document`)
    }
    if (at.key === 'properties' || !samples.has(key)) refuseRemote(member, inner(key))
  }
}

interface Place {
  key: string
  depth: number
  above: Place | undefined
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
function pointerTo(place: Place): string {
  const steps: string[] = []
  for (let at: Place | undefined = place; at?.above !== undefined; at = at.above)
    steps.unshift(at.key.replaceAll('~', '~0').replaceAll('/', '~1'))
  const whole = `#${steps.map((step) => `/${step}`).join('')}`
  return whole.length <= 200 ? whole : `${whole.slice(0, 199)}…`
}

function follow(root: Json, value: unknown): unknown {
  let at = value
  for (let steps = 0; steps < followedMax; steps++) {
    const reference = isObject(at) ? at['$ref'] : undefined
    if (typeof reference !== 'string') return at
    at = lookUp(root, reference)
  }
  return undefined
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
export function lookUp(root: Json, reference: string): unknown {
  let at: unknown = root
  for (const step of reference.slice(1).split('/').slice(1)) {
    const key = unescaped(step)
    const known = Array.isArray(at) ? at[Number(key)] : isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined
    if (known === undefined) return undefined
    at = known as unknown
  }
  return at
}

function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return step
  }
}

function firstServer(servers: unknown): string | undefined {
  return Array.isArray(servers) ? serverUrl(servers[0]) : undefined
}

/** The address of a server object with its variables at their defaults, where it is absolute. */
export function serverUrl(server: unknown): string | undefined {
  if (!isObject(server) || typeof server['url'] !== 'string') return undefined
  const variables = isObject(server['variables']) ? server['variables'] : {}
  const filled = server['url'].replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = variables[name]
    return isObject(variable) && typeof variable['default'] === 'string' ? variable['default'] : whole
  })
  const url = filled
    // A host without a scheme is one of TLS.
    .replace(/^\/\//, 'https://')
  return /^https?:\/\//i.test(url) && !url.includes('{') && URL.canParse(url) ? url : undefined
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

import { isObject } from '../../../base/json.ts'
import { serverUrl, textOf, type ApiDocument, type Json } from './document.ts'
import { readParameter, type Parameter } from './parameter.ts'
import { readTemplate, type Segment, type UrlTemplate } from './template.ts'

// One operation of the document, judged: everything that a call of it may send, and where.

export type Method = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Body {
  kind: 'json' | 'form'
  mediaType: string
  required: boolean
  schema: unknown
  /** How members of a form are written, where that is not usual. */
  encoding: ReadonlyMap<string, { style: 'form' | 'deepObject'; explode: boolean }>
}

export interface Operation {
  id: string | undefined
  method: Method
  path: string
  summary: string | undefined
  description: string | undefined
  deprecated: boolean
  /** By the name of the argument. */
  parameters: ReadonlyMap<string, Parameter>
  body: { argument: string; body: Body } | undefined
  template: UrlTemplate
  /** The document says that it needs no credential: then it gets none. */
  open: boolean
}

export interface LeftOut {
  operation: string
  why: string
}

const methods: Record<string, Method | undefined> = {
  get: 'GET',
  head: 'HEAD',
  options: 'OPTIONS',
  post: 'POST',
  put: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
}

/** Every operation of the document in its order, and those that are left out with the reason. */
export function readOperations(document: ApiDocument, base: URL): { operations: Operation[]; leftOut: LeftOut[] } {
  const operations: Operation[] = []
  const leftOut: LeftOut[] = []
  const paths = document.root['paths']
  for (const [path, value] of Object.entries(isObject(paths) ? paths : {})) {
    const item = document.follow(value)
    if (!isObject(item) || path.startsWith('x-')) continue
    for (const [key, raw] of Object.entries(item)) {
      if (key === 'trace') leftOut.push({ operation: `TRACE ${path}`, why: 'its method is not served' })
      const method = methods[key]
      if (method === undefined || !isObject(raw)) continue
      const read = readOperation({ document, base, path, method, item, raw })
      if (typeof read === 'string') leftOut.push({ operation: `${method} ${path}`, why: read })
      else operations.push(read)
    }
  }
  return { operations, leftOut }
}

interface Raw {
  document: ApiDocument
  base: URL
  path: string
  method: Method
  item: Json
  raw: Json
}

function readOperation(of: Raw): Operation | string {
  const { document, base, path, method, item, raw } = of
  const elsewhere = [raw['servers'], item['servers']].find((servers) => Array.isArray(servers) && servers.length > 0)
  if (elsewhere !== undefined && serverUrl((elsewhere as unknown[])[0]) !== document.server)
    return 'it names a server of its own'
  const segments = readTemplate(path)
  if (typeof segments === 'string') return segments
  const parameters = readParameters(of)
  if (typeof parameters === 'string') return parameters
  const misplaced = misplacedIn(segments, parameters)
  if (misplaced !== undefined) return misplaced
  const body = readBody(document, method, raw['requestBody'])
  if (typeof body === 'string') return body
  const named = namedArguments(parameters)
  const argument = named.has('body') ? 'request_body' : 'body'
  return {
    id: textOf(raw['operationId']),
    method,
    path,
    summary: textOf(raw['summary']) ?? textOf(item['summary']),
    description: textOf(raw['description']) ?? textOf(item['description']),
    deprecated: raw['deprecated'] === true,
    parameters: named,
    body: body && { argument, body },
    template: templateOf(base, segments, parameters),
    open: Array.isArray(raw['security']) && raw['security'].length === 0,
  }
}

/** Those of the path item, replaced by those of the operation. */
function readParameters({ document, item, raw }: Raw): Parameter[] | string {
  const read = new Map<string, Parameter>()
  const whys = new Map<string, string>()
  for (const list of [item['parameters'], raw['parameters']]) {
    if (list === undefined) continue
    if (!Array.isArray(list)) return 'its parameters are no list'
    for (const value of list) {
      const named = document.follow(value)
      const key = isObject(named) ? `${String(named['in'])} ${String(named['name'])}` : ''
      const parameter = readParameter(document, value)
      read.delete(key)
      whys.delete(key)
      if (typeof parameter === 'string') whys.set(key, parameter)
      else if (parameter !== undefined) read.set(key, parameter)
    }
  }
  const [why] = whys.values()
  return why ?? [...read.values()]
}

function misplacedIn(segments: readonly Segment[], parameters: readonly Parameter[]): string | undefined {
  const places = segments.flatMap(({ parts }) =>
    parts.flatMap((part) => (typeof part === 'string' ? [] : part.parameter)),
  )
  const known = new Set(parameters.filter((one) => one.in === 'path').map(({ name }) => name))
  if (new Set(places).size !== places.length) return 'its path has one parameter twice'
  const missing = places.find((name) => !known.has(name))
  if (missing !== undefined) return `its path needs \`${missing.slice(0, 64)}\`, which is not described`
  const left = [...known].find((name) => !places.includes(name))
  return left === undefined ? undefined : `its path has no place for \`${left.slice(0, 64)}\``
}

/** Arguments have the name of their parameter; where two places use one name, all of those say which they mean. */
function namedArguments(parameters: readonly Parameter[]): Map<string, Parameter> {
  const count = new Map<string, number>()
  for (const { name } of parameters) count.set(name, (count.get(name) ?? 0) + 1)
  return new Map(parameters.map((one) => [count.get(one.name) === 1 ? one.name : `${one.in}_${one.name}`, one]))
}

function templateOf(base: URL, segments: Segment[], parameters: readonly Parameter[]): UrlTemplate {
  const queries = parameters.filter((one) => one.in === 'query')
  return {
    base,
    segments,
    multiSegment: new Set(parameters.filter((one) => one.multiSegment).map(({ name }) => name)),
    query: new Set(queries.filter((one) => one.style !== 'deepObject').map(({ name }) => name)),
    nested: new Set(queries.filter((one) => one.style === 'deepObject').map(({ name }) => name)),
  }
}

function readBody(document: ApiDocument, method: Method, value: unknown): Body | string | undefined {
  const raw = document.follow(value)
  if (!isObject(raw) || !isObject(raw['content']) || Object.keys(raw['content']).length === 0) return undefined
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') {
    return raw['required'] === true ? `it needs a body, which ${method} has not` : undefined
  }
  const required = raw['required'] === true
  const offered = Object.entries(raw['content'])
  for (const [kind, fits] of bodyKinds) {
    const found = offered.find(([type]) => fits.test(type))
    if (found === undefined) continue
    const media = document.follow(found[1])
    const encoding = kind === 'form' && isObject(media) ? readEncoding(media['encoding']) : new Map<string, never>()
    if (typeof encoding === 'string') return encoding
    const mediaType = found[0].includes('*') ? 'application/json' : found[0]
    return { kind, mediaType, required, schema: isObject(media) ? media['schema'] : undefined, encoding }
  }
  return `its body is \`${offered[0]![0].slice(0, 64)}\``
}

const bodyKinds = [
  ['json', /^(?:application\/(?:[\w.+-]+\+)?json(?:\s*;\s*[\w-]+=[\w.-]+)?|\*\/\*|application\/\*)$/i],
  ['form', /^application\/x-www-form-urlencoded$/i],
] as const

function readEncoding(value: unknown): Body['encoding'] | string {
  const read = new Map<string, { style: 'form' | 'deepObject'; explode: boolean }>()
  for (const [name, raw] of Object.entries(isObject(value) ? value : {})) {
    const style = isObject(raw) ? (raw['style'] ?? 'form') : 'form'
    if (style !== 'form' && style !== 'deepObject') return 'its form is written in a style that is not served'
    read.set(name, { style, explode: !isObject(raw) || raw['explode'] !== false })
  }
  return read
}

import { isObject } from '../../../base/json.ts'
import { readBody, type Body } from './body.ts'
import { serverUrl, textOf, type ApiDocument, type Json } from './document.ts'
import { readParameter, type Parameter } from './parameter.ts'
import { readTemplate, type PathForm, type Segment, type UrlTemplate } from './template.ts'

// One operation of the document, judged: everything that a call of it may send, and where.

export type Method = 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

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

/** GitHub has 1,200. */
const operationsMax = 10_000

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
      if (operations.length + leftOut.length >= operationsMax) throw new Error('its operations are too many')
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
  return why ?? apart([...read.values()])
}

/** Without those whose members have names of other parameters beside them. */
function apart(parameters: readonly Parameter[]): Parameter[] | string {
  const namesOf = ({ in: place, name, members }: Parameter) => [name, ...members].map((one) => `${place} ${one}`)
  const count = new Map<string, number>()
  for (const one of parameters.flatMap((parameter) => [...new Set(namesOf(parameter))]))
    count.set(one, (count.get(one) ?? 0) + 1)
  const clash = (one: Parameter) => one.members.size > 0 && namesOf(one).some((name) => count.get(name)! > 1)
  const needed = parameters.find((one) => one.required && clash(one))
  if (needed !== undefined)
    return `its parameter \`${needed.name.slice(0, 64)}\` has members named like other parameters`
  return parameters.filter((one) => !clash(one))
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
    forms: new Map(parameters.filter((one) => one.in === 'path').map((one) => [one.name, formOf(one)])),
    query: new Set(
      queries.filter((one) => one.style !== 'deepObject').flatMap(({ name, members }) => [name, ...members]),
    ),
    nested: new Set(queries.filter((one) => one.style === 'deepObject').map(({ name }) => name)),
  }
}

function formOf({ style, explode, multiSegment, members }: Parameter): PathForm {
  return { style: style === 'label' || style === 'matrix' ? style : 'simple', explode, multiSegment, members }
}

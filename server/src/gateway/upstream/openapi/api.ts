import { createHash } from 'node:crypto'
import { isObject } from '../../../base/json.ts'
import { bodySchemaOf } from './body.ts'
import { readDocument, type ApiDocument, type Json } from './document.ts'
import { readOperations, type LeftOut, type Method, type Operation } from './operation.ts'
import { inputSchemaOf, SchemaTooLarge } from './schema.ts'

// A document as tools: names that every client takes, definitions that say everything by which a person judges a call,
// method and path included, so that the pin covers where it goes.

export interface Api {
  title: string
  version: string
  description: string | undefined
  base: URL
  /** SHA-256 of the document, lower-case hexadecimal. */
  digest: string
  tools: ReadonlyMap<string, ApiTool>
  /** The names of credentials that belong into the query. */
  queryKeys: ReadonlySet<string>
  leftOut: readonly LeftOut[]
}

export interface ApiTool {
  operation: Operation
  definition: Json
}

export const toolNameMax = 64
const descriptionMax = 2_000
/** What the gateway reads of all definitions together is bounded, so each may be only so large. */
const definitionsBytesMax = 6 * 1024 * 1024
const definitionBytesMax = [32, 16, 8, 4, 2].map((kibibytes) => kibibytes * 1024)
const depths = [10, 7, 5, 4, 3, 2, 1]
const placesMax = 4_000

/**
 * Reads a document as tools.
 *
 * @param server where its operations are; that of the document when absent.
 * @throws {Error} whose message says what is wrong with the document, for people.
 */
export function readApi(text: string, server: string | undefined): Api {
  const document = readDocument(text)
  const base = readBase(server ?? document.server)
  const { operations, leftOut } = readOperations(document, base)
  const named = namesOf(operations)
  const tools = new Map<string, ApiTool>()
  for (const [name, definition] of definitionsOf(document.root, named)) {
    const operation = named.get(name)!
    if (definition === undefined)
      leftOut.push({ operation: placeOf(operation), why: 'its arguments are too many to show' })
    else tools.set(name, { operation, definition })
  }
  const { title, version, description } = document
  const queryKeys = queryKeysOf(document)
  return { title, version, description, base, digest: digestOf(text), tools, queryKeys, leftOut }
}

function queryKeysOf({ root, follow }: ApiDocument): Set<string> {
  const components = isObject(root['components']) ? root['components'] : {}
  const schemes = isObject(components['securitySchemes']) ? Object.values(components['securitySchemes']) : []
  return new Set(
    schemes.flatMap((value) => {
      const scheme = follow(value)
      const inQuery = isObject(scheme) && scheme['type'] === 'apiKey' && scheme['in'] === 'query'
      return inQuery && typeof scheme['name'] === 'string' ? [scheme['name']] : []
    }),
  )
}

function readBase(server: string | undefined): URL {
  if (server === undefined)
    throw new Error('it names no absolute server (at `#/servers/0/url`): say where the API is, as its `server`')
  const url = new URL(server)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new Error('its server has a user, a query or a fragment (at `#/servers/0/url`)')
  return url
}

/** Names by operation: its id made to fit; those that would be one name get a mark that depends on themselves alone. */
function namesOf(operations: readonly Operation[]): Map<string, Operation> {
  const plain = operations.map((operation) => ({ operation, name: fitted(operation) }))
  const count = new Map<string, number>()
  for (const { name } of plain) count.set(name.toLowerCase(), (count.get(name.toLowerCase()) ?? 0) + 1)
  const names = new Map<string, Operation>()
  for (const { name, operation } of plain) {
    const alone = count.get(name.toLowerCase()) === 1 && name.length <= toolNameMax
    names.set(alone ? name : `${name.slice(0, toolNameMax - 9)}_${digestOf(placeOf(operation)).slice(0, 8)}`, operation)
  }
  return names
}

function fitted(operation: Operation): string {
  const text = operation.id ?? `${operation.method.toLowerCase()} ${operation.path}`
  const name = text.replaceAll(/[^A-Za-z0-9_-]+/g, '_').replaceAll(/^_+|_+$/g, '')
  return name === '' ? 'operation' : name
}

function placeOf({ method, path }: Operation): string {
  return `${method} ${path}`
}

const verbs: Record<Method, string> = {
  GET: 'Reads',
  HEAD: 'Reads',
  OPTIONS: 'Reads',
  POST: 'Creates or changes',
  PUT: 'Changes',
  PATCH: 'Changes',
  DELETE: 'Deletes',
}

/** What the method says; the words of name and description may say that it is graver. */
function hintsOf(method: Method): Json {
  const reads = verbs[method] === 'Reads'
  return { readOnlyHint: reads, destructiveHint: method === 'DELETE', openWorldHint: true }
}

/** As large as they may be so that all of them together are not too large; undefined where one is too large all the same. */
function definitionsOf(root: Json, named: ReadonlyMap<string, Operation>): Map<string, Json | undefined> {
  let definitions = new Map<string, Json | undefined>()
  for (const bytesMax of definitionBytesMax) {
    definitions = new Map(
      [...named].map(([name, operation]) => [name, definitionOf(root, { name, operation, bytesMax })]),
    )
    if (Buffer.byteLength(JSON.stringify([...definitions.values()])) <= definitionsBytesMax) return definitions
  }
  throw new Error('its operations are too many')
}

function definitionOf(root: Json, of: { name: string; operation: Operation; bytesMax: number }): Json | undefined {
  const { name, operation, bytesMax } = of
  const { summary, description, deprecated, method } = operation
  const words = [summary, description === summary ? undefined : description, deprecated ? 'Deprecated.' : undefined]
  const said = words.filter((text) => text !== undefined).join('\n\n')
  const place = `${verbs[method]}: ${placeOf(operation)}`
  const definition = {
    name,
    ...(summary !== undefined && { title: summary.slice(0, 200) }),
    description: `${said.slice(0, descriptionMax)}${said === '' ? '' : '\n\n'}${place}`,
    annotations: hintsOf(method),
  }
  for (const depthMax of depths) {
    const inputSchema = tryInputOf(root, operation, depthMax)
    if (inputSchema === undefined) continue
    const whole = { ...definition, inputSchema }
    if (Buffer.byteLength(JSON.stringify(whole)) <= bytesMax) return whole
  }
  return undefined
}

function tryInputOf(root: Json, operation: Operation, depthMax: number): Json | undefined {
  try {
    return inputOf(root, operation, depthMax)
  } catch (error) {
    if (error instanceof SchemaTooLarge) return undefined
    throw error
  }
}

function inputOf(root: Json, { parameters, body }: Operation, depthMax: number): Json {
  const bounds = { depthMax, places: { left: placesMax } }
  const properties = new Map<string, Json>()
  const required: string[] = []
  for (const [argument, parameter] of parameters) {
    const schema = inputSchemaOf(root, parameter.schema, bounds)
    const description = parameter.description?.slice(0, 400)
    properties.set(argument, { ...schema, ...(description !== undefined && { description }) })
    if (parameter.required) required.push(argument)
  }
  if (body !== undefined) {
    properties.set(body.argument, bodySchemaOf(root, body.body, bounds))
    if (body.body.required) required.push(body.argument)
  }
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

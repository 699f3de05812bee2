import { isObject } from '../../base/json.ts'
import { bulkOperationsMax } from './config.ts'
import { errorOf, faultOf } from './error.ts'
import { listOf, type Parts } from './match.ts'
import type { ScimParts } from './parts.ts'
import type { Provisioner } from './provisioner.ts'
import { refuse, refuseBy } from './refuse.ts'
import { urns } from './schema.ts'
import { type Asked, serve } from './serve.ts'

interface Operation {
  method: string
  path: string
  bulkId: string | undefined
  version: string | undefined
  data: unknown
}

interface Done {
  method: string
  bulkId?: string
  version?: string
  location?: string
  status: string
  response?: object
}

/**
 * Does many operations, each by itself: what is done stays done when a later one fails.
 *
 * One that names another by its `bulkId` waits for it, wherever it stands in the list.
 *
 * @param each is called before each operation: it may refuse.
 * @see https://www.rfc-editor.org/rfc/rfc7644#section-3.7
 */
export async function serveBulk(
  parts: ScimParts,
  provisioner: Provisioner,
  { body, each }: { body: unknown; each: () => Promise<void> },
): Promise<object> {
  const { operations, errorsMax } = readBulk(body)
  const made = new Map<string, string>()
  const done = new Map<Operation, Done>()
  let errors = 0
  let waiting = operations
  while (waiting.length > 0 && errors < errorsMax) {
    const ready = waiting.filter((one) => refersTo(one).every((id) => made.has(id)))
    // What waits for something that failed, that is not there, or that waits for it in turn, waits in vain.
    const next = ready[0] ?? waiting[0]!
    const result = await attempt(parts, provisioner, { operation: next, made, each, hopeless: ready.length === 0 })
    done.set(next, result)
    if (Number(result.status) >= 400) errors++
    waiting = waiting.filter((one) => one !== next)
  }
  const answers = operations.flatMap((one) => done.get(one) ?? [])
  return { schemas: [urns.bulkAnswer], Operations: answers }
}

async function attempt(
  parts: ScimParts,
  provisioner: Provisioner,
  of: { operation: Operation; made: Map<string, string>; each: () => Promise<void>; hopeless: boolean },
): Promise<Done> {
  const { operation, made, each, hopeless } = of
  const { method, bulkId, version } = operation
  const told = { method, ...(bulkId !== undefined && { bulkId }) }
  try {
    await each()
    if (hopeless) throw refuseBy(409, 'it refers to a `bulkId` of which nothing was made')
    const asked: Asked = {
      method,
      path: resolveIds(operation.path, made) as string,
      query: new URLSearchParams(),
      body: resolveIds(operation.data, made),
      ifMatch: version,
      ifNoneMatch: undefined,
      scanning: async () => undefined,
    }
    const { status, etag, location, body } = await serve(parts, provisioner, asked)
    const { id } = (body ?? {}) as Parts
    if (bulkId !== undefined && typeof id === 'string') made.set(bulkId, id)
    return { ...told, ...(etag && { version: etag }), ...(location && { location }), status: String(status) }
  } catch (error) {
    const fault = faultOf(error)
    if (fault.status >= 500) parts.log.error({ error }, 'an operation of a bulk failed')
    return { ...told, status: String(fault.status), response: errorOf(fault) }
  }
}

function readBulk(body: unknown): { operations: Operation[]; errorsMax: number } {
  if (!isObject(body) || !listOf(body['schemas']).includes(urns.bulk))
    throw refuse('invalidSyntax', `\`schemas\` does not name \`${urns.bulk}\``)
  const { Operations: given, failOnErrors = Infinity } = body as { Operations?: unknown; failOnErrors?: unknown }
  if (!Array.isArray(given)) throw refuse('invalidSyntax', '`Operations` is not a list')
  if (given.length > bulkOperationsMax) throw refuseBy(413, `more than ${bulkOperationsMax} operations at once`)
  if (typeof failOnErrors !== 'number' || failOnErrors < 1)
    throw refuse('invalidValue', '`failOnErrors` is not a number above 0')
  const operations = given.map(readOperation)
  const ids = operations.flatMap(({ bulkId }) => bulkId ?? [])
  if (new Set(ids).size < ids.length) throw refuse('invalidValue', 'a `bulkId` comes twice')
  return { operations, errorsMax: failOnErrors }
}

function readOperation(given: unknown): Operation {
  const { method, path, bulkId, version, data } = isObject(given) ? given : {}
  if (typeof method !== 'string' || !/^(?:POST|PUT|PATCH|DELETE)$/i.test(method))
    throw refuse('invalidSyntax', 'a method is none of POST, PUT, PATCH, DELETE')
  if (typeof path !== 'string' || !/^\/(?:Users|Groups)(?:\/[\w:-]{1,200})?$/.test(path))
    throw refuse('invalidPath', 'a path is not of a person or a group')
  if (bulkId !== undefined && (typeof bulkId !== 'string' || !/^[\x21-\x7e]{1,100}$/.test(bulkId)))
    throw refuse('invalidValue', 'a `bulkId` is not 1 to 100 visible ASCII characters')
  const upper = method.toUpperCase()
  if (upper === 'POST' && bulkId === undefined) throw refuse('invalidSyntax', 'a POST has no `bulkId`')
  if (version !== undefined && typeof version !== 'string') throw refuse('invalidValue', 'a `version` is not a text')
  return { method: upper, path, bulkId, version, data }
}

const reference = /^bulkId:([\x21-\x7e]{1,100})$/

function refersTo({ path, data }: Operation): string[] {
  const found: string[] = []
  walk(data, (text) => {
    const id = reference.exec(text)?.[1]
    if (id !== undefined) found.push(id)
    return text
  })
  const inPath = /\/bulkId:(.+)$/.exec(path)?.[1]
  return inPath === undefined ? found : [...found, inPath]
}

function resolveIds(value: unknown, made: ReadonlyMap<string, string>): unknown {
  return walk(value, (text) => {
    const whole = reference.exec(text)?.[1]
    if (whole !== undefined) return made.get(whole) ?? text
    return text.replace(
      /^(\/(?:Users|Groups)\/)bulkId:(.+)$/,
      (_all, before: string, id: string) => before + made.get(id),
    )
  })
}

function walk(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((one) => walk(one, change))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, change)]))
}

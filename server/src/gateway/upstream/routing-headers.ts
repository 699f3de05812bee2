import { isObject } from '../../base/json.ts'
import { decodeHeader, encodeHeaderValue, visible } from './header-value.ts'
import type { RpcRequest } from './message.ts'

// A modern upstream compares these headers with the body and refuses a difference, so they are computed from the body
// that was judged. Only `Mcp-Param-*` headers that the accepted schema does not declare pass as the client sent them:
// the upstream may know more than we do, and it decides.

/** The parameter that `Mcp-Name` mirrors, by the method. */
export const namedBy: ReadonlyMap<string, string> = new Map([
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/cancel', 'taskId'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tools/call', 'name'],
])
const parameterName = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/

export function routingHeaders(
  message: RpcRequest,
  inputSchema: unknown,
  given: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-method': message.method }
  const source = namedBy.get(message.method)
  const name = source === undefined ? undefined : message.params?.[source]
  if (typeof name === 'string') headers['mcp-name'] = encodeHeaderValue(name)
  if (message.method !== 'tools/call') return headers
  for (const [header, value] of Object.entries(given)) {
    if (parameterName.test(header) && visible.test(value)) headers[header] = value
  }
  for (const { header, path } of listDeclared(inputSchema)) {
    const text = textOf(
      path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), message.params?.['arguments']),
    )
    if (text === undefined) delete headers[header]
    else headers[header] = encodeHeaderValue(text)
  }
  return headers
}

/**
 * The first header that should mirror a declared argument and disagrees with it; undefined when none does.
 *
 * @param way `demanded`: the client speaks an era in which a header that is missing disagrees too.
 */
export function findLiar(
  { args, inputSchema }: { args: Readonly<Record<string, unknown>>; inputSchema: unknown },
  given: Readonly<Record<string, string>>,
  way: { demanded: boolean },
): string | undefined {
  if (Object.keys(given).length === 0 && !way.demanded) return undefined
  const liar = listDeclared(inputSchema).find(({ header, path }) => {
    const sent = given[header]
    const text = textOf(path.reduce<unknown>((node, key) => (isObject(node) ? node[key] : undefined), args))
    if (sent === undefined) return way.demanded && text !== undefined
    return text === undefined || decodeHeader(sent) !== text
  })
  return liar?.header
}

interface Declared {
  header: string
  path: string[]
}

// A definition is read once, and asked at every call.
const known = new WeakMap<object, Declared[]>()

function listDeclared(schema: unknown): Declared[] {
  if (!isObject(schema)) return []
  const declared = known.get(schema) ?? declaredIn(schema, [])
  known.set(schema, declared)
  return declared
}

// Parameters may be mirrored only where `properties` lead to them; everything else in a schema is not looked at.
function declaredIn(schema: unknown, path: string[]): Declared[] {
  if (path.length > 16 || !isObject(schema) || !isObject(schema['properties'])) return []
  return Object.entries(schema['properties']).flatMap(([key, property]) => {
    const name = isObject(property) ? property['x-mcp-header'] : undefined
    const header = typeof name === 'string' ? `mcp-param-${name.toLowerCase()}` : ''
    const own = parameterName.test(header) ? [{ header, path: [...path, key] }] : []
    return [...own, ...declaredIn(property, [...path, key])]
  })
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value)
}

import { canonicalJson, isObject } from '../../../base/json.ts'
import type { Body, Operation } from './operation.ts'
import type { Parameter } from './parameter.ts'
import { fitsTemplate } from './template.ts'
import { CannotWrite, encode, writeHeaderValue, writePairs, writePathValue } from './write.ts'

// The one request that a call means. What comes out has been held against the template of its operation.

export interface BuiltRequest {
  url: URL
  headers: Record<string, string>
  body: string | null
}

/** @throws {CannotWrite} with a sentence for the model, when the arguments cannot be sent; nothing was sent then. */
export function buildRequest(operation: Operation, args: Readonly<Record<string, unknown>>): BuiltRequest {
  const headers: Record<string, string> = {}
  const pairs: string[] = []
  const inPath = new Map<string, string>()
  for (const [argument, parameter] of operation.parameters) {
    const value = Object.hasOwn(args, argument) ? args[argument] : undefined
    if (value === undefined || value === null) {
      if (parameter.required) throw new CannotWrite(`\`${argument}\` is missing`)
    } else if (parameter.in === 'path') inPath.set(parameter.name, pathValue(parameter, value))
    else if (parameter.in === 'query') pairs.push(...writePairs(parameter, value))
    else headers[parameter.name.toLowerCase()] = headerValue(parameter, value)
  }
  const path = operation.template.segments
    .map(({ parts }) => parts.map((part) => (typeof part === 'string' ? part : inPath.get(part.parameter)!)).join(''))
    .join('/')
  const { base } = operation.template
  const query = pairs.length === 0 ? '' : `?${pairs.join('&')}`
  const text = `${base.origin}${base.pathname.replace(/\/$/, '')}/${path}${query}`
  if (!fitsTemplate(text, operation.template))
    throw new CannotWrite('the arguments lead to another address than this tool’s')
  return { url: new URL(text), headers, ...bodyOf(operation, args, headers) }
}

function pathValue({ name, style, multiSegment }: Parameter, value: unknown): string {
  if (style === 'json') return writePathValue(name, canonicalJson(value), multiSegment)
  if (!Array.isArray(value)) return writePathValue(name, value, multiSegment)
  if (value.length === 0) throw new CannotWrite(`\`${name}\` must not be empty`)
  return value.map((item) => writePathValue(name, item, multiSegment)).join(',')
}

function headerValue({ name, style }: Parameter, value: unknown): string {
  return writeHeaderValue(name, style === 'json' ? canonicalJson(value) : value)
}

function bodyOf(
  { body: described }: Operation,
  args: Readonly<Record<string, unknown>>,
  headers: Record<string, string>,
): { body: string | null } {
  if (described === undefined) return { body: null }
  const { argument, body } = described
  const value = Object.hasOwn(args, argument) ? args[argument] : undefined
  if (value === undefined) {
    if (body.required) throw new CannotWrite(`\`${argument}\` is missing`)
    return { body: null }
  }
  headers['content-type'] = body.mediaType
  return { body: body.kind === 'json' ? canonicalJson(value) : formOf(argument, value, body) }
}

function formOf(argument: string, value: unknown, { encoding }: Body): string {
  if (!isObject(value)) throw new CannotWrite(`\`${argument}\` must be an object: it is sent as a form`)
  return Object.entries(value)
    .flatMap(([name, member]) => {
      const how = encoding.get(name)
      if (how?.style === 'deepObject') return writePairs({ name, ...how }, member)
      // What has members itself is sent as JSON, as OpenAPI says where nothing else is said.
      const nested = isObject(member) || (Array.isArray(member) && member.some((item) => typeof item === 'object'))
      if (nested) return [`${encode(name)}=${encode(canonicalJson(member))}`]
      if (member === null) return [`${encode(name)}=`]
      return writePairs({ name, style: 'form', explode: how?.explode ?? true }, member)
    })
    .join('&')
}

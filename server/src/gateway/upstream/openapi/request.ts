import { canonicalJson, isObject } from '../../../base/json.ts'
import { bodyBytesMax, headerBytesMax } from '../../../base/limits.ts'
import type { Body } from './body.ts'
import { bytesOf, writeMultipart } from './multipart.ts'
import type { Operation } from './operation.ts'
import { methodField } from './parameter.ts'
import { fitsTemplate } from './template.ts'
import { CannotWrite, encode, membersIn, plain, writeHeaderValue, writePairs, writePath } from './write.ts'

// The one request that a call means. What comes out has been held against the template of its operation.

export interface BuiltRequest {
  url: URL
  headers: Record<string, string>
  body: string | Buffer | null
}

/** @throws {CannotWrite} with a sentence for the model, when the arguments cannot be sent; nothing was sent then. */
export function buildRequest(operation: Operation, args: Readonly<Record<string, unknown>>): BuiltRequest {
  const headers: Record<string, string> = {}
  const inPath = new Map<string, string>()
  const queries: Iterable<string>[] = []
  for (const [argument, parameter] of operation.parameters) {
    const value = Object.hasOwn(args, argument) ? args[argument] : undefined
    if (value === undefined || value === null) {
      if (parameter.required) throw new CannotWrite(`\`${argument}\` is missing`)
    } else if (parameter.in === 'path') inPath.set(parameter.name, writePath(parameter, value))
    else if (parameter.in === 'query') queries.push(writePairs(parameter, value))
    else headers[parameter.name.toLowerCase()] = writeHeaderValue(parameter, value)
  }
  const path = operation.template.segments
    .map(({ parts }) => parts.map((part) => (typeof part === 'string' ? part : inPath.get(part.parameter)!)).join(''))
    .join('/')
  const { base } = operation.template
  const query = joined(queries, headerBytesMax)
  const text = `${base.origin}${base.pathname.replace(/\/$/, '')}/${path}${query === '' ? '' : `?${query}`}`
  if (text.length > headerBytesMax) throw new CannotWrite(tooLarge)
  if (!fitsTemplate(text, operation.template))
    throw new CannotWrite('the arguments lead to another address than this tool’s')
  return { url: new URL(text), headers, ...bodyOf(operation, args, headers) }
}

const tooLarge = 'the arguments are too large to be sent like this'

/** Pairs one after the other. What repeats the name of each item grows beyond what was given: it ends at its bound. */
function joined(lists: Iterable<Iterable<string>>, bytesMax: number): string {
  const pairs: string[] = []
  let bytes = 0
  for (const list of lists) {
    for (const pair of list) {
      bytes += pair.length + 1
      if (bytes > bytesMax) throw new CannotWrite(tooLarge)
      pairs.push(pair)
    }
  }
  return pairs.join('&')
}

function bodyOf(
  { body: described }: Operation,
  args: Readonly<Record<string, unknown>>,
  headers: Record<string, string>,
): { body: string | Buffer | null } {
  if (described === undefined) return { body: null }
  const { argument, body } = described
  const value = Object.hasOwn(args, argument) ? args[argument] : undefined
  if (value === undefined) {
    if (body.required) throw new CannotWrite(`\`${argument}\` is missing`)
    return { body: null }
  }
  if (isObject(value) && Object.keys(value).some((name) => name.toLowerCase() === methodField))
    throw new CannotWrite(`\`${argument}\` says another method than this tool’s`)
  const written = write(argument, value, body)
  headers['content-type'] = written.mediaType
  return { body: written.body }
}

function write(argument: string, value: unknown, body: Body): { mediaType: string; body: string | Buffer } {
  const { mediaType } = body
  switch (body.kind) {
    case 'json':
      return { mediaType, body: canonicalJson(value) }
    case 'form':
      if (!isObject(value)) throw new CannotWrite(`\`${argument}\` must be an object: it is sent as a form`)
      return { mediaType, body: joined(formOf(value, body.encoding), bodyBytesMax) }
    case 'text':
      return {
        mediaType: /^text\/[^;]*$/i.test(mediaType) ? `${mediaType}; charset=utf-8` : mediaType,
        body: plain(argument, value),
      }
    case 'bytes':
      return { mediaType, body: bytesOf(argument, value) }
    case 'multipart':
      return writeMultipart(argument, value, body.parts)
    default:
      throw new TypeError(`unknown kind of body: ${String(body satisfies never)}`)
  }
}

const noMembers: ReadonlySet<string> = new Set()

function* formOf(
  value: Record<string, unknown>,
  encoding: (Body & { kind: 'form' })['encoding'],
): Generator<Iterable<string>> {
  for (const [name, member] of membersIn(value)) {
    const how = encoding.get(name)
    // What has members itself is sent as JSON, as OpenAPI says where nothing else is said.
    const nested = isObject(member) || (Array.isArray(member) && member.some((item) => typeof item === 'object'))
    if (how?.style === 'deepObject') yield writePairs({ name, members: noMembers, ...how }, member)
    else if (nested) yield [`${encode(name)}=${encode(canonicalJson(member))}`]
    else if (member === null) yield [`${encode(name)}=`]
    else yield writePairs({ name, members: noMembers, style: 'form', explode: how?.explode ?? true }, member)
  }
}

import { isObject } from '../../../base/json.ts'
import type { ApiDocument, Json } from './document.ts'

// One parameter of an operation: where it goes, and how a value is written there. What cannot be written without doubt
// is refused, and the operation with it when it needs the parameter.

export type PathStyle = 'simple' | 'label' | 'matrix'
export type Style = PathStyle | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | 'json'

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  style: Style
  explode: boolean
  /** Of an object whose members stand beside other parameters: those that may. */
  members: ReadonlySet<string>
  /** Whether a value may hold `/`, sent as `%2F`: it names several steps of a path. */
  multiSegment: boolean
  schema: unknown
  description: string | undefined
}

/** Headers that are ours, that frame the message, or that a proxy believes. */
const reservedHeaders = new Set(
  (
    'accept accept-encoding authorization connection content-encoding content-length content-type cookie expect forwarded host ' +
    'keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade user-agent via x-http-method ' +
    'x-http-method-override x-method-override x-original-url x-rewrite-url x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip'
  ).split(' '),
)
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ignoredHeaders = new Set(['accept', 'content-type', 'authorization'])
/** By which frameworks let a form, or a query, say another method than the one by which it was judged. */
export const methodField = '_method'

/** @returns the parameter, nothing where it is left out without loss, or a sentence that says why it cannot be sent. */
export function readParameter(document: ApiDocument, value: unknown): Parameter | string | undefined {
  const raw = document.follow(value)
  if (!isObject(raw) || typeof raw['name'] !== 'string' || typeof raw['in'] !== 'string')
    return 'a parameter is unreadable'
  const { name, in: place } = raw
  const required = raw['required'] === true || place === 'path'
  const unusable = (why: string) => (required ? `its parameter \`${name.slice(0, 64)}\` ${why}` : undefined)
  if (place === 'cookie') return unusable('is a cookie')
  if (place !== 'path' && place !== 'query' && place !== 'header') return unusable('has no known place')
  if (name === '' || name === '__proto__' || name.length > 128) return unusable('has no usable name')
  if (place === 'query' && name.toLowerCase() === methodField) return unusable('says another method')
  if (place === 'header') {
    // As OpenAPI says: these are described elsewhere.
    if (ignoredHeaders.has(name.toLowerCase())) return undefined
    if (!token.test(name) || reservedHeaders.has(name.toLowerCase()))
      return unusable('is a header that is not theirs to set')
  }
  const written = styleOf(document, raw, place)
  if (typeof written === 'string') return unusable(written)
  const description = typeof raw['description'] === 'string' ? raw['description'] : undefined
  const multiSegment = place === 'path' && raw['x-multi-segment'] === true
  return { name, in: place, required, multiSegment, description, ...written }
}

/** The styles of each place; the first is the usual one. */
const styles: Record<Parameter['in'], readonly Style[]> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
}
const unreserved = /^[A-Za-z0-9\-._~]+$/
const none: ReadonlySet<string> = new Set()

function styleOf(
  document: ApiDocument,
  raw: Json,
  place: Parameter['in'],
): Pick<Parameter, 'style' | 'explode' | 'members' | 'schema'> | string {
  if (isObject(raw['content'])) {
    const [type, media] = Object.entries(raw['content'])[0] ?? ['', undefined]
    if (!/^application\/json\b/i.test(type) || !isObject(media)) return `is written as \`${type.slice(0, 64)}\``
    return { style: 'json', explode: false, members: none, schema: media['schema'] }
  }
  const { schema } = raw
  const style = styles[place].find((one) => one === (raw['style'] ?? styles[place][0]))
  if (style === undefined) return `has the style \`${JSON.stringify(raw['style']).slice(0, 40)}\``
  if (style === 'matrix' && !unreserved.test(String(raw['name']))) return 'has a name that its style cannot write'
  const explode = typeof raw['explode'] === 'boolean' ? raw['explode'] : style === 'form' || style === 'deepObject'
  const beside = explode && style !== 'simple' && style !== 'label' && style !== 'deepObject'
  const members = beside ? membersIn(document, schema) : none
  if (members === undefined) return 'is an object in a style whose members could pass for other parameters'
  return { style, explode, members, schema }
}

/** The members that an object is described with; none for what is no object, undefined where they are not all known. */
function membersIn(document: ApiDocument, schema: unknown): ReadonlySet<string> | undefined {
  const read = document.follow(schema)
  if (!isObject(read) || !(read['type'] === 'object' || (read['type'] === undefined && isObject(read['properties']))))
    return none
  const names = Object.keys(isObject(read['properties']) ? read['properties'] : {})
  const usable = names.every((name) => unreserved.test(name) && name.toLowerCase() !== methodField)
  return names.length > 0 && usable ? new Set(names) : undefined
}

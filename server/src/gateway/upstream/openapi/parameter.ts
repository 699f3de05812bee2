import { isObject } from '../../../base/json.ts'
import type { ApiDocument, Json } from './document.ts'

// One parameter of an operation: where it goes, and how a value is written there. What cannot be written without doubt
// is refused, and the operation with it when it needs the parameter.

export type Style = 'simple' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | 'json'

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  style: Style
  explode: boolean
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

function styleOf(
  document: ApiDocument,
  raw: Json,
  place: Parameter['in'],
): Pick<Parameter, 'style' | 'explode' | 'schema'> | string {
  if (isObject(raw['content'])) {
    const [type, media] = Object.entries(raw['content'])[0] ?? ['', undefined]
    if (!/^application\/json\b/i.test(type) || !isObject(media)) return `is written as \`${type.slice(0, 64)}\``
    return { style: 'json', explode: false, schema: media['schema'] }
  }
  const { schema } = raw
  const usual = place === 'query' ? 'form' : 'simple'
  const style = raw['style'] ?? usual
  const explode = typeof raw['explode'] === 'boolean' ? raw['explode'] : style === 'form' || style === 'deepObject'
  if (style === 'deepObject' && place === 'query') return { style, explode, schema }
  const type = typeIn(document, schema)
  if (type === 'object') return 'is an object in a style whose members could pass for other parameters'
  if (style === usual) return { style: usual, explode, schema }
  if ((style === 'spaceDelimited' || style === 'pipeDelimited') && place === 'query') return { style, explode, schema }
  return `has the style \`${JSON.stringify(style).slice(0, 40)}\``
}

function typeIn(document: ApiDocument, schema: unknown): unknown {
  const read = document.follow(schema)
  if (!isObject(read)) return undefined
  if (read['type'] === undefined && isObject(read['properties'])) return 'object'
  return read['type']
}

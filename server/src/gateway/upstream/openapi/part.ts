import { isObject } from '../../../base/json.ts'
import { textOf, type ApiDocument, type Json } from './document.ts'
import { methodField } from './parameter.ts'

// The parts of a `multipart/form-data` body as a document describes them. What is not described is no part.

export interface Part {
  file: boolean
  /** Several of one name, one after the other. */
  list: boolean
  required: boolean
  /** Those that it may have; the first where nothing is said. */
  mediaTypes: readonly string[]
  schema: unknown
  description: string | undefined
}

const partsMax = 200
/* oxlint-disable-next-line no-control-regex -- control characters are what is looked for */
const unwritable = /["\\%\u0000-\u001f\u007f]/
const mediaType = /^[a-z]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)?$/i
const textual = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|yaml)\b)/i

/** @returns the parts by name, or a sentence that says why they cannot be sent. */
export function readParts(document: ApiDocument, media: Json): ReadonlyMap<string, Part> | string {
  const schema = document.follow(media['schema'])
  const described = isObject(schema) && isObject(schema['properties']) ? Object.entries(schema['properties']) : []
  const required = isObject(schema) && Array.isArray(schema['required']) ? schema['required'] : []
  const encoding = isObject(media['encoding']) ? media['encoding'] : {}
  const parts = new Map<string, Part>()
  for (const [name, value] of described) {
    const property = document.follow(value)
    if (isObject(property) && property['readOnly'] === true) continue
    const part = readPart(document, value, Object.hasOwn(encoding, name) ? encoding[name] : undefined)
    const named = name !== '' && name.length <= 128 && name.isWellFormed() && !unwritable.test(name)
    const why = !named || reserved.has(name.toLowerCase()) ? 'has a name that cannot be sent' : part
    const needed = required.includes(name)
    if (typeof why !== 'string') parts.set(name, { ...why, required: needed })
    else if (needed) return `its part \`${name.slice(0, 64)}\` ${why}`
  }
  if (parts.size === 0) return 'its parts are not described'
  return parts.size > partsMax ? 'its parts are too many' : parts
}

/** What says how the other parts are to be read. */
const reserved = new Set([methodField, '_charset_', '__proto__'])

function readPart(document: ApiDocument, value: unknown, raw: unknown): Omit<Part, 'required'> | string {
  const whole = document.follow(value)
  const encoding = isObject(raw) ? raw : {}
  if (encoding['style'] !== undefined && encoding['style'] !== 'form') return 'has a style that is not served'
  if (isObject(encoding['headers']) && Object.values(encoding['headers']).some((one) => needed(document.follow(one))))
    return 'needs headers of its own'
  const said = typeof encoding['contentType'] === 'string' ? encoding['contentType'].split(/\s*,\s*/) : []
  const list = isObject(whole) && whole['type'] === 'array'
  const file = isFile(list ? document.follow(whole['items']) : whole, said)
  const mediaTypes = said.filter((type) => mediaType.test(type))
  const description = isObject(whole) ? textOf(whole['description'])?.slice(0, 400) : undefined
  return { file, list, mediaTypes, schema: value, description }
}

function needed(header: unknown): boolean {
  return isObject(header) && header['required'] === true
}

/** `format: binary` of 3.0; of 3.1 what has a media type, and neither a type nor an encoding that makes it text. */
function isFile(schema: unknown, said: readonly string[]): boolean {
  const { type, format, contentEncoding, contentMediaType } = isObject(schema) ? schema : ({} as Json)
  if (type !== undefined && type !== 'string') return false
  if (format === 'binary') return true
  if (contentEncoding !== undefined || format === 'byte') return false
  const types = typeof contentMediaType === 'string' ? [contentMediaType] : said
  return types.some((one) => one !== '' && !textual.test(one))
}

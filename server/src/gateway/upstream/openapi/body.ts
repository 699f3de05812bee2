import { isObject } from '../../../base/json.ts'
import type { ApiDocument, Json } from './document.ts'
import { readParts, type Part } from './part.ts'
import { inputSchemaOf, type SchemaBounds } from './schema.ts'

// What the body of an operation is made of: the first of the media types that it offers of which we know how.

export type Body = { mediaType: string; required: boolean; schema: unknown } & (
  | { kind: 'json' | 'text' | 'bytes' }
  /** How members of a form are written, where that is not usual. */
  | { kind: 'form'; encoding: ReadonlyMap<string, FormEncoding> }
  | { kind: 'multipart'; parts: ReadonlyMap<string, Part> }
)

export interface FormEncoding {
  style: 'form' | 'deepObject'
  explode: boolean
}

const parameter = '(?: ?; ?[\\w-]+=[\\w.-]+)?'
const kinds: readonly (readonly [Body['kind'], RegExp])[] = [
  ['json', new RegExp(`^(?:application/(?:[\\w.+-]+\\+)?json${parameter}|\\*/\\*|application/\\*)$`, 'i')],
  ['form', /^application\/x-www-form-urlencoded$/i],
  ['multipart', /^multipart\/form-data$/i],
  [
    'text',
    new RegExp(
      `^(?:text/[\\w.+-]+|application/(?:xml|yaml|x-yaml|x-ndjson|graphql|(?:[\\w.+-]+\\+)(?:xml|yaml)))${parameter}$`,
      'i',
    ),
  ],
  // Of all the other kinds of message with parts, none is a file.
  ['bytes', /^(?!multipart\/|message\/)[a-z]+\/[\w.+-]+$/i],
]

/** @returns the body, nothing where there is none, or a sentence that says why it cannot be sent. */
export function readBody(document: ApiDocument, method: string, value: unknown): Body | string | undefined {
  const raw = document.follow(value)
  if (!isObject(raw) || !isObject(raw['content']) || Object.keys(raw['content']).length === 0) return undefined
  const required = raw['required'] === true
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')
    return required ? `it needs a body, which ${method} has not` : undefined
  const offered = Object.entries(raw['content'])
  for (const [kind, fits] of kinds) {
    const found = offered.find(([type]) => fits.test(type))
    if (found === undefined) continue
    const media = document.follow(found[1])
    const mediaType = found[0].includes('*') ? 'application/json' : found[0]
    return readKind(document, { kind, mediaType, required, media: isObject(media) ? media : {} })
  }
  return `its body is \`${offered[0]![0].slice(0, 64)}\``
}

interface Found {
  kind: Body['kind']
  mediaType: string
  required: boolean
  media: Json
}

function readKind(document: ApiDocument, { kind, mediaType, required, media }: Found): Body | string {
  const body = { mediaType, required, schema: media['schema'] }
  if (kind === 'form') {
    const encoding = readEncoding(media['encoding'])
    return typeof encoding === 'string' ? encoding : { ...body, kind, encoding }
  }
  if (kind === 'multipart') {
    const parts = readParts(document, media)
    return typeof parts === 'string' ? parts : { ...body, kind, parts }
  }
  return { ...body, kind }
}

function readEncoding(value: unknown): ReadonlyMap<string, FormEncoding> | string {
  const read = new Map<string, FormEncoding>()
  for (const [name, raw] of Object.entries(isObject(value) ? value : {})) {
    const style = isObject(raw) ? (raw['style'] ?? 'form') : 'form'
    if (style !== 'form' && style !== 'deepObject') return 'its form is written in a style that is not served'
    read.set(name, { style, explode: !isObject(raw) || raw['explode'] !== false })
  }
  return read
}

/** The input schema of the one argument that a body is. */
export function bodySchemaOf(root: Json, body: Body, bounds: SchemaBounds): Json {
  switch (body.kind) {
    case 'json':
    case 'form':
      return inputSchemaOf(root, body.schema, bounds)
    case 'text':
      return { type: 'string', contentMediaType: body.mediaType }
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64', contentMediaType: body.mediaType }
    case 'multipart':
      return partsSchemaOf(root, body.parts, bounds)
    default:
      throw new TypeError(`unknown kind of body: ${String(body satisfies never)}`)
  }
}

function partsSchemaOf(root: Json, parts: ReadonlyMap<string, Part>, bounds: SchemaBounds): Json {
  const properties = [...parts].map(([name, part]): [string, Json] => {
    if (!part.file) return [name, inputSchemaOf(root, part.schema, bounds)]
    const file = { ...fileSchemaOf(part), ...(part.description !== undefined && { description: part.description }) }
    return [name, part.list ? { type: 'array', items: file } : file]
  })
  const required = [...parts].filter(([, part]) => part.required).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  }
}

function fileSchemaOf({ mediaTypes }: Part): Json {
  return {
    type: 'object',
    properties: {
      filename: { type: 'string' },
      text: { type: 'string', description: 'what is in it, where that is text' },
      base64: { type: 'string', contentEncoding: 'base64', description: 'what is in it, where that is not text' },
      ...(mediaTypes.length > 1 && { type: { type: 'string', enum: mediaTypes } }),
    },
    additionalProperties: false,
  }
}

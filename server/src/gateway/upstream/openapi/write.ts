import { canonicalJson, isObject } from '../../../base/json.ts'
import type { Style } from './parameter.ts'

// Values as text: in addresses by RFC 3986, every character that is not unreserved in percent; nothing is passed through
// because a document or a caller says that it is encoded already.

/** Said to the model, which can then correct itself. */
export class CannotWrite extends Error {}

/** @see https://www.rfc-editor.org/rfc/rfc3986#section-2 */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

export function plain(name: string, value: unknown): string {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new CannotWrite(`\`${name}\` is no valid text`)
    return value
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new CannotWrite(`\`${name}\` must be a text, a number, \`true\` or \`false\` here`)
}

const misleading = /%[0-9a-f]{2}/i

/** A value within one step of a path; `multiSegment`: several steps, whose `/` is sent as `%2F`. */
export function writePathValue(name: string, value: unknown, multiSegment: boolean): string {
  const text = plain(name, value)
  const steps = text.split('/')
  const odd = steps.some((step) => step === '' || step === '.' || step === '..')
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (odd || (steps.length > 1 && !multiSegment) || misleading.test(text) || /[\\\u0000-\u001f\u007f]/.test(text))
    throw new CannotWrite(`\`${name}\` cannot stand in the path of an address`)
  return encode(text)
}

const delimiters: Partial<Record<Style, string>> = { form: ',', spaceDelimited: '%20', pipeDelimited: '%7C' }

export interface Written {
  name: string
  style: Style
  explode: boolean
}

/** `name=value` pairs, encoded, as they stand in a query or a form. */
export function writePairs({ name, style, explode }: Written, value: unknown): string[] {
  if (style === 'json') return [`${encode(name)}=${encode(canonicalJson(value))}`]
  if (style === 'deepObject') return deepPairs(name, value, name)
  if (!Array.isArray(value)) return [`${encode(name)}=${encode(plain(name, value))}`]
  const items = value.map((item: unknown) => encode(plain(name, item)))
  if (explode) return items.map((item) => `${encode(name)}=${item}`)
  return items.length === 0 ? [] : [`${encode(name)}=${items.join(delimiters[style] ?? ',')}`]
}

function deepPairs(name: string, value: unknown, path: string): string[] {
  const members: [string, unknown][] = Array.isArray(value)
    ? value.map((item, at) => [String(at), item])
    : isObject(value)
      ? Object.entries(value)
      : []
  if (!Array.isArray(value) && !isObject(value)) return [`${encode(path)}=${encode(plain(name, value))}`]
  return members.flatMap(([key, member]) => {
    if (/[[\]&=]/.test(key) || key === '') throw new CannotWrite(`\`${name}\` has a member that cannot be sent`)
    return deepPairs(name, member, `${path}[${key}]`)
  })
}

/** A header's value: visible characters, no space at its ends, so no second header and no second line. */
export function writeHeaderValue(name: string, value: unknown): string {
  const items: unknown[] = Array.isArray(value) ? value : [value]
  const text = items.map((item) => plain(name, item)).join(',')
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text))
    throw new CannotWrite(`\`${name}\` must be of visible ASCII characters: it is sent as a header`)
  return text
}

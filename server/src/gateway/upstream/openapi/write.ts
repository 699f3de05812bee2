import { canonicalJson, isObject } from '../../../base/json.ts'
import type { Parameter } from './parameter.ts'

// Values as text: in addresses by RFC 3986, every character that is not unreserved in percent; nothing is passed through
// because a document or a caller says that it is encoded already. What one style cannot tell from its own marks is refused.

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

export type Written = Pick<Parameter, 'name' | 'style' | 'explode' | 'members'>

/** The members of an object in an order of its own: the same arguments are the same bytes. */
export function membersIn(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
}

/** What stands in the one place of a value: itself, the items of a list, the names and values of an object's members. */
function itemsOf(value: unknown, explode: boolean, write: (item: unknown) => string): string[] {
  if (Array.isArray(value)) return value.map(write)
  if (!isObject(value)) return [write(value)]
  return membersIn(value).flatMap(([key, member]) =>
    explode ? [`${write(key)}=${write(member)}`] : [write(key), write(member)],
  )
}

/** A value in the path of an address, as its style writes it. @see https://www.rfc-editor.org/rfc/rfc6570#section-3.2 */
export function writePath(how: Parameter, value: unknown): string {
  const { name, style, explode } = how
  if (style === 'json') return writePathValue(how, canonicalJson(value))
  if (style === 'matrix' && explode && isObject(value)) return membersOf(how, value, ';')
  const items = itemsOf(value, explode, (item) => writePathValue(how, plain(name, item)))
  if (items.length === 0) throw new CannotWrite(`\`${name}\` must not be empty`)
  if (style === 'label') return `.${items.join(explode ? '.' : ',')}`
  if (style !== 'matrix') return items.join(',')
  return explode ? items.map((item) => `;${name}=${item}`).join('') : `;${name}=${items.join(',')}`
}

function membersOf(how: Parameter, value: Record<string, unknown>, before: string): string {
  const pairs = [...memberPairs(how, value, (member) => writePathValue(how, plain(how.name, member)))]
  if (pairs.length === 0) throw new CannotWrite(`\`${how.name}\` must not be empty`)
  return pairs.map((pair) => `${before}${pair}`).join('')
}

function* memberPairs(
  { name, members }: Written,
  value: Record<string, unknown>,
  write: (member: unknown) => string,
): Generator<string> {
  for (const [key, member] of membersIn(value)) {
    if (!members.has(key)) throw new CannotWrite(`\`${name}\` has a member that it cannot have`)
    yield `${encode(key)}=${write(member)}`
  }
}

const misleading = /%[0-9a-f]{2}/i

/** Within one step of a path; `multiSegment`: within several, whose `/` is sent as `%2F`. */
function writePathValue({ name, style, multiSegment }: Parameter, text: string): string {
  const steps = text.split('/')
  // Some servers cut a step at its `;`.
  const odd =
    steps.some((step) => step === '' || /^\.{1,2}(?:;|$)/.test(step)) || (style === 'label' && /\./.test(text))
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (odd || (steps.length > 1 && !multiSegment) || misleading.test(text) || /[\\\u0000-\u001f\u007f]/.test(text))
    throw new CannotWrite(`\`${name}\` cannot stand in the path of an address`)
  return encode(text)
}

const delimiters: Partial<Record<Parameter['style'], { sign: string; written: string }>> = {
  spaceDelimited: { sign: ' ', written: '%20' },
  pipeDelimited: { sign: '|', written: '%7C' },
}

/** `name=value` pairs, encoded, as they stand in a query or a form; one after the other, so that whoever takes them can stop. */
export function writePairs(how: Written, value: unknown): Iterable<string> {
  const { name, style, explode } = how
  if (style === 'json') return [`${encode(name)}=${encode(canonicalJson(value))}`]
  if (style === 'deepObject') return deepPairs(name, value, name)
  const delimiter = explode ? undefined : delimiters[style]
  const write = (item: unknown) => {
    const text = plain(name, item)
    if (delimiter !== undefined && text.includes(delimiter.sign))
      throw new CannotWrite(`\`${name}\` cannot have \`${delimiter.sign}\` in what it lists`)
    return encode(text)
  }
  if (explode && isObject(value)) return memberPairs(how, value, write)
  if (explode && Array.isArray(value)) return itemPairs(name, value, write)
  const items = itemsOf(value, false, write)
  return items.length === 0 ? [] : [`${encode(name)}=${items.join(delimiter?.written ?? ',')}`]
}

function* itemPairs(name: string, items: unknown[], write: (item: unknown) => string): Generator<string> {
  for (const item of items) yield `${encode(name)}=${write(item)}`
}

function* deepPairs(name: string, value: unknown, path: string): Generator<string> {
  if (!Array.isArray(value) && !isObject(value)) {
    yield `${encode(path)}=${encode(plain(name, value))}`
    return
  }
  for (const [key, member] of Array.isArray(value) ? Object.entries(value) : membersIn(value)) {
    if (/[[\]&=]/.test(key) || key === '') throw new CannotWrite(`\`${name}\` has a member that cannot be sent`)
    yield* deepPairs(name, member, `${path}[${key}]`)
  }
}

const headerValueMax = 8 * 1024

/** A header's value: visible characters, no space at its ends, so no second header and no second line. */
export function writeHeaderValue({ name, style, explode }: Written, value: unknown): string {
  // A header has no way to write the comma of an item, nor the `=` of a member's name.
  const marks = typeof value !== 'object' || value === null ? undefined : explode && isObject(value) ? /[,=]/ : /,/
  const items = itemsOf(style === 'json' ? canonicalJson(value) : value, explode, (item) => {
    const text = plain(name, item)
    if (style !== 'json' && marks?.test(text)) throw new CannotWrite(`\`${name}\` cannot have \`,\` in what it lists`)
    return text
  })
  const text = items.join(',')
  if (text.length > headerValueMax) throw new CannotWrite(`\`${name}\` is too long for a header`)
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text))
    throw new CannotWrite(`\`${name}\` must be of visible ASCII characters: it is sent as a header`)
  return text
}

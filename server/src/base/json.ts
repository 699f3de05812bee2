import canonicalize from 'canonicalize'
import { Fault } from './fault.ts'
import { findDuplicateKey, findUnfit } from './json/locate.ts'
import { digitsKept, isKept } from './json/number.ts'
import { bodyBytesMax, jsonDepthMax } from './limits.ts'

/** Bounds of one reading; absent ones are those of the house. */
export interface JsonLimits {
  /** Largest size in bytes; 4 MiB when absent. */
  bytesMax?: number
  /** Deepest nesting of arrays and objects; 64 when absent. */
  depthMax?: number
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON document, strictly.
 *
 * What it returns has one meaning only: every reader downstream, ours or the upstream's, sees the same names, strings
 * and numbers. Refused are, beside what is not JSON: invalid UTF-8, a byte order mark, a name given twice in one
 * object, the name `__proto__` (readers drop it or obey it), lone surrogates, whole numbers beyond ±(2⁵³−1), and every
 * number that a double does not hold: too large, too small, or with more digits. A number that is accepted may be spelt
 * otherwise afterwards (`1.0` as `1`); it is the same number.
 *
 * @param bytes The document as it arrived.
 * @param limits Bounds of size and depth.
 * @returns The value: objects are plain and own all their names.
 * @throws {Fault} `base.too_large` over the size limit; `base.bad_json` for everything else, naming what and where.
 * @see https://www.rfc-editor.org/rfc/rfc8259
 * @see https://www.rfc-editor.org/rfc/rfc7493
 */
export function readJson(bytes: Uint8Array, limits: JsonLimits = {}): unknown {
  const bytesMax = limits.bytesMax ?? bodyBytesMax
  if (bytes.byteLength > bytesMax) {
    throw new Fault('base.too_large', `cannot read a JSON document of more than ${bytesMax} bytes`)
  }
  const text = decode(bytes)
  const colons = scan(text, limits.depthMax ?? jsonDepthMax)
  const value = parse(text)
  const tally: Tally = { names: 0, fit: true, escaped: text.includes('\\u') }
  count(value, tally)
  if (!tally.fit) throw bad(findUnfit(value))
  if (tally.names !== colons) throw bad(findDuplicateKey(text))
  return value
}

/**
 * Writes a value as canonical JSON: the bytes that digests and signatures cover, and that are sent to upstreams.
 *
 * Sorts the names into fresh objects and lets the engine write them: 11 µs for a tool call of 1.3 kB where the library
 * alone takes 20 to 30 µs and an unsorted JSON.stringify 5 µs (Node 24). What the engine would order or write otherwise
 * (names that look like array indices, lone surrogates, great depth) is left to the library, which is also the oracle in
 * the tests.
 *
 * @param value What `readJson` returned, or plain data made of the same types. Members that are `undefined` are left out.
 * @throws {Fault} `base.bad_json` if the value has no canonical form: lone surrogates, numbers that are not finite, a
 *   cycle, or anything but plain objects, arrays, strings, numbers, booleans and null.
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function canonicalJson(value: unknown): string {
  const way: Way = { fast: true }
  const text = JSON.stringify(sorted(value, 0, way))
  if (way.fast && !text.includes('\\ud')) return text
  try {
    return canonicalize(value)!
  } catch (cause) {
    throw unwritable(String(cause))
  }
}

interface Way {
  fast: boolean
}

function sorted(value: unknown, depth: number, way: Way): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw unwritable('a number that is not finite')
  }
  if (typeof value !== 'object') throw unwritable(`a ${typeof value}`)
  if (depth > writeDepthMax) throw unwritable('a cycle, or nesting that nobody would read')
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1, way))
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw unwritable('an object that is not plain')
  const source = value as Record<string, unknown>
  const target: Record<string, unknown> = {}
  for (const name of namesInOrder(source)) {
    const first = name.charCodeAt(0)
    // An index-like name would come first whatever the order of making; `__proto__` would be obeyed.
    if ((first >= 0x30 && first <= 0x39) || name === '__proto__') way.fast = false
    else if (source[name] === undefined) continue
    const item = sorted(source[name] ?? null, depth + 1, way)
    if (way.fast) target[name] = item
  }
  return target
}

const shortMax = 16

/** The own names of an object in the order of their UTF-16 code units, as canonical JSON has them (RFC 8785, 3.2.3). */
export function namesInOrder(object: object): string[] {
  const names = Object.keys(object)
  // Nearly all are few and come in order: for three names the engine's own sort makes two kilobytes of garbage.
  if (names.length > shortMax) return names.sort()
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!
    let at = i
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!
    names[at] = name
  }
  return names
}

/** Deeper than any reading allows, and shallow enough for the stack. */
const writeDepthMax = 1_000

function unwritable(detail: string): Fault {
  return new Fault('base.bad_json', 'cannot write this value as canonical JSON', { detail })
}

function decode(bytes: Uint8Array): string {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw bad('bytes that are not UTF-8')
  }
  if (text.charCodeAt(0) === 0xfeff) throw bad('a byte order mark at offset 0')
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The engine's message quotes the document, so it goes to the log only.
    const offset = /position (\d+)/.exec(String(cause))?.[1]
    const where = offset === undefined ? 'text that is not JSON' : `text that is not JSON at offset ${offset}`
    throw bad(where, String(cause))
  }
}

/**
 * One pass over the text, before anything is built: bounds the depth, and counts the colons outside strings. In a valid
 * document there is one colon for each name, so fewer names in the parsed value mean that a name came twice. Strings are
 * skipped by the engine's own search. Numbers that are long or have an exponent are compared with what becomes of them. On text that is not JSON the count means nothing, and `parse` refuses it.
 */
function scan(text: string, depthMax: number): number {
  let colons = 0
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) {
      i = endOfString(text, i)
      if (i < 0) break
    } else if (code === 0x3a) {
      colons++
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > depthMax) throw bad(`nesting deeper than ${depthMax} at offset ${i}`)
    } else if (code === 0x7d || code === 0x5d) {
      depth--
    } else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = endOfNumber(text, i + 1)
      if (end - i > digitsKept || end < 0) requireKept(text, i)
      i = Math.abs(end) - 1
    }
  }
  return colons
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end > 0 && text.charCodeAt(end - 1) === 0x5c) {
    let slashes = 1
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return end
}

/** Where a number ends; negative when it has an exponent. */
function endOfNumber(text: string, start: number): number {
  let exponent = false
  for (let at = start; ; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x65 || code === 0x45) exponent = true
    else if (!((code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2b || code === 0x2d)) {
      return exponent ? -at : at
    }
  }
}

function requireKept(text: string, start: number): void {
  const lexeme = text.slice(start, Math.abs(endOfNumber(text, start + 1)))
  if (!isKept(lexeme)) throw bad(`a number that readers would change, at offset ${start}: send it as a string`)
}

interface Tally {
  names: number
  fit: boolean
  /** Lone surrogates can only come from escapes: without one there is no need to look. */
  readonly escaped: boolean
}

function count(value: unknown, tally: Tally): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) && (value % 1 === 0 || !Number.isFinite(value))) tally.fit = false
  } else if (typeof value === 'string') {
    if (tally.escaped && !value.isWellFormed()) tally.fit = false
  } else if (Array.isArray(value)) {
    for (const item of value) count(item, tally)
  } else if (value !== null) {
    const object = value as Record<string, unknown>
    // Only own names: `JSON.parse` makes plain objects, and nothing enumerable is on their prototype.
    for (const name in object) {
      tally.names++
      if (name === '__proto__' || (tally.escaped && !name.isWellFormed())) tally.fit = false
      else count(object[name], tally)
    }
  }
}

function bad(what: string, detail?: string): Fault {
  return new Fault('base.bad_json', `cannot read the JSON document: it has ${what}`, detail ? { detail } : {})
}

/** Whether a parsed JSON value is an object and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { hash } from 'node:crypto'
import { namesInOrder } from '../base/json.ts'
import { isIdentifierName, isSecretName, replaceRandom, secretForms } from './redact/secrets.ts'

export { isSecretName }

/** Largest redacted text, in bytes of UTF-8. */
export const redactedBytesMax = 4_096
/** Strings longer than this, in UTF-16 units, are cut; their length and digest stay. */
const stringMax = 256
/** So much of a string is searched for secrets; nothing beyond it is shown. */
const searchedMax = 4_096
const depthMax = 64

declare const redacted: unique symbol
/** Text from which secrets were taken: only `redactArguments` makes it, and the ledger stores no other. */
export type RedactedText = string & { readonly [redacted]: true }

/**
 * Writes the arguments of a call for the ledger: readable, bounded, and without what looks like a secret.
 *
 * The text resembles JSON with sorted names. Values whose name announces a secret, known forms of keys and tokens, and
 * strings random enough to be one become `«redacted …»`; random ones keep sixteen digits of their digest, so that an
 * auditor can see that two calls used the same. Identifiers (`…_id`) stay although they look random: they are what the
 * call is about. Control, format and invisible characters are escaped. It never fails, and it is no parser's input.
 *
 * A secret that looks like ordinary words under an ordinary name is not found: the text lessens harm, the rule that
 * credentials come from the vault and never as arguments prevents it.
 *
 * @param value Arguments as `readJson` returned them.
 * @returns At most `redactedBytesMax` bytes.
 * @see spec/ledger.md, "Arguments"
 */
export function redactArguments(value: unknown): RedactedText {
  const out: Writing = { parts: [], length: 0 }
  write(out, value, { secret: false, identifier: false, depth: 0 })
  const joined = out.parts.join('')
  const text = plain.test(joined) ? joined : escapeInvisible(joined)
  return cut(text) as RedactedText
}

/** Nothing in it could be invisible: so it is nearly always. */
const plain = /^[\x20-\x7e]*$/

function escapeInvisible(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u{115f}\u{1160}\u{3164}]|\u{34f}|[\u{fe00}-\u{fe0f}]/gu, escape)
}

interface Writing {
  parts: string[]
  length: number
}

interface Place {
  /** A name on the way here announced a secret. */
  secret: boolean
  identifier: boolean
  depth: number
}

function put(out: Writing, text: string): void {
  out.parts.push(text)
  out.length += text.length
}

function write(out: Writing, value: unknown, place: Place): void {
  // What lies beyond the cut is neither shown nor worth the time.
  if (out.length > redactedBytesMax) return
  if (typeof value === 'string') return put(out, JSON.stringify(redactString(value, place)))
  if (typeof value === 'number') return put(out, place.secret ? '"«redacted»"' : String(value))
  if (typeof value !== 'object' || value === null) return put(out, String(value))
  if (place.depth >= depthMax) return put(out, '"«too deep»"')
  const below = { ...place, depth: place.depth + 1 }
  if (Array.isArray(value)) {
    put(out, '[')
    for (let i = 0; i < value.length && out.length <= redactedBytesMax; i++) {
      if (i > 0) put(out, ',')
      write(out, value[i], below)
    }
    return put(out, ']')
  }
  const object = value as Record<string, unknown>
  const named = namesSecret(object)
  put(out, '{')
  let first = true
  for (const name of namesInOrder(object)) {
    if (out.length > redactedBytesMax) break
    if (!first) put(out, ',')
    first = false
    const judged = judgeName(name)
    put(out, judged.shown)
    const secret = place.secret || judged.secret || (named && name === 'value')
    write(out, object[name], { secret, identifier: judged.identifier, depth: below.depth })
  }
  put(out, '}')
}

interface JudgedName {
  /** As it is written, with the colon. */
  shown: string
  secret: boolean
  identifier: boolean
}

// The names of arguments are those of the accepted definitions, nearly always.
const judgedNames = new Map<string, JudgedName>()
const judgedNamesMax = 4_096

function judgeName(name: string): JudgedName {
  const known = judgedNames.get(name)
  if (known !== undefined) return known
  const judged = {
    shown: `${JSON.stringify(redactString(name, { secret: false, identifier: false, depth: 0 }))}:`,
    secret: isSecretName(name),
    identifier: isIdentifierName(name),
  }
  if (judgedNames.size < judgedNamesMax && name.length <= 64) judgedNames.set(name, judged)
  return judged
}

/** `{ "name": "API_TOKEN", "value": "…" }`: headers and variables as lists. */
function namesSecret(object: Record<string, unknown>): boolean {
  return namingMembers.some((name) => {
    const value = Object.hasOwn(object, name) ? object[name] : undefined
    return typeof value === 'string' && judgeName(value).secret
  })
}

const namingMembers = ['name', 'key', 'header', 'field', 'variable']

function redactString(value: string, place: Place): string {
  if (place.secret && value !== '') return '«redacted»'
  let text = value.slice(0, searchedMax)
  const word = /^[\w-]*$/.test(text)
  for (const { what, form, keep, inWord } of secretForms) {
    // A search that finds nothing, as nearly all do, costs half of such a replacement.
    if ((word && inWord !== true) || text.search(form) < 0) continue
    text = text.replaceAll(form, (_match, kept: unknown) => `${keep ? String(kept) : ''}«redacted ${what}»`)
  }
  if (!place.identifier || value.length > 128) {
    text = replaceRandom(text, (secret) => `«redacted ${secret.length} characters, sha256 ${shortDigest(secret)}»`)
  }
  if (text.length <= stringMax && value.length <= searchedMax) return text
  return `${text.slice(0, stringMax - 56)}«… ${value.length} characters, sha256 ${shortDigest(value)}»`
}

function shortDigest(text: string): string {
  return hash('sha256', text).slice(0, 16)
}

function escape(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    return `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }).join('')
}

function cut(text: string): string {
  if (text.length * 3 <= redactedBytesMax || Buffer.byteLength(text) <= redactedBytesMax) return text
  const end = '«… cut»'
  const bytes = Buffer.from(text).subarray(0, redactedBytesMax - Buffer.byteLength(end))
  // A character that was cut in two becomes U+FFFD of three bytes at most: room for it is made by dropping it.
  return `${bytes.toString().replace(/\ufffd$/, '')}${end}`
}

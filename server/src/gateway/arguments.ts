import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { canonicalJson, isObject } from '../base/json.ts'
import type { Rule, StringKind } from './arguments/rules.ts'

/** Arguments as they were judged, and as they are sent: canonical bytes and their digest. */
export interface ReadArguments {
  value: Record<string, unknown>
  /** RFC 8785 text; `{}` when the client sent none. */
  text: string
  /** SHA-256 of `text`, lower-case hexadecimal. */
  digest: string
}

/* oxlint-disable no-control-regex -- these characters are what is looked for */
const refused: Record<StringKind, RegExp> = {
  // `.` alone is a step too: `/assets/.` is `/assets/`, another operation than the one that was judged.
  identifier: /[/\\?#\u0000-\u001f\u007f]|\.\.|^\.$|%2e|%2f|%5c/i,
  place: /[\\?#\u0000-\u001f\u007f]|(^|\/)\.\.(\/|$)|%2e|%2f|%5c/i,
  address: /[\\\s\u0000-\u001f\u007f]|(^|\/)\.\.(\/|$)|%2e%2e/i,
  base64: /[^A-Za-z0-9+/=]|=[^=]|===/,
  prose: /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/,
}
/* oxlint-enable no-control-regex */

const looks: Record<StringKind, string> = {
  identifier: 'it names something, so `/`, `\\`, `..`, `%2e`, `?`, `#` and control characters are refused',
  place: 'it is a path, so `\\`, `..`, `%2e`, `?`, `#` and control characters are refused',
  address: 'it is an address, so spaces, `\\`, `..` and control characters are refused',
  base64: 'it is base64, so all but A–Z, a–z, 0–9, `+`, `/` and `=` at the end is refused',
  prose: 'control characters are refused',
}

/**
 * Reads the arguments of a call against the accepted definition: undeclared ones are refused even where the upstream's
 * schema is open, and strings that could leave their place in a URL never leave the house.
 *
 * @param rules of the accepted definition.
 * @param bound what is written and recorded, where that is more than what was judged by its names.
 * @throws {Fault} `gateway.argument_refused`, naming the argument and what would be accepted.
 */
export function readArguments(rules: Rule, value: unknown, bound = value): ReadArguments {
  if (value !== undefined && !isObject(value)) throw new Fault('gateway.bad_params', '`arguments` must be an object')
  if (value !== undefined) check(rules, value, '')
  const given = isObject(bound) ? bound : {}
  const text = canonicalJson(given)
  return { value: given, text, digest: digestOf(text) }
}

function check(rule: Rule | undefined, value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (rule?.listed?.has(value) === true) return
    checkString(rule?.string ?? 'identifier', value, path)
  } else if (Array.isArray(value)) {
    const items = rule?.items ?? (rule === undefined ? undefined : { ...rule, listed: undefined, members: undefined })
    value.forEach((item, index) => check(items, item, `${path}[${index}]`))
  } else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) checkMember(rule, { name, member, path })
  }
}

function checkMember(rule: Rule | undefined, at: { name: string; member: unknown; path: string }): void {
  const path = at.path === '' ? at.name : `${at.path}.${at.name}`
  // A place of which the definition says no members at all is an open object: its members are read strictly.
  const declared = rule?.members?.get(at.name) ?? rule?.others
  if (declared === undefined && rule?.members !== undefined) {
    throw new Fault(
      'gateway.argument_refused',
      `the argument \`${shown(path)}\` is not part of this tool's accepted definition; leave it out`,
    )
  }
  if (declared === undefined || rule?.members?.has(at.name) !== true) checkString('identifier', at.name, path)
  check(declared, at.member, path)
}

function checkString(kind: StringKind, value: string, path: string): void {
  if (refused[kind].test(value)) {
    throw new Fault(
      'gateway.argument_refused',
      `the argument \`${shown(path)}\` cannot be sent: ${looks[kind]}; the tool's owner can allow them for this argument`,
    )
  }
}

function shown(path: string): string {
  return path.replaceAll(/[^\w.[\]-]/g, '·').slice(0, 80)
}

import { LineCounter, isMap, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'

type Path = readonly PropertyKey[]

/** The parsed file, and where each of its parts stands. */
export interface Source {
  value: unknown
  /** `file:line` of a part, or of its nearest ancestor that is written. */
  placeOf(path: Path): string
}

/** Parses YAML; texts are what is wrong, one line each, with its place. */
export function readSource(path: string, text: string): Source | string[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true, merge: false })
  const troubles = [...document.errors, ...document.warnings]
  if (troubles.length > 0) {
    return troubles.map((trouble) => `${path}:${trouble.linePos?.[0].line ?? 1}: ${trouble.message.split('\n')[0]}`)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 20 }) ?? {}
  } catch (cause) {
    return [`${path}:1: ${String(cause)}`]
  }
  return { value, placeOf: (where) => `${path}:${lineOf(document, lines, where)}` }
}

function lineOf(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents
  let offset = 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step)
      if (!pair) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else {
      const item = document.getIn(path.slice(0, path.indexOf(step) + 1), true) as { range?: [number] } | undefined
      offset = item?.range?.[0] ?? offset
      node = item
    }
  }
  return lines.linePos(offset).line
}

const secretKeys = new Map([
  ['clientSecret', 'clientSecretEnv'],
  ['secret', 'secretEnv'],
  ['url', 'urlEnv'],
])

/** Says what zod found, one line for each problem, with its place and what to do. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], source: Source, schema: z.ZodType): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [`${source.placeOf(issue.path)}: ${nameOf(issue.path)} ${phrase(issue)}`]
    }
    const known = keysAt(schema, issue.path)
    return issue.keys.map((key) => {
      const path = [...issue.path, key]
      return `${source.placeOf(path)}: ${nameOf(path)} ${unknownKey(key, known)}`
    })
  })
}

function unknownKey(key: string, known: string[]): string {
  const instead = secretKeys.get(key)
  if (instead && known.includes(instead)) {
    return `is a secret, and secrets are never in this file: put it in an environment variable and name that in \`${instead}\``
  }
  if (/secret|password|token|masterkey$|databaseurl/i.test(key)) {
    return 'is a secret, and secrets are never in this file: see the environment variables in docs/operate/configuration.md'
  }
  const near = nearest(key, known)
  return near ? `is not known: did you mean \`${near}\`?` : `is not known: expected one of ${known.join(', ')}`
}

function phrase(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const article = /^[aeiou]/.test(issue.expected) ? 'an' : 'a'
    const expected = { array: 'a list', object: 'a section of keys', boolean: '`true` or `false`' }[
      issue.expected as string
    ]
    if (issue.message.endsWith('received undefined')) return 'is missing'
    if (issue.message.endsWith('received null')) return 'is empty: give it a value or remove it'
    return `must be ${expected ?? `${article} ${issue.expected}`}`
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`
  if (issue.code === 'invalid_key') return 'must be a short name of a-z, 0-9 and `-`'
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
}

function nameOf(path: Path): string {
  if (path.length === 0) return 'the file'
  const parts = path.map((step) => (typeof step === 'number' ? `[${step + 1}]` : `.${String(step)}`))
  return `\`${parts.join('').replace(/^\./, '')}\``
}

/** The keys that a schema knows at a path, looking through defaults, lists and records. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let here: unknown = schema
  for (const step of [...path, undefined]) {
    let def = defOf(here)
    while (def?.innerType ?? def?.in) def = defOf(def?.innerType ?? def?.in)
    if (step === undefined) return Object.keys(def?.shape ?? {})
    here = def?.shape?.[String(step)] ?? def?.element ?? def?.valueType
  }
  return []
}

interface Def {
  innerType?: unknown
  /** What goes into a transformation. */
  in?: unknown
  shape?: Record<string, unknown>
  element?: unknown
  valueType?: unknown
}

function defOf(schema: unknown): Def | undefined {
  return (schema as { def?: Def } | undefined)?.def
}

/** The known key that differs by little: a slip, a swap, other capitals, or `-` and `_`. */
function nearest(key: string, known: string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '')
  const ranked = known.map((name) => ({ name, far: distance(plain(key), plain(name)) })).sort((a, b) => a.far - b.far)
  const best = ranked[0]
  return best && best.far <= (best.name.length < 4 ? 1 : Math.max(2, Math.floor(best.name.length / 3)))
    ? best.name
    : undefined
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change))
    }
    row = next
  }
  return row[b.length]!
}

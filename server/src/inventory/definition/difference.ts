import { canonicalJson, isObject } from '../../base/json.ts'

/** One change of a definition. */
export interface Difference {
  /** Where: `description`, `inputSchema.properties.limit.type`. */
  field: string
  /** What, as a sentence: ``was `"integer"`, is now `"string"` ``. */
  what: string
}

const differencesMax = 200
const shownMax = 160

/** All places at which two JSON values differ, at most `differencesMax` of them. */
export function differences(before: Record<string, unknown>, after: Record<string, unknown>): Difference[] {
  const found: Difference[] = []
  compare('', [before, after], found)
  if (found.length <= differencesMax) return found
  return [...found.slice(0, differencesMax - 1), { field: '', what: `and ${found.length - differencesMax + 1} more` }]
}

function compare(field: string, [before, after]: [unknown, unknown], found: Difference[]): void {
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const path = field === '' ? key : `${field}.${key}`
      const [had, has] = [holds(before, key), holds(after, key)]
      if (!had && !has) continue
      if (!had) found.push({ field: path, what: `is new: \`${shown(after[key])}\`` })
      else if (!has) found.push({ field: path, what: `is gone, was \`${shown(before[key])}\`` })
      else compare(path, [before[key], after[key]], found)
    }
    return
  }
  const [was, is] = [canonicalJson(before), canonicalJson(after)]
  if (was === is) return
  const at = firstDifference(was, is)
  found.push({ field, what: `was \`${shown(before, at)}\`, is now \`${shown(after, at)}\`` })
}

/** A change deep in a long text must not hide behind its beginning: what is shown surrounds the first difference. */
function shown(value: unknown, at = 0): string {
  const text = canonicalJson(value)
  const from = text.length <= shownMax ? 0 : Math.max(0, at - shownMax / 4)
  const part = text.slice(from, from + shownMax).toWellFormed()
  return `${from > 0 ? '…' : ''}${part}${from + shownMax < text.length ? '…' : ''}`
}

function firstDifference(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at += 1
  return at
}

/** A member that is `undefined` has no canonical form: it is absent. */
function holds(value: Record<string, unknown>, key: string): boolean {
  return Object.hasOwn(value, key) && value[key] !== undefined
}

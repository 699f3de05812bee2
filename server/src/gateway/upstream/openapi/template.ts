import type { PathStyle } from './parameter.ts'

// The path of an operation as the document writes it, and the check that a finished address is one of those that it
// means: made from the template alone, without what builds addresses, so that neither can hide a mistake of the other.

/** One step of a path: what stands there as it is, and the names of what is filled in between. */
export interface Segment {
  parts: readonly (string | { parameter: string })[]
}

const literal = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]*$/

/** @returns the steps of the path, or a sentence that says why it cannot be used. */
export function readTemplate(path: string): Segment[] | string {
  if (!path.startsWith('/')) return 'its path does not begin with `/`'
  const segments: Segment[] = []
  for (const text of path.slice(1).split('/')) {
    const parts = text
      .split(/(\{[^{}]*\})/)
      .filter((part) => part !== '')
      .map((part) => (part.startsWith('{') ? { parameter: part.slice(1, -1) } : part))
    if (parts.some((part) => typeof part === 'string' && !literal.test(part)))
      return 'its path has characters that cannot be sent as they are'
    if (text === '.' || text === '..') return 'its path has steps that lead elsewhere'
    segments.push({ parts })
  }
  return segments
}

export interface UrlTemplate {
  /** Scheme, host, port and path of the server; nothing else. */
  base: URL
  segments: readonly Segment[]
  /** How each parameter of the path is written there. */
  forms: ReadonlyMap<string, PathForm>
  /** The names that may stand in the query, and those that may have members in brackets. */
  query: ReadonlySet<string>
  nested: ReadonlySet<string>
}

export interface PathForm {
  style: PathStyle
  explode: boolean
  /** Whether a value may hold an encoded `/`. */
  multiSegment: boolean
  /** The names before `=`, beside its own, that the style `matrix` may write. */
  members: ReadonlySet<string>
}

/* oxlint-disable-next-line no-control-regex -- control characters are what is looked for */
const breaking = /[/\\\u0000-\u001f\u007f]/
/* oxlint-disable-next-line no-control-regex -- control characters are what is looked for */
const breakingDeep = /[\\\u0000-\u001f\u007f]/

/** Whether the address is one that the template means: same server, same number of steps, each in its form. */
export function fitsTemplate(text: string, template: UrlTemplate): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const { base } = template
  const same = url.href === text && url.origin === base.origin && url.username === '' && url.password === ''
  if (!same || url.hash !== '' || text.includes('#')) return false
  const prefix = base.pathname.replace(/\/$/, '')
  if (!url.pathname.startsWith(`${prefix}/`)) return false
  const steps = url.pathname.slice(prefix.length + 1).split('/')
  if (steps.length !== template.segments.length) return false
  return (
    steps.every((step, at) => fitsSegment(step, template.segments[at]!, template)) && fitsQuery(url.search, template)
  )
}

function fitsSegment(step: string, { parts }: Segment, { forms }: UrlTemplate): boolean {
  if (parts.every((part) => typeof part === 'string')) return step === parts.join('')
  const filled = parts.flatMap((part) => (typeof part === 'string' ? [] : [forms.get(part.parameter)!]))
  // Where a `.` begins a value, no value of the step holds one.
  const dotless = filled.some(({ style }) => style === 'label')
  const pattern = parts
    .map((part) => (typeof part === 'string' ? escaped(part) : patternOf(part.parameter, { forms, dotless })))
    .join('')
  if (!new RegExp(`^${pattern}$`).test(step)) return false
  const deep = filled.some(({ multiSegment }) => multiSegment)
  const decoded = decoded1(step)
  if (decoded === undefined || (deep ? breakingDeep : breaking).test(decoded)) return false
  return decoded.split('/').every((one) => one !== '' && !/^\.{1,2}(?:;|$)/.test(one))
}

function patternOf(name: string, of: { forms: UrlTemplate['forms']; dotless: boolean }): string {
  const { style, explode, members } = of.forms.get(name)!
  const signs = `${of.dotless ? '' : '.'}${explode && style !== 'matrix' ? '=' : ''}`
  const value = `(?:[A-Za-z0-9\\-_~,${signs}]|%${of.dotless ? '(?!2E)' : ''}[0-9A-F]{2})+`
  if (style === 'simple') return value
  if (style === 'label') return explode ? `(?:\\.${value})+` : `\\.${value}`
  const names = [name, ...members].map(escaped).join('|')
  return explode ? `(?:;(?:${names})=${value})+` : `;${escaped(name)}=${value}`
}

function decoded1(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function fitsQuery(search: string, { query, nested }: UrlTemplate): boolean {
  if (search === '') return true
  return search
    .slice(1)
    .split('&')
    .every((pair) => {
      const at = pair.indexOf('=')
      const name = at < 0 ? undefined : decoded1(pair.slice(0, at))
      if (name === undefined || decoded1(pair.slice(at + 1)) === undefined) return false
      if (query.has(name)) return true
      const bracket = name.indexOf('[')
      return bracket > 0 && nested.has(name.slice(0, bracket)) && /^(?:\[[^[\]]*\])+$/.test(name.slice(bracket))
    })
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}

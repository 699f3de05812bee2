/** A variable of a template, and what may stand in its place. */
export interface TemplateVariable {
  name: string
  /** Whether its value may hold `/`: it stands for a path, not for one name in it. */
  reserved: boolean
}

/** A URI template (RFC 6570), read. */
export interface UriTemplate {
  readonly variables: readonly TemplateVariable[]
  /** How many characters of a URI it fixes: of two templates that match, the one that fixes more is meant. */
  readonly fixed: number
  /**
   * The values that make this URI out of the template, as they stand in it; undefined when none do. Where more than one
   * reading is possible, each value but the last is as short as can be: what does not fit then does not match. Time grows
   * with the length of the URI alone.
   */
  match(uri: string): Map<string, string> | undefined
}

interface Hole extends TemplateVariable {
  fits: RegExp
}

interface Query {
  names: readonly string[]
  /** What comes before the first pair: `?` or `&`. */
  mark: string
}

const variableName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.]{0,62}[A-Za-z0-9_])?$/
const name = /^[^/?#,[\]]+$/
const names = /^[^/?#[\]]+$/
const path = /^[^?#]+$/
const anything = /^[^#]+$/

/** How an expression is written out, by its operator: what leads, what separates, what may stand there. */
const operators: Record<string, { lead: string; between: string; fits: RegExp; exploded: RegExp; reserved: boolean }> =
  {
    '': { lead: '', between: ',', fits: name, exploded: names, reserved: false },
    '+': { lead: '', between: ',', fits: path, exploded: path, reserved: true },
    '#': { lead: '#', between: ',', fits: anything, exploded: anything, reserved: true },
    '/': { lead: '/', between: '/', fits: name, exploded: path, reserved: false },
    '.': { lead: '.', between: '.', fits: name, exploded: names, reserved: false },
  }

/**
 * Reads a URI template.
 *
 * Refused is what has no single reading or what we have no reading of: two variables side by side with nothing between,
 * one variable twice, a query that is not the end, `;` parameters, prefixes (`:3`), more than 16 variables.
 *
 * @returns undefined when it is refused.
 * @see https://www.rfc-editor.org/rfc/rfc6570
 */
export function readUriTemplate(text: string): UriTemplate | undefined {
  const literals: string[] = ['']
  const holes: Hole[] = []
  let query: Query | undefined
  for (const part of text.split(/(\{[^{}]*\})/)) {
    if (part === '') continue
    if (query !== undefined) return undefined
    if (part[0] !== '{') {
      if (/[{}]/.test(part)) return undefined
      literals[literals.length - 1] += part
      continue
    }
    const [, operator, list] = /^\{([+#/.?&]?)(.+)\}$/.exec(part) ?? []
    if (operator === undefined || list === undefined) return undefined
    const specs = list.split(',')
    if (operator === '?' || operator === '&') query = { mark: operator, names: specs }
    else if (!addHoles({ literals, holes }, operators[operator]!, specs)) return undefined
  }
  const all = [...holes.map((hole) => hole.name), ...(query?.names ?? [])]
  const readable = all.length > 0 && all.length <= 16 && all.every((one) => variableName.test(one))
  if (!readable || new Set(all).size !== all.length) return undefined
  return {
    variables: [
      ...holes.map(({ name: variable, reserved }) => ({ name: variable, reserved })),
      ...(query?.names ?? []).map((variable) => ({ name: variable, reserved: false })),
    ],
    fixed: literals.reduce((sum, literal) => sum + literal.length, 0),
    match: (uri) => match({ literals, holes, query }, uri),
  }
}

function addHoles(
  { literals, holes }: { literals: string[]; holes: Hole[] },
  operator: (typeof operators)[string],
  specs: readonly string[],
): boolean {
  for (const [index, spec] of specs.entries()) {
    const exploded = spec.endsWith('*')
    literals[literals.length - 1] += index === 0 ? operator.lead : operator.between
    // Nothing between two variables: no telling where the one ends.
    if (holes.length > 0 && literals.at(-1) === '') return false
    holes.push({
      name: exploded ? spec.slice(0, -1) : spec,
      reserved: operator.reserved || (exploded && operator.exploded === path),
      fits: exploded ? operator.exploded : operator.fits,
    })
    literals.push('')
  }
  return true
}

function match(
  { literals, holes, query }: { literals: readonly string[]; holes: readonly Hole[]; query: Query | undefined },
  uri: string,
): Map<string, string> | undefined {
  const values = new Map<string, string>()
  const whole = query === undefined ? uri : cutQuery(query, uri, values)
  if (whole === undefined || !whole.startsWith(literals[0]!)) return undefined
  if (holes.length === 0) return whole === literals[0] ? values : undefined
  let at = literals[0]!.length
  for (const [index, hole] of holes.entries()) {
    const last = index === holes.length - 1
    const next = literals[index + 1]!
    const end = last ? whole.length - next.length : whole.indexOf(next, at + 1)
    if (end <= at || (last && !whole.endsWith(next))) return undefined
    const value = whole.slice(at, end)
    if (!hole.fits.test(value)) return undefined
    values.set(hole.name, value)
    at = end + next.length
  }
  return values
}

// Each pair once, by a name that the template gives, in any order; one that is absent was left out.
function cutQuery({ mark, names: known }: Query, uri: string, values: Map<string, string>): string | undefined {
  const query = uri.indexOf('?')
  if (query < 0) return uri
  const from = mark === '?' ? query : firstKnown(uri, query, known)
  for (const pair of from === uri.length ? [] : uri.slice(from + 1).split('&')) {
    const equals = pair.indexOf('=')
    const key = pair.slice(0, Math.max(equals, 0))
    const value = pair.slice(equals + 1)
    if (!known.includes(key) || values.has(key) || !/^[^#]*$/.test(value)) return undefined
    values.set(key, value)
  }
  return uri.slice(0, from)
}

// Behind pairs that the template fixes, the first that it leaves open.
function firstKnown(uri: string, query: number, known: readonly string[]): number {
  for (let at = uri.indexOf('&', query); at >= 0; at = uri.indexOf('&', at + 1)) {
    if (known.some((one) => uri.startsWith(`${one}=`, at + 1))) return at
  }
  return uri.length
}

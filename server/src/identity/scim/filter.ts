import { refuse } from './refuse.ts'

/** A filter, read. Names are as they were sent. @see https://www.rfc-editor.org/rfc/rfc7644#section-3.4.2.2 */
export type Filter =
  | { op: 'and' | 'or'; filters: Filter[] }
  | { op: 'not'; filter: Filter }
  | { op: 'pr'; path: AttributePath }
  | { op: Comparison; path: AttributePath; value: Literal }
  | { op: 'has'; path: AttributePath; filter: Filter }

export type Literal = string | number | boolean | null

const comparisons = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const
export type Comparison = (typeof comparisons)[number]

/** `urn` is the schema, without the colon behind it, where one is named. */
export interface AttributePath {
  urn: string | undefined
  name: string
  sub: string | undefined
}

/** What a change is aimed at: an attribute, or those of its values that a filter finds, or a part of them. */
export interface TargetPath extends AttributePath {
  filter: Filter | undefined
}

const charactersMax = 2_000
/** Comparisons, and how deep they are nested: nobody writes a tenth of it. */
const termsMax = 50
const depthMax = 8

/** @throws {Fault} `invalidFilter` */
export function readFilter(text: string): Filter {
  const reader = new Reader(text, 'invalidFilter')
  const filter = reader.or(0)
  reader.end()
  return filter
}

/** @throws {Fault} `invalidPath` */
export function readPath(text: string): TargetPath {
  const reader = new Reader(text, 'invalidPath')
  const path = reader.attribute()
  if (!reader.take('[')) {
    reader.end()
    return { ...path, filter: undefined }
  }
  if (path.sub !== undefined) reader.fail()
  const filter = reader.or(1)
  if (!reader.take(']')) reader.fail()
  const sub = reader.subAttribute()
  reader.end()
  return { ...path, filter, sub }
}

// One token at a time, each found by a pattern that looks at every character once: no text takes longer than its length.
const patterns = {
  space: / +/y,
  mark: /[()[\]]/y,
  string: /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy,
  number: /-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?(?![\w.:$-])/y,
  word: /(?:[A-Za-z$][\w$-]*)(?:[:.][\w$-]+)*/y,
  sub: /\.([A-Za-z$][\w$-]*)/y,
}

class Reader {
  readonly #text: string
  readonly #as: 'invalidFilter' | 'invalidPath'
  #at = 0
  #terms = 0

  constructor(text: string, as: 'invalidFilter' | 'invalidPath') {
    this.#text = text
    this.#as = as
    if (text.length > charactersMax) throw this.#refuse(`it is longer than ${charactersMax} characters`)
    this.#match('space')
  }

  or(depth: number): Filter {
    return this.#joined('or', () => this.#joined('and', () => this.#term(depth)))
  }

  attribute(): AttributePath {
    const word = this.#match('word') ?? this.fail()
    this.#match('space')
    return pathOf(word) ?? this.fail()
  }

  subAttribute(): string | undefined {
    const sub = this.#match('sub')
    this.#match('space')
    return sub?.slice(1)
  }

  /** Takes a mark, or a word, if it comes next. */
  take(expected: string): boolean {
    const before = this.#at
    const found = this.#match('mark') ?? this.#match('word')
    if (found?.toLowerCase() !== expected) {
      this.#at = before
      return false
    }
    // Within brackets a part may follow at once: `emails[type eq "work"].value`.
    if (expected !== ']') this.#match('space')
    return true
  }

  end(): void {
    this.#match('space')
    if (this.#at < this.#text.length) this.fail()
  }

  fail(): never {
    throw this.#refuse(`it cannot be read at character ${this.#at + 1}`)
  }

  #joined(op: 'and' | 'or', next: () => Filter): Filter {
    const filters = [next()]
    while (this.take(op)) filters.push(next())
    return filters.length === 1 ? filters[0]! : { op, filters }
  }

  #term(depth: number): Filter {
    if (depth > depthMax) throw this.#refuse(`it is nested deeper than ${depthMax}`)
    if (++this.#terms > termsMax) throw this.#refuse(`it has more than ${termsMax} parts`)
    if (this.take('(')) return this.#within(depth, ')')
    const before = this.#at
    if (this.take('not') && this.take('(')) return { op: 'not', filter: this.#within(depth, ')') }
    this.#at = before
    const path = this.attribute()
    if (this.take('[')) {
      const filter = this.#within(depth, ']')
      this.#match('space')
      return { op: 'has', path, filter }
    }
    if (this.take('pr')) return { op: 'pr', path }
    const op = comparisons.find((one) => this.take(one)) ?? this.fail()
    return { op, path, value: this.#literal() }
  }

  #within(depth: number, closing: ')' | ']'): Filter {
    const filter = this.or(depth + 1)
    if (!this.take(closing)) this.fail()
    return filter
  }

  #literal(): Literal {
    const string = this.#match('string')
    const found = string ?? this.#match('number') ?? this.#match('word') ?? this.fail()
    this.#match('space')
    if (string !== undefined) return wellFormed(JSON.parse(string) as string) ?? this.fail()
    const folded = found.toLowerCase()
    if (folded === 'true' || folded === 'false') return folded === 'true'
    if (folded === 'null') return null
    return /^[-0-9]/.test(found) ? Number(found) : this.fail()
  }

  #match(kind: keyof typeof patterns): string | undefined {
    const pattern = patterns[kind]
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found !== undefined) this.#at += found.length
    return found
  }

  #refuse(why: string) {
    return refuse(this.#as, `cannot read this ${this.#as === 'invalidFilter' ? 'filter' : 'path'}: ${why}`)
  }
}

function wellFormed(text: string): string | undefined {
  return text.isWellFormed() ? text : undefined
}

// The version in a URN has a dot, so what comes behind its last colon is the attribute.
function pathOf(word: string): AttributePath | undefined {
  const colon = word.lastIndexOf(':')
  const urn = colon < 0 ? undefined : word.slice(0, colon)
  const [name, sub, more] = word.slice(colon + 1).split('.')
  if (!name || sub === '' || more !== undefined) return undefined
  if (urn !== undefined && !/^urn:/i.test(urn)) return undefined
  return { urn, name, sub }
}

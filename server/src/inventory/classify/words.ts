import { irregularPast, phraseRows, verbRows } from './verbs.ts'
import type { VerbRow } from './verbs.ts'

/** In what form a verb was found. `derived` is a noun made from it: removal, cancellation. */
export type Form = 'base' | 'third' | 'ing' | 'past' | 'derived'

/** A verb of the tables, found in a text. */
export interface Mention {
  row: VerbRow
  form: Form
  /** As it stood there. */
  text: string
  /** Positions of its first token, and of the token after its last. */
  from: number
  to: number
}

const found: ReadonlyMap<string, { row: VerbRow; form: Form }> = indexRows()
const longestPhrase = 3
/** Long enough that a word beginning with it is not another word by accident: `deletefile`, but not `dropdown`. */
const glued = [
  'delete',
  'remove',
  'destroy',
  'erase',
  'purge',
  'revoke',
  'cancel',
  'disable',
  'truncate',
  'terminate',
  'uninstall',
  'overwrite',
  'deactivate',
]
const notGlued = /^(deleter|deletable|destroyer|purgeable|removable|cancelable|cancellable|disabler|disability)/

/** Splits a name at `_`, `-`, `.`, `/`, blanks and humps, in lower case: `HTTPDeleteAll` → http delete all. */
export function tokensOfName(name: string): string[] {
  return name
    .normalize('NFKC')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((token) => token !== '')
}

/** Splits a sentence into words, in lower case; a comma or slash stays as a token, because it joins. */
export function tokensOfSentence(sentence: string): string[] {
  return (
    sentence
      .normalize('NFKC')
      .replaceAll('’', "'")
      .toLowerCase()
      .match(/[\p{L}\p{N}']+|[,/&]/gu) ?? []
  )
}

/** All verbs of the tables in these tokens, from left to right, longer phrases first. */
export function mentionsIn(tokens: readonly string[]): Mention[] {
  const mentions: Mention[] = []
  for (let at = 0; at < tokens.length;) {
    const mention = mentionAt(tokens, at)
    if (mention !== undefined) mentions.push(mention)
    at = mention?.to ?? at + 1
  }
  return mentions
}

/** The verb that begins at this position, if one does. */
export function mentionAt(tokens: readonly string[], from: number): Mention | undefined {
  for (let length = Math.min(longestPhrase, tokens.length - from); length >= 1; length--) {
    const text = tokens.slice(from, from + length).join('_')
    const hit = found.get(text)
    if (hit !== undefined) return { ...hit, text: text.replaceAll('_', ' '), from, to: from + length }
  }
  const token = tokens[from] ?? ''
  const root = glued.find((word) => token.startsWith(word) && token.length >= word.length + 3)
  const row = root === undefined || notGlued.test(token) ? undefined : found.get(root)?.row
  return row === undefined ? undefined : { row, form: 'base', text: token, from, to: from + 1 }
}

/** The positions at which one of these nouns, given in the singular with `_` inside, begins. */
export function nounAt(tokens: readonly string[], noun: string): number {
  const parts = noun.split('_')
  return tokens.findIndex((_, at) =>
    parts.every((part, i) => {
      const token = tokens[at + i]
      return token === part || (i === parts.length - 1 && isPlural(token, part))
    }),
  )
}

function isPlural(token: string | undefined, noun: string): boolean {
  return token === `${noun}s` || token === `${noun}es` || (noun.endsWith('y') && token === `${noun.slice(0, -1)}ies`)
}

function indexRows(): Map<string, { row: VerbRow; form: Form }> {
  const index = new Map<string, { row: VerbRow; form: Form }>()
  // Graver rows come first, and the first to claim a word keeps it; a base form outweighs an inflection of another verb.
  const claim = (word: string, row: VerbRow, form: Form) => {
    if (!index.has(word)) index.set(word, { row, form })
  }
  for (const row of [...phraseRows, ...verbRows]) for (const word of row.words.split(' ')) claim(word, row, 'base')
  for (const row of [...phraseRows, ...verbRows]) {
    for (const word of row.words.split(' ')) {
      const [first = '', ...rest] = word.split('_')
      for (const [form, inflected] of inflect(first)) claim([inflected, ...rest].join('_'), row, form)
    }
    for (const word of row.also?.split(' ') ?? []) claim(word, row, 'derived')
  }
  return index
}

function inflect(verb: string): [Form, string][] {
  const stem = verb.endsWith('e') ? verb.slice(0, -1) : verb
  const doubled = /[aeiou][bdgklmnprt]$/.test(verb) ? verb + verb.at(-1) : verb
  const consonantY = /[^aeiou]y$/.test(verb) ? verb.slice(0, -1) : undefined
  const third = consonantY ? `${consonantY}ies` : /(s|x|z|ch|sh|o)$/.test(verb) ? `${verb}es` : `${verb}s`
  const past = irregularPast[verb]?.split(' ') ?? [consonantY ? `${consonantY}ied` : `${stem}ed`, `${doubled}ed`]
  return [
    ['third', third],
    ...[`${stem}ing`, `${doubled}ing`].map((word): [Form, string] => ['ing', word]),
    ...past.map((word): [Form, string] => ['past', word]),
  ]
}

import type { Effect } from '../../model/effect.ts'
import { evidenceOf } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { mentionAt, mentionsIn, tokensOfSentence } from './words.ts'
import type { Mention } from './words.ts'

const negations = new Set([
  'not',
  'never',
  'no',
  'cannot',
  "can't",
  "doesn't",
  "don't",
  "won't",
  "isn't",
  "aren't",
  'without',
  'neither',
  'nor',
  "didn't",
])
const auxiliaries = new Set(['be', 'is', 'are', 'been', 'being', 'was', 'were', 'gets', 'get', 'becomes'])
const joins = new Set(['and', 'or', 'then', ',', '/', '&'])
const subjects = new Set([
  'this',
  'it',
  'also',
  'tool',
  'call',
  'operation',
  'endpoint',
  'method',
  'api',
  'automatically',
  'permanently',
  'immediately',
  'then',
  'and',
  'irreversibly',
  'will',
  'only',
  'just',
])

/** Words with which a description comes to its point: `This tool allows you to …`. */
const openers = [
  /^\s*(\([^)]{0,40}\)|\[[^\]]{0,40}\])\s*/,
  /^(please|optionally|also|then|it|permanently|immediately|irreversibly|automatically|safely|quickly|simply|next|finally|first)\s+/i,
  /^use\s+(this|it)(\s+(tool|method|endpoint|api|function|operation|call|command))?\s+(to|for|when you (want|need) to)\s+/i,
  /^(this|the)\s+([a-z]+\s+)?(tool|method|endpoint|api|function|operation|call|command|request)\s+/i,
  /^(a|an)\s+([a-z]+\s+)?(tool|method|endpoint|api|function|operation|command|utility)\s+(to|for|that|which)\s+/i,
  /^(will|can|may|must|should|is used to|is used for|can be used to|lets|helps|enables|allows|used to|used for|tool to|tool for|for|to)\s+/i,
  /^(you|users?|agents?|the (user|caller|model|client)|one|anyone)\s+(to\s+)?/i,
]

/** Points to another tool: `To remove one, use remove_item`. What this tool takes away, it says in another way as well. */
const advice = /^to\s[^,]{1,120},\s*(please\s+)?(use|call|see|try|invoke)\b(?!\s+(this|it)\b)/i

/** The sentences of a description, without code, markup, addresses and the schema of the response. */
export function sentencesOf(description: string): string[] {
  return withoutResponseSchema(description)
    .replaceAll(/```[\s\S]*?(```|$)/g, '\n')
    .replaceAll(/`[^`\n]*`/g, ' ')
    .replaceAll(/\[([^[\]\n]{0,500})\]\([^)\n]{0,500}\)/g, '$1')
    .replaceAll(/https?:\/\/\S+/g, ' ')
    .replaceAll(/[*_#>]+/g, ' ')
    .split(/[.!?;:](?=\s|$)|\n+|\s[-–—•]+\s/)
    .map((sentence) => sentence.replace(/^[\s\d.)•-]+/, '').trim())
    .filter((sentence) => sentence !== '')
}

/** Splits off what some generators append: the schema of the response, in the words of the description. */
export function responseSchemaOf(description: string): string {
  return description.slice(withoutResponseSchema(description).length)
}

function withoutResponseSchema(description: string): string {
  const at = description.search(/^#+\s*(response|output|result) schema\b/im)
  return at === -1 ? description : description.slice(0, at)
}

/** The sentence that says what the tool does: the first that begins with a verb of the tables, else the first. */
export function purposeOf(description: string): string | undefined {
  const sentences = sentencesOf(description)
  return sentences.find((sentence) => leadOfSentence(sentence) !== undefined) ?? sentences[0]
}

/**
 * What the description says. Its purpose always counts. Beside it, where name or purpose say that the tool looks, only
 * a statement counts that the tool itself takes something away; elsewhere any mention does. A denial (`does not delete`) is
 * not a mention, and says no more than silence would.
 *
 * @param said What the name says; absent when it says nothing.
 */
export function evidenceOfDescription(description: string, said: Effect | undefined): Evidence[] {
  const sentences = sentencesOf(description)
  const at = sentences.findIndex((sentence) => leadOfSentence(sentence) !== undefined)
  const purpose = at === -1 ? [] : mentionsOfPurpose(sentences[at] ?? '')
  const looks =
    said === 'read' || (said === undefined && purpose.length > 0 && purpose.every(({ row }) => row.effect === 'read'))
  const beside = sentences.flatMap((sentence, i) =>
    mentionsBeside(sentence, { looks, afterPurpose: at !== -1 && i > at }),
  )
  return [...purpose, ...beside].flatMap((mention) => evidenceOf('description', mention))
}

function leadOfSentence(sentence: string): Mention | undefined {
  const lead = mentionAt(tokensOfSentence(withoutOpeners(sentence)), 0)
  return lead === undefined || lead.form === 'past' ? undefined : lead
}

function withoutOpeners(sentence: string): string {
  let rest = sentence
  for (let round = 0; round < 8; round++) {
    const shorter = openers.reduce((text, opener) => text.replace(opener, ''), rest)
    if (shorter === rest) break
    rest = shorter
  }
  return rest
}

/** The verb that leads, and those joined to it: `Creates, updates or deletes`. */
function mentionsOfPurpose(sentence: string): Mention[] {
  const tokens = tokensOfSentence(withoutOpeners(sentence))
  const [lead, ...others] = mentionsIn(tokens)
  if (lead === undefined) return []
  const coordinated = others.filter((mention) => {
    if (!joins.has(tokens[mention.from - 1] ?? '') || negated(mention, tokens)) return false
    return mention.row.weight !== 'noun'
      ? mention.form === lead.form || mention.form !== 'past'
      : mention.form === lead.form && lead.row.effect !== 'read'
  })
  return [lead, ...coordinated]
}

function mentionsBeside(
  sentence: string,
  { looks, afterPurpose }: { looks: boolean; afterPurpose: boolean },
): Mention[] {
  if (looks && advice.test(sentence)) return []
  const tokens = tokensOfSentence(sentence)
  const lead = leadOfSentence(sentence)
  const opened = tokens.length - tokensOfSentence(withoutOpeners(sentence)).length
  return mentionsIn(tokens).filter((mention) => {
    const { row, form, from } = mention
    if (row.effect === 'read') return false
    const leads = lead !== undefined && from === opened && !negated(mention, tokens)
    // `Updates the index.` after the purpose is a statement; `Set the limit.` is advice to the caller.
    if (leads && afterPurpose && form === 'third' && row.weight !== 'noun') return true
    if (row.weight !== 'sure' || negated(mention, tokens)) return false
    if (leads) return true
    const before = tokens[from - 1] ?? ''
    if (looks)
      return (
        (subjects.has(before) && (form === 'third' || (form === 'base' && before !== 'this'))) ||
        deletesWhatItReads(mention, tokens)
      )
    return form === 'past'
      ? auxiliaries.has(before) || (auxiliaries.has(tokens[from - 2] ?? '') && before.endsWith('ly'))
      : true
  })
}

/** `Messages are deleted once they are read.` */
function deletesWhatItReads({ form, from, to }: Mention, tokens: readonly string[]): boolean {
  return (
    form === 'past' &&
    auxiliaries.has(tokens[from - 1] ?? '') &&
    ['after', 'once', 'upon', 'when', 'as', 'on'].includes(tokens[to] ?? '') &&
    tokens.slice(to, to + 6).some((token) => /^(read|reading|retriev|fetch|return|being)/.test(token))
  )
}

/** `does not delete`, but `does not only delete` is none, and a comma ends its reach. */
function negated({ from, to }: Mention, tokens: readonly string[]): boolean {
  const reach = tokens.slice(Math.max(0, from - 3), from)
  const clause = reach.slice(reach.findLastIndex((token) => joins.has(token) && token !== 'or' && token !== '/') + 1)
  return (
    clause.some((token) => negations.has(token)) &&
    !clause.some((token) => token === 'only' || token === 'just') &&
    tokens[to] !== 'only'
  )
}

import type { Effect } from '../../model/effect.ts'
import type { ToolDefinition } from '../../model/tool-definition.ts'
import { quoted } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { nounRows } from './nouns.ts'
import type { NounRow } from './nouns.ts'
import { purposeOf, responseSchemaOf } from './prose.ts'
import { propertyNamesOf } from './schema.ts'
import type { VerbRow } from './verbs.ts'
import { mentionsIn, nounAt, tokensOfName, tokensOfSentence } from './words.ts'

/**
 * What the things that a tool deals with speak for. `secret` is about what comes back: what a tool takes away it does not
 * hand out, unless it hands out a new one in its place.
 */
export function evidenceOfThings(
  definition: ToolDefinition,
  { effect, lead }: { effect: Effect; lead: VerbRow | undefined },
): Evidence[] {
  const name = tokensOfName(definition.name)
  const title = tokensOfName(definition.title ?? definition.annotations?.title ?? '')
  const purpose = tokensOfSentence(purposeOf(definition.description ?? '') ?? '')
  const takesAway = lead?.effect === 'destructive' && lead.renews !== true && lead.trait !== 'execution'
  const evidence = nounRows.flatMap((row) => {
    if (row.trait === 'secret' && takesAway) return []
    if (row.trait !== 'secret' && effect === 'read') return []
    const named = evidenceOfNoun('name', row, name).concat(evidenceOfNoun('title', row, title))
    // Sentences speak of many things; they count for what could be handed out, and where the name is silent.
    const counts = row.with === undefined ? row.trait === 'secret' || lead === undefined : false
    return counts ? [...named, ...evidenceOfNoun('description', row, purpose)] : named
  })
  return [...evidence, ...evidenceOfResult(definition)]
}

function evidenceOfNoun(where: string, row: NounRow, tokens: readonly string[]): Evidence[] {
  const verbs = row.with?.split(' ')
  const lead = mentionsIn(tokens)[0]
  for (const noun of row.words.split(' ')) {
    const at = nounAt(tokens, noun)
    if (at === -1 || row.notAfter?.split(' ').includes(tokens[at - 1] ?? '') === true) continue
    // A word that leads is the verb: `upload_file` hands out no address.
    if (verbs !== undefined && !tokens.slice(0, at).some((token) => verbs.includes(token))) continue
    if (verbs !== undefined && row.effect === undefined && lead?.from === at) continue
    const because = `${where}: ${quoted(noun.replaceAll('_', ' '))} ${row.because}`
    return row.effect === undefined
      ? [{ trait: row.trait, because }]
      : [
          { trait: row.trait, because },
          { effect: row.effect, because },
        ]
  }
  return []
}

/** Keys among what the tool says it returns, in its output schema or in one written into the description. */
function evidenceOfResult(definition: ToolDefinition): Evidence[] {
  const written = responseSchemaOf(definition.description ?? '').matchAll(
    /^[ \t]*["']?([A-Za-z_]\w{0,63})["']?[ \t]{0,4}:[ \t]{0,4}\{/gm,
  )
  const names = [...propertyNamesOf(definition.outputSchema ?? {}), ...[...written].map((match) => match[1] ?? '')]
  const secrets = nounRows.filter(({ trait, with: verbs }) => trait === 'secret' && verbs === undefined)
  const name = names.find((candidate) => secrets.some((row) => endsWithNoun(tokensOfName(candidate), row)))
  return name === undefined ? [] : [{ trait: 'secret', because: `result: holds ${quoted(name)}` }]
}

/** `private_key` is one, `private_key_id` and `access_token_name` are none. */
function endsWithNoun(tokens: readonly string[], row: NounRow): boolean {
  return row.words.split(' ').some((noun) => {
    const from = tokens.length - noun.split('_').length
    return (
      from >= 0 &&
      nounAt(tokens.slice(from), noun) === 0 &&
      row.notAfter?.split(' ').includes(tokens[from - 1] ?? '') !== true
    )
  })
}

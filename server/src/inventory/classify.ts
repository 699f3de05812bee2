import { maxEffect, traits } from '../model/effect.ts'
import type { Effect, Trait } from '../model/effect.ts'
import type { ItemDefinition } from '../model/item-definition.ts'
import type { ItemKind } from '../model/item.ts'
import type { ToolDefinition } from '../model/tool-definition.ts'
import { gravest } from './classify/evidence.ts'
import type { Evidence } from './classify/evidence.ts'
import { evidenceOfName, leadOfName } from './classify/name.ts'
import { evidenceOfDescription } from './classify/prose.ts'
import { evidenceOfArguments } from './classify/schema.ts'
import { evidenceOfSecret } from './classify/secret.ts'
import { evidenceOfThings } from './classify/things.ts'

/** What a tool is held to do, and why, in sentences for its owner. */
export interface Classification {
  effect: Effect
  /** In the order of `model/effect.ts`. */
  traits: Trait[]
  /** The lines that decided, at most 12; one at least. */
  because: string[]
}

const becauseMax = 12

/**
 * Judges what any item does. A tool is judged by all that is said of it, a declared method by nothing: until its owner sets
 * its effect it counts as the gravest. All other kinds only tell something, so they are reads, `secret` where their words
 * or marks say that what they tell is one.
 *
 * @see classify
 */
export function classifyItem(kind: ItemKind, definition: ItemDefinition): Classification {
  if (kind === 'tool') return classify(definition as unknown as ToolDefinition)
  if (kind === 'method')
    return { effect: 'destructive', traits: [], because: ['nobody has said yet what this method does'] }
  const because = evidenceOfSecret(definition).map((line) => line.because)
  return because.length > 0
    ? { effect: 'read', traits: ['secret'], because: [...new Set(because)].slice(0, becauseMax) }
    : { effect: 'read', traits: [], because: [`a ${kind} only tells something`] }
}

/**
 * Judges what a tool does from what its upstream says of it: name, title, description, arguments, hints.
 *
 * Pure, and the same definition always gives the same answer. Each source may raise what another says and none may
 * lower it: `readOnlyHint: true` leaves `delete_x` destructive, and a hint that is absent says nothing. Where nothing
 * recognisable is said, the tool is a `write`. The words come from a stranger, who can lie by silence: the answer is a
 * proposal, which the owner of the tool confirms or sets with a reason. Descriptions of single arguments are not read.
 *
 * @param definition As read by `readItem`.
 * @returns The effect, the traits, and the lines that decided.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools (annotations are untrusted)
 */
export function classify(definition: ToolDefinition): Classification {
  const title = [definition.title, definition.annotations?.title].filter((text) => text !== undefined)
  const named = [...evidenceOfName('name', definition.name), ...title.flatMap((text) => evidenceOfName('title', text))]
  const described = evidenceOfDescription(definition.description ?? '', gravest(named))
  const worded = [...named, ...described]
  const looks = gravest(worded) === 'read'
  const said = [...worded, ...evidenceOfArguments(definition, looks), ...evidenceOfHints(definition)]
  const evidence = gravest(worded) === undefined ? [...said, doubt] : said
  const effect = gravest(evidence) ?? 'write'
  const things = evidenceOfThings(definition, { effect, lead: leadOfName(definition.name)?.row })
  return conclude([...evidence, ...things])
}

/** When name, title and description say nothing, arguments and hints alone cannot make the tool a read. */
const doubt: Evidence = { effect: 'write', because: 'name and description do not tell what it does' }

function evidenceOfHints({ annotations }: ToolDefinition): Evidence[] {
  const evidence: Evidence[] = []
  if (annotations?.readOnlyHint === false)
    evidence.push({ effect: 'write', because: 'hint: says that it changes something' })
  if (annotations?.destructiveHint === true)
    evidence.push({ effect: 'destructive', because: 'hint: says that it is destructive' })
  return evidence
}

function conclude(evidence: readonly Evidence[]): Classification {
  const things = evidence.filter(({ effect, trait }) => effect !== undefined && trait !== undefined)
  const effect = things.reduce(
    (graver, thing) => maxEffect(graver, thing.effect ?? 'read'),
    gravest(evidence) ?? 'write',
  )
  // Who is told, paid or let in matters where something changes; what is handed out or run matters always.
  const counts = (trait: Trait) => effect !== 'read' || trait === 'secret' || trait === 'execution'
  const kept = traits.filter((trait) => counts(trait) && evidence.some((line) => line.trait === trait))
  const decided = evidence.filter((line) => line.effect === effect)
  const qualified = kept.flatMap((trait) => evidence.filter((line) => line.trait === trait).slice(0, 2))
  const because = [...new Set([...decided.slice(0, 5), ...qualified].map((line) => line.because))]
  return { effect, traits: kept, because: because.slice(0, becauseMax) }
}

import { active, evidenceOf } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { mentionsIn, tokensOfName } from './words.ts'
import type { Mention } from './words.ts'

/**
 * What the name says: `get_x`, `x_delete`, `findAndModify`. The first verb leads, unless its letters are as often a thing
 * and the name ends with a verb that looks (`order_list`). After a leading verb that looks, only what cannot be a thing
 * counts (`get_and_delete` does, `list_deleted_items` and `get_refund` do not).
 */
export function evidenceOfName(where: string, name: string): Evidence[] {
  const tokens = tokensOfName(name)
  const mentions = mentionsIn(tokens).filter(({ row }) => row.proseOnly !== true)
  const lead = leadOf(mentions, tokens)
  if (lead === undefined) return []
  const counted = mentions.filter(
    (mention) =>
      mention === lead ||
      (lead.row.effect === 'read' ? countsAfterLook(mention, lead, tokens) : countsAfterChange(mention, tokens)),
  )
  return counted.flatMap((mention) => evidenceOf(where, mention))
}

/** The verb that leads a name; absent when it holds none. */
export function leadOfName(name: string): Mention | undefined {
  const tokens = tokensOfName(name)
  return leadOf(
    mentionsIn(tokens).filter(({ row }) => row.proseOnly !== true),
    tokens,
  )
}

function leadOf(mentions: readonly Mention[], tokens: readonly string[]): Mention | undefined {
  const candidates = mentions.filter(({ form, row }) => form !== 'past' && (form === 'base' || row.weight !== 'noun'))
  const [first] = candidates
  const last = candidates.at(-1)
  const endsWithLook =
    last !== undefined && last.to === tokens.length && last.form === 'base' && last.row.effect === 'read'
  // `charge_list` lists charges; `charge_card_and_list` charges.
  if (first?.row.weight === 'noun' && endsWithLook && !joined(first, tokens) && !joined(last, tokens)) return last
  // `file_delete`, `comment_create`: a thing first, and the verb after it.
  const verb = candidates.find(({ row }) => row.weight !== 'noun' && row.effect !== 'read')
  if (first?.row.weight === 'noun' && first.row.effect !== 'destructive' && verb?.to === tokens.length) return verb
  return first
}

function countsAfterLook(mention: Mention, lead: Mention, tokens: readonly string[]): boolean {
  if (mention.row.effect === 'read') return false
  if (joined(mention, tokens)) return mention.form !== 'past'
  // `commentList`: what precedes a verb that looks, and could be a thing, is one.
  if (mention.from < lead.from) return mention.row.weight !== 'noun' && mention.form !== 'past'
  if (mention.row.weight !== 'noun')
    return mention.form === 'base' || (mention.row.weight === 'sure' && mention.form === 'third')
  // `view_update`: both could be things, and the verb stands last. Doubt raises.
  return lead.row.weight === 'noun' && mention.form === 'base' && mention.to === tokens.length
}

function countsAfterChange(mention: Mention, tokens: readonly string[]): boolean {
  if (mention.row.effect === 'read') return false
  if (joined(mention, tokens)) return true
  if (mention.row.weight === 'sure') return true
  return mention.row.weight === 'plain' && active.includes(mention.form)
}

function joined(mention: Mention, tokens: readonly string[]): boolean {
  return ['and', 'or', 'then', 'n'].includes(tokens[mention.from - 1] ?? '')
}

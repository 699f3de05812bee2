import { compareEffect } from '../../model/effect.ts'
import type { Effect, Trait } from '../../model/effect.ts'
import type { Form, Mention } from './words.ts'

/** One thing that speaks for an effect or a trait, and why in words for the owner. */
export interface Evidence {
  effect?: Effect
  trait?: Trait
  because: string
}

export const active: readonly Form[] = ['base', 'third', 'ing', 'derived']

/** What a mention speaks for, when it counts. */
export function evidenceOf(where: string, mention: Mention): Evidence[] {
  const because = `${where}: \`${mention.text}\` ${mention.row.because}`
  const { effect, trait } = mention.row
  return trait === undefined
    ? [{ effect, because }]
    : [
        { effect, because },
        { trait, because },
      ]
}

/** The gravest effect that the evidence speaks for; absent when it speaks for none. */
export function gravest(evidence: readonly Evidence[]): Effect | undefined {
  return evidence
    .flatMap(({ effect }) => effect ?? [])
    .reduce<Effect | undefined>((a, b) => (a === undefined || compareEffect(b, a) > 0 ? b : a), undefined)
}

/** A stranger's word, made fit to stand in a sentence of ours. */
export function quoted(word: string): string {
  return `\`${word.slice(0, 64).replaceAll(/[^\w ./-]/g, '?')}\``
}

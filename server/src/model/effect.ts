import { z } from 'zod'

/** The effects of a tool, from the mildest to the gravest. */
export const effects = ['read', 'write', 'destructive'] as const

/**
 * What a call does to the world: `read` changes nothing; `write` adds or changes; `destructive` takes away, ends, or does
 * what cannot be taken back.
 */
export type Effect = (typeof effects)[number]

/** What can make an effect graver, in the order in which it is shown. */
export const traits = ['secret', 'money', 'outward', 'execution', 'access'] as const

/**
 * `secret`: the result may hold a key, or an address that lets one in · `money`: money moves · `outward`: others are told
 * or shown something · `execution`: the caller says what runs · `access`: who may do what changes.
 */
export type Trait = (typeof traits)[number]

/** Reads an effect at a border. */
export const effectSchema = z.enum(effects)

/** Reads a trait at a border. */
export const traitSchema = z.enum(traits)

/** Orders effects, mildest first: negative when `a` is milder than `b`, 0 when equal, positive when graver. */
export function compareEffect(a: Effect, b: Effect): number {
  return effects.indexOf(a) - effects.indexOf(b)
}

/** The graver of two effects. */
export function maxEffect(a: Effect, b: Effect): Effect {
  return compareEffect(a, b) >= 0 ? a : b
}

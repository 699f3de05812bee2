import { isObject } from '../base/json.ts'

/**
 * Who acts for the principal now, and inside it who acted before (RFC 8693, section 4.1). `iss` says by whose word it is
 * called so.
 */
export interface Act {
  sub: string
  iss?: string
  act?: Act
}

/** How many actors one token can tell of, whatever is configured. */
const depthMax = 5
// Both are within an entry of the ledger: an actor is at the most some 400 characters there, and five fit.
const text = /^[\x21-\x7e]{1,200}$/

/**
 * Reads an `act` claim; what else it says of an actor is not kept.
 *
 * @returns `undefined` if there is none.
 * @throws {TypeError} if it is no chain of at most five actors.
 */
export function readAct(claim: unknown, depth = 1): Act | undefined {
  if (claim === undefined) return undefined
  if (!isObject(claim) || depth > depthMax) throw new TypeError('`act` is no chain of actors')
  const { sub, iss, act } = claim
  if (!isName(sub) || (iss !== undefined && !isName(iss))) throw new TypeError('an actor has no name')
  const before = readAct(act, depth + 1)
  return { sub, ...(iss !== undefined && { iss }), ...(before !== undefined && { act: before }) }
}

/** Whether an actor can be called this: visible ASCII without spaces. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && text.test(value)
}

/**
 * Who acts where a client calls on: the client, by its name at an issuer, and inside it who acts by that. A client that acts
 * itself is named once.
 *
 * @returns `undefined` if that is one more than a token can tell of.
 */
export function actThrough(client: { sub: string; iss: string }, act: Act | undefined): Act | undefined {
  const inner = act?.sub === client.sub && act.iss === undefined ? act.act : act
  if (depthOf(inner) >= depthMax) return undefined
  return { ...client, ...(inner !== undefined && { act: inner }) }
}

/** How many act one for another. */
export function depthOf(act: Act | undefined): number {
  return act === undefined ? 0 : 1 + depthOf(act.act)
}

/** The actors in one line, the present one first: `a at issuer for b`. Names have no spaces, so it reads one way only. */
export function actorLine(act: Act): string {
  const name = act.iss === undefined ? act.sub : `${act.sub} at ${act.iss}`
  return act.act === undefined ? name : `${name} for ${actorLine(act.act)}`
}

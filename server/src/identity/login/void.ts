import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { findPrincipal, lockPrincipal } from '../../store/principals.ts'
import { findSignIn } from '../../store/sign-ins.ts'
import { spendLonger, spentUntil } from '../../store/spent.ts'
import type { Handle } from '../../store/store.ts'

/** How long what was begun or vouched for before a withdrawal could be worth something: a day, and what clocks are off. */
const voidMs = 25 * 3_600_000
const purpose = 'vouched-before'

/** Somebody by what his provider calls him, or a session of his there; known here or not. */
export type Named = { issuer: string; subject: string } | { issuer: string; session: string }

/** When something was begun or vouched for, and in whose names: the person's, and that of his session there. */
export interface Begun {
  at: number
  names: readonly Named[]
}

/**
 * Makes void what was begun or vouched for in a principal's name before now: whoever holds the way back of a login, or an
 * assertion of the provider, comes in by it no more. First in the transaction that ends his sign-ins: who is being let in
 * at this moment is in before, and is found, or comes after, and is refused.
 */
export async function voidEarlier(tx: Handle, principalId: string, now: number): Promise<void> {
  const principal = await lockPrincipal(tx, principalId)
  if (principal !== undefined) await voidEarlierOf(tx, principal, now)
}

/**
 * The same where nobody may be known yet by that name: the first login of a person, or of a session, may be under way. Call
 * it before looking whom it concerns.
 */
export async function voidEarlierOf(tx: Handle, named: Named, now: number): Promise<void> {
  await spendLonger(tx, { purpose, id: idOf(named), until: now + voidMs })
}

/** Keeps whoever would make it void waiting until this transaction ends, or waits for him. It makes nothing void itself. */
export async function holdOpen(tx: Handle, named: Named): Promise<void> {
  await spendLonger(tx, { purpose, id: idOf(named), until: 0 })
}

/** Whether a withdrawal made void what was begun or vouched for at this instant. */
export async function isVoid(handle: Handle, named: Named, at: number): Promise<boolean> {
  const until = await spentUntil(handle, purpose, idOf(named))
  return until !== undefined && until - voidMs >= at
}

/** What was begun before the provider ended what the principal had leads nowhere. */
export function endedMeanwhile(): Fault {
  return new Fault(
    'identity.sign_in_failed',
    'cannot complete this login: since it was begun, your provider has ended what you had; begin again',
  )
}

/**
 * Keeps somebody from being made, or from getting a right, by what a withdrawal made void. To be sure in the transaction of
 * a recorded change only: withdrawals are recorded too, and come before it or after.
 *
 * @param begun What he comes by; absent where it began at this moment.
 * @throws {Fault} `identity.sign_in_failed`
 */
export async function checkNotVoid(handle: Handle, begun: Begun | undefined): Promise<void> {
  for (const named of begun?.names ?? []) if (await isVoid(handle, named, begun!.at)) throw endedMeanwhile()
}

function idOf(named: Named): string {
  const [kind, name] = 'session' in named ? ['session', named.session] : ['subject', named.subject]
  return digestOf(JSON.stringify([named.issuer, kind, name]))
}

/** What something that is to be given stands on. */
export interface Standing {
  principalId: string
  /** The sign-in by which it was asked for. */
  signInId?: string | undefined
  /** When a provider vouched for the principal. */
  vouchedAt?: number | undefined
}

/** Whether nothing of that was withdrawn; see `Principals.standsWithin`. */
export async function standsWithin(tx: Handle, of: Standing & { now: number }): Promise<boolean> {
  const { principalId, signInId, vouchedAt, now } = of
  const principal = await findPrincipal(tx, principalId)
  if (principal?.state !== 'active') return false
  if (vouchedAt !== undefined && (await isVoid(tx, principal, vouchedAt))) return false
  return signInId === undefined || (await findSignIn(tx, signInId, now))?.principalId === principalId
}

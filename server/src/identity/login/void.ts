import { findPrincipal, lockPrincipal } from '../../store/principals.ts'
import { findSignIn } from '../../store/sign-ins.ts'
import { spendLonger, spentUntil } from '../../store/spent.ts'
import type { Handle } from '../../store/store.ts'

/** How long what was begun or vouched for before a withdrawal could be worth something: a day, and what clocks are off. */
const voidMs = 25 * 3_600_000

/**
 * Makes void what was begun or vouched for in a principal's name before now: whoever holds the way back of a login, or an
 * assertion of the provider, comes in by it no more. First in the transaction that ends his sign-ins: who is being let in
 * at this moment is in before, and is found, or comes after, and is refused.
 */
export async function voidEarlier(tx: Handle, principalId: string, now: number): Promise<void> {
  await lockPrincipal(tx, principalId)
  await spendLonger(tx, { purpose: 'vouched-before', id: principalId, until: now + voidMs })
}

/** Whether a withdrawal made void what was begun or vouched for at this instant. */
export async function isVoid(handle: Handle, of: { principalId: string; at: number }): Promise<boolean> {
  const until = await spentUntil(handle, 'vouched-before', of.principalId)
  return until !== undefined && until - voidMs >= of.at
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
  if ((await findPrincipal(tx, principalId))?.state !== 'active') return false
  if (vouchedAt !== undefined && (await isVoid(tx, { principalId, at: vouchedAt }))) return false
  return signInId === undefined || (await findSignIn(tx, signInId, now))?.principalId === principalId
}

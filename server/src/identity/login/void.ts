import { spendLonger, spentUntil } from '../../store/spent.ts'
import type { Handle } from '../../store/store.ts'

/** How long what was begun or vouched for before a withdrawal could be worth something. */
const voidMs = 24 * 3_600_000

/**
 * Makes void what was begun or vouched for in a principal's name before now: whoever holds the way back of a login, or an
 * assertion of the provider, comes in by it no more.
 */
export async function voidEarlier(tx: Handle, principalId: string, now: number): Promise<void> {
  await spendLonger(tx, { purpose: 'vouched-before', id: principalId, until: now + voidMs })
}

/** Whether a withdrawal made void what was begun or vouched for at this instant. */
export async function isVoid(handle: Handle, of: { principalId: string; at: number }): Promise<boolean> {
  const until = await spentUntil(handle, 'vouched-before', of.principalId)
  return until !== undefined && until - voidMs >= of.at
}

import type { Clock } from '../base/clock.ts'
import { endLinksBy } from '../store/one-time-links.ts'
import { revokeOperatorKeysOf } from '../store/operator-keys.ts'
import { demandSignIn, listAdministratorIds, updatePrincipalState } from '../store/principals.ts'
import { updateProvisionedEnd } from '../store/provisioned.ts'
import { deleteSignInsOf } from '../store/sign-ins.ts'
import type { Handle } from '../store/store.ts'
import { voidEarlier } from './login/void.ts'
import { lockAdministration, type OnDisable } from './principals.ts'

/** Ends the grants of a principal within a transaction; `because` is kept with each. */
export type EndGrants = (tx: Handle, principalId: string, because: string) => Promise<void>

/** What is taken from a principal. His sign-ins, operator keys and open invitations end in any case. */
export interface Withdrawal {
  /** Nothing of his passes until he has proved who he is later than this instant. */
  signInAfter?: number | undefined
  /** His grants end, for this reason. */
  grantsBecause?: string | undefined
  /** He is disabled. */
  disable?: boolean | undefined
}

/** Nobody could administer afterwards. */
export class LastAdministrator extends Error {}

/**
 * Takes rights from a principal, within the transaction that records it; gives none. Who is disabled stays so.
 *
 * @throws {LastAdministrator} if he is to be disabled and nobody else could administer: roll back then.
 */
export async function withdraw(
  tx: Handle,
  parts: { clock: Clock; endGrants: EndGrants; onDisable: readonly OnDisable[] },
  of: Withdrawal & { principalId: string },
): Promise<void> {
  const { principalId } = of
  const now = parts.clock.now()
  if (of.disable) {
    await lockAdministration(tx, parts.clock)
    const administrators = await listAdministratorIds(tx, now)
    if (administrators.length === 1 && administrators[0] === principalId) throw new LastAdministrator()
  }
  await voidEarlier(tx, principalId, now)
  await deleteSignInsOf(tx, principalId)
  await revokeOperatorKeysOf(tx, principalId, now)
  await endLinksBy(tx, principalId, now)
  if (of.signInAfter !== undefined) await demandSignIn(tx, principalId, of.signInAfter)
  if (of.grantsBecause !== undefined) await parts.endGrants(tx, principalId, of.grantsBecause)
  if (!of.disable) return
  await updatePrincipalState(tx, principalId, { state: 'disabled', at: now })
  // Whoever provisions him cannot take this back.
  await updateProvisionedEnd(tx, principalId, false)
  for (const end of parts.onDisable) await end(tx, principalId)
}

import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'

/** A recovery code that has not been used. */
export interface RecoveryCode {
  /** The part of the code by which it is found; not secret, and unique among those of a principal. */
  place: string
  /** The digest of the code. */
  hash: string
}

/** Puts new codes in the place of all that the principal had. Use a transaction. */
export async function replaceRecoveryCodes(
  tx: Handle,
  principalId: string,
  codes: readonly RecoveryCode[],
): Promise<void> {
  await open(tx).deleteFrom('recovery_codes').where('principal_id', '=', principalId).execute()
  if (codes.length === 0) return
  await open(tx)
    .insertInto('recovery_codes')
    .values(codes.map(({ place, hash }) => ({ principal_id: principalId, place, hash, spent_at: null })))
    .execute()
}

/** The hash of the code at this place, if it has not been used. */
export async function findRecoveryHash(
  handle: Handle,
  principalId: string,
  place: string,
): Promise<string | undefined> {
  const row = await open(handle)
    .selectFrom('recovery_codes')
    .select('hash')
    .where('principal_id', '=', principalId)
    .where('place', '=', place)
    .where('spent_at', 'is', null)
    .executeTakeFirst()
  return row?.hash
}

/** Spends the code at this place, if it is still the one that was checked: of any number of callers exactly one does. */
export async function spendRecoveryCode(
  handle: Handle,
  principalId: string,
  { place, hash, at }: RecoveryCode & { at: number },
): Promise<boolean> {
  const row = await open(handle)
    .updateTable('recovery_codes')
    .set({ spent_at: at })
    .where('principal_id', '=', principalId)
    .where('place', '=', place)
    .where('hash', '=', hash)
    .where('spent_at', 'is', null)
    .returning('place')
    .executeTakeFirst()
  return row !== undefined
}

/** How many codes a principal has left. */
export async function countRecoveryCodes(handle: Handle, principalId: string): Promise<number> {
  const row = await open(handle)
    .selectFrom('recovery_codes')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('principal_id', '=', principalId)
    .where('spent_at', 'is', null)
    .executeTakeFirstOrThrow()
  return row.count
}

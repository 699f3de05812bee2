import type { Login } from '../ledger/entry.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Principal } from '../model/principal.ts'

/** What this room needs of the ledger. */
export type IdentityLedger = Pick<Ledger, 'recordLogin' | 'recordChange'>

/** A principal as entries name him. */
export function partyOf({ id, issuer, subject, name }: Principal): NonNullable<Login['principal']> {
  return { id, issuer, subject, name }
}

import type { ChangeKind, Login } from '../ledger/entry.ts'
import type { Principal } from '../model/principal.ts'
import type { About } from '../store/revisions.ts'
import type { Handle } from '../store/store.ts'

/** A change as the ledger takes it. */
export interface IdentityChange {
  /** A principal's id, `set-up` or `system`. */
  by: string
  what: ChangeKind
  about: About
  reason?: string
  /** Never a secret. */
  details?: Record<string, unknown>
}

/** What this room needs of the ledger. */
export interface IdentityLedger {
  recordLogin(login: Login): Promise<void>
  recordChange<T>(change: IdentityChange, work: (tx: Handle) => Promise<T>): Promise<T>
}

/** A principal as entries name him. */
export function partyOf({ id, issuer, subject, name }: Principal): NonNullable<Login['principal']> {
  return { id, issuer, subject, name }
}

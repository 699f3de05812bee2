import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf, makeSecret } from '../base/ids.ts'
import type { Login } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import { findActiveOperatorKey, insertOperatorKey } from '../store/operator-keys.ts'
import { findPrincipal } from '../store/principals.ts'
import type { Store } from '../store/store.ts'
import { isStrong, type Passkeys } from './passkeys.ts'
import { checkActive } from './principals.ts'
import type { IdentityLedger } from './records.ts'

const secondsMax = 24 * 60 * 60
const secondsDefault = 8 * 60 * 60
const prefix = 'spk_'

/** Keys with which a principal's own command line speaks to the control API for some hours. */
export interface OperatorKeys {
  /**
   * Makes a key for a principal; it is shown once and stored as a digest.
   *
   * @param given `expiresInSeconds`: 60 to 86 400, by default 28 800. `login`: how he had signed in who makes it; the key is
   *   no stronger than that, and without it weak.
   * @throws {Fault} `identity.input_invalid` for other times or a label that is not 1 to 100 characters.
   */
  makeOperatorKey(given: {
    principal: Principal
    label: string
    login?: Login | undefined
    expiresInSeconds?: number | undefined
  }): Promise<{ key: string; expiresAt: number }>
  /**
   * Whose key it is, if the key lasts, the principal is active, and a passkey was behind the key where one is demanded now.
   * Takes the key, or `Bearer` and the key.
   */
  whoHasKey(bearer: string): Promise<Principal | undefined>
}

/** Opens the operator keys. */
export function openOperatorKeys(parts: {
  store: Store
  ledger: IdentityLedger
  clock: Clock
  passkeys: Pick<Passkeys, 'demanded'>
}): OperatorKeys {
  const { store, ledger, clock, passkeys } = parts
  return {
    async makeOperatorKey({ principal, label, login, expiresInSeconds = secondsDefault }) {
      if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 60 || expiresInSeconds > secondsMax) {
        throw new Fault('identity.input_invalid', `cannot make this key: it must last 60 to ${secondsMax} seconds`)
      }
      const named = label.trim()
      if (named.length < 1 || named.length > 100) {
        throw new Fault('identity.input_invalid', 'cannot make this key: its label must have 1 to 100 characters')
      }
      const key = prefix + makeSecret()
      const now = clock.now()
      const expiresAt = now + expiresInSeconds * 1_000
      const strong = login !== undefined && isStrong(login)
      const stored = { id: digestOf(key), principalId: principal.id, label: named, createdAt: now, expiresAt, strong }
      const about = { kind: 'principal', id: principal.id } as const
      const details = { key: stored.id, label: named, expiresAt, strong }
      await ledger.recordChange({ by: principal.id, what: 'operator_key.made', about, details }, async (tx) => {
        const now = await findPrincipal(tx, principal.id)
        if (!now) throw new Fault('identity.not_found', 'cannot make a key for a principal who does not exist')
        checkActive(now)
        await insertOperatorKey(tx, { ...stored, revokedAt: undefined })
      })
      return { key, expiresAt }
    },
    async whoHasKey(bearer) {
      const key = bearer.replace(/^Bearer +/i, '').trim()
      if (!key.startsWith(prefix)) return undefined
      const found = await findActiveOperatorKey(store, digestOf(key), clock.now())
      const principal = found && (await findPrincipal(store, found.principalId))
      if (principal?.state !== 'active') return undefined
      // Asked at each use, as of sign-ins: who is to have a passkey from now on is held to it at once.
      return found!.strong || !(await passkeys.demanded(principal)) ? principal : undefined
    },
  }
}

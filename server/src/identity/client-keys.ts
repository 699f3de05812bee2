import type { CryptoKey } from 'jose'
import { importJWK, type JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Keyring } from '../vault/keyring.ts'
import type { IdentityLedger } from './records.ts'

const dayMs = 86_400_000

/** The keys by which Sallyport proves itself to identity providers (`private_key_jwt`). */
export interface ClientKeys {
  /** The key that signs now. One that is too old is replaced: the new one is published for ten minutes before it signs. */
  signing(): Promise<{ key: CryptoKey; kid: string }>
  /** The public halves, as a JWK set: `<origin>/sign-in/keys`. */
  published(): Promise<{ keys: JWK[] }>
}

/** Opens the keys. None is made before a provider is configured for them and somebody asks. */
export function openClientKeys(parts: {
  vault: Pick<Keyring, 'clientKeys' | 'addClientKey'>
  ledger: IdentityLedger
  clock: Clock
  rotateAfterDays: number
}): ClientKeys {
  const { vault, ledger, clock } = parts

  // The old one is still published for as long as who keeps a copy of the set may need it.
  async function renew(newestAt: number): Promise<void> {
    const tooOld = clock.now() - parts.rotateAfterDays * dayMs
    if (newestAt > tooOld) return
    const reason = `the newest key is older than ${parts.rotateAfterDays} days`
    const about = { kind: 'key' } as const
    const details = { use: 'private_key_jwt' }
    await ledger
      .recordChange({ by: 'system', what: 'key.rotated', about, reason, details }, async (tx) => {
        const added = await vault.addClientKey(tx, { unlessNewerThan: tooOld })
        if (added === undefined) throw new NotDue()
      })
      .catch((error: unknown) => {
        if (!(error instanceof NotDue)) throw error
      })
  }

  return {
    async signing() {
      const { newestAt } = await vault.clientKeys()
      await renew(newestAt)
      const { keys } = await vault.clientKeys()
      const [first] = keys
      return { key: (await importJWK(first!, 'ES256')) as CryptoKey, kid: first!.kid! }
    },
    async published() {
      const { keys } = await vault.clientKeys()
      return { keys: keys.map(({ d: _private, ...shared }) => shared as JWK) }
    },
  }
}

/** Another replica was first. */
class NotDue extends Error {}

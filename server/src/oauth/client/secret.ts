import { timingSafeEqual } from 'node:crypto'
import { digestOf } from '../../base/ids.ts'
import { hashSealedSecret, listSealedSecrets } from '../../store/clients.ts'
import type { Store } from '../../store/store.ts'
import type { Secrets } from '../ports.ts'

/**
 * Digest of a client's secret. A plain one is enough: the secrets that we give are of 256 random bits or more, and no table
 * of guesses reaches them.
 */
export function hashOf(secret: string): string {
  return digestOf(secret)
}

/** Whether a secret is the one of this digest; in constant time, and never without a digest. */
export function isSecretOf(hash: string | undefined, presented: string): boolean {
  if (hash === undefined) return false
  return timingSafeEqual(Buffer.from(hash, 'hex'), Buffer.from(hashOf(presented), 'hex'))
}

/** Hashes what an earlier version kept sealed: afterwards the store holds no secret of a client. */
export async function hashSealedSecrets(store: Store, secrets: Pick<Secrets, 'open'>): Promise<void> {
  for (;;) {
    const some = await listSealedSecrets(store, 100)
    if (some.length === 0) return
    for (const { id, sealed } of some) {
      const secret = Buffer.from(secrets.open('client-secret', id, sealed)).toString()
      await hashSealedSecret(store, id, hashOf(secret))
    }
  }
}

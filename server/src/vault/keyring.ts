import { createPrivateKey, generateKeyPairSync, type JsonWebKey, randomBytes, sign as signBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { insertSigningKey, listSigningKeys, type SigningKey } from '../store/signing-keys.ts'
import type { Store } from '../store/store.ts'
import type { Sealer } from './sealer.ts'

/** Signs checkpoints of the ledger with Ed25519. The private half never leaves the vault. */
export interface KeySigner {
  /** The key name of the signed note: the origin of the ledger. */
  readonly name: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/** The gateway's own keys, made when they are first needed. All replicas on one store have the same ones. */
export interface Keyring {
  /**
   * The signer of a purpose.
   *
   * @param name What the signatures say that the key is called, such as the ledger's origin.
   * @see https://c2sp.org/signed-note
   */
  signer(purpose: 'checkpoint', name: string): Promise<KeySigner>
  /**
   * The private JWK set (ES256) that signs access tokens, newest key first.
   *
   * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
   */
  tokenKeys(): Promise<{ keys: JWK[] }>
  /**
   * The secrets that sign cookies, newest first: sign with the first, accept all.
   *
   * @param use Each door has its own, so that no cookie of one can be played at another.
   */
  cookieKeys(use?: 'oauth' | 'identity'): Promise<string[]>
}

type FreshKey = Pick<SigningKey, 'algorithm' | 'publicKey'> & { clear: string }

/** Opens the keyring on the keys that the store keeps sealed. */
export function openKeyring(parts: { store: Store; sealer: Sealer; clock: Clock }): Keyring {
  async function keysFor(
    purpose: string,
    make: () => Promise<FreshKey>,
  ): Promise<{ key: SigningKey; clear: string }[]> {
    let keys = await listSigningKeys(parts.store, purpose)
    if (keys.length === 0) {
      const fresh = await make()
      // The first key of a purpose has a fixed id: when several processes make it at once, one row wins.
      const id = `${purpose}-1`
      const sealed = parts.sealer.seal('signing-key', bindingOf(id, fresh.publicKey), fresh.clear)
      await insertSigningKey(parts.store, {
        id,
        purpose,
        algorithm: fresh.algorithm,
        publicKey: fresh.publicKey,
        sealed,
        createdAt: parts.clock.now(),
        retiredAt: undefined,
      })
      keys = await listSigningKeys(parts.store, purpose)
    }
    if (keys.length === 0) {
      throw new Fault('vault.cannot_open', `cannot use the keys for \`${purpose}\`: all of them are retired`)
    }
    return keys.map((key) => ({
      key,
      clear: Buffer.from(parts.sealer.open('signing-key', bindingOf(key.id, key.publicKey), key.sealed)).toString(),
    }))
  }

  return {
    async signer(purpose, name) {
      const [newest] = await keysFor(purpose, makeEd25519)
      const privateKey = createPrivateKey({ key: JSON.parse(newest!.clear) as JsonWebKey, format: 'jwk' })
      const publicKey = Buffer.from(newest!.key.publicKey, 'base64url')
      return { name, publicKey, sign: (bytes) => signBytes(null, bytes, privateKey) }
    },
    async tokenKeys() {
      const keys = await keysFor('token', makeEs256)
      return { keys: keys.map(({ clear }) => JSON.parse(clear) as JWK) }
    },
    async cookieKeys(use = 'oauth') {
      const keys = await keysFor(`cookie-${use}`, makeSecretKey)
      return keys.map(({ clear }) => clear)
    },
  }
}

// The public half is bound to the sealed one: who can write the store cannot make us announce a key of his.
function bindingOf(id: string, publicKey: string): string {
  return `${id} ${publicKey}`
}

async function makeEd25519(): Promise<FreshKey> {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { algorithm: 'Ed25519', publicKey: jwk.x!, clear: JSON.stringify(jwk) }
}

async function makeEs256(): Promise<FreshKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  const { d: _private, ...shared } = jwk
  const marks = { kid: await calculateJwkThumbprint(shared), alg: 'ES256', use: 'sig' }
  return {
    algorithm: 'ES256',
    publicKey: JSON.stringify({ ...shared, ...marks }),
    clear: JSON.stringify({ ...jwk, ...marks }),
  }
}

async function makeSecretKey(): Promise<FreshKey> {
  return { algorithm: 'HS256', publicKey: '', clear: randomBytes(32).toString('base64url') }
}

import { createPrivateKey, generateKeyPairSync, type JsonWebKey, randomBytes, sign as signBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { insertSigningKey, listSigningKeys, retireSigningKey, type SigningKey } from '../store/signing-keys.ts'
import { makeId } from '../base/ids.ts'
import type { Handle, Store } from '../store/store.ts'
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
   * The private JWK set (ES256) of access tokens: the key that signs comes first, all of them verify.
   *
   * A new key is in the set for `keyPublishMs` before it signs, so that who keeps a copy of the set has it by then.
   *
   * @returns `newestAt`: when the newest key was made; `changesAt`: when another key will sign or one will end, `Infinity`
   *   if nothing is planned. Epoch milliseconds.
   * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
   */
  tokenKeys(): Promise<TokenKeySet>
  /**
   * Adds a key to that set, within the transaction of the change that says so.
   *
   * @param retireOthersAt From when on the others verify nothing more, epoch milliseconds. Now makes the new key sign at
   *   once, for there is no other.
   * @param unlessNewerThan Adds nothing if there is a key that was made after this instant: of several replicas that find
   *   the same key too old, one makes a new one.
   * @returns The new key's `kid`, or `undefined` if none was added.
   */
  addTokenKey(
    tx: Handle,
    when: { retireOthersAt: number; unlessNewerThan?: number | undefined },
  ): Promise<string | undefined>
  /** The same for the keys by which we prove ourselves as a client: a set of its own. */
  clientKeys(): Promise<TokenKeySet>
  /**
   * Adds a key to that set, within the transaction of the change that says so; the others end when the new one has signed
   * for `keyPublishMs`.
   *
   * @returns The new key's `kid`, or `undefined` if there is one newer than that.
   */
  addClientKey(tx: Handle, when: { unlessNewerThan: number }): Promise<string | undefined>
  /**
   * The secrets that sign cookies, newest first: sign with the first, accept all.
   *
   * @param use Each door has its own, so that no cookie of one can be played at another.
   */
  cookieKeys(use?: 'oauth' | 'identity'): Promise<string[]>
  /** The secret of the nonces that proofs of possession must hold: 32 bytes. */
  nonceKey(): Promise<Uint8Array>
}

/** The keys of access tokens at one instant. */
export interface TokenKeySet {
  keys: JWK[]
  newestAt: number
  changesAt: number
}

/** How long a new key of access tokens is published before it signs: twice the time that our key set may be kept. */
export const keyPublishMs = 10 * 60_000

type FreshKey = Pick<SigningKey, 'algorithm' | 'publicKey'> & { clear: string }

/** Opens the keyring on the keys that the store keeps sealed. */
export function openKeyring(parts: { store: Store; sealer: Sealer; clock: Clock }): Keyring {
  async function keysFor(
    purpose: string,
    make: () => Promise<FreshKey>,
  ): Promise<{ key: SigningKey; clear: string }[]> {
    let keys = await listSigningKeys(parts.store, purpose, parts.clock.now())
    if (keys.length === 0) {
      // The first key of a purpose has a fixed id: when several processes make it at once, one row wins.
      await insertSigningKey(parts.store, sealed({ id: `${purpose}-1`, purpose }, await make()))
      keys = await listSigningKeys(parts.store, purpose, parts.clock.now())
    }
    if (keys.length === 0) {
      throw new Fault('vault.cannot_open', `cannot use the keys for \`${purpose}\`: all of them are retired`)
    }
    return keys.map((key) => ({
      key,
      clear: Buffer.from(parts.sealer.open('signing-key', bindingOf(key.id, key.publicKey), key.sealed)).toString(),
    }))
  }

  function sealed(named: Pick<SigningKey, 'id' | 'purpose'>, { clear, ...fresh }: FreshKey): SigningKey {
    return {
      ...named,
      ...fresh,
      sealed: parts.sealer.seal('signing-key', bindingOf(named.id, fresh.publicKey), clear),
      createdAt: parts.clock.now(),
      retiredAt: undefined,
    }
  }

  async function setOf(purpose: 'token' | 'client'): Promise<TokenKeySet> {
    const keys = await keysFor(purpose, makeEs256)
    const published = parts.clock.now() - keyPublishMs
    const signing = keys.find(({ key }) => key.createdAt <= published) ?? keys.at(-1)!
    const inOrder = [signing, ...keys.filter((one) => one !== signing)]
    const changes = keys.flatMap(({ key: { createdAt, retiredAt = Infinity } }) =>
      createdAt > published ? [createdAt + keyPublishMs, retiredAt] : [retiredAt],
    )
    return {
      keys: inOrder.map(({ clear }) => JSON.parse(clear) as JWK),
      newestAt: keys[0]!.key.createdAt,
      changesAt: Math.min(...changes),
    }
  }

  async function addTo(
    purpose: 'token' | 'client',
    tx: Handle,
    { retireOthersAt, unlessNewerThan = Infinity }: { retireOthersAt: number; unlessNewerThan?: number | undefined },
  ): Promise<string | undefined> {
    const others = await listSigningKeys(tx, purpose, parts.clock.now())
    if (others.some(({ createdAt }) => createdAt > unlessNewerThan)) return undefined
    const key = sealed({ id: `${purpose}-${makeId(parts.clock)}`, purpose }, await makeEs256())
    await insertSigningKey(tx, key)
    for (const { id } of others) await retireSigningKey(tx, id, retireOthersAt)
    return (JSON.parse(key.publicKey) as JWK).kid
  }

  return {
    async signer(purpose, name) {
      const [newest] = await keysFor(purpose, makeEd25519)
      const privateKey = createPrivateKey({ key: JSON.parse(newest!.clear) as JsonWebKey, format: 'jwk' })
      const publicKey = Buffer.from(newest!.key.publicKey, 'base64url')
      return { name, publicKey, sign: (bytes) => signBytes(null, bytes, privateKey) }
    },
    tokenKeys: () => setOf('token'),
    addTokenKey: (tx, when) => addTo('token', tx, when),
    clientKeys: () => setOf('client'),
    addClientKey: (tx, { unlessNewerThan }) =>
      addTo('client', tx, { unlessNewerThan, retireOthersAt: parts.clock.now() + 2 * keyPublishMs }),
    async cookieKeys(use = 'oauth') {
      const keys = await keysFor(`cookie-${use}`, makeSecretKey)
      return keys.map(({ clear }) => clear)
    },
    async nonceKey() {
      const [newest] = await keysFor('proof-nonce', makeSecretKey)
      return Buffer.from(newest!.clear, 'base64url')
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

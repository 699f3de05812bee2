import { hash } from 'node:crypto'
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, type JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import { isCompactJws } from '../base/compact-jws.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import { verifyJwt } from '../base/verify-jwt.ts'
import { spend } from '../store/spent.ts'
import type { Store } from '../store/store.ts'
import { proofAlgorithms } from './metadata.ts'
import { openNonces } from './proof/nonces.ts'
import { normalUri } from './proof/normal-uri.ts'
import { openPace } from './proof/pace.ts'

const proofCharactersMax = 4_096
const jtiCharactersMax = 512
// Each leaves a row for as long as its nonce is near. No client calls more often; who does would only fill the store.
const perKey = { most: 6_000, ms: 60_000, keysMax: 10_000 }

/** What a proof must be about. */
export interface Proven {
  /** The method of the request that it came with. */
  method: string
  /** The public address of what was asked, without a query. */
  uri: string
  /** The access token that it came with, and the key to which that is bound; absent where a token is asked for. */
  bound?: { token: string; to: string }
}

/** A proof that was found good, but for whether it was used before. */
export interface JudgedProof {
  /** The thumbprint of the key (RFC 7638). */
  readonly key: string
  /**
   * Spends it, the first time that this is called: it is good once.
   *
   * Promise: it resolves only if it was never spent for another request, at any replica.
   *
   * @throws {Fault} `oauth.proof_invalid` if it was; `store.unavailable`.
   */
  spend(): Promise<void>
}

/** Judges proofs of possession: that who asks holds the key to which his token is bound. */
export interface Proofs {
  /** The nonce to use now; good for some minutes, at every replica, at the token endpoint and at the MCP door. */
  nonce(): string
  /**
   * Spends a proof that the protocol engine has found good. It judges nonces by the clock of its machine, which may be wrong
   * by hours: one that is not of about this time is refused, for its use may be forgotten.
   *
   * Promise: it resolves only for a proof that was never spent, whoever judged it, at any replica.
   *
   * @throws {Fault} `oauth.proof_nonce`, `oauth.proof_invalid`; `store.unavailable`.
   */
  spendJudged(proof: string): Promise<void>
  /**
   * Judges a proof, and spends nothing: it proves nothing yet. For a request that may be refused for another reason still.
   *
   * Promise: it resolves only for a proof that the key in it signed, with an asymmetric algorithm of the list, over exactly
   * this method, address and token and a nonce of ours.
   *
   * @param proof The value of the `DPoP` header.
   * @throws {Fault} `oauth.proof_missing`; `oauth.proof_nonce` if it lacks a nonce that is good now; `oauth.proof_invalid`
   *   for every other reason, the same words for each; `oauth.too_many`.
   * @see https://www.rfc-editor.org/rfc/rfc9449#section-4.3
   */
  judge(proof: string | undefined, of: Proven): Promise<JudgedProof>
  /** Judges a proof and spends it at once; throws as both. */
  take(proof: string | undefined, of: Proven): Promise<void>
}

/** Opens the judgement of proofs. */
export function openProofs(parts: { store: Store; clock: Clock; nonceKey: Uint8Array }): Proofs {
  const { store, clock } = parts
  const nonces = openNonces(parts)
  const admit = openPace(clock, perKey)

  async function spendOnce({ key, jti, nonce }: ReadProof): Promise<void> {
    const until = nonces.nearUntil(nonce)
    if (until === undefined) throw ofAnotherTime()
    const id = digestOf(JSON.stringify([key, jti]))
    const fresh = await spend(store, { purpose: 'proof', id, until, now: clock.now() })
    if (!fresh) throw refused('it was taken before')
  }

  async function judge(proof: string | undefined, of: Proven): Promise<JudgedProof> {
    if (proof === undefined) throw missing()
    const found = await read(proof, of, clock)
    if (!nonces.good(found.nonce)) throw ofAnotherTime()
    admit(found.key)
    let spent: Promise<void> | undefined
    return { key: found.key, spend: () => (spent ??= spendOnce(found)) }
  }

  return {
    nonce: () => nonces.next(),
    async spendJudged(proof) {
      const { jti, nonce } = decodeJwt(proof)
      const key = await calculateJwkThumbprint(decodeProtectedHeader(proof).jwk as JWK)
      await spendOnce({ key, jti: jti!, nonce: nonce as string | undefined })
    },
    judge,
    async take(proof, of) {
      await (await judge(proof, of)).spend()
    },
  }
}

/** Says that a request lacks the proof that its token, or what it asks for, demands. */
export function missing(): Fault {
  return new Fault('oauth.proof_missing', 'a proof is needed here that you hold the key of the access token (DPoP)')
}

/** What of a proof says which it is. */
interface ReadProof {
  key: string
  jti: string
  nonce: string | undefined
}

async function read(proof: string, of: Proven, clock: Clock): Promise<ReadProof> {
  if (proof.length > proofCharactersMax) throw refused('it is too long')
  if (!isCompactJws(proof)) throw refused('it is no compact JWS')
  const { payload, protectedHeader } = await verifyJwt(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: proofAlgorithms,
    clock,
  }).catch((cause: unknown) => {
    throw refused(cause instanceof Error ? cause.message : 'unreadable', cause)
  })
  const { jti, iat, htm, htu, ath, nonce } = payload
  if (typeof jti !== 'string' || jti === '' || jti.length > jtiCharactersMax) throw refused('its `jti` is no text')
  // When it was made is judged by its nonce, for clocks of clients are wrong.
  if (typeof iat !== 'number') throw refused('its `iat` is no number')
  if (htm !== of.method) throw refused('it is for another method')
  if (typeof htu !== 'string' || normalUri(htu) !== of.uri) throw refused('it is for another address')
  if (of.bound !== undefined && ath !== hash('sha256', of.bound.token, 'base64url')) {
    throw refused('it is for another token')
  }
  if (nonce !== undefined && typeof nonce !== 'string') throw refused('its `nonce` is no text')
  const key = await calculateJwkThumbprint(protectedHeader.jwk as JWK)
  if (of.bound !== undefined && of.bound.to !== key) throw refused('the token is bound to another key')
  return { key, jti, nonce }
}

function ofAnotherTime(): Fault {
  return new Fault('oauth.proof_nonce', 'the proof must hold the nonce that comes with this answer')
}

function refused(detail: string, cause?: unknown): Fault {
  return new Fault('oauth.proof_invalid', 'the proof of possession is not valid here', { detail, cause })
}

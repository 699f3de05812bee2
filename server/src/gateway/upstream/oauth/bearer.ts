import { setTimeout as sleep } from 'node:timers/promises'
import { type DpopSession, OAuthError } from '@modelcontextprotocol/client'
import type { Clock } from '../../../base/clock.ts'
import type { Fault } from '../../../base/fault.ts'
import type { Credential, RenewableCredential, RenewableCredentials } from '../../../vault/credentials.ts'
import type { Sending } from '../upstream-kind.ts'
import { isRenewable, renewTokens, type Fetch, type Held } from './client.ts'
import { openProver } from './prover.ts'

/** What the bearer of an upstream's token stands on. */
export interface BearerParts {
  upstream: string
  /** Whose connection it is; absent: the organisation's. */
  principalId: string | undefined
  clock: Clock
  fetch: Fetch
  vault: {
    openCredential(upstream: string, principalId?: string): Promise<Credential | undefined>
    renewable: RenewableCredentials
  }
  /** What callers are told where there is no token; `ended`: only another consent helps. */
  refused(detail: string, ended: boolean): Fault
  /** Told, once, that only who connected it can help: the authorization server gives nothing any more. */
  onLapse(credential: RenewableCredential, why: string): Promise<void>
  /** Told of tokens that came when their connection was gone already. */
  onOrphan(credential: RenewableCredential, held: Held): Promise<void>
}

/** A token is renewed this long before it expires, and never more often than this after it was obtained. */
const earlyMs = 30_000
const restMs = 5_000
/** How long another replica may take before we stop waiting for it. */
const patienceMs = 15_000
const pollMs = 100

/** The codes of an authorization server that mean: never again with this grant. */
const final = new Set<string>(['invalid_grant', 'invalid_client', 'unauthorized_client', 'invalid_scope'])

/**
 * The token of one upstream: renewed before it expires and when it is refused, once for all calls that wait for it, and
 * once among all replicas, because a refresh token that is used twice ends the grant at many authorization servers.
 */
export class Bearer {
  readonly #parts: BearerParts
  #credential: RenewableCredential
  #renewing: Promise<void> | undefined
  /** By its key: what is adopted may be another connection, with another key. */
  #prover: { of: string | undefined; opened: Promise<DpopSession> } | undefined

  constructor(parts: BearerParts, credential: RenewableCredential) {
    this.#parts = parts
    this.#credential = credential
  }

  /** The token to send now. */
  async token(): Promise<string> {
    const { lapsed } = this.#credential.details
    if (lapsed !== undefined) throw this.#parts.refused(lapsed, true)
    if (this.#isOld()) await this.#renew()
    return this.#held.tokens.access_token
  }

  /** What is sent with a request: a token, and where it is bound to a key, a proof for this very request. */
  async headers(request: Sending | undefined): Promise<Record<string, string>> {
    const token = await this.token()
    const prover = await this.#openProver()
    if (prover === undefined) return { authorization: `Bearer ${token}` }
    // Who only wants to know whether there is a token names no request.
    if (request === undefined) return { authorization: `DPoP ${token}` }
    const dpop = await prover.buildProof({ htm: request.method, htu: request.url, accessToken: token })
    return { authorization: `DPoP ${token}`, dpop }
  }

  /** Takes the nonce that the next proof to this place must hold. */
  async takeNonce(nonce: string, url: URL): Promise<void> {
    const prover = await this.#openProver()
    prover?.rememberNonce(url, nonce)
  }

  /** Whether there is another token than the one that was refused. */
  async replace(refused: string): Promise<boolean> {
    if (this.#held.tokens.access_token !== refused) return true
    // Who refuses a token that is new refuses the next one too.
    if (this.#parts.clock.now() - this.#held.obtainedAt < restMs) return false
    if (!isRenewable(this.#held)) {
      await this.#adopt()
      return this.#held.tokens.access_token !== refused
    }
    await this.#renew()
    return this.#held.tokens.access_token !== refused
  }

  async #openProver(): Promise<DpopSession | undefined> {
    const { proofKey, tokens } = this.#held
    // A server may give a bearer token all the same.
    if (proofKey === undefined || tokens.token_type.toLowerCase() !== 'dpop') return undefined
    if (this.#prover?.of !== proofKey.x)
      this.#prover = { of: proofKey.x, opened: openProver(proofKey, () => this.#parts.clock.now()) }
    return this.#prover!.opened
  }

  get #held(): Held {
    return this.#credential.secret as Held
  }

  #isOld(): boolean {
    const { tokens, obtainedAt } = this.#held
    if (tokens.expires_in === undefined || !isRenewable(this.#held)) return false
    const lifeMs = tokens.expires_in * 1_000
    return this.#parts.clock.now() >= obtainedAt + lifeMs - Math.min(earlyMs, lifeMs / 2)
  }

  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = undefined))
    return this.#renewing
  }

  async #renewOnce(): Promise<void> {
    const { vault, clock } = this.#parts
    const { mark } = this.#credential
    const until = clock.monotonic() + patienceMs
    for (;;) {
      await this.#adopt()
      if (this.#credential.mark !== mark) return
      if (await vault.renewable.claim(this.#credential)) break
      // Another replica renews it: what it gets is ours as well.
      if (clock.monotonic() > until) throw this.#parts.refused('the renewal of the token takes too long', false)
      await sleep(pollMs)
    }
    await this.#ask()
  }

  async #ask(): Promise<void> {
    const { vault, upstream, clock, fetch } = this.#parts
    const before = this.#credential
    let held: Held
    try {
      held = await renewTokens(this.#held, { fetch, now: clock.now() })
    } catch (error) {
      await vault.renewable.drop(before.id)
      const code = error instanceof OAuthError ? error.code : undefined
      const ended = code !== undefined && final.has(code)
      if (ended) await this.#parts.onLapse(before, code)
      throw this.#parts.refused(`its token cannot be renewed: ${code ?? String(error)}`, ended)
    }
    const renewed = await vault.renewable.renew(upstream, before, held)
    if (renewed === undefined) {
      void this.#parts.onOrphan(before, held).catch(() => undefined)
      throw this.#parts.refused('its connection was replaced or revoked meanwhile', true)
    }
    this.#credential = renewed
  }

  /** Takes what is stored now: another replica may have renewed it. */
  async #adopt(): Promise<void> {
    const { vault, upstream, principalId } = this.#parts
    const stored = await vault.openCredential(upstream, principalId)
    if (stored?.placement !== 'oauth') throw this.#parts.refused('its connection was replaced or revoked', true)
    this.#credential = stored
  }
}

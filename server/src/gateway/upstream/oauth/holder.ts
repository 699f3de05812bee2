import { computeScopeUnion, extractWWWAuthenticateParams, isStrictScopeSuperset } from '@modelcontextprotocol/client'
import { decodeJwt } from 'jose'
import type { Credential, RenewableCredential } from '../../../vault/credentials.ts'
import type { Refusal, Sending, SentCredential, UpstreamNeeds } from '../upstream-kind.ts'
import { Bearer, type BearerParts } from './bearer.ts'
import type { Challenge } from './client.ts'

/** An administrator reads what is asked for; an upstream that asks for ever more is not written down for ever. */
const scopeCharactersMax = 2_000

/** What the holder of an upstream's credential stands on. */
export interface HolderParts extends BearerParts {
  /** Told of every refusal, so that an administrator can be led to who can help. */
  onChallenge(challenge: Challenge): void
  /** Told when the upstream wants more scopes than its connection was ever asked for. */
  onWanted(credential: RenewableCredential, scope: string): Promise<void>
}

/**
 * The credential of one upstream, as its kind asks for it. It lives as long as the connection of the pool, which is
 * dropped with every change of the credential.
 */
export class CredentialHolder implements Pick<Required<UpstreamNeeds>, 'credential' | 'onRefused' | 'onNonce'> {
  readonly #parts: HolderParts
  #opened: Promise<Opened> | undefined

  constructor(parts: HolderParts) {
    this.#parts = parts
  }

  readonly credential = async (request?: Sending): Promise<SentCredential | undefined> => {
    const { bearer, plain } = await this.#open()
    if (bearer === undefined) return plain
    return { placement: 'headers', values: await bearer.headers(request) }
  }

  readonly onNonce = async (nonce: string, url: URL): Promise<void> => {
    const { bearer } = await this.#open()
    await bearer?.takeNonce(nonce, url)
  }

  readonly onRefused = async ({ status, challenge: header, sent, nonce }: Refusal): Promise<boolean> => {
    const challenge = readChallenge(status, header)
    // It was told already; who sent it, and is refused all the same, is refused for something else.
    const proof = sent?.values['dpop']
    if (challenge.error === 'use_dpop_nonce' && proof !== undefined)
      return nonce !== undefined && decodeJwt(proof)['nonce'] !== nonce
    this.#parts.onChallenge(challenge)
    const { bearer, renewable } = await this.#open()
    if (bearer === undefined || renewable === undefined) return false
    const { scope, error } = challenge
    if (status === 403 && error === 'insufficient_scope' && scope !== undefined) await this.#want(renewable, scope)
    const token = sent?.values['authorization']?.split(' ')[1]
    return status === 401 && token !== undefined && bearer.replace(token)
  }

  // What was asked for already and is refused all the same is not asked for again: that would never end.
  async #want(credential: RenewableCredential, scope: string): Promise<void> {
    const { scope: asked, wanted } = credential.details
    const known = computeScopeUnion(asked, wanted)
    const union = computeScopeUnion(known, scope)
    if (union === undefined || union.length > scopeCharactersMax || !isStrictScopeSuperset(union, known)) return
    await this.#parts.onWanted(credential, computeScopeUnion(wanted, scope)!)
  }

  #open(): Promise<Opened> {
    if (this.#opened === undefined) {
      const { vault, upstream, principalId } = this.#parts
      const opened = vault.openCredential(upstream, principalId).then((found) => this.#read(found))
      this.#opened = opened
      opened.catch(() => (this.#opened = undefined))
    }
    return this.#opened
  }

  #read(found: Credential | undefined): Opened {
    if (found?.placement !== 'oauth') return { plain: found }
    return { bearer: new Bearer(this.#parts, found), renewable: found }
  }
}

interface Opened {
  plain?: SentCredential | undefined
  bearer?: Bearer
  renewable?: RenewableCredential
}

function readChallenge(status: number, header: string | undefined): Challenge {
  const headers: Record<string, string> = header === undefined ? {} : { 'www-authenticate': header }
  const { resourceMetadataUrl, scope, error } = extractWWWAuthenticateParams(new Response(null, { headers }))
  const proves = /(?:^|,)\s*dpop(?:\s|$|,)/i.test(header ?? '')
  return { status, resourceMetadataUrl: resourceMetadataUrl?.href, scope, error, proves }
}

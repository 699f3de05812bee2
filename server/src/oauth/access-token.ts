import { hash } from 'node:crypto'
import { createLocalJWKSet, decodeJwt, errors, type JWK, jwtVerify } from 'jose'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { upstreamOf } from './metadata.ts'

/** How long an access token is good for. Revocation does not wait for it: every call asks whether the grant still holds. */
export const accessTokenSeconds = 300

// A token is verified once and remembered by its digest: some megabytes at the most.
const rememberedMax = 10_000

let makeCaller: (claims: CallerClaims) => Caller

interface CallerClaims {
  principalId: string
  clientId: string
  grantId: string
  upstream: string
  tokenId: string
  expiresAt: number
}

/**
 * Who calls: what a verified access token says. Only this file makes one, so that to hold one is to have verified.
 *
 * It does not say that the grant still holds: that is a fact, asked anew for every call.
 */
export class Caller {
  readonly principalId: string
  readonly clientId: string
  readonly grantId: string
  /** The upstream that the token was issued for: the only one that it is good at. */
  readonly upstream: string
  /** `jti`. */
  readonly tokenId: string
  /** When the token ends, in epoch milliseconds. */
  readonly expiresAt: number
  readonly #verified = true

  private constructor(claims: CallerClaims) {
    this.principalId = claims.principalId
    this.clientId = claims.clientId
    this.grantId = claims.grantId
    this.upstream = claims.upstream
    this.tokenId = claims.tokenId
    this.expiresAt = claims.expiresAt
  }

  /** Whether a value is a caller, rather than something of the same form. */
  static is(value: object): value is Caller {
    return #verified in value && value.#verified
  }

  static {
    makeCaller = (claims) => new Caller(claims)
  }
}

/** Verifies access tokens. */
export interface AccessTokens {
  /**
   * Verifies the token of a request.
   *
   * Promise: it resolves only for a token that this server signed, of type `at+jwt`, not ended, and issued for exactly
   * this resource.
   *
   * @param authorization The value of the `Authorization` header.
   * @param resource The resource that is asked for, see `resourceFor`.
   * @throws {Fault} `oauth.token_missing` if there is no bearer token; `oauth.token_invalid` for every other reason, the
   *   same words for each.
   * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
   */
  verify(authorization: string | undefined, resource: string): Promise<Caller>
  /**
   * The grant and the client of a token that this server signed, whether it ended or not; for revocation.
   *
   * @returns `undefined` if it is not one of ours.
   */
  readForRevocation(token: string): Promise<{ grantId: string; clientId: string } | undefined>
  /**
   * What a token says that is good at this moment, for whichever resource of ours it was issued.
   *
   * @returns `undefined` for every token that `verify` would refuse everywhere.
   */
  readForIntrospection(
    token: string,
  ): Promise<{ caller: Caller; issuer: string; audience: string; issuedAtSeconds: number } | undefined>
  /** Takes other keys from now on. What was verified by keys that are not among them is verified anew. */
  useKeys(keys: readonly JWK[]): void
}

/**
 * Opens the verification on the public halves of the signing keys.
 *
 * @param parts `keys`: the JWK set; private members are not used.
 */
export function openAccessTokens(parts: { origin: string; keys: readonly JWK[]; clock: Clock }): AccessTokens {
  const { origin, clock } = parts
  let keySet = createLocalJWKSet({ keys: parts.keys.map(publicHalf) })
  const remembered = new Map<string, Caller>()

  async function verifyNew(token: string, resource: string): Promise<Caller> {
    const { payload } = await jwtVerify(token, keySet, {
      issuer: origin,
      audience: resource,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'grant_id'],
      currentDate: new Date(clock.now()),
    })
    const { sub, jti, exp, aud, client_id: clientId, grant_id: grantId } = payload
    const upstream = upstreamOf(origin, resource)
    if (aud !== resource || upstream === undefined) throw new errors.JWTInvalid('not for this resource alone')
    if (typeof clientId !== 'string' || typeof grantId !== 'string' || !sub || !jti || !exp) {
      throw new errors.JWTInvalid('a claim is not a text')
    }
    return makeCaller({ principalId: sub, clientId, grantId, upstream, tokenId: jti, expiresAt: exp * 1_000 })
  }

  function remember(digest: string, caller: Caller): void {
    if (remembered.size >= rememberedMax) {
      const now = clock.now()
      for (const [key, one] of remembered) if (one.expiresAt <= now) remembered.delete(key)
      for (const key of remembered.keys()) {
        if (remembered.size < rememberedMax) break
        remembered.delete(key)
      }
    }
    remembered.set(digest, caller)
  }

  return {
    async verify(authorization, resource) {
      const token = readBearer(authorization)
      // By its full digest: what an attacker sends cannot meet what somebody else's token left behind.
      const digest = hash('sha256', token, 'base64')
      const known = remembered.get(digest)
      if (known !== undefined && known.expiresAt > clock.now() && resource === `${origin}/mcp/${known.upstream}`) {
        return known
      }
      for (;;) {
        const by = keySet
        const caller = await verifyNew(token, resource).catch((cause: unknown) => {
          throw refused(cause instanceof Error ? cause.message : 'unreadable', cause)
        })
        // Verified by keys that were withdrawn meanwhile is not verified.
        if (by !== keySet) continue
        remember(digest, caller)
        return caller
      }
    },

    async readForRevocation(token) {
      const verified = await jwtVerify(token, keySet, {
        issuer: origin,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        currentDate: new Date(0),
      }).catch(() => undefined)
      const { grant_id: grantId, client_id: clientId } = verified?.payload ?? {}
      return typeof grantId === 'string' && typeof clientId === 'string' ? { grantId, clientId } : undefined
    },

    async readForIntrospection(token) {
      // What it is for is read before it is verified, and verified against just that.
      const audience = audienceOf(token)
      if (audience === undefined) return undefined
      const caller = await verifyNew(token, audience).catch(() => undefined)
      return caller && { caller, issuer: origin, audience, issuedAtSeconds: Number(decodeJwt(token).iat) }
    },

    useKeys(keys) {
      keySet = createLocalJWKSet({ keys: keys.map(publicHalf) })
      remembered.clear()
    },
  }
}

function readBearer(authorization: string | undefined): string {
  const [scheme, token, more] = (authorization ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'bearer' || !token) {
    throw new Fault('oauth.token_missing', 'an access token is needed here')
  }
  if (more !== undefined || token.length > 8_192) throw refused('not a token68')
  return token
}

function audienceOf(token: string): string | undefined {
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' ? aud : undefined
  } catch {
    return undefined
  }
}

function refused(detail: string, cause?: unknown): Fault {
  return new Fault('oauth.token_invalid', 'the access token is not valid here', { detail, cause })
}

function publicHalf(key: JWK): JWK {
  const { kty, crv, x, y, kid, alg, use } = key
  return { kty, crv, x, y, kid, alg, use } as JWK
}

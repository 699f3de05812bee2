import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createLocalJWKSet, decodeJwt, errors, type JWK, type JWTPayload } from 'jose'
import type { Clock } from '../base/clock.ts'
import { isCompactJws } from '../base/compact-jws.ts'
import { Fault } from '../base/fault.ts'
import { verifyJwt } from '../base/verify-jwt.ts'
import { type Act, readAct } from './actor.ts'
import { resourceFor, upstreamOf } from './metadata.ts'
import { missing, type Proofs } from './proof.ts'
import { readScopes, type Scope, writeScopes } from './scopes.ts'

/** How long an access token is good for. Revocation does not wait for it: every call asks whether the grant still holds. */
export const accessTokenSeconds = 300

/** The claim of a token that reaches less than its grant holds: beyond its `scope` it opens nothing. */
export const narrowed = 'narrowed'

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
  boundTo: string | undefined
  act: Act | undefined
  bound: readonly Scope[] | undefined
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
  /**
   * The thumbprint of the key that the token is bound to: whoever verified a request with it has taken a proof that the
   * caller holds this key. Absent of a token that everybody can use who has it.
   */
  readonly boundTo: string | undefined
  /** Who acts for the principal, where it is not he himself through the client. */
  readonly act: Act | undefined
  /** The scopes beyond which the token reaches nothing, whatever its grant holds. Absent where it reaches all of that. */
  readonly bound: readonly Scope[] | undefined
  /** The same text for the same principal, client, grant, upstream and bound, and whether a key is proven, whatever the token. */
  readonly key: string
  readonly #verified = true

  private constructor(claims: CallerClaims) {
    this.principalId = claims.principalId
    this.clientId = claims.clientId
    this.grantId = claims.grantId
    this.upstream = claims.upstream
    this.tokenId = claims.tokenId
    this.expiresAt = claims.expiresAt
    this.boundTo = claims.boundTo
    this.act = claims.act
    this.bound = claims.bound
    const { grantId, upstream, principalId, clientId, boundTo, bound } = claims
    const reach = bound === undefined ? '' : writeScopes(bound)
    this.key = [grantId, upstream, principalId, clientId, boundTo !== undefined, reach].join('\n')
  }

  /** Whether a value is a caller, rather than something of the same form. */
  static is(value: object): value is Caller {
    return #verified in value && value.#verified
  }

  static {
    makeCaller = (claims) => new Caller(claims)
  }
}

/** What a request shows for itself, and the connection that it came by. */
export type Presented = Pick<IncomingMessage, 'method' | 'headers'> & { socket?: object }

/** Verifies access tokens. */
export interface AccessTokens {
  /**
   * Verifies the token of a request.
   *
   * Promise: it resolves only for a token that this server signed, of type `at+jwt`, not ended, and issued for exactly
   * this resource. Of a token that is bound to a key: only if it came under the scheme `DPoP` with a proof for this very
   * request that was never taken before; of another one, only under `Bearer`.
   *
   * @param request Its method, and the headers `Authorization` and `DPoP`.
   * @param resource The resource that is asked for, see `resourceFor`.
   * @throws {Fault} `oauth.token_missing` if there is no token; `oauth.token_invalid` for every other reason that lies in
   *   it, the same words for each; what `Proofs.take` throws.
   * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
   * @see https://www.rfc-editor.org/rfc/rfc9449#section-7
   */
  verify(request: Presented, resource: string): Promise<Caller>
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
  readForIntrospection(token: string): Promise<
    | {
        caller: Caller
        issuer: string
        audience: string
        issuedAtSeconds: number
        /** What it says of the login behind it, in its own words (RFC 9470, section 6.2). */
        login: Record<string, unknown>
      }
    | undefined
  >
  /** Takes other keys from now on. What was verified by keys that are not among them is verified anew. */
  useKeys(keys: readonly JWK[]): void
}

/**
 * Opens the verification on the public halves of the signing keys.
 *
 * @param parts `keys`: the JWK set; private members are not used.
 */
export function openAccessTokens(parts: {
  origin: string
  keys: readonly JWK[]
  clock: Clock
  proofs: Pick<Proofs, 'take'>
}): AccessTokens {
  const { origin, clock, proofs } = parts
  let keySet = createLocalJWKSet({ keys: parts.keys.map(publicHalf) })
  const remembered = new Map<string, Caller>()
  /** What came last by each connection: clients send the same again. */
  let lately = new WeakMap<object, { authorization: string; caller: Caller }>()

  async function verifyNew(token: string, resource: string): Promise<Caller> {
    if (!isCompactJws(token)) throw new errors.JWTInvalid('not a compact JWS')
    const { payload } = await verifyJwt(token, keySet, {
      issuer: origin,
      audience: resource,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'grant_id'],
      clock,
    })
    const { sub, jti, exp, aud, cnf, client_id: clientId, grant_id: grantId } = payload
    const upstream = upstreamOf(origin, resource)
    if (aud !== resource || upstream === undefined) throw new errors.JWTInvalid('not for this resource alone')
    if (typeof clientId !== 'string' || typeof grantId !== 'string' || !sub || !jti || !exp) {
      throw new errors.JWTInvalid('a claim is not a text')
    }
    const boundTo = cnf === undefined ? undefined : readBinding(cnf)
    const act = readAct(payload['act'])
    const expiresAt = exp * 1_000
    const of = { principalId: sub, clientId, grantId, upstream, tokenId: jti, expiresAt }
    return makeCaller({ ...of, boundTo, act, bound: readBound(payload) })
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

  function isGood(known: Caller, resource: string): boolean {
    return known.expiresAt > clock.now() && resource === resourceFor(origin, known.upstream)
  }

  async function callerOf(token: string, resource: string): Promise<Caller> {
    // By its full digest: what an attacker sends cannot meet what somebody else's token left behind.
    const digest = hash('sha256', token, 'base64')
    const known = remembered.get(digest)
    if (known !== undefined && isGood(known, resource)) return known
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
  }

  return {
    async verify(request, resource) {
      const { headers, socket } = request
      const last = socket && lately.get(socket)
      // Compared whole, the scheme included: only a token that anybody may use is remembered so.
      if (last !== undefined && last.authorization === headers.authorization && isGood(last.caller, resource)) {
        return last.caller
      }
      const by = keySet
      const { scheme, token } = readToken(headers.authorization)
      const caller = await callerOf(token, resource)
      if (scheme === 'bearer') {
        // Without its proof it may be in the hands of anybody.
        if (caller.boundTo !== undefined) throw missing()
        if (socket && by === keySet) lately.set(socket, { authorization: headers.authorization!, caller })
        return caller
      }
      if (caller.boundTo === undefined) throw refused('bound to no key')
      const { dpop: proof } = request.headers
      await proofs.take(typeof proof === 'string' ? proof : undefined, {
        method: request.method ?? '',
        uri: resourceFor(origin, caller.upstream),
        bound: { token, to: caller.boundTo },
      })
      return caller
    },

    async readForRevocation(token) {
      const verified = await verifyJwt(token, keySet, {
        issuer: origin,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        // Whoever gives back a token that has ended gives back its grant.
        clock: { now: () => 0 },
      }).catch(() => undefined)
      const { grant_id: grantId, client_id: clientId } = verified?.payload ?? {}
      return typeof grantId === 'string' && typeof clientId === 'string' ? { grantId, clientId } : undefined
    },

    async readForIntrospection(token) {
      // What it is for is read before it is verified, and verified against just that.
      const audience = audienceOf(token)
      if (audience === undefined) return undefined
      const caller = await verifyNew(token, audience).catch(() => undefined)
      if (caller === undefined) return undefined
      const { iat, auth_time: at, acr, amr } = decodeJwt(token)
      const said = Object.entries({ auth_time: at, acr, amr }).filter(([, value]) => value !== undefined)
      return { caller, issuer: origin, audience, issuedAtSeconds: Number(iat), login: Object.fromEntries(said) }
    },

    useKeys(keys) {
      keySet = createLocalJWKSet({ keys: keys.map(publicHalf) })
      remembered.clear()
      lately = new WeakMap()
    },
  }
}

function readToken(authorization: string | undefined): { scheme: 'bearer' | 'dpop'; token: string } {
  const [first, token, more] = (authorization ?? '').split(' ')
  const scheme = first?.toLowerCase()
  if ((scheme !== 'bearer' && scheme !== 'dpop') || !token) {
    throw new Fault('oauth.token_missing', 'an access token is needed here')
  }
  if (more !== undefined || token.length > 8_192) throw refused('not a token68')
  return { scheme, token }
}

// Of a token that is narrower than its grant the scope is a bound; of every other one it only says what was given.
function readBound({ [narrowed]: marked, scope }: JWTPayload): readonly Scope[] | undefined {
  if (marked === undefined) return undefined
  if (marked === true && typeof scope === 'string') return readScopes(scope)
  throw new errors.JWTInvalid('bound by what is no scope')
}

// A binding that we do not know is not one that we could leave aside.
function readBinding(cnf: unknown): string {
  const { jkt, ...others } = (cnf ?? {}) as Record<string, unknown>
  if (typeof jkt === 'string' && Object.keys(others).length === 0) return jkt
  throw new errors.JWTInvalid('bound to what we cannot ask for')
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

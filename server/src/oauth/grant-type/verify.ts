import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import { Fault } from '../../base/fault.ts'
import { verifyJwt } from '../../base/verify-jwt.ts'
import { NotTaken } from '../grant-type.ts'

const algorithms = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519']
/** How far the clocks of issuers may be off. */
export const clockToleranceSeconds = 30
const tokenCharactersMax = 16_384
// Keys come from where the configuration says; a header that brings some, or says where some are, is of somebody else's mind.
const elsewhere = ['jwk', 'jku', 'x5u']

/** What a token of somebody else must be. */
export interface Expected {
  /** Absent: the caller judges it. */
  issuer: string | undefined
  keys: JWTVerifyGetKey
  /** What it must be for, alone. */
  audience: string
  /** The types that the header may name, in lower case; `''` for none. */
  types: readonly string[]
  /** Claims that it must have beside `sub` and `exp`. */
  required: readonly string[]
  lifetimeSecondsMax: number
  clock: Clock
  /** The key that who presents it has proved to hold, where that is asked: then it may be bound to that key. */
  key?: string | undefined
}

/**
 * Verifies a token that somebody else signed: type, algorithm, signature by a key of its issuer, audience alone, time.
 *
 * @returns its claims; `sub` is 1 to 512 visible ASCII characters, `exp` a number.
 * @throws {NotTaken} if anything is wrong with it.
 * @throws {Fault} `base.…` if the keys cannot be had.
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3
 * @see https://www.rfc-editor.org/rfc/rfc8725
 */
export async function verifyToken(
  token: string,
  expected: Expected,
): Promise<JWTPayload & { sub: string; exp: number }> {
  const { keys, issuer, audience, clock } = expected
  const { header } = peek(token)
  const odd = elsewhere.find((name) => header[name] !== undefined)
  if (odd !== undefined) throw new NotTaken(`its header has \`${odd}\``)
  if (!expected.types.includes(typeOf(header))) throw new NotTaken('it is of another type')
  const { payload } = await verifyJwt(token, keys, {
    algorithms,
    ...(issuer !== undefined && { issuer }),
    audience,
    requiredClaims: ['sub', 'exp', ...expected.required],
    clockTolerance: clockToleranceSeconds,
    clock,
  }).catch((error: unknown) => {
    if (error instanceof Fault) throw error
    throw new NotTaken(error instanceof Error ? error.message : 'unreadable')
  })
  const { aud, iat, exp, sub, cnf } = payload
  if (Array.isArray(aud) && aud.length !== 1) throw new NotTaken('it is for others as well')
  if (cnf !== undefined && !isBoundTo(cnf, expected.key)) throw new NotTaken('it is bound to a key that was not proved')
  // It tells that something has happened, a logout or an event: nobody is vouched for by it (RFC 8417, section 4).
  if (payload['events'] !== undefined) throw new NotTaken('it is a security event')
  const now = clock.now() / 1_000
  if (iat !== undefined && iat > now + clockToleranceSeconds) throw new NotTaken('it is of the future')
  if (exp! - (iat ?? now) > expected.lifetimeSecondsMax) throw new NotTaken('it is good for too long')
  if (typeof sub !== 'string' || !/^[\x21-\x7e]{1,512}$/.test(sub)) throw new NotTaken('its subject is no identifier')
  return { ...payload, sub, exp: exp! }
}

// A binding beside the key is one that we cannot ask for.
function isBoundTo(cnf: unknown, key: string | undefined): boolean {
  const { jkt, ...others } = (cnf ?? {}) as Record<string, unknown>
  return key !== undefined && jkt === key && Object.keys(others).length === 0
}

/** What a token says of itself, unverified: enough to know who must have signed it. Throws `NotTaken`. */
export function peek(token: string | undefined): { header: Record<string, unknown>; claims: JWTPayload } {
  if (token === undefined) throw new NotTaken('there is none')
  if (token.length > tokenCharactersMax) throw new NotTaken('it is too long')
  if (!isCompactJws(token)) throw new NotTaken('it is no compact JWS')
  try {
    return { header: decodeProtectedHeader(token) as Record<string, unknown>, claims: decodeJwt(token) }
  } catch {
    throw new NotTaken('it is unreadable')
  }
}

/** The type that a header names, as it is compared: without `application/`, in lower case. */
export function typeOf(header: Readonly<Record<string, unknown>>): string {
  const { typ } = header
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : ''
}

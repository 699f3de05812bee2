import { errors, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import { Fault } from '../../base/fault.ts'
import { verifyJwt } from '../../base/verify-jwt.ts'
import type { LoggedOut } from '../idp.ts'

const algorithms = ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA', 'Ed25519']
const toleranceSeconds = 60
/** A logout is told when it happens. */
const ageSecondsMax = 10 * 60
const eventType = 'http://schemas.openid.net/event/backchannel-logout'

/**
 * Verifies and reads the logout token of a provider.
 *
 * @throws {Fault} `identity.logout_refused` if it is not one, not of this provider, not for us, or not of this moment;
 *   `base.busy` if the keys of the provider cannot be had.
 * @see https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
 */
export async function readLogoutToken(
  token: string,
  of: { issuer: string; clientId: string; keys: JWTVerifyGetKey; clock: Clock },
): Promise<LoggedOut> {
  if (!isCompactJws(token)) throw refused('it is no signed token')
  const { payload, protectedHeader } = await verifyJwt(token, of.keys, {
    algorithms,
    issuer: of.issuer,
    audience: of.clientId,
    requiredClaims: ['iat', 'exp', 'jti', 'events'],
    clockTolerance: toleranceSeconds,
    clock: of.clock,
  }).catch((error: unknown) => {
    throw failureOf(error)
  })
  // What was written for another purpose must not log anybody out, though the same keys signed it.
  const { typ } = protectedHeader
  if (typ !== undefined && typeof typ !== 'string') throw refused('`typ` must be a text')
  if (typ !== undefined && !/^(?:application\/)?(?:logout\+jwt|jwt)$/i.test(typ))
    throw refused('`typ` is of another token')
  return readClaims(payload, of.clock.now() / 1_000)
}

function readClaims(claims: JWTPayload, nowSeconds: number): LoggedOut {
  const { iat, jti, sub, sid, events } = claims as Record<string, unknown> & { iat: number }
  if (iat > nowSeconds + toleranceSeconds) throw refused('`iat` is of the future')
  if (iat < nowSeconds - ageSecondsMax) throw refused('`iat` is older than ten minutes')
  if (typeof jti !== 'string' || jti === '' || jti.length > 512 || !jti.isWellFormed())
    throw refused('`jti` must be a text')
  if (!isObject(events) || !isObject(events[eventType])) throw refused('`events` does not say that it is a logout')
  if ('nonce' in claims) throw refused('`nonce` is prohibited')
  if (sub !== undefined && !isName(sub)) throw refused('`sub` must be 1 to 255 visible ASCII characters')
  if (sid !== undefined && !isName(sid)) throw refused('`sid` must be 1 to 255 visible ASCII characters')
  if (sub === undefined && sid === undefined) throw refused('`sub` or `sid` is required')
  return { jti, until: (iat + ageSecondsMax + 2 * toleranceSeconds) * 1_000, subject: sub, session: sid }
}

function failureOf(error: unknown): unknown {
  const keys = error instanceof errors.JWKSInvalid || error instanceof errors.JWKInvalid
  if (keys || error instanceof Fault) {
    return new Fault('base.busy', 'cannot judge this now: the keys of the provider cannot be had', { cause: error })
  }
  if (error instanceof errors.JWTClaimValidationFailed) return refused(`\`${error.claim}\` is missing or wrong`)
  return error instanceof errors.JOSEError ? refused('it is not signed by the provider, or has ended') : error
}

function refused(why: string): Fault {
  return new Fault('identity.logout_refused', `cannot take this logout token: ${why}`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value)
}

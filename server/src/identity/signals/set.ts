import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { TransmitterConfig } from '../../base/config.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import { Fault } from '../../base/fault.ts'
import { verifyJwt } from '../../base/verify-jwt.ts'
import { Refused } from './refused.ts'

/** What signs an event token: public keys only, so neither `none` nor a secret. */
const algorithms = ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA', 'Ed25519']
const toleranceSeconds = 60
/** Transmitters try again for days; what is older than this is of no use to anybody. */
export const ageSecondsMax = 7 * 24 * 3_600
const eventsMax = 8
const jtiCharactersMax = 512

/** What a security event token says, all of it by a transmitter that proved who it is. */
export interface SecurityEvents {
  jti: string
  /** Epoch milliseconds, never of the future. */
  issuedAt: number
  events: { type: string; payload: Readonly<Record<string, unknown>> }[]
  /** Not read yet; undefined where no event says whom it is about. */
  subject: unknown
}

/**
 * Verifies and reads a security event token.
 *
 * @throws {Refused} if it is not one, not of this transmitter, not for us, or not of these days.
 * @throws {Fault} `base.busy` if the keys of the transmitter cannot be had: whether it is good cannot be said now.
 * @see https://www.rfc-editor.org/rfc/rfc8417#section-2.2
 */
export async function readSet(
  token: string,
  { transmitter, keys, clock }: { transmitter: TransmitterConfig; keys: JWTVerifyGetKey; clock: Clock },
): Promise<SecurityEvents> {
  // Before a key is looked for: nobody else makes us fetch any.
  if (issuerOf(token) !== transmitter.issuer)
    throw new Refused('invalid_issuer', 'the issuer is not the one of this stream')
  const { payload } = await verifyJwt(token, keys, {
    typ: 'secevent+jwt',
    algorithms,
    issuer: transmitter.issuer,
    audience: transmitter.audience,
    requiredClaims: ['iat', 'jti', 'aud'],
    clockTolerance: toleranceSeconds,
    clock,
  }).catch((error: unknown) => {
    throw refusalOf(error)
  })
  return readClaims(payload, clock.now())
}

function issuerOf(token: string): string | undefined {
  const noToken = new Refused('invalid_request', 'this is no signed token')
  if (!isCompactJws(token)) throw noToken
  try {
    return decodeJwt(token).iss
  } catch {
    throw noToken
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new Refused('invalid_request', 'the token has ended')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return new Refused('invalid_issuer', 'the issuer is not the one of this stream')
    if (error.claim === 'aud') return new Refused('invalid_audience', 'the token is for somebody else')
    return new Refused('invalid_request', `\`${error.claim}\` is missing or wrong`)
  }
  // What the key set itself does wrong says nothing of the token.
  if (error instanceof errors.JWKSInvalid || error instanceof errors.JWKInvalid) return unreadable(error)
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return new Refused('invalid_request', 'this is no signed token')
  }
  if (error instanceof errors.JOSEError) {
    return new Refused(
      'invalid_key',
      'the token is not signed by a key of the transmitter, in a way that is taken here',
    )
  }
  return error instanceof Fault ? unreadable(error) : error
}

function unreadable(cause: Error): Fault {
  const detail = cause instanceof Fault ? (cause.detail ?? cause.message) : cause.message
  return new Fault('base.busy', 'cannot judge this now: the keys of the transmitter cannot be had', { cause, detail })
}

function readClaims(claims: JWTPayload, now: number): SecurityEvents {
  const { iat, jti, events } = claims as { iat: number; jti: unknown; events: unknown }
  if (typeof jti !== 'string' || jti === '' || jti.length > jtiCharactersMax || !jti.isWellFormed())
    throw new Refused('invalid_request', '`jti` must be a text of 1 to 512 characters')
  if (iat > now / 1_000 + toleranceSeconds) throw new Refused('invalid_request', '`iat` is of the future')
  if (iat < now / 1_000 - ageSecondsMax) throw new Refused('invalid_request', '`iat` is older than seven days')
  if (!isObject(events)) throw new Refused('invalid_request', '`events` must be an object')
  const read = Object.entries(events)
  if (read.length === 0 || read.length > eventsMax)
    throw new Refused('invalid_request', `\`events\` must hold 1 to ${eventsMax} events`)
  const all = read.map(([type, payload]) => {
    if (!/^[\x21-\x7e]{1,500}$/.test(type)) throw new Refused('invalid_request', 'an event type must be a URI')
    if (!isObject(payload)) throw new Refused('invalid_request', 'an event must be an object')
    return { type, payload }
  })
  return { jti, issuedAt: Math.min(iat * 1_000, now), events: all, subject: subjectOf(claims['sub_id'], all) }
}

// The framework has one subject for the token; its drafts, which some transmitters follow, one in each event.
function subjectOf(own: unknown, events: SecurityEvents['events']): unknown {
  if (own !== undefined) return own
  const said = events.map(({ payload }) => payload['subject']).filter((subject) => subject !== undefined)
  if (said.some((subject) => JSON.stringify(subject) !== JSON.stringify(said[0])))
    throw new Refused('invalid_request', 'the events are about several subjects')
  return said[0]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import type { OidcProviderConfig } from '../../base/config.ts'
import { Fault } from '../../base/fault.ts'
import { findLack, type Login } from '../../model/login.ts'
import { readAt } from './claims.ts'

const textsMax = 50
const textCharactersMax = 200

type Claims = Readonly<Record<string, unknown>>

/** How and when somebody signed in, by the provider's word. A time of the future is now: it cannot last longer by a slip. */
export function readLogin(claims: Claims, now: number): Login {
  const { auth_time: at, amr, acr } = claims
  const known = typeof at === 'number' && Number.isFinite(at) && at > 0
  return {
    at: known ? Math.min(Math.floor(at) * 1_000, now) : 0,
    amr: Array.isArray(amr) ? amr.filter(isShort).slice(0, textsMax) : [],
    ...(isShort(acr) && { acr }),
  }
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= textCharactersMax
}

/**
 * Demands that the claims show what every sign-in at this provider must show. What is not said is not shown.
 *
 * @throws {Fault} `identity.login_refused`
 * @see https://openid.net/specs/openid-connect-core-1_0.html#IDToken `acr`, `amr`, `auth_time`
 */
export function requireShown({ name, require }: OidcProviderConfig, claims: Claims, now: number): void {
  for (const [claim, allowed] of Object.entries(require.claims)) {
    const value = readAt(claims, [claim])
    const said = Array.isArray(value) ? value : [value]
    if (!said.some((one) => typeof one === 'string' && allowed.includes(one)))
      throw refused(name, `the claim \`${claim}\` is not one of those that are let in`)
  }
  const login = readLogin(claims, now)
  const lack = findLack(login, require, now)
  if (lack === 'strength')
    throw refused(name, `acr ${login.acr ?? 'unsaid'}, amr ${login.amr.join(' ') || 'unsaid'}`, 'strength')
  if (lack === 'age') throw refused(name, login.at === 0 ? 'auth_time is not said' : 'auth_time is too long ago', 'age')
}

const whys = {
  other: 'what it says about you is not what is let in here; an administrator can read in the log what is missing',
  strength: 'you did not prove who you are in a way that is strong enough here; sign in there with a second factor',
  age: 'you signed in there too long ago; sign out there, and sign in again',
}

/** Somebody whom the provider knows, and who is not let in. */
export function refused(name: string, detail: string, why: keyof typeof whys = 'other'): Fault {
  return new Fault('identity.login_refused', `cannot sign in by \`${name}\`: ${whys[why]}`, { detail })
}

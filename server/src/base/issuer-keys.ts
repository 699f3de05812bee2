import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Clock } from './clock.ts'
import type { FetchDocument } from './document.ts'
import { readJson } from './json.ts'

const limits = { bytesMax: 64 * 1_024, timeoutMs: 3_000 }
const freshMs = 10 * 60_000
/** An unknown key makes us look again, but not more often than this, however many ask. */
const againMs = 30_000
/** While the provider is silent, what it said last is believed for so long. */
const staleMsMax = 24 * 3_600_000

/** Where the keys of an issuer are: at an address, or where its discovery document says. */
export type KeyPlace = { jwksUri: string } | { discover: string }

/**
 * The keys of an issuer, from the one configured address, or from where its discovery document says. They are kept for ten minutes; a key that is not among them is
 * looked for again at once, but every half minute at most.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export function issuerKeys(
  parts: KeyPlace & { fetch: FetchDocument; clock: Clock; read?: (keys: JSONWebKeySet) => JSONWebKeySet },
): JWTVerifyGetKey {
  const { fetch, clock, read: choose = (keys) => keys } = parts
  let known: { find: JWTVerifyGetKey; at: number } | undefined
  let lookedAt = -Infinity
  let looking: Promise<void> | undefined

  async function read(): Promise<void> {
    lookedAt = clock.monotonic()
    const jwksUri = 'jwksUri' in parts ? parts.jwksUri : await discover(parts.discover, fetch)
    const { status, body } = await fetch(jwksUri, limits)
    if (status !== 200) throw new errors.JWKSInvalid(`the key set was answered with status ${status}`)
    const find = createLocalJWKSet(choose(readJson(body) as JSONWebKeySet))
    known = { find, at: clock.monotonic() }
  }

  function look(): Promise<void> {
    looking ??= read().finally(() => (looking = undefined))
    return looking
  }

  return async (header, token) => {
    const now = clock.monotonic()
    const age = known === undefined ? Infinity : now - known.at
    if (age > freshMs && (now - lookedAt > againMs || known === undefined)) {
      await look().catch((error: unknown) => {
        if (age > staleMsMax) throw error
      })
    }
    try {
      return await known!.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || clock.monotonic() - lookedAt <= againMs) throw error
      await look()
      return known!.find(header, token)
    }
  }
}

/**
 * Where the discovery document of an issuer says that its keys are.
 *
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
 */
async function discover(issuer: string, fetch: FetchDocument): Promise<string> {
  const { status, body } = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, limits)
  if (status !== 200) throw new errors.JWKSInvalid(`the discovery document was answered with status ${status}`)
  const { issuer: named, jwks_uri: jwksUri } = readJson(body) as Record<string, unknown>
  if (named !== issuer) throw new errors.JWKSInvalid('the discovery document is of another issuer')
  const usable = typeof jwksUri === 'string' && (jwksUri.startsWith('https:') || issuer.startsWith('http:'))
  if (!usable) throw new errors.JWKSInvalid('the discovery document names no address of keys')
  return jwksUri
}

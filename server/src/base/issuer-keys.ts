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

/**
 * The keys of an issuer, from the one configured address. They are kept for ten minutes; a key that is not among them is
 * looked for again at once, but every half minute at most.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export function issuerKeys(parts: { jwksUri: string; fetch: FetchDocument; clock: Clock }): JWTVerifyGetKey {
  const { jwksUri, fetch, clock } = parts
  let known: { find: JWTVerifyGetKey; at: number } | undefined
  let lookedAt = -Infinity
  let looking: Promise<void> | undefined

  async function read(): Promise<void> {
    lookedAt = clock.monotonic()
    const { status, body } = await fetch(jwksUri, limits)
    if (status !== 200) throw new errors.JWKSInvalid(`the key set was answered with status ${status}`)
    const find = createLocalJWKSet(readJson(body) as JSONWebKeySet)
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

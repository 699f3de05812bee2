import { accessTokenHash, DpopSession, type OAuthDiscoveryState } from '@modelcontextprotocol/client'
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { makeSecret } from '../../../base/ids.ts'

// Tokens that are bound to a key of their connection: whoever copies one cannot use it (RFC 9449).

const alg = 'ES256'

/** The private key of a connection, as it is sealed. */
export type ProofKey = JWK

/**
 * Whether the tokens of an upstream are to be bound to a key: where the upstream says that it takes such tokens, in its
 * metadata or in its challenge, and the server that it can give them. Many servers can whose upstreams take bearer tokens
 * alone, so what they say decides nothing.
 *
 * @param challenged whether the upstream refused in the words of the scheme `DPoP`.
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-2
 */
export function takesProofs(
  { resourceMetadata, authorizationServerMetadata: server }: OAuthDiscoveryState,
  challenged: boolean,
): boolean {
  const gives = (server as Readonly<Record<string, unknown>> | undefined)?.['dpop_signing_alg_values_supported']
  if (!Array.isArray(gives) || !gives.includes(alg)) return false
  const { dpop_signing_alg_values_supported: takes, dpop_bound_access_tokens_required: wants } = resourceMetadata ?? {}
  return takes?.includes(alg) ?? (wants === true || challenged)
}

export async function makeProofKey(): Promise<ProofKey> {
  return exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)
}

/** Proves with a key, and remembers the nonces that servers give, each for its own origin. */
export async function openProver(key: ProofKey, now: () => number): Promise<DpopSession> {
  const { d: _secret, ...publicJwk } = key
  const privateKey = (await importJWK(key, alg)) as CryptoKey
  const publicKey = (await importJWK(publicJwk, alg)) as CryptoKey
  const thumbprint = await calculateJwkThumbprint(publicJwk)
  const session = await DpopSession.create({ keyPair: { privateKey, publicKey, publicJwk, thumbprint, alg } })
  // The SDK's own reads the clock of the machine.
  session.buildProof = async ({ htm, htu, accessToken, nonce = session.nonceFor(htu) }) => {
    const { origin, pathname } = new URL(htu)
    const claims = {
      jti: makeSecret(),
      htm,
      htu: origin + pathname,
      iat: Math.floor(now() / 1_000),
      ...(accessToken !== undefined && { ath: await accessTokenHash(accessToken) }),
      ...(nonce !== undefined && { nonce }),
    }
    return new SignJWT(claims).setProtectedHeader({ alg, typ: 'dpop+jwt', jwk: publicJwk }).sign(privateKey)
  }
  return session
}

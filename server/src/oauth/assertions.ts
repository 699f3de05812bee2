import { randomUUID } from 'node:crypto'
import { importJWK, SignJWT, type JWTPayload } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Act } from './actor.ts'
import type { TokenKeys } from './token-keys.ts'

/** Whom the gateway vouches for, and to whom. */
export interface Vouched {
  /** The one authorization server that is to believe it, by its issuer. */
  audience: string
  /** The name by which that server knows the person. */
  subject: string
  /** Who the person is here: the identity provider, and its name for them. */
  person: { issuer: string; subject: string }
  /** Who acts for the person: a client of here, and who acts by that. */
  act: Act
}

/** What the gateway says of others and of itself to other authorization servers, signed by the keys that it publishes. */
export interface Assertions {
  /**
   * Says that a person is who calls, by which client, and who acts by that. Good for a minute, for one authorization server.
   *
   * @see spec/assertion.md
   */
  vouchFor(vouched: Vouched): Promise<string>
  /**
   * Proves that this gateway is a client there (`private_key_jwt`). Good for a minute.
   *
   * @see https://www.rfc-editor.org/rfc/rfc7523#section-2.2
   */
  proveClient(given: { clientId: string; audience: string }): Promise<string>
}

const lifeSeconds = 60

/** Opens them on the keys of access tokens. A type of their own keeps what they sign from being taken for such a token. */
export function openAssertions(parts: {
  origin: string
  tokenKeys: Pick<TokenKeys, 'keys' | 'settle'>
  clock: Clock
}): Assertions {
  const { origin, tokenKeys, clock } = parts

  async function sign(typ: string, claims: JWTPayload & { aud: string; iss: string; sub: string }): Promise<string> {
    await tokenKeys.settle()
    const key = tokenKeys.keys[0]!
    const now = Math.floor(clock.now() / 1_000)
    return new SignJWT({ ...claims, jti: randomUUID(), iat: now, exp: now + lifeSeconds })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid!, typ })
      .sign(await importJWK(key, 'ES256'))
  }

  return {
    vouchFor: ({ audience, subject, person, act }) =>
      sign('sallyport-assertion+jwt', {
        iss: origin,
        sub: subject,
        aud: audience,
        sub_id: { format: 'iss_sub', iss: person.issuer, sub: person.subject },
        act,
      }),
    proveClient: ({ clientId, audience }) =>
      sign('client-authentication+jwt', { iss: clientId, sub: clientId, aud: audience }),
  }
}

import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { FetchDocument } from '../../base/document.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import type { StoredClient } from '../../store/clients.ts'
import { type Act, isName } from '../actor.ts'
import type { ClientMetadata } from '../client/metadata.ts'
import { type Asked, NotTaken } from '../grant-type.ts'
import { verifyToken } from './verify.ts'

const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
/** What a platform says of its agent is for now. */
const lifetimeSecondsMax = 600

/** The keys of clients, by the address where they are. */
export type ClientKeys = Map<string, JWTVerifyGetKey>

/**
 * Who acts: the platform itself, or its agent, by an actor token that the platform signed by the keys by which it proves
 * itself, with `iss` its id, `sub` the agent and `aud` this server.
 *
 * @throws {NotTaken} if the actor token is not that.
 */
export async function actorOf(
  parts: { origin: string; clock: Clock; fetch: FetchDocument; clientKeys: ClientKeys },
  client: StoredClient,
  { actor_token: token, actor_token_type: type }: Asked['params'],
): Promise<Act> {
  if (!isName(client.id)) throw new NotTaken('the client has no name that an actor can have')
  if (token === undefined && type === undefined) return { sub: client.id }
  if (token === undefined || type !== jwtType) throw new NotTaken('there is no actor token of a type that is taken')
  const claims = await verifyToken(token, {
    keys: keysOf(parts, client),
    issuer: client.id,
    audience: parts.origin,
    types: ['', 'jwt'],
    required: ['iss', 'iat'],
    lifetimeSecondsMax,
    clock: parts.clock,
  })
  if (!isName(claims.sub) || claims['act'] !== undefined) throw new NotTaken('the actor token names no actor')
  return { sub: claims.sub, iss: client.id }
}

function keysOf(
  parts: { clock: Clock; fetch: FetchDocument; clientKeys: ClientKeys },
  { metadata }: StoredClient,
): JWTVerifyGetKey {
  const { jwks, jwks_uri: jwksUri } = metadata as unknown as ClientMetadata
  if (jwks !== undefined) return createLocalJWKSet(jwks as JSONWebKeySet)
  if (jwksUri === undefined) throw new NotTaken('the client does not sign')
  const known = parts.clientKeys.get(jwksUri) ?? issuerKeys({ ...parts, jwksUri })
  parts.clientKeys.set(jwksUri, known)
  return known
}

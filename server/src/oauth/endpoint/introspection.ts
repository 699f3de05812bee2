import type { IncomingMessage, ServerResponse } from 'node:http'
import { makeSecret } from '../../base/ids.ts'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import type { AccessTokens } from '../access-token.ts'
import { writeDetails } from '../details.ts'
import { withinBound } from '../grant-type/limits.ts'
import type { Grants } from '../grants.ts'
import { scope } from '../metadata.ts'
import type { Catalogue } from '../ports.ts'
import type { Engine } from '../provider.ts'
import { standIn } from './stand-in.ts'

/** What introspection asks of the other rooms. */
export interface IntrospectionParts {
  engine: Engine
  accessTokens: AccessTokens
  grants: Pick<Grants, 'find'>
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>
  /** The upstreams whose tokens a client may ask about: by configuration, and none for all others. */
  introspects(clientId: string): readonly string[]
  /** Whether the grant, its principal, its client and its upstream stand at this moment. */
  stands(grantId: string): Promise<boolean>
}

const inactive = { active: false }

/**
 * Serves introspection to upstreams that check for themselves. The engine authenticates who asks; a public client cannot
 * ask. A token is active while its signature and time hold *and* the right behind it stands at this moment, so it is told
 * of a withdrawal that the token itself cannot know.
 *
 * Whatever is wrong with a token, and whoever may not ask about it, gets the same answer: `active` is false.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7662#section-2
 */
export function introspectionEndpoint(
  parts: IntrospectionParts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const params = new URLSearchParams(Buffer.from(await readBody(request, formBytesMax)).toString())
    const [token, more] = params.getAll('token')
    // The engine refuses signed tokens by name; it is asked about one that nobody knows, and we answer.
    if (token !== undefined && more === undefined) params.set('token', makeSecret())
    const contentType = request.headers['content-type'] ?? ''
    await parts.engine.serve(standIn(request, params.toString(), contentType), response, (clientId) =>
      introspect(parts, clientId, token ?? ''),
    )
  }
}

async function introspect(parts: IntrospectionParts, clientId: string, token: string): Promise<object> {
  const read = await parts.accessTokens.readForIntrospection(token)
  if (read === undefined || !parts.introspects(clientId).includes(read.caller.upstream)) return inactive
  if (!(await parts.stands(read.caller.grantId))) return inactive
  const { caller, issuer, audience, issuedAtSeconds, login } = read
  const given = await parts.grants.find(caller.grantId)
  const grant = given && (await withinBound(parts, given, caller.bound))
  const details = writeDetails(issuer, grant)
  return {
    active: true,
    iss: issuer,
    sub: caller.principalId,
    aud: audience,
    client_id: caller.clientId,
    grant_id: caller.grantId,
    scope: grant?.scope ?? scope,
    ...(details !== undefined && { authorization_details: details }),
    ...(caller.boundTo === undefined ? { token_type: 'Bearer' } : { token_type: 'DPoP', cnf: { jkt: caller.boundTo } }),
    jti: caller.tokenId,
    ...(caller.act !== undefined && { act: caller.act }),
    ...login,
    iat: issuedAtSeconds,
    exp: Math.floor(caller.expiresAt / 1_000),
  }
}

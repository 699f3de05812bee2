import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../../base/fault.ts'
import { makeSecret } from '../../base/ids.ts'
import { formBytesMax } from '../../base/limits.ts'
import { readBody } from '../../base/listen.ts'
import type { AccessTokens } from '../access-token.ts'
import { givenBack, type Grants } from '../grants.ts'
import type { Engine } from '../provider.ts'
import { standIn } from './stand-in.ts'

/**
 * Serves revocation by the client. The engine authenticates the client and revokes refresh tokens; signed access tokens it
 * does not know, so they are read here and their grant goes, if it is the client's own. The grant of a machine does not:
 * an administrator gave it, to all its instances, and none of them can end it for the others. Its tokens cannot be revoked
 * one by one, and that is what the engine says of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7009#section-2
 */
export function revocationEndpoint(parts: {
  engine: Engine
  accessTokens: AccessTokens
  grants: Grants
  /** Whether a client is a machine's. */
  isMachine(clientId: string): boolean
}): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { engine, accessTokens, grants } = parts
  return async (request, response) => {
    const params = new URLSearchParams(Buffer.from(await readBody(request, formBytesMax)).toString())
    const [token, more] = params.getAll('token')
    const signed = token !== undefined && more === undefined && token.split('.').length === 3
    const held = signed ? await accessTokens.readForRevocation(token) : undefined
    // The engine refuses signed tokens by name; of one that nobody knows it says what RFC 7009 wants: 200.
    const kept = held !== undefined && parts.isMachine(held.clientId)
    if (signed && !kept) params.set('token', makeSecret())
    const contentType = request.headers['content-type'] ?? ''
    await engine.serve(standIn(request, params.toString(), contentType), response, async (clientId) => {
      if (held?.clientId !== clientId) return undefined
      const withdrawal = { by: 'system', id: held.grantId, reason: givenBack }
      await grants.revoke(withdrawal).catch((error: unknown) => {
        if (!(error instanceof Fault) || error.code !== 'oauth.grant_unknown') throw error
      })
      return undefined
    })
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { StoredOAuthClientInformation } from '@modelcontextprotocol/client'
import { Fault } from '../base/fault.ts'
import type { Door } from '../base/listen.ts'
import { comebackUrl, redirectUrlFor } from '../model/connection.ts'
import type { Held, Server } from './upstream/oauth/client.ts'
import type { OwnAddress } from './upstream/oauth/dance.ts'

const documentPath = '/client-metadata.json'
/** In the place of an issuer's mark: the address of the document's client. */
const documentMark = 'document'

/**
 * Who this gateway is to an authorization server, and where a browser comes back to from it.
 *
 * Promise: a browser that was sent on to another server does not come back there with what that server gave. A client
 * that is registered has an address that no other server knows. Our metadata document can be shown to every server by
 * anybody, so its address proves nothing: it is used only where the server names itself in each answer (RFC 9207).
 *
 * @param from.given a client that was registered there beforehand.
 * @param from.held connections whose client may serve again; one of another address is left alone.
 * @throws {Fault} `gateway.connection_failed` where somebody must register the gateway, with the address to register.
 */
export function chooseClient(
  origin: string,
  server: Server,
  from: { given: StoredOAuthClientInformation | undefined; held: readonly Held[] },
): { own: OwnAddress; client: StoredOAuthClientInformation | undefined } {
  const redirectUrl = redirectUrlFor(origin, server.issuer)
  const own = { redirectUrl, documentUrl: undefined, metadata: metadataOf(origin, redirectUrl) }
  const client = from.given ?? from.held.find((one) => one.redirectUrl === redirectUrl)?.client
  if (client !== undefined) return { own, client }
  const reads = origin.startsWith('https:') && server.readsDocuments && server.namesItself
  if (reads) return { own: documentAddress(origin), client: undefined }
  if (server.registers) return { own, client: undefined }
  const message = `cannot connect: the authorization server registers no clients: register the gateway there with the redirect address \`${redirectUrl}\`, and enter the client id`
  throw new Fault('gateway.connection_failed', message, { detail: `issuer ${server.issuer}` })
}

/** The door at which authorization servers read who we are: our name is the address of this document. */
export function clientDocumentDoor(origin: string): Door {
  const { metadata, documentUrl } = documentAddress(origin)
  const document = { ...metadata, client_id: documentUrl, token_endpoint_auth_method: 'none' }
  const body = JSON.stringify(document)
  return {
    name: 'client-document',
    match: (path) => path === documentPath,
    handle: async (request: IncomingMessage, response: ServerResponse) => {
      const read = request.method === 'GET' || request.method === 'HEAD'
      response
        .writeHead(read ? 200 : 405, {
          'content-type': 'application/json',
          'cache-control': 'public, max-age=3600',
          ...(!read && { allow: 'GET, HEAD' }),
        })
        .end(request.method === 'GET' ? body : undefined)
    },
  }
}

/** @see https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/ */
function documentAddress(origin: string): OwnAddress {
  const redirectUrl = comebackUrl(origin, documentMark)
  return { redirectUrl, documentUrl: `${origin}${documentPath}`, metadata: metadataOf(origin, redirectUrl) }
}

function metadataOf(origin: string, redirectUrl: string): OwnAddress['metadata'] {
  return {
    client_name: `Sallyport at ${new URL(origin).host}`,
    client_uri: origin,
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
}

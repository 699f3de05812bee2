import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Door } from '../base/listen.ts'
import type { OwnAddress } from './upstream/oauth/dance.ts'

/** Where an administrator comes back to from the authorization server of an upstream. */
export const comebackPath = '/connect'

const documentPath = '/client-metadata.json'

/**
 * Who this gateway is to the authorization servers of upstreams.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/
 */
export function ownAddress(origin: string): OwnAddress {
  const redirectUrl = `${origin}${comebackPath}`
  return {
    redirectUrl,
    documentUrl: origin.startsWith('https:') ? `${origin}${documentPath}` : undefined,
    metadata: {
      client_name: `Sallyport at ${new URL(origin).host}`,
      client_uri: origin,
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  }
}

/** The door at which authorization servers read who we are: our name is the address of this document. */
export function clientDocumentDoor(origin: string): Door {
  const { metadata } = ownAddress(origin)
  const document = { ...metadata, client_id: `${origin}${documentPath}`, token_endpoint_auth_method: 'none' }
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

import { urns } from './schema.ts'

/** Bounds of one request, and of one bulk. */
export const bodyMax = 1024 * 1024
export const bulkOperationsMax = 100
export const resultsMax = 200

/** @see https://www.rfc-editor.org/rfc/rfc7643#section-5 */
export function serviceProviderConfig(base: string): object {
  return {
    schemas: [urns.config],
    patch: { supported: true },
    bulk: { supported: true, maxOperations: bulkOperationsMax, maxPayloadSize: bodyMax },
    filter: { supported: true, maxResults: resultsMax },
    changePassword: { supported: false },
    sort: { supported: true },
    etag: { supported: true },
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'Bearer token',
        description: 'A key that an administrator makes for one identity provider.',
        specUri: 'https://www.rfc-editor.org/rfc/rfc6750',
        primary: true,
      },
    ],
    meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
  }
}

import { digestOf } from '../base/ids.ts'
import type { Client } from '../model/rights.ts'

/**
 * Who published a client, as far as anything proves it: the host that its metadata document was fetched from over TLS. What
 * a client says of itself (its name, its logo, its home page) proves nothing.
 *
 * @returns the host with its port; `undefined` where nothing is proved.
 * @see https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/
 */
export function publisherOf({ id, source }: Pick<Client, 'id' | 'source'>): string | undefined {
  if (source !== 'metadata-document') return undefined
  const url = URL.parse(id)
  return url?.protocol === 'https:' ? url.host : undefined
}

/** A short name for a client, by which people and administrators can speak of the same one: `3f9a-1c2b-77d0`. */
export function referenceOf(clientId: string): string {
  return digestOf(clientId)
    .slice(0, 12)
    .replaceAll(/(.{4})(?=.)/g, '$1-')
}

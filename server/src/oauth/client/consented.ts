import { digestOf } from '../../base/ids.ts'
import { canonicalJson } from '../../base/json.ts'
import type { Client } from '../../model/rights.ts'
import type { ClientMetadata } from './metadata.ts'

/**
 * Digest of what a grant consents to of its client: where answers go, and by what it proves itself. When it changes, the
 * program may be another one, and its people are asked again. Not its name, which never was more than its own word.
 *
 * @returns `undefined` for a client that cannot change: one that registered itself, or that the configuration names.
 */
export function consentedOf({ source, metadata }: Pick<Client, 'source' | 'metadata'>): string | undefined {
  if (source !== 'metadata-document') return undefined
  const {
    redirect_uris: uris,
    token_endpoint_auth_method: method,
    jwks,
    jwks_uri: keysAt,
  } = metadata as unknown as ClientMetadata
  const keys = jwks?.keys.map((key) => canonicalJson(key)).toSorted()
  return digestOf(canonicalJson([uris.toSorted(), method, keys ?? null, keysAt ?? null]))
}

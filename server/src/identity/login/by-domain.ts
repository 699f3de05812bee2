import { domainToASCII } from 'node:url'
import type { OidcProviderConfig } from '../../base/config.ts'

const charactersMax = 254

/**
 * The provider to which an e-mail address leads: by its domain alone, so that the answer is the same for everybody there, and
 * says nothing about who is known here.
 */
export function findByDomain(
  providers: readonly Pick<OidcProviderConfig, 'id' | 'domains'>[],
  email: string,
): string | undefined {
  const text = email.trim()
  const at = text.lastIndexOf('@')
  if (at < 1 || text.length > charactersMax) return undefined
  const domain = domainToASCII(text.slice(at + 1)).toLowerCase()
  return domain === '' ? undefined : providers.find(({ domains }) => domains.includes(domain))?.id
}

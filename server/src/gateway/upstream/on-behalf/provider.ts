import type { Entry, Way, WayParts } from './way.ts'

/**
 * The identity provider that the person signed in through gives the token itself, for what that login brought.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8693#section-2.1
 */
export function openProviderWay(entry: Entry<'provider'>, parts: WayParts): Way {
  const { provider, audience, resource, scope } = entry
  return {
    obtain: ({ principal }) =>
      parts.exchangeLogin(principal.id, provider, { type: 'access_token', audience, resource, scope }),
  }
}

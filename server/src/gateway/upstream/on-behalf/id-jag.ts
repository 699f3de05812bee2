import { decodeJwt, decodeProtectedHeader } from 'jose'
import { TokenServer } from './token-server.ts'
import type { Entry, Way, WayParts } from './way.ts'

/**
 * The identity provider of the company says in an assertion (ID-JAG) that this person may use the upstream by this gateway,
 * and the authorization server of the upstream gives a token for it.
 *
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 */
export function openIdJagWay(entry: Entry<'id-jag'>, parts: WayParts): Way {
  const { provider, issuer, client, scope } = entry
  const server = new TokenServer(parts, issuer, client)
  const resource = entry.resource ?? entry.url
  return {
    async obtain({ principal }) {
      const asked = { type: 'id-jag', audience: issuer, resource, scope } as const
      const { token: assertion } = await parts.exchangeLogin(principal.id, provider, asked)
      requireFor(assertion, issuer)
      return server.grant('jwt-bearer', { assertion, scope })
    },
  }
}

// It is verified by who it is for; but one for somebody else is not carried to them.
function requireFor(assertion: string, issuer: string): void {
  const { aud } = decodeJwt(assertion)
  const { typ } = decodeProtectedHeader(assertion)
  if (aud === issuer && typ === 'oauth-id-jag+jwt') return
  throw new TypeError('the provider gave no identity assertion for this authorization server')
}

import { Fault } from '../../../base/fault.ts'
import type { Principal } from '../../../model/principal.ts'
import { actThrough } from '../../../oauth/actor.ts'
import { TokenServer } from './token-server.ts'
import type { Entry, Way, WayParts } from './way.ts'

/**
 * The gateway says by its own signature who calls, and the authorization server of the upstream gives a token for that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-2.1
 * @see https://www.rfc-editor.org/rfc/rfc8693#section-2.1
 */
export function openAssertionWay(entry: Entry<'assertion'>, parts: WayParts): Way {
  const { issuer, client, grant, audience, scope } = entry
  const server = new TokenServer(parts, issuer, client)
  const resource = entry.resource ?? entry.url
  return {
    async obtain({ principal, clientId, act }) {
      const subject = subjectOf(principal, entry, parts)
      const person = { issuer: principal.issuer, subject: principal.subject }
      const chain = actThrough({ iss: parts.origin, sub: clientId }, act)
      if (chain === undefined) throw notThere('more act one for another than it can be told')
      const assertion = await parts.assertions.vouchFor({ audience: issuer, subject, person, act: chain })
      if (grant === 'jwt-bearer') return server.grant(grant, { assertion, audience, resource, scope })
      return server.grant(grant, {
        subject_token: assertion,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience,
        resource,
        scope,
      })
    },
  }
}

// The names of one provider's people are no names of another's: a person who came in otherwise is not vouched for.
function subjectOf(principal: Principal, { people }: Entry<'assertion'>, parts: WayParts): string {
  if (people === undefined) return principal.id
  const issuer = parts.issuerOf(people)
  if (issuer !== undefined && sameIssuer(issuer, principal.issuer)) return principal.subject
  throw notThere(`it knows people by \`${people}\`, and you signed in otherwise`)
}

function notThere(why: string): Fault {
  return new Fault('gateway.exchange_failed', `cannot act in your name there: ${why}`, { status: 403 })
}

// As they are configured and as they call themselves, one may lack the last slash.
function sameIssuer(one: string, other: string): boolean {
  return URL.canParse(other) && new URL(one).href === new URL(other).href
}

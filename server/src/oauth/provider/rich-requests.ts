import {
  type AuthorizationDetail,
  type AuthorizationDetailsForIntrospection,
  errors,
  type KoaContextWithOIDC,
  type RichAuthorizationRequestsActiveConfiguration,
} from 'oidc-provider'
import { readDetails, writeDetails } from '../details.ts'
import type { Terms } from '../grant-type.ts'
import { withinBound } from '../grant-type/limits.ts'
import type { Grants } from '../grants.ts'
import { detailsType } from '../metadata.ts'
import type { Catalogue } from '../ports.ts'
import { readScopes } from '../scopes.ts'

type RichRequests = RichAuthorizationRequestsActiveConfiguration & {
  authorizationDetailsForIntrospection: AuthorizationDetailsForIntrospection
}

interface RichParts {
  origin: string
  grants: Pick<Grants, 'find'>
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>
  terms: Terms
}

/**
 * Rich authorization requests, as far as the engine carries them: it has a request judged before anybody sees it, and what
 * it tells of the answer is what the grant says.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9396
 */
export function richRequests(parts: RichParts): RichRequests {
  const told = async (ctx: KoaContextWithOIDC, issued: object) => {
    const id = 'grantId' in issued ? issued.grantId : undefined
    const grant = typeof id === 'string' ? await parts.grants.find(id) : undefined
    const { bound } = parts.terms.get(ctx) ?? {}
    const reached = grant && (await withinBound(parts, grant, bound === undefined ? bound : readScopes(bound)))
    return writeDetails(parts.origin, reached) as AuthorizationDetail[] | undefined
  }
  return {
    enabled: true,
    types: { [detailsType]: { validate: judge } },
    authorizationDetailsForGrantSource: told,
    authorizationDetailsForAccessToken: told,
    authorizationDetailsForIntrospection: () => undefined,
  }
}

function judge(ctx: KoaContextWithOIDC): void {
  const { authorization_details: text, resource, grant_type: trades } = ctx.oidc.params ?? {}
  if (trades !== undefined) {
    throw new errors.InvalidAuthorizationDetails('what was given cannot be narrowed here: ask for less at first')
  }
  const read = readDetails(String(text), String(resource))
  if ('problem' in read) throw new errors.InvalidAuthorizationDetails(read.problem)
}

import {
  type AuthorizationDetail,
  type AuthorizationDetailsForIntrospection,
  errors,
  type KoaContextWithOIDC,
  type RichAuthorizationRequestsActiveConfiguration,
} from 'oidc-provider'
import { readDetails, writeDetails } from '../details.ts'
import type { Grants } from '../grants.ts'
import { detailsType } from '../metadata.ts'

type RichRequests = RichAuthorizationRequestsActiveConfiguration & {
  authorizationDetailsForIntrospection: AuthorizationDetailsForIntrospection
}

/**
 * Rich authorization requests, as far as the engine carries them: it has a request judged before anybody sees it, and what
 * it tells of the answer is what the grant says.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9396
 */
export function richRequests(parts: { origin: string; grants: Pick<Grants, 'find'> }): RichRequests {
  const told = async (_ctx: KoaContextWithOIDC, issued: object) => {
    const id = 'grantId' in issued ? issued.grantId : undefined
    const grant = typeof id === 'string' ? await parts.grants.find(id) : undefined
    return writeDetails(parts.origin, grant) as AuthorizationDetail[] | undefined
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

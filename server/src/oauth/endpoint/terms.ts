import { judgeRedirectUri } from '../client/redirect-uri.ts'
import { putDemandAside } from './login-demand.ts'
import { scope } from '../metadata.ts'
import { readScopes } from '../scopes.ts'

/** The parameter in which the scopes that a client asked for reach the consent page: ours alone. */
export const askedScope = 'sallyport_scope'

// No client can have registered it.
const nowhere = 'about:invalid'

/**
 * The authorization request on our terms. Clients ask for scopes of other servers, for `offline_access`, or for none: no
 * request fails for its scope. They ask to be shown a page: they always are.
 * How long ago the person signed in is `identity`'s to judge. An address that nobody could have registered is none: the engine
 * leaves the port of a loopback address out when it compares, whatever stands there.
 */
export function onOurTerms(target: string): string {
  const mark = target.indexOf('?')
  const params = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  // What is given twice is malformed, and the engine says so.
  if (['scope', 'prompt', 'max_age', 'acr_values', 'redirect_uri'].some((name) => params.getAll(name).length > 1))
    return target
  // The engine knows one scope; what was asked for is read where it is answered.
  const asked = readScopes(params.get('scope') ?? '').map(({ text }) => text)
  params.delete(askedScope)
  if (asked.length > 0) params.set(askedScope, asked.join(' '))
  params.set('scope', params.get('scope')?.split(' ').includes('openid') ? `openid ${scope}` : scope)
  if (params.get('prompt') !== 'none') params.delete('prompt')
  putDemandAside(params)
  const redirectUri = params.get('redirect_uri')
  if (redirectUri !== null && 'problem' in judgeRedirectUri(redirectUri)) params.set('redirect_uri', nowhere)
  return `${mark < 0 ? target : target.slice(0, mark)}?${params.toString()}`
}

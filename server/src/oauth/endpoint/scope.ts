import { scope } from '../metadata.ts'

/**
 * The authorization request with the one scope that we have. Clients ask for scopes of other servers, for
 * `offline_access`, or for none; what is meant is chosen on the consent page, so a request never fails for its scope.
 */
export function withOurScope(target: string): string {
  const mark = target.indexOf('?')
  const params = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  const asked = params.getAll('scope')
  // Given twice it is malformed, and the engine says so.
  if (asked.length > 1) return target
  params.set('scope', asked[0]?.split(' ').includes('openid') ? `openid ${scope}` : scope)
  return `${mark < 0 ? target : target.slice(0, mark)}?${params.toString()}`
}

import { scope } from '../metadata.ts'

/**
 * The authorization request on our terms. Clients ask for scopes of other servers, for `offline_access`, or for none: what
 * is meant is chosen on the consent page, so no request fails for its scope. They ask to be shown a page: they always are.
 * How long ago the person signed in is `identity`'s to judge.
 */
export function onOurTerms(target: string): string {
  const mark = target.indexOf('?')
  const params = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1))
  // What is given twice is malformed, and the engine says so.
  if (['scope', 'prompt', 'max_age'].some((name) => params.getAll(name).length > 1)) return target
  params.set('scope', params.get('scope')?.split(' ').includes('openid') ? `openid ${scope}` : scope)
  if (params.get('prompt') !== 'none') params.delete('prompt')
  params.delete('max_age')
  return `${mark < 0 ? target : target.slice(0, mark)}?${params.toString()}`
}

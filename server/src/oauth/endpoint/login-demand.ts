import type { LoginDemand } from '../../model/login.ts'

const [acrParam, ageParam] = ['sallyport_acr_values', 'sallyport_max_age'] as const

/** The parameters in which what a client asks of the login reaches the consent page: ours alone. */
export const loginParams = [acrParam, ageParam]

/**
 * Puts what a client asks of the login aside. The engine knows `acr_values` and `max_age` only with the scope `openid`, and
 * would judge them by a session of its own; RFC 9470 gives them to every OAuth client, and here `identity` knows the login.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-4
 */
export function putDemandAside(params: URLSearchParams): void {
  const [acr, age] = [params.get('acr_values') ?? '', params.get('max_age') ?? '']
  for (const name of ['acr_values', 'max_age', ...loginParams]) params.delete(name)
  if (/^[\x21-\x7e]{1,200}(?: [\x21-\x7e]{1,200}){0,19}$/.test(acr)) params.set(acrParam, acr)
  if (/^\d{1,9}$/.test(age)) params.set(ageParam, age)
}

/** What was put aside. */
export function demandOf(params: Readonly<Record<string, unknown>>): LoginDemand {
  const { [acrParam]: acr, [ageParam]: age } = params
  return {
    ...(typeof age === 'string' && { maxAgeSeconds: Number(age) }),
    ...(typeof acr === 'string' && { acr: acr.split(' ') }),
  }
}

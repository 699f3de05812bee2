import type { OidcProviderConfig } from '../../base/config.ts'

/** How many groups somebody may be said to be in, and how long the name of one may be. */
export const groupsMax = 2_000
const groupCharactersMax = 500

type Claims = Readonly<Record<string, unknown>>
type Path = OidcProviderConfig['claims']['name']

/** What the claims say of groups: their names; that they were too many to say; or nothing that can be read. */
export type SaidGroups = { told: readonly string[] } | { told: undefined; because: 'overage' | 'unreadable' }

/** What stands at a path; undefined where the way ends before. Only own members count. */
export function readAt(claims: Claims, path: Path): unknown {
  let here: unknown = claims
  for (const name of path) {
    if (typeof here !== 'object' || here === null || Array.isArray(here) || !Object.hasOwn(here, name)) return undefined
    here = (here as Record<string, unknown>)[name]
  }
  return here
}

/**
 * The groups that a provider says somebody is in. That the claim is absent means that there are none; but where the token
 * says that they did not fit into it, it says nothing, and who takes that for none takes rights away or hides a ban.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#AggregatedDistributedClaims
 * @see https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference `groups`, `hasgroups`
 */
export function readGroups(claims: Claims, path: Path): SaidGroups {
  const names = readAt(claims, ['_claim_names'])
  const elsewhere = typeof names === 'object' && names !== null && Object.hasOwn(names, path[0])
  const has = readAt(claims, ['hasgroups'])
  if (elsewhere || (path[0] === 'groups' && (has === true || has === 'true'))) {
    return { told: undefined, because: 'overage' }
  }
  const value = readAt(claims, path)
  return readNames(value === undefined ? [] : typeof value === 'string' ? [value] : value)
}

/** A list of names as it came; anything else cannot be read, and stands for nothing. */
export function readNames(value: unknown): SaidGroups {
  const good = (one: unknown) => typeof one === 'string' && one.length > 0 && one.length <= groupCharactersMax
  if (!Array.isArray(value) || value.length > groupsMax || !value.every(good)) {
    return { told: undefined, because: 'unreadable' }
  }
  return { told: [...new Set(value as string[])] }
}

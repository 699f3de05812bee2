import { toolPath } from '../../model/bundle.ts'
import type { Effect } from '../../model/effect.ts'
import type { Grant } from '../../model/rights.ts'
import { NotTaken } from '../grant-type.ts'
import type { Catalogue } from '../ports.ts'
import { reaches, readScopes, type Scope, type Scoped } from '../scopes.ts'

/** What bounds that which is given without a page: what the assertion says, and what the request says. */
export interface Said {
  /** The claims of what was presented. */
  claims: Readonly<Record<string, unknown>>
  /** The parameter `scope` of the request. */
  requested: string | undefined
}

/**
 * Reads what limits; undefined where nothing does. Words that mean nothing here reach nothing, so that what is limited in
 * words that we do not know opens nothing.
 */
export function readLimits({ claims, requested }: Said): Record<'claimed' | 'requested', Scope[] | undefined> {
  const { scope, authorization_details: details } = claims
  if (scope !== undefined && typeof scope !== 'string') throw new NotTaken('its `scope` is no text')
  // They limit to tools and arguments as well (RFC 9396), and are read of what a person sees alone.
  if (details !== undefined) throw new NotTaken('it is limited by `authorization_details`')
  const read = (text: string | undefined) => (text === undefined ? undefined : readScopes(text))
  return { claimed: read(scope), requested: read(requested) }
}

/** Whether a limit lets a tool through. */
export function lets(limit: readonly Scope[] | undefined, tool: Scoped): boolean {
  return limit === undefined || limit.some((scope) => reaches(scope, tool))
}

/**
 * Sees to it that a grant which somebody else gave holds nothing beyond what was said. It cannot be cut here, and no token is
 * narrower than its grant: so who says less gets nothing.
 *
 * @throws {NotTaken} if it holds more.
 */
export async function requireWithin(
  { catalogue }: { catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'> },
  grant: Pick<Grant, 'upstream' | 'tools'>,
  said: Said,
): Promise<void> {
  const { claimed, requested } = readLimits(said)
  if (claimed === undefined && requested === undefined) return
  const tools = await readTools(catalogue, grant)
  if (!tools.every((tool) => lets(claimed, tool))) throw new NotTaken('the grant holds more than its `scope` reaches')
  if (!tools.every((tool) => lets(requested, tool)))
    throw new NotTaken('the grant holds more than the scope that was asked for reaches', 'invalid_scope')
}

async function readTools(
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>,
  grant: Pick<Grant, 'upstream' | 'tools'>,
): Promise<Scoped[]> {
  const place = await catalogue.findPlace(grant.upstream)
  const known = new Map<string, Scoped>()
  for (const upstream of place?.upstreams ?? []) {
    const pinned = await catalogue.readPinned(upstream)
    for (const [name, { tool }] of pinned?.tools ?? []) {
      known.set(place?.bundle === undefined ? name : toolPath(upstream, name), { upstream, name, effect: tool.effect })
    }
  }
  // What is not served now may come back as anything.
  const gravest: Effect = 'destructive'
  return [...grant.tools.keys()].map(
    (path) => known.get(path) ?? { upstream: grant.upstream, name: path, effect: gravest },
  )
}

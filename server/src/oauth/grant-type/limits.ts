import { toolPath } from '../../model/bundle.ts'
import type { Effect } from '../../model/effect.ts'
import type { Grant } from '../../model/rights.ts'
import { NotTaken } from '../grant-type.ts'
import { scope as everything } from '../metadata.ts'
import type { Catalogue } from '../ports.ts'
import { commonScopes, gravestOf, reaches, readScopes, type Scope, type Scoped, writeScopes } from '../scopes.ts'

/** What bounds that which is given without a page: what the assertion says, and what the request says. */
export interface Said {
  /** The claims of what was presented. */
  claims: Readonly<Record<string, unknown>>
  /** The parameter `scope` of the request. */
  requested: string | undefined
}

/** What limits, read: texts of scopes, each of which must reach a tool; none where nothing limits. */
export type Limits = Record<'claimed' | 'requested', readonly (readonly Scope[])[]>

/**
 * Reads what limits. Words that mean nothing here reach nothing, so that what is limited in words that we do not know opens
 * nothing. Some providers have `scp` in place of `scope`, as a text or a list: where both are there, both must reach.
 */
export function readLimits({ claims, requested }: Said): Limits {
  // They limit to tools and arguments as well (RFC 9396), and are read of what a person sees alone.
  if (claims['authorization_details'] !== undefined) throw new NotTaken('it is limited by `authorization_details`')
  return {
    claimed: scopesClaimed(claims).map(readScopes),
    requested: requested === undefined ? [] : [readScopes(requested)],
  }
}

/** The texts of scopes in claims, as they stand there. */
export function scopesClaimed({ scope, scp }: Said['claims']): string[] {
  if (scope !== undefined && typeof scope !== 'string') throw new NotTaken('its `scope` is no text')
  const listed = Array.isArray(scp) && scp.every((one) => typeof one === 'string') ? scp.join(' ') : scp
  if (listed !== undefined && typeof listed !== 'string')
    throw new NotTaken('its `scp` is neither text nor list of texts')
  return [scope, listed].filter((text) => text !== undefined)
}

/** Whether all of these let a tool through. */
export function lets(limits: readonly (readonly Scope[])[], tool: Scoped): boolean {
  return limits.every((limit) => limit.some((scope) => reaches(scope, tool)))
}

/** Longest bound of a token, in characters: the token must fit into a header. */
const boundMax = 4_000

/**
 * The bound of a token under a grant that somebody else gave: the grant cannot be cut here, so the token is. Each scope of it
 * is one that the grant is told by, that the assertion says and that the request asks for, or narrower than such a one.
 *
 * @returns undefined where nothing is said that is narrower than what the grant is told by.
 * @throws {NotTaken} if nothing of the grant is left, or if what is left takes too many words.
 */
export async function boundOf(
  { catalogue }: { catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'> },
  grant: Pick<Grant, 'upstream' | 'tools' | 'scope'>,
  { claimed, requested }: Limits,
): Promise<string | undefined> {
  const limits = [...claimed, ...requested].filter((limit) => limit.every(({ of }) => of !== 'everything'))
  if (limits.length === 0) return undefined
  const could = [...(await readTools(catalogue, grant)).values()].filter((tool) => lets(claimed, tool))
  if (could.length === 0) throw new NotTaken('what it is limited to reaches nothing of the grant')
  const reached = could.filter((tool) => lets(requested, tool))
  if (reached.length === 0) throw new NotTaken('the scope that was asked for reaches nothing of it', 'invalid_scope')
  const told = grant.scope ?? everything
  // A tool that is named by one and beyond the effect of another is among the common ones, and not among the reached.
  const bound = commonScopes([readScopes(told), ...limits])
    .filter((scope) => reached.some((tool) => reaches(scope, tool)))
    .map(({ text }) => text)
    .join(' ')
  // What a client has from before it need not have been told of, and asks for again to be told.
  if (bound === '') throw new NotTaken('it reaches nothing that the grant is told by', 'invalid_scope')
  if (bound.length > boundMax) throw new NotTaken('its bound would not fit into a token', 'invalid_scope')
  return bound === told ? undefined : bound
}

/**
 * Whether who asks for these scopes asks for no less than all that others reach at a place. Whether an effect reaches a tool
 * that the others name is a matter of what that tool does now.
 */
export async function reachAll(
  { catalogue }: { catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'> },
  place: string,
  { asked, others }: Record<'asked' | 'others', readonly Scope[]>,
): Promise<boolean> {
  const known = [...(await readPlace(catalogue, place)).values()]
  return others.every((other) => {
    const gravest = gravestOf(other)
    const named = known.find(({ upstream, name }) => gravest.upstream === upstream && gravest.name === name)
    return asked.some((one) => reaches(one, named ?? gravest))
  })
}

/** What of a grant a token of this bound reaches, as it is told. */
export async function withinBound(
  { catalogue }: { catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'> },
  grant: Grant,
  bound: readonly Scope[] | undefined,
): Promise<Grant> {
  if (bound === undefined) return grant
  const tools = await readTools(catalogue, grant)
  const within = <T>(all: ReadonlyMap<string, T>): Map<string, T> =>
    new Map([...all].filter(([path]) => tools.has(path) && lets([bound], tools.get(path)!)))
  const limits = grant.limits && within(grant.limits)
  return { ...grant, scope: writeScopes(bound), tools: within(grant.tools), limits }
}

async function readTools(
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>,
  grant: Pick<Grant, 'upstream' | 'tools'>,
): Promise<Map<string, Scoped>> {
  const known = await readPlace(catalogue, grant.upstream)
  // What is not served now may come back as anything.
  const gravest: Effect = 'destructive'
  const unknown = (path: string): Scoped => ({ upstream: grant.upstream, name: path, effect: gravest })
  return new Map([...grant.tools.keys()].map((path) => [path, known.get(path) ?? unknown(path)]))
}

/** The tools that are served at a place, by what grants call them. */
async function readPlace(
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>,
  name: string,
): Promise<Map<string, Scoped>> {
  const place = await catalogue.findPlace(name)
  const known = new Map<string, Scoped>()
  for (const upstream of place?.upstreams ?? []) {
    const pinned = await catalogue.readPinned(upstream)
    for (const [name, { tool }] of pinned?.tools ?? []) {
      known.set(place?.bundle === undefined ? name : toolPath(upstream, name), { upstream, name, effect: tool.effect })
    }
  }
  return known
}

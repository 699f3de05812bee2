import type { Clock } from '../../base/clock.ts'
import { compareEffect } from '../../model/effect.ts'
import { endedByProvider, type Grant } from '../../model/rights.ts'
import type { StoredClient } from '../../store/clients.ts'
import { consentedOf } from '../client/consented.ts'
import type { Clients } from '../clients.ts'
import { type OfferedTool, offerTools, readMembers } from '../consent/offer.ts'
import { NotTaken } from '../grant-type.ts'
import { givenBack, type Grants, replaced } from '../grants.ts'
import type { Catalogue, People } from '../ports.ts'
import { commonScopes, grantedScope } from '../scopes.ts'
import { lets, readLimits, type Said } from './limits.ts'

/** The provider is asked again for every token of five minutes; the grant behind them is renewed now and then. */
const grantSeconds = 3_600
const renewMs = 10 * 60_000
/** Who asks by other scopes each time, as for each task, has so many grants side by side. */
const besideMax = 20

/** What a grant that an identity provider vouches for stands on. */
export interface VouchedParts {
  clock: Clock
  catalogue: Catalogue
  clients: Clients
  grants: Grants
  people: Pick<People, 'admitClaims' | 'standsWithin'>
}

/**
 * The grant of a principal to a client that an identity provider vouches for: the standing one that is told by the same
 * scopes while it holds what it should, else a new one in its place. Those that are told by other scopes stand beside it, and
 * are given to nobody who says less or more.
 *
 * Promise: it holds what the principal is entitled to, up to `effects`, as far as the scopes of what was presented reach and
 * those that were asked for; never what returns secrets or destroys. From whom one was withdrawn, by whatever scopes, gets
 * none this way until the principal has given one himself; whose grant the provider has ended, by an event or a logout, until
 * it vouches anew.
 *
 * @throws {NotTaken} if there is nothing to give.
 */
export async function vouchedGrant(
  parts: VouchedParts,
  of: {
    issuer: string
    effects: 'read' | 'write'
    client: StoredClient
    principalId: string
    upstream: string
    /** When the provider vouched for it. */
    vouchedAt: number
    said: Said
  },
): Promise<Grant> {
  const { issuer, client, principalId, upstream } = of
  const now = parts.clock.now()
  const whose = { principalId, clientId: client.id, upstream }
  const [place, grants] = await Promise.all([parts.catalogue.findPlace(upstream), parts.grants.list(whose)])
  if (place?.open !== true) throw new NotTaken('the upstream does not serve')
  if (isWithdrawn(grants, of.vouchedAt)) throw new NotTaken('the grant was withdrawn')
  const members = await readMembers(parts.catalogue, place, principalId)
  const { tools, scope } = chosenOf(offerTools({ place, members, earlier: undefined, now }), of)
  const standing = grants.filter((one) => one.issuer === issuer && one.revokedAt === undefined && one.endsAt > now)
  const known = standing.find((one) => one.endsAt > now + renewMs && one.scope === scope && same(one.tools, tools))
  if (known !== undefined) return known
  for (const { id } of standing.slice(besideMax - 1)) await parts.grants.revoke({ by: 'system', id, reason: replaced })
  const given = { id: client.id, name: client.name, digest: consentedOf(client) }
  const choice = { principalId, client: given, upstream, tools, issuer, ...(scope !== undefined && { scope }) }
  return parts.grants.give({ ...choice, durationSeconds: grantSeconds, replaces: true }, async (tx) => {
    // Again, where no withdrawal comes in between: what was true before may have ended since.
    const stands = await parts.people.standsWithin(tx, { principalId, vouchedAt: of.vouchedAt })
    if (!stands || isWithdrawn(await parts.grants.listWithin(tx, whose), of.vouchedAt))
      throw new NotTaken('it was withdrawn meanwhile')
    await parts.clients.useWithin(tx, client)
  })
}

/** What is given of all that could be, and the scopes that it is told by: none where nobody said any. */
function chosenOf(
  offered: readonly OfferedTool[],
  { effects, said }: { effects: 'read' | 'write'; said: Said },
): { tools: Map<string, string>; scope: string | undefined } {
  const { claimed, requested } = readLimits(said)
  const could = offered.filter(
    (tool) => compareEffect(tool.effect, effects) <= 0 && !tool.traits.includes('secret') && lets(claimed, tool),
  )
  if (could.length === 0) throw new NotTaken('the principal is entitled to nothing that is granted so')
  const given = new Set(could.filter((tool) => lets(requested, tool)))
  if (given.size === 0) throw new NotTaken('the scope that was asked for reaches nothing of it', 'invalid_scope')
  const limits = [...claimed, ...requested]
  const marked = offered.map((tool) => ({ ...tool, given: given.has(tool) }))
  return {
    tools: new Map([...given].map(({ path, digest }) => [path, digest])),
    scope: limits.length === 0 ? undefined : grantedScope(commonScopes(limits), marked),
  }
}

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, digest]) => other.get(name) === digest)
}

/**
 * Whether somebody withdrew one of these grants, and the principal has given none since. What the provider itself has ended
 * counts until it vouches anew.
 */
function isWithdrawn(grants: readonly Grant[], vouchedAt: number): boolean {
  const givenAt = Math.max(
    -Infinity,
    ...grants.filter(({ issuer }) => issuer === undefined).map((one) => one.createdAt),
  )
  return grants.some(({ revokedAt, revokedBecause }) => {
    if (revokedAt === undefined || revokedAt < givenAt) return false
    if (revokedBecause === replaced || revokedBecause === givenBack) return false
    return !(revokedBecause?.startsWith(endedByProvider) === true && vouchedAt > revokedAt)
  })
}

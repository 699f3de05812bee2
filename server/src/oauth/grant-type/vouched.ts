import type { Clock } from '../../base/clock.ts'
import { compareEffect } from '../../model/effect.ts'
import { endedByProvider, type Grant } from '../../model/rights.ts'
import type { StoredClient } from '../../store/clients.ts'
import { consentedOf } from '../client/consented.ts'
import type { Clients } from '../clients.ts'
import { offerTools, readMembers } from '../consent/offer.ts'
import { NotTaken } from '../grant-type.ts'
import { givenBack, type Grants, replaced } from '../grants.ts'
import type { Catalogue } from '../ports.ts'

/** The provider is asked again for every token of five minutes; the grant behind them is renewed now and then. */
const grantSeconds = 3_600
const renewMs = 10 * 60_000

/** What a grant that an identity provider vouches for stands on. */
export interface VouchedParts {
  clock: Clock
  catalogue: Catalogue
  clients: Clients
  grants: Grants
}

/**
 * The grant of a principal to a client that an identity provider vouches for: the standing one while it holds what it
 * should, else a new one.
 *
 * Promise: it holds what the principal is entitled to, up to `effects`; never what returns secrets or destroys. Whose
 * grant was withdrawn gets no new one this way until he has given one himself; whose grant the provider has ended, by an
 * event or a logout, until it vouches anew.
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
  },
): Promise<Grant> {
  const { issuer, effects, client, principalId, upstream } = of
  const now = parts.clock.now()
  const whose = { principalId, clientId: client.id, upstream }
  const [place, grants] = await Promise.all([parts.catalogue.findPlace(upstream), parts.grants.list(whose)])
  if (place?.open !== true) throw new NotTaken('the upstream does not serve')
  const last = grants[0]
  if (last !== undefined && isWithdrawn(last, of.vouchedAt)) throw new NotTaken('the grant was withdrawn')
  const tools = new Map(
    offerTools({ place, members: await readMembers(parts.catalogue, place, principalId), earlier: undefined, now })
      .filter(({ effect, traits }) => compareEffect(effect, effects) <= 0 && !traits.includes('secret'))
      .map(({ path, digest }) => [path, digest]),
  )
  if (tools.size === 0) throw new NotTaken('the principal is entitled to nothing that is granted so')
  const standing = grants.find(
    (one) =>
      one.issuer === issuer && one.revokedAt === undefined && one.endsAt > now + renewMs && same(one.tools, tools),
  )
  if (standing !== undefined) return standing
  const given = { id: client.id, name: client.name, digest: consentedOf(client) }
  const choice = { principalId, client: given, upstream, tools, issuer }
  return parts.grants.give({ ...choice, durationSeconds: grantSeconds, replaces: true }, (tx) =>
    parts.clients.useWithin(tx, client),
  )
}

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, digest]) => other.get(name) === digest)
}

/** Whether somebody withdrew a grant. What the provider itself has ended counts until it vouches anew. */
function isWithdrawn({ revokedAt, revokedBecause }: Grant, vouchedAt: number): boolean {
  if (revokedAt === undefined || revokedBecause === replaced || revokedBecause === givenBack) return false
  return !(revokedBecause?.startsWith(endedByProvider) === true && vouchedAt > revokedAt)
}

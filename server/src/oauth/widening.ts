import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Place } from '../inventory/bundle.ts'
import type { Grant } from '../model/rights.ts'
import { digestOfOffer, offerTools, type OfferedTool, readMembers } from './consent/offer.ts'
import type { Clients } from './clients.ts'
import type { Grants } from './grants.ts'
import type { Catalogue } from './ports.ts'
import { widenedScope } from './scopes.ts'

/** What the holder of a grant may add to it: the tools that he may use and that it does not hold. */
export interface WideningOffer {
  grant: Grant
  place: Place
  clientName: string
  tools: OfferedTool[]
  /** Digest of all that is shown: a form made from something else is not taken. */
  shown: string
}

interface WideningParts {
  clock: Clock
  grants: Grants
  clients: Pick<Clients, 'find'>
  catalogue: Catalogue
}

/**
 * What a principal may add to a grant of his.
 *
 * @returns `undefined` if it is not his, was not given by him, or is not in force: nobody learns which.
 */
export async function offerWidening(
  parts: WideningParts,
  of: { principalId: string; grantId: string },
): Promise<WideningOffer | undefined> {
  const now = parts.clock.now()
  const grant = await parts.grants.find(of.grantId)
  if (grant?.principalId !== of.principalId || grant.issuer !== undefined) return undefined
  if (grant.revokedAt !== undefined || grant.endsAt <= now) return undefined
  const [client, place] = await Promise.all([
    parts.clients.find(grant.clientId),
    parts.catalogue.findPlace(grant.upstream),
  ])
  if (client?.state !== 'active' || place?.open !== true) return undefined
  const members = await readMembers(parts.catalogue, place, of.principalId)
  const offered = offerTools({ place, members, earlier: undefined, now })
  const tools = offered.filter(({ path, digest }) => grant.tools.get(path) !== digest)
  const shown = digestOfOffer({
    clientName: client.name,
    client: undefined,
    redirectUri: grant.id,
    upstream: place.name,
    tools,
  })
  return { grant, place, clientName: client.name, tools, shown }
}

/**
 * Adds tools to a grant.
 *
 * @param step `by` gave the grant; `shown` is of the offer that he saw; `tools` are paths of it.
 * @throws {Fault} `oauth.grant_unknown`, or `oauth.request_refused` if something changed since, or nothing is chosen.
 */
export async function widen(
  parts: WideningParts,
  step: { by: string; grantId: string; shown: string; tools: readonly string[] },
): Promise<void> {
  const offer = await offerWidening(parts, { principalId: step.by, grantId: step.grantId })
  if (offer === undefined) {
    throw new Fault('oauth.grant_unknown', 'cannot add to this grant: it is not in force, or not one that you gave')
  }
  if (offer.shown !== step.shown) {
    throw new Fault('oauth.request_refused', 'cannot add this: something changed while you were reading; look again')
  }
  const chosen = offer.tools.filter(({ path }) => step.tools.includes(path))
  if (chosen.length === 0 || chosen.length !== new Set(step.tools).size) {
    throw new Fault('oauth.request_refused', 'cannot add this: choose one tool at least, of those that are offered')
  }
  const tools = new Map(chosen.map(({ path, digest }) => [path, digest]))
  const scope = widenedScope(offer.grant.scope, chosen)
  await parts.grants.widen({ by: step.by, id: step.grantId, tools, scope })
}

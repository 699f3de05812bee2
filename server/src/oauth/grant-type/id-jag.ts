import type { JWTPayload } from 'jose'
import type { EnterpriseIssuer } from '../../base/config.ts'
import type { FetchDocument } from '../../base/document.ts'
import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import type { Principal } from '../../model/principal.ts'
import { spend } from '../../store/spent.ts'
import type { Store } from '../../store/store.ts'
import { type Asked, type Given, NotTaken } from '../grant-type.ts'
import { upstreamOf } from '../metadata.ts'
import type { People } from '../ports.ts'
import { concernsOnly } from '../scopes.ts'
import { reachAll, readLimits, type Said, scopesClaimed } from './limits.ts'
import { clockToleranceSeconds, peek, verifyToken } from './verify.ts'
import { vouchedGrant, type VouchedParts } from './vouched.ts'

/** The type of an identity assertion: by it one is told from other assertions. */
export const idJagType = 'oauth-id-jag+jwt'
/** An assertion is for now: whoever finds an older one finds nothing. */
const lifetimeSecondsMax = 3_600

/** What the exchange stands on. */
export interface IdJagParts extends VouchedParts {
  origin: string
  issuers: readonly EnterpriseIssuer[]
  store: Store
  fetch: FetchDocument
}

/**
 * Opens the exchange of identity assertions (ID-JAG) of the company's identity provider for grants, without a consent page.
 *
 * Promise: a grant is given only for an assertion that one of the configured issuers signed, of the right type, for this
 * server and one of its resources, for the client that presents it and has proved who it is, that has not ended and was
 * never presented before, at any replica; whose scopes are of that resource, and asked for by the client where it asks by any;
 * one that is bound to a key, only with a proof of that key. Whatever is wrong is `invalid_grant`. What the grant holds, see `vouchedGrant`.
 *
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 */
export function openIdJag(parts: IdJagParts): (asked: Asked) => Promise<Given> {
  const { origin, store, clock } = parts
  const trusted = new Map(
    parts.issuers.map((one) => [one.issuer, { ...one, keys: issuerKeys({ ...parts, jwksUri: one.jwksUri }) }]),
  )

  return async ({ clientId, authenticated, key, prove, params: { assertion, resource, scope } }) => {
    if (!authenticated) throw new NotTaken('the client has not proved who it is')
    const issuer = trusted.get(peek(assertion).claims.iss ?? '')
    if (issuer === undefined) throw new NotTaken('the issuer is not one of ours')
    const claims = await verifyToken(assertion!, {
      ...issuer,
      audience: origin,
      types: [idJagType],
      required: ['iat', 'jti', 'client_id', 'resource'],
      lifetimeSecondsMax,
      clock,
      key,
    })
    const meant = readClaims(claims, { clientId, resource, origin })
    const said = { claims, requested: scope }
    await requireScopes(parts, meant.upstream, said)
    const client = await parts.clients.resolve(clientId)
    if (client === undefined) throw new NotTaken('the client is unknown or revoked')
    await prove(meant.resource)
    const fresh = await spend(store, {
      purpose: 'id-jag',
      id: digestOf(JSON.stringify([issuer.issuer, claims.jti])),
      until: (claims.exp + clockToleranceSeconds) * 1_000,
      now: clock.now(),
    })
    if (!fresh) throw new NotTaken('it was presented before')
    const principal = await admit(parts.people, issuer.issuer, claims)
    const of = {
      issuer: issuer.issuer,
      effects: issuer.effects,
      client,
      principalId: principal.id,
      vouchedAt: (claims.iat ?? 0) * 1_000,
      said,
    }
    const grant = await vouchedGrant(parts, { ...of, upstream: meant.upstream }).catch(asOneError)
    return { grant, resource: meant.resource }
  }
}

/**
 * What is asked of the scopes of an identity assertion beyond what is asked of all that limits: they are ours, for this
 * resource, and the client asks for no less than all of them.
 *
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 * Sections 7.2.1 and 7.6.2.
 */
async function requireScopes(parts: Pick<VouchedParts, 'catalogue'>, upstream: string, said: Said): Promise<void> {
  const upstreams = (await parts.catalogue.findPlace(upstream))?.upstreams ?? []
  if (!scopesClaimed(said.claims).every((text) => concernsOnly(upstreams, text)))
    throw new NotTaken('it names a scope that is none of this resource')
  const { claimed, requested } = readLimits(said)
  const [asked] = requested
  if (asked === undefined || (await reachAll(parts, upstream, { asked, others: claimed.flat() }))) return
  throw new NotTaken('it names a scope that was not asked for')
}

// Of an identity assertion nothing is told but that it was not taken.
function asOneError(error: unknown): never {
  throw error instanceof NotTaken ? new NotTaken(error.message) : error
}

/** The principal of verified claims. Throws `NotTaken` if he is not active. */
export async function admit(
  people: Pick<People, 'admitClaims'>,
  issuer: string,
  claims: JWTPayload,
): Promise<Principal> {
  if (claims.sub === undefined || claims.sub.length > 255) throw new NotTaken('its subject is no identifier')
  const principal = await people.admitClaims(issuer, claims).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'identity.disabled') throw new NotTaken(error.message)
    throw error
  })
  if (principal.state !== 'active') throw new NotTaken(`the principal is \`${principal.state}\``)
  return principal
}

function readClaims(
  claims: JWTPayload,
  asked: { clientId: string; resource: string | undefined; origin: string },
): { resource: string; upstream: string } {
  const { client_id: clientId, resource, jti } = claims
  if (clientId !== asked.clientId) throw new NotTaken('it is for another client')
  if (typeof resource !== 'string') throw new NotTaken('it is not for one resource')
  if (asked.resource !== undefined && asked.resource !== resource) throw new NotTaken('it is for another resource')
  const upstream = upstreamOf(asked.origin, resource)
  if (upstream === undefined) throw new NotTaken('the resource is not one of ours')
  if (typeof jti !== 'string' || jti.length > 512) throw new NotTaken('its `jti` is no text')
  return { resource, upstream }
}

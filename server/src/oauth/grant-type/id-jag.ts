import { decodeJwt, type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { EnterpriseIssuer } from '../../base/config.ts'
import type { FetchDocument } from '../../base/document.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import { Fault } from '../../base/fault.ts'
import { digestOf } from '../../base/ids.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import { compareEffect } from '../../model/effect.ts'
import type { Grant } from '../../model/rights.ts'
import type { StoredClient } from '../../store/clients.ts'
import { spend } from '../../store/spent.ts'
import type { Store } from '../../store/store.ts'
import { consentedOf } from '../client/consented.ts'
import type { Clients } from '../clients.ts'
import { offerTools, readMembers } from '../consent/offer.ts'
import { type Grants, replaced } from '../grants.ts'
import { upstreamOf } from '../metadata.ts'
import type { Catalogue, People } from '../ports.ts'

const algorithms = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519']
const clockToleranceSeconds = 30
/** An assertion is for now: whoever finds an older one finds nothing. */
const lifetimeSecondsMax = 3_600
/** The provider is asked again for every token of five minutes; the grant behind them is renewed now and then. */
const grantSeconds = 3_600
const renewMs = 10 * 60_000

/** What the exchange stands on. */
export interface IdJagParts {
  origin: string
  issuers: readonly EnterpriseIssuer[]
  store: Store
  clock: Clock
  fetch: FetchDocument
  people: Pick<People, 'admitClaims'>
  catalogue: Catalogue
  clients: Clients
  grants: Grants
}

/** What a client presents. */
export interface Presented {
  clientId: string
  /** Whether the client has proved who it is. */
  authenticated: boolean
  assertion: string | undefined
  /** The `resource` of the request, where there is one. */
  resource: string | undefined
}

/** What it gets. */
export interface Exchanged {
  grant: Grant
  resource: string
}

/** Takes an ID-JAG for a grant. Throws `NotTaken`, whose message is for the log: the client learns only that it failed. */
export type ExchangeIdJag = (presented: Presented) => Promise<Exchanged>

/** Why an assertion was not taken. */
export class NotTaken extends Error {}

/**
 * Opens the exchange of identity assertions (ID-JAG) of the company's identity provider for grants, without a consent page.
 *
 * Promise: a grant is given only for an assertion that one of the configured issuers signed, of the right type, for this
 * server and one of its resources, for the client that presents it and has proved who it is, that has not ended and was
 * never presented before, at any replica. It holds what the principal is entitled to, up to the issuer's `effects`; never
 * what returns secrets or destroys. Whose grant was withdrawn gets no new one this way until he has given one himself.
 *
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 */
export function openIdJag(parts: IdJagParts): ExchangeIdJag {
  const { origin, store, clock } = parts
  const trusted = new Map(
    parts.issuers.map((one) => [one.issuer, { ...one, keys: issuerKeys({ ...parts, jwksUri: one.jwksUri }) }]),
  )

  return async ({ clientId, authenticated, assertion, resource }) => {
    if (!authenticated) throw new NotTaken('the client has not proved who it is')
    if (assertion === undefined) throw new NotTaken('there is no assertion')
    if (!isCompactJws(assertion)) throw new NotTaken('it is no compact JWS')
    const issuer = trusted.get(issuerOf(assertion) ?? '')
    if (issuer === undefined) throw new NotTaken('the issuer is not one of ours')
    const claims = await verify(assertion, { issuer, origin, clock })
    const meant = readClaims(claims, { clientId, resource, origin })
    const client = await parts.clients.resolve(clientId)
    if (client === undefined) throw new NotTaken('the client is unknown or revoked')
    const fresh = await spend(store, {
      purpose: 'id-jag',
      id: digestOf(JSON.stringify([issuer.issuer, claims.jti])),
      until: (claims.exp! + clockToleranceSeconds) * 1_000,
      now: clock.now(),
    })
    if (!fresh) throw new NotTaken('it was presented before')
    const principal = await parts.people.admitClaims(issuer.issuer, claims).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'identity.disabled') throw new NotTaken(error.message)
      throw error
    })
    const grant = await grantFor(parts, { issuer, client, principalId: principal.id, upstream: meant.upstream })
    return { grant, resource: meant.resource }
  }
}

type Trusted = EnterpriseIssuer & { keys: JWTVerifyGetKey }

function issuerOf(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).iss
  } catch {
    return undefined
  }
}

async function verify(
  assertion: string,
  { issuer, origin, clock }: { issuer: Trusted; origin: string; clock: Clock },
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(assertion, issuer.keys, {
    typ: 'oauth-id-jag+jwt',
    algorithms,
    issuer: issuer.issuer,
    audience: origin,
    requiredClaims: ['sub', 'iat', 'exp', 'jti', 'client_id', 'resource'],
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(clock.now()),
  }).catch((error: unknown) => {
    if (error instanceof Fault) throw error
    throw new NotTaken(error instanceof Error ? error.message : 'unreadable')
  })
  if (payload.aud !== origin) throw new NotTaken('it is for others as well')
  const { iat, exp } = payload as { iat: number; exp: number }
  if (iat > clock.now() / 1_000 + clockToleranceSeconds) throw new NotTaken('it is of the future')
  if (exp - iat > lifetimeSecondsMax) throw new NotTaken('it is good for too long')
  return payload
}

function readClaims(
  claims: JWTPayload,
  asked: { clientId: string; resource: string | undefined; origin: string },
): { resource: string; upstream: string } {
  const { client_id: clientId, resource, sub, jti } = claims
  if (clientId !== asked.clientId) throw new NotTaken('it is for another client')
  if (typeof resource !== 'string') throw new NotTaken('it is not for one resource')
  if (asked.resource !== undefined && asked.resource !== resource) throw new NotTaken('it is for another resource')
  const upstream = upstreamOf(asked.origin, resource)
  if (upstream === undefined) throw new NotTaken('the resource is not one of ours')
  if (typeof jti !== 'string' || jti.length > 512) throw new NotTaken('its `jti` is no text')
  if (typeof sub !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(sub)) throw new NotTaken('its subject is no identifier')
  return { resource, upstream }
}

async function grantFor(
  parts: IdJagParts,
  of: { issuer: EnterpriseIssuer; client: StoredClient; principalId: string; upstream: string },
): Promise<Grant> {
  const { issuer, client, principalId, upstream } = of
  const now = parts.clock.now()
  const whose = { principalId, clientId: client.id, upstream }
  const [place, grants] = await Promise.all([parts.catalogue.findPlace(upstream), parts.grants.list(whose)])
  if (place?.open !== true) throw new NotTaken('the upstream does not serve')
  const last = grants[0]
  if (last?.revokedAt !== undefined && last.revokedBecause !== replaced) throw new NotTaken('the grant was withdrawn')
  const tools = new Map(
    offerTools({ place, members: await readMembers(parts.catalogue, place, principalId), earlier: undefined, now })
      .filter(({ effect, traits }) => compareEffect(effect, issuer.effects) <= 0 && !traits.includes('secret'))
      .map(({ path, digest }) => [path, digest]),
  )
  if (tools.size === 0) throw new NotTaken('the principal is entitled to nothing that is granted so')
  const standing = grants.find(
    (one) =>
      one.issuer === issuer.issuer &&
      one.revokedAt === undefined &&
      one.endsAt > now + renewMs &&
      same(one.tools, tools),
  )
  if (standing !== undefined) return standing
  const choice = {
    principalId,
    client: { id: client.id, name: client.name, digest: consentedOf(client) },
    upstream,
    tools,
    issuer: issuer.issuer,
  }
  return parts.grants.give({ ...choice, durationSeconds: grantSeconds, replaces: true }, (tx) =>
    parts.clients.useWithin(tx, client),
  )
}

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, digest]) => other.get(name) === digest)
}

import type { JWTPayload } from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { ExchangeConfig } from '../../base/config.ts'
import type { FetchDocument } from '../../base/document.ts'
import { isObject } from '../../base/json.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import type { Grant } from '../../model/rights.ts'
import type { StoredClient } from '../../store/clients.ts'
import type { AccessTokens } from '../access-token.ts'
import { type Act, depthOf, isName, readAct } from '../actor.ts'
import { type Asked, type Given, NotTaken } from '../grant-type.ts'
import { resourceFor, upstreamOf } from '../metadata.ts'
import { writeScopes } from '../scopes.ts'
import { actorOf, type ClientKeys } from './actor-token.ts'
import { admit } from './id-jag.ts'
import { boundOf, readLimits, type Said } from './limits.ts'
import { peek, verifyToken } from './verify.ts'
import { vouchedGrant, type VouchedParts } from './vouched.ts'

const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`
/** What the answer calls what it holds. */
export const issuedTokenType = tokenType('access_token')
// Providers let sessions last a day; what we issue lasts minutes, and never longer than what it stands on.
const lifetimeSecondsMax = 86_400

/** What the exchange stands on. */
export interface ExchangeParts extends VouchedParts {
  origin: string
  clock: Clock
  /** The clients that may exchange, by id. */
  platforms: ReadonlyMap<string, ExchangeConfig>
  fetch: FetchDocument
  accessTokens: Pick<AccessTokens, 'readForIntrospection'>
  /** Whether all that a grant hangs on stands at this moment. */
  stands(grantId: string): Promise<boolean>
}

/** What the subject token says, verified. */
interface Subject {
  /** The grant, where there is one already: of a token of ours. */
  grant?: Grant
  issuer?: string
  claims: JWTPayload
  act: Act | undefined
  mayAct: unknown
  endsAt: number
}

/**
 * Opens token exchange: an agent platform, which has proved who it is, gives the token of a person and gets one of ours,
 * for one resource, that says who acts for him.
 *
 * Promise: nothing is issued but for a token of an issuer that the configuration names for this client, for this client
 * alone, or for one of ours that was issued to it and whose grant stands. The principal is the subject's; the grant is a
 * vouched one, within the scopes of the subject token and of the request, or the one of our token, which then reaches no
 * more than our token does and the scopes of the request; actors are at most so many as the configuration says; the token does not outlive its subject.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8693
 */
export function openExchange(parts: ExchangeParts): (asked: Asked) => Promise<Given> {
  const sources = new Map([...parts.platforms].map(([id, platform]) => [id, sourcesOf(platform, parts)]))
  const clientKeys: ClientKeys = new Map()

  return async (asked) => {
    const platform = parts.platforms.get(asked.clientId)
    if (!asked.authenticated || platform === undefined) throw new NotTaken('the client may not exchange')
    const meant = readTarget(parts.origin, asked.params)
    const client = await parts.clients.resolve(asked.clientId)
    if (client === undefined) throw new NotTaken('the client is unknown or revoked')
    const subject = await readSubject(parts, { asked, sources: sources.get(client.id)!, resource: meant.resource })
    const actor = await actorOf({ ...parts, clientKeys }, client, asked.params)
    requireAllowed(subject.mayAct, actor)
    const act: Act = { ...actor, ...(subject.act !== undefined && { act: subject.act }) }
    if (depthOf(act) > platform.actorsMax) throw new NotTaken('too many act one for another')
    const said = { claims: subject.claims, requested: asked.params['scope'] }
    const of = await grantOf(parts, { subject, platform, client, upstream: meant.upstream, said })
    return { ...of, resource: meant.resource, act, endsAt: subject.endsAt }
  }
}

type Sources = ReadonlyMap<string, ExchangeConfig['from'][number] & { keys: ReturnType<typeof issuerKeys> }>

function sourcesOf({ from }: ExchangeConfig, parts: ExchangeParts): Sources {
  return new Map(from.map((one) => [one.issuer, { ...one, keys: issuerKeys({ ...parts, jwksUri: one.jwksUri }) }]))
}

function readTarget(
  origin: string,
  { resource, audience, requested_token_type: wanted }: Asked['params'],
): { resource: string; upstream: string } {
  const target = resource ?? audience
  if (target === undefined) throw new NotTaken('it says no resource')
  if (audience !== undefined && audience !== target) throw new NotTaken('resource and audience differ')
  const upstream = upstreamOf(origin, target)
  if (upstream === undefined) throw new NotTaken('the resource is not one of ours')
  if (wanted !== undefined && wanted !== issuedTokenType && wanted !== tokenType('jwt'))
    throw new NotTaken('another type of token is wanted')
  return { resource: resourceFor(origin, upstream), upstream }
}

async function readSubject(
  parts: ExchangeParts,
  { asked, sources, resource }: { asked: Asked; sources: Sources; resource: string },
): Promise<Subject> {
  const { subject_token: token, subject_token_type: type } = asked.params
  const kind = (['id_token', 'access_token', 'jwt'] as const).find((name) => type === tokenType(name))
  if (kind === undefined || token === undefined) throw new NotTaken('there is no subject token of a type that is taken')
  if (kind !== 'id_token') {
    const own = await readOwn(parts, { token, clientId: asked.clientId, resource })
    if (own !== undefined) return own
  }
  return readForeign(parts, { token, sources, kind })
}

/** The subject of a token of ours; undefined if it is none. It serves the client and the resource that it was issued for. */
async function readOwn(
  parts: ExchangeParts,
  { token, clientId, resource }: { token: string; clientId: string; resource: string },
): Promise<Subject | undefined> {
  const read = await parts.accessTokens.readForIntrospection(token)
  if (read === undefined) return undefined
  const { caller, audience } = read
  if (caller.boundTo !== undefined) throw new NotTaken('it is bound to a key, and a bearer presents it')
  if (caller.clientId !== clientId) throw new NotTaken('it was issued to another client')
  if (audience !== resource) throw new NotTaken('it was issued for another resource')
  const grant = await parts.grants.find(caller.grantId)
  if (grant === undefined || !(await parts.stands(grant.id))) throw new NotTaken('its grant does not stand')
  const claims = caller.bound === undefined ? {} : { scope: writeScopes(caller.bound) }
  return { grant, claims, act: caller.act, mayAct: undefined, endsAt: caller.expiresAt }
}

async function readForeign(
  parts: ExchangeParts,
  { token, sources, kind }: { token: string; sources: Sources; kind: 'id_token' | 'access_token' | 'jwt' },
): Promise<Subject> {
  const source = sources.get(peek(token).claims.iss ?? '')
  if (source === undefined) throw new NotTaken('the issuer of the subject token is not one of this client')
  const claims = await verifyToken(token, {
    ...source,
    types: kind === 'access_token' ? ['at+jwt'] : kind === 'id_token' ? ['', 'jwt'] : ['', 'jwt', 'at+jwt'],
    required: ['iat'],
    lifetimeSecondsMax,
    clock: parts.clock,
  })
  // Of events too, where somebody left out which (RFC 8417, section 2.2).
  if (kind !== 'access_token' && (claims['toe'] !== undefined || claims['txn'] !== undefined))
    throw new NotTaken('it says when something happened, not who somebody is')
  try {
    const act = readAct(claims['act'])
    return { issuer: source.issuer, claims, act, mayAct: claims['may_act'], endsAt: claims.exp * 1_000 }
  } catch (error) {
    throw new NotTaken(error instanceof Error ? error.message : 'unreadable')
  }
}

// Where the subject says who may act for it, nobody else may (RFC 8693, section 4.4).
function requireAllowed(mayAct: unknown, actor: Act): void {
  if (mayAct === undefined) return
  const allowed = isObject(mayAct) && isName(mayAct['sub']) && mayAct['sub'] === actor.sub
  if (allowed && (mayAct['iss'] === undefined || mayAct['iss'] === actor.iss)) return
  throw new NotTaken('the subject names another actor')
}

async function grantOf(
  parts: ExchangeParts,
  of: { subject: Subject; platform: ExchangeConfig; client: StoredClient; upstream: string; said: Said },
): Promise<Pick<Given, 'grant' | 'bound'>> {
  const { subject, platform, client, upstream, said } = of
  if (subject.grant !== undefined) {
    return { grant: subject.grant, bound: await boundOf(parts, subject.grant, readLimits(said)) }
  }
  const issuer = subject.issuer!
  const principal = await admit(parts.people, issuer, subject.claims)
  const vouchedAt = (subject.claims.iat ?? 0) * 1_000
  const vouched = { issuer, effects: platform.effects, client, principalId: principal.id, upstream, vouchedAt, said }
  return { grant: await vouchedGrant(parts, vouched) }
}

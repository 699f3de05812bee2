import { type Adapter, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { JWK } from 'jose'
import type { Clock } from '../../base/clock.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import type { FetchDocument } from '../../base/document.ts'
import { digestOf } from '../../base/ids.ts'
import type { Grant } from '../../model/rights.ts'
import { spend } from '../../store/spent.ts'
import type { Store } from '../../store/store.ts'
import { accessTokenSeconds, narrowed } from '../access-token.ts'
import { NotTaken, type Terms } from '../grant-type.ts'
import { boundOf, reachAll } from '../grant-type/limits.ts'
import { assertionAlgorithms, endpoints, proofAlgorithms, resourceFor, scope, upstreamOf } from '../metadata.ts'
import type { Catalogue, People } from '../ports.ts'
import { loginParams } from '../endpoint/login-demand.ts'
import { askedScope } from '../endpoint/terms.ts'
import type { Grants } from '../grants.ts'
import { readScopes, scopesFor } from '../scopes.ts'
import { richRequests } from './rich-requests.ts'
import { renderError } from './error-page.ts'

/** How long an authorization request may wait for the person: to sign in, read and choose. */
export const interactionSeconds = 1_800

const codeSeconds = 60
// A client whose clock is a little ahead is not a liar.
const clockToleranceSeconds = 10
// The engine reads the clock of its machine, which may be wrong: it is to judge no time by it. What others sign `judgeAssertion`
// judges by the time of the house, and the end of records the adapter.
const judgesNoTimeSeconds = 100 * 366 * 86_400
/** What a client signs is for this request: whoever finds an older one finds nothing. */
const assertionSecondsMax = 600
type SigningAlgorithm = 'ES256' | 'PS256' | 'RS256' | 'EdDSA' | 'Ed25519'
// Document of a client's keys; fifty keys are 40 kB.
const keysBytesMax = 64 * 1_024

export interface EngineParts {
  origin: string
  store: Store
  clock: Clock
  people: Pick<People, 'findPrincipal'>
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>
  grants: Pick<Grants, 'find'>
  fetch: FetchDocument
  adapter: (model: string) => Adapter
  ends: WeakMap<object, number>
  judged: WeakSet<object>
  terms: Terms
  keys: JWK[]
  cookieKeys: string[]
  nonceKey: Uint8Array
  registration: boolean
  /** Binds an authorization request to the browser, before it goes to the consent page. */
  bind(ctx: KoaContextWithOIDC, uid: string): void
}

/**
 * The engine's configuration. What is off: implicit and hybrid flows, its own sessions and pages, opaque access tokens,
 * `offline_access`, PAR, userinfo, logout, device flow. What MCP asks for on top is in the functions.
 */
export function engineSettings(parts: EngineParts): Configuration {
  const secure = parts.origin.startsWith('https:')
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true, secure } as const
  const prefix = secure ? '__Secure-' : ''
  return {
    adapter: parts.adapter,
    jwks: { keys: parts.keys as Required<NonNullable<Configuration['jwks']>>['keys'] },
    routes: { ...endpoints },
    scopes: ['openid', scope],
    extraParams: [askedScope, ...loginParams],
    claims: { openid: ['sub'], iss: null },
    responseTypes: ['code'],
    subjectTypes: ['public'],
    pkce: { required: () => true },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: { id_token_signed_response_alg: 'ES256', response_types: ['code'] },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256'],
      clientAuthSigningAlgValues: assertionAlgorithms as SigningAlgorithm[],
      dPoPSigningAlgValues: proofAlgorithms as SigningAlgorithm[],
    },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    clockTolerance: judgesNoTimeSeconds,
    clientBasedCORS: () => true,
    cookies: {
      names: {
        session: `${prefix}sallyport-engine`,
        interaction: `${prefix}sallyport-request`,
        resume: `${prefix}sallyport-resume`,
      },
      long: cookie,
      short: cookie,
      keys: parts.cookieKeys,
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      // When a proof was made is judged by its nonce alone: clocks of clients are wrong, and what is made ahead is worth nothing.
      dPoP: { enabled: true, nonceSecret: Buffer.from(parts.nonceKey), requireNonce: () => true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      // It authenticates who asks; what is answered is ours, see endpoint/introspection.ts.
      introspection: { enabled: true, allowedPolicy: () => false },
      registration: { enabled: parts.registration, issueRegistrationAccessToken: false },
      richAuthorizationRequests: richRequests(parts),
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, _client, several) => requireResource(several),
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => readResource(parts, ctx, resource),
      },
    },
    findAccount: (_ctx, id) => findAccount(parts, id),
    loadExistingGrant: (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId)
    },
    interactions: {
      url: (ctx, interaction) => {
        parts.bind(ctx, interaction.uid)
        return `/consent/${interaction.uid}`
      },
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    rotateRefreshToken: (ctx) => requireRenewable(parts, ctx),
    revokeGrantPolicy: () => true,
    extraTokenClaims: async (ctx, token) => {
      await requireBinding(parts, ctx, token)
      if (!('grantId' in token)) return undefined
      const grant = await parts.grants.find(token.grantId!)
      const { act, bound } = parts.terms.get(ctx) ?? {}
      const told = bound ?? grant?.scope
      return {
        grant_id: token.grantId,
        act,
        ...(told !== undefined && { [grantedScope]: told }),
        ...(bound !== undefined && { [narrowed]: true }),
        ...loginOf(grant),
      }
    },
    formats: { customizers: { jwt: (_ctx, _token, jwt) => onOurTerms(parts.clock, jwt.payload) } },
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims, header) => {
      const { client_assertion: assertion } = ctx.oidc.params ?? {}
      if (!isCompactJws(String(assertion))) throw new errors.InvalidClientAuth('it is no compact JWS')
      judgeAssertion(parts, claims, header)
      await spendAssertion(parts, claims)
      parts.judged.add(ctx)
    },
    ttl: {
      AccessToken: (ctx) => Math.min(accessTokenSeconds, remaining(parts, ctx)),
      RefreshToken: (ctx) => remaining(parts, ctx),
      AuthorizationCode: codeSeconds,
      IdToken: accessTokenSeconds,
      Interaction: interactionSeconds,
      Session: interactionSeconds,
      Grant: interactionSeconds,
    },
    fetch: (url, options) => fetchFor(parts.fetch, url, options),
    fetchResponseBodyLimits: { jwks_uri: keysBytesMax },
    renderError,
  }
}

/** What the engine does not ask of the assertion by which a client proves who it is (RFC 7523, section 3). */
function judgeAssertion(
  { origin, clock }: EngineParts,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): void {
  // Of several audiences, or another than the issuer, the assertion may have been meant for somebody else.
  if (claims['aud'] !== origin) throw new errors.InvalidClientAuth('the audience must be the issuer alone')
  if (claims['sub'] !== claims['iss']) throw new errors.InvalidClientAuth('subject and issuer must be the client')
  // The keys are the client's registered ones; what points elsewhere was not written by one who knows that.
  const elsewhere = ['jwk', 'jku', 'x5u', 'x5c', 'crit'].find((name) => header[name] !== undefined)
  if (elsewhere !== undefined) throw new errors.InvalidClientAuth(`the header must not have \`${elsewhere}\``)
  const { jti, iat, nbf, exp } = claims
  const latest = clock.now() / 1_000 + clockToleranceSeconds
  if (!(Number(exp) > latest - 2 * clockToleranceSeconds)) throw new errors.InvalidClientAuth('it ended')
  if (typeof jti !== 'string' || jti.length > 512) throw new errors.InvalidClientAuth('`jti` must be a text')
  for (const from of [iat, nbf])
    if (from !== undefined && !(Number(from) <= latest)) throw new errors.InvalidClientAuth('it is of the future')
  if (!(Number(exp) <= latest + assertionSecondsMax)) {
    throw new errors.InvalidClientAuth(`it must not be good for more than ${assertionSecondsMax} seconds`)
  }
}

async function spendAssertion(
  { store, clock }: EngineParts,
  { iss, jti, exp }: Record<string, unknown>,
): Promise<void> {
  const id = digestOf(JSON.stringify([iss, jti]))
  const until = (Number(exp) + clockToleranceSeconds) * 1_000
  if (await spend(store, { purpose: 'client-assertion', id, until, now: clock.now() })) return
  throw new errors.InvalidClientAuth('assertion used twice')
}

function requireResource(several: readonly string[] | undefined): never {
  throw new errors.InvalidTarget(
    several === undefined
      ? 'the resource parameter is required: the address of the MCP server'
      : 'exactly one resource parameter is allowed',
  )
}

export async function readResource(
  parts: Pick<EngineParts, 'origin' | 'catalogue'>,
  ctx: KoaContextWithOIDC,
  resource: string,
) {
  if (Array.isArray(ctx.oidc.params?.['resource'])) requireResource([])
  const name = upstreamOf(parts.origin, resource)
  const place = name === undefined ? undefined : await parts.catalogue.findPlace(name)
  if (place?.open !== true) throw new errors.InvalidTarget('there is no such resource here')
  return {
    scope,
    audience: resourceFor(parts.origin, place.name),
    accessTokenFormat: 'jwt' as const,
    accessTokenTTL: accessTokenSeconds,
    jwt: { sign: { alg: 'ES256' as const } },
  }
}

// The engine judges the resource only after it has used the refresh token up, and a second try would then end the grant: so
// it is judged before. Who renews while the upstream is suspended, or with a slip in the address, loses nothing.
async function requireRenewable(parts: EngineParts, ctx: KoaContextWithOIDC): Promise<true> {
  const granted = [ctx.oidc.entities.RefreshToken?.resource].flat()
  const resource = ctx.oidc.params?.['resource'] ?? granted[0]
  if (typeof resource !== 'string') requireResource(Array.isArray(resource) ? [] : undefined)
  if (!granted.includes(resource)) throw new errors.InvalidTarget('this grant is for another resource')
  await readResource(parts, ctx, resource)
  if (!ctx.get('dpop')) await requireNoBinding(parts, resource)
  parts.terms.set(ctx, { bound: await renewedBound(parts, ctx) })
  return true
}

/** @see https://www.rfc-editor.org/rfc/rfc6749#section-6 */
async function renewedBound(parts: EngineParts, ctx: KoaContextWithOIDC): Promise<string | undefined> {
  const asked = (ctx.oidc.body as Record<string, unknown> | undefined)?.[askedScope]
  const grant = await parts.grants.find(ctx.oidc.entities.RefreshToken?.grantId ?? '')
  const place = grant && (await parts.catalogue.findPlace(grant.upstream))
  if (typeof asked !== 'string' || grant === undefined || place === undefined) return undefined
  // As on the page: words that mean nothing here ask for nothing.
  const requested = scopesFor(place.upstreams, asked)
  // Who repeats what it was told at first knows of nothing that was added since, and asks for no less.
  const others = readScopes(grant.told ?? grant.scope ?? scope)
  if (await reachAll(parts, place.name, { asked: requested, others })) return undefined
  return boundOf(parts, grant, { claimed: [], requested: [requested] }).catch((error: unknown) => {
    throw error instanceof NotTaken ? new errors.InvalidScope(error.message, asked) : error
  })
}

// Whatever the grant type, nothing is issued that its resource would refuse, or that its client would not have.
export async function requireBinding(
  parts: Pick<EngineParts, 'origin' | 'catalogue'>,
  ctx: KoaContextWithOIDC,
  token: { aud?: string | string[]; jkt?: string | undefined },
): Promise<void> {
  if (token.jkt !== undefined) return
  if (ctx.oidc.client?.['dpopBoundAccessTokens'] === true) throw new errors.InvalidDpopProof('a proof is needed')
  if (typeof token.aud === 'string') await requireNoBinding(parts, token.aud)
}

async function requireNoBinding(
  { origin, catalogue }: Pick<EngineParts, 'origin' | 'catalogue'>,
  resource: string,
): Promise<void> {
  const place = await catalogue.findPlace(upstreamOf(origin, resource) ?? '')
  if (place?.wantsProof !== true) return
  throw new errors.InvalidDpopProof('this resource takes only tokens that are bound to a key: a proof is needed (DPoP)')
}

async function findAccount(parts: EngineParts, id: string) {
  const principal = await parts.people.findPrincipal(id)
  if (principal?.state !== 'active') return undefined
  return { accountId: id, claims: async () => ({ sub: id }) }
}

/** @see https://www.rfc-editor.org/rfc/rfc9068#section-2.2.1 */
function loginOf(grant: Grant | undefined): Record<string, unknown> {
  const login = grant?.login
  if (login === undefined) return {}
  const { at, acr, amr } = login
  return {
    ...(at > 0 && { auth_time: Math.floor(at / 1_000) }),
    ...(acr !== undefined && { acr }),
    ...(amr.length > 0 && { amr: [...amr] }),
  }
}

function remaining({ clock, ends }: EngineParts, ctx: KoaContextWithOIDC): number {
  const endsAt = ends.get(ctx)
  if (endsAt === undefined) throw new TypeError('nothing is issued without a grant')
  return Math.max(1, Math.floor((endsAt - clock.now()) / 1_000))
}

/** The claim in which the granted scopes reach the token that the engine has made; they take the place of its own. */
const grantedScope = 'sallyport_scope'

// The engine knows one scope, and reads the machine's clock; verification reads ours.
function onOurTerms(clock: Clock, payload: Record<string, unknown>): void {
  if (typeof payload[grantedScope] === 'string') payload['scope'] = payload[grantedScope]
  delete payload[grantedScope]
  const seconds = Number(payload['exp']) - Number(payload['iat'])
  payload['iat'] = Math.floor(clock.now() / 1_000)
  payload['exp'] = Number(payload['iat']) + seconds
}

/** The keys of clients that sign are fetched through the egress guard, like all else. */
async function fetchFor(fetch: FetchDocument, url: string | URL | Request, options?: RequestInit): Promise<Response> {
  if ((options?.method ?? 'GET') !== 'GET') throw new TypeError('the protocol engine only reads')
  const address = url instanceof Request ? url.url : String(url)
  const { status, headers, body } = await fetch(address, { bytesMax: keysBytesMax, timeoutMs: 2_500 })
  const kept = ['content-type', 'cache-control', 'expires'].flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as [string, string]]
  })
  return new Response(Buffer.from(body), { status, headers: kept })
}

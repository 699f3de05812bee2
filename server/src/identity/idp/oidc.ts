import {
  allowInsecureRequests,
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clockSkew,
  clockTolerance,
  Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  genericGrantRequest,
  modifyAssertion,
  None,
  PrivateKeyJwt,
  randomNonce,
  randomPKCECodeVerifier,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client'
import type { JWTVerifyGetKey } from 'jose'
import { type Clock, machineAheadSeconds } from '../../base/clock.ts'
import { isCompactJws } from '../../base/compact-jws.ts'
import type { OidcProviderConfig } from '../../base/config.ts'
import type { Dialer } from '../../base/dial.ts'
import { readDocument } from '../../base/document.ts'
import { Fault } from '../../base/fault.ts'
import { issuerKeys } from '../../base/issuer-keys.ts'
import type { LoginDemand } from '../../model/login.ts'
import type { ClientKeys } from '../client-keys.ts'
import type { LogoutIdp, Person, RedirectIdp } from '../idp.ts'
import { readAt, readGroups } from './claims.ts'
import { readLogoutToken } from './logout-token.ts'
import { fetchGroups } from './overage.ts'
import { personOf } from './person.ts'
import { readLogin, refused, requireShown } from './required.ts'

const timeoutSeconds = 10
const metadataSeconds = 60 * 60
const clockToleranceSeconds = 30

type Claims = Record<string, unknown>

export interface OidcParts {
  provider: OidcProviderConfig
  dialer: Pick<Dialer, 'fetch'>
  clock: Clock
  /** For a client that signs. */
  keys: ClientKeys
}

/** @see https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth */
export function openOidc({ provider, dialer, clock, keys }: OidcParts): LogoutIdp {
  const fetch: CustomFetch = (url, options) => dialer.fetch(url, options as RequestInit)
  const issuer = new URL(provider.issuer)
  const insecure = issuer.protocol === 'http:'
  const groupsAt = provider.claims.groups
  const subjectClaim = provider.provisioning?.claim ?? 'sub'
  let signers: { jwksUri: string; find: JWTVerifyGetKey } | undefined
  let known: { metadata: Promise<ServerMetadata>; until: number } | undefined

  const execute = [enableNonRepudiationChecks, ...(insecure ? [allowInsecureRequests] : [])]

  async function discover(): Promise<ServerMetadata> {
    const options = { [customFetch]: fetch, timeout: timeoutSeconds, execute }
    const found = await discovery(issuer, provider.clientId, undefined, None(), options)
    const metadata = found.serverMetadata()
    checkIssuer(provider, metadata.issuer)
    checkEndpoint(metadata.authorization_endpoint, insecure)
    return metadata
  }

  function metadata(): Promise<ServerMetadata> {
    if (known === undefined || known.until <= clock.monotonic()) {
      const found = discover()
      known = { metadata: found, until: clock.monotonic() + metadataSeconds * 1_000 }
      // What failed is not kept: the next login asks again.
      found.catch(() => (known = undefined))
    }
    return known.metadata
  }

  async function configured(): Promise<Configuration> {
    const server = await metadata()
    const time = { [clockSkew]: -machineAheadSeconds(clock), [clockTolerance]: clockToleranceSeconds }
    const made = new Configuration(server, provider.clientId, time, await authentication(server))
    made[customFetch] = fetch
    made.timeout = timeoutSeconds
    for (const extension of execute) extension(made)
    return made
  }

  async function authentication(server: ServerMetadata): Promise<ClientAuth> {
    const { signsFor, clientSecret: secret } = provider
    if (signsFor !== undefined) {
      const { key, kid } = await keys.signing()
      // A provider that wants another audience than the issuer says so in its documents, not in its metadata.
      const audience = signsFor === 'issuer' ? server.issuer : server.token_endpoint
      return PrivateKeyJwt({ key, kid }, { [modifyAssertion]: (_header, claims) => void (claims['aud'] = audience) })
    }
    if (secret === undefined) return None()
    // Without a list it is client_secret_basic (Discovery 1.0, section 3). Where both are offered, in the body: providers
    // disagree about how to encode a secret in the header.
    const posts = server.token_endpoint_auth_methods_supported?.includes('client_secret_post') ?? false
    return posts ? ClientSecretPost(secret) : ClientSecretBasic(secret)
  }

  async function groupsOf(claims: Claims, accessToken: string): Promise<readonly string[] | undefined> {
    if (groupsAt === undefined) return undefined
    const said = readGroups(claims, groupsAt)
    if (said.told !== undefined) return said.told
    if (said.because === 'unreadable') throw refused(provider.name, 'the list of groups cannot be read')
    if (provider.groupsEndpoint === undefined)
      throw refused(provider.name, 'the groups are too many for a token, and `groupsEndpoint` is not configured')
    return fetchGroups({ provider, dialer, endpoint: provider.groupsEndpoint, accessToken })
  }

  // The keys are those that the provider's own document names; they are read, kept and looked for like those of others.
  async function signerKeys(): Promise<JWTVerifyGetKey> {
    const { jwks_uri: jwksUri } = await metadata().catch((cause: unknown) => {
      throw new Fault('base.busy', 'cannot judge this now: the provider cannot be reached', { cause })
    })
    if (jwksUri === undefined) throw new Fault('identity.logout_refused', 'cannot take this: the provider has no keys')
    if (signers?.jwksUri !== jwksUri) {
      signers = { jwksUri, find: issuerKeys({ jwksUri, fetch: readDocument(dialer), clock }) }
    }
    return signers.find
  }

  // Who it is stands in the ID token itself; the rest may come from elsewhere.
  function readPerson(claims: Claims, own = claims): Person {
    const { name, email } = provider.claims
    const shown = { ...claims, name: readAt(claims, name), email: readAt(claims, email) }
    return personOf(provider.issuer, own[subjectClaim], shown)
  }

  return {
    way: 'redirect',
    id: provider.id,
    name: provider.name,
    subjectClaim,
    readPerson: (claims) => readPerson(claims),
    ...(groupsAt !== undefined && { readGroups: (claims) => readGroups(claims, groupsAt) }),
    hidden: !provider.button,
    issuer: provider.issuer,
    logoutEndsGrants: provider.logoutEndsGrants,
    async readLogout(token) {
      const { issuer: iss, clientId } = provider
      return readLogoutToken(token, { issuer: iss, clientId, keys: await signerKeys(), clock })
    },
    async begin({ state, callback, demand, hint }) {
      const [verifier, nonce] = [randomPKCECodeVerifier(), randomNonce()]
      try {
        const url = buildAuthorizationUrl(await configured(), {
          ...provider.hints,
          ...wanted(provider, demand),
          ...(hint !== undefined && { login_hint: hint }),
          redirect_uri: callback,
          scope: provider.scopes.join(' '),
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        })
        return { url: url.href, kept: { verifier, nonce } }
      } catch (cause) {
        throw failed(provider, cause)
      }
    },
    async complete({ url, state, kept }) {
      try {
        const configuration = await configured()
        const tokens = await authorizationCodeGrant(configuration, url, {
          expectedState: state,
          expectedNonce: kept['nonce']!,
          pkceCodeVerifier: kept['verifier']!,
          idTokenExpected: true,
        })
        // The library mends other spellings of a signature; what is kept of this one must be the one that was judged.
        if (!isCompactJws(tokens.id_token!)) throw new TypeError('the ID token is no compact JWS')
        const own: Claims = { ...tokens.claims()! }
        const more = await describe(provider, { configuration, claims: own, accessToken: tokens.access_token })
        const claims = { ...more, ...own }
        requireShown(provider, claims, clock.now())
        return {
          ...readPerson(claims, own),
          groups: await groupsOf(claims, tokens.access_token),
          login: readLogin(claims, clock.now()),
          session: sessionOf(own),
          claims,
          brought: {
            idToken: tokens.id_token!,
            idTokenEndsAt: tokens.claims()!.exp * 1_000,
            refreshToken: tokens.refresh_token,
          },
        }
      } catch (cause) {
        throw failed(provider, cause)
      }
    },
    async exchange(subject, asked) {
      try {
        return await exchangeToken(await configured(), subject, asked)
      } catch (cause) {
        throw cause instanceof ResponseBodyError && cause.error === 'invalid_grant'
          ? loginNeeded(provider, cause)
          : failed(provider, cause, 'get a token')
      }
    },
  }
}

/** What the provider is asked to see to; that it did is judged by what it says then. */
function wanted(provider: OidcProviderConfig, demand: LoginDemand = {}): Record<string, string> {
  const ages = [provider.require.maxAgeSeconds, demand.maxAgeSeconds].filter((one) => one !== undefined)
  const acr = demand.acr !== undefined && demand.acr.length > 0 ? demand.acr : provider.require.acr
  return {
    ...(ages.length > 0 && { max_age: String(Math.min(...ages)) }),
    ...(acr.length > 0 && { acr_values: acr.join(' ') }),
    ...(provider.prompt !== undefined && { prompt: provider.prompt }),
  }
}

/** The session at the provider; what cannot be read is as if it were not there. */
function sessionOf({ sid }: Claims): string | undefined {
  return typeof sid === 'string' && /^[\x21-\x7e]{1,255}$/.test(sid) ? sid : undefined
}

function checkEndpoint(endpoint: string | undefined, insecure: boolean): void {
  const protocol = endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).protocol : undefined
  if (protocol !== 'https:' && !(insecure && protocol === 'http:')) {
    throw new TypeError(`the authorization endpoint ${endpoint} is not https`)
  }
}

// Some providers put names and groups only into userinfo. A name is for display: a login does not fail for want of it. Groups
// are not: that they cannot be asked for does not mean that there are none.
async function describe(
  provider: OidcProviderConfig,
  given: { configuration: Configuration; claims: Claims; accessToken: string },
): Promise<Claims> {
  const { configuration, claims, accessToken } = given
  const { groups, name } = provider.claims
  const said = groups === undefined ? undefined : readGroups(claims, groups)
  const silent = groups !== undefined && said?.told?.length === 0 && readAt(claims, groups) === undefined
  const anonymous = readAt(claims, name) === undefined
  if ((!anonymous && !silent) || configuration.serverMetadata().userinfo_endpoint === undefined) return {}
  try {
    return await fetchUserInfo(configuration, accessToken, claims['sub'] as string)
  } catch (cause) {
    if (silent) throw cause
    return {}
  }
}

const typeOf = (name: string) => `urn:ietf:params:oauth:token-type:${name}`

async function exchangeToken(
  configuration: Configuration,
  ...[subject, asked]: Parameters<NonNullable<RedirectIdp['exchange']>>
): ReturnType<NonNullable<RedirectIdp['exchange']>> {
  const { type, ...target } = asked
  const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
  const answer = await genericGrantRequest(configuration, grantType, {
    subject_token: subject.token,
    subject_token_type: typeOf(subject.type),
    requested_token_type: typeOf(type),
    ...Object.fromEntries(Object.entries(target).filter((pair): pair is [string, string] => pair[1] !== undefined)),
  })
  const given = answer['issued_token_type']
  // An assertion is no bearer token, and must not be taken for one; nor the other way round.
  const wanted = type === 'id-jag' ? 'n_a' : 'bearer'
  if (given !== typeOf(type) || (answer.token_type as string) !== wanted) {
    throw new TypeError(`asked for ${typeOf(type)}, it gave something else, of the type ${answer.token_type}`)
  }
  return { token: answer.access_token, expiresInSeconds: answer.expires_in, refreshToken: answer.refresh_token }
}

function loginNeeded(provider: OidcProviderConfig, cause: unknown): Fault {
  const message = `cannot act in your name: sign in to this gateway through \`${provider.name}\` again`
  return new Fault('identity.login_needed', message, { cause, detail: 'the provider answered invalid_grant' })
}

// All that is known of a person is kept under the issuer as it is configured. Spelt otherwise here, he would be somebody
// else, whom no logout, no signal and no provisioning would find (OpenID Connect Discovery 1.0, section 4.3).
function checkIssuer({ issuer }: OidcProviderConfig, said: string): void {
  if (said === issuer) return
  throw new TypeError(`the issuer calls itself ${said}: \`issuer\` must be spelt exactly so, not ${issuer}`)
}

function failed(provider: OidcProviderConfig, cause: unknown, toDo = 'sign in'): Fault {
  const chain = causesOf(cause)
  const [judged] = chain.filter((one) => one instanceof Fault && one.code === 'identity.login_refused')
  if (judged instanceof Fault) return judged
  const denied = chain.some((one) => one instanceof AuthorizationResponseError && one.error === 'access_denied')
  const silent = chain.some(
    (one) => one instanceof Fault && /^base\.(unreachable|timed_out|address_refused)$/.test(one.code),
  )
  const why = denied
    ? `\`${provider.name}\` or the person there said no`
    : silent
      ? `\`${provider.name}\` cannot be reached`
      : `\`${provider.name}\` did not give an answer that can be believed`
  const detail = chain.map((one) => [one.code, one.message, one.detail].filter(Boolean).join(': ')).join('; ')
  return new Fault('identity.provider_failed', `cannot ${toDo}: ${why}`, { cause, detail })
}

function causesOf(cause: unknown): (Error & { code?: string; detail?: string })[] {
  const chain: Error[] = []
  for (let one = cause; one instanceof Error && chain.length < 5; one = one.cause) chain.push(one)
  return chain
}

import {
  allowInsecureRequests,
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  clockTolerance,
  Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  genericGrantRequest,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client'
import type { Clock } from '../../base/clock.ts'
import type { OidcProviderConfig } from '../../base/config.ts'
import type { Dialer } from '../../base/dial.ts'
import { Fault } from '../../base/fault.ts'
import type { RedirectIdp } from '../idp.ts'
import { personOf } from './person.ts'

const timeoutSeconds = 10
const metadataSeconds = 60 * 60
const clockToleranceSeconds = 30

type Claims = Record<string, unknown>

export interface OidcParts {
  provider: OidcProviderConfig
  dialer: Pick<Dialer, 'fetch'>
  clock: Clock
}

/** @see https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth */
export function openOidc({ provider, dialer, clock }: OidcParts): RedirectIdp {
  const fetch: CustomFetch = (url, options) => dialer.fetch(url, options as RequestInit)
  const issuer = new URL(provider.issuer)
  const insecure = issuer.protocol === 'http:'
  let known: { configuration: Promise<Configuration>; until: number } | undefined

  async function discover(): Promise<Configuration> {
    const execute = [enableNonRepudiationChecks, ...(insecure ? [allowInsecureRequests] : [])]
    const found = await discovery(issuer, provider.clientId, undefined, None(), {
      [customFetch]: fetch,
      timeout: timeoutSeconds,
      execute,
    })
    const metadata = found.serverMetadata()
    checkEndpoint(metadata.authorization_endpoint, insecure)
    const made = new Configuration(
      metadata,
      provider.clientId,
      { [clockTolerance]: clockToleranceSeconds },
      authenticationFor(metadata, provider.clientSecret),
    )
    made[customFetch] = fetch
    made.timeout = timeoutSeconds
    for (const extension of execute) extension(made)
    return made
  }

  function configured(): Promise<Configuration> {
    if (known === undefined || known.until <= clock.monotonic()) {
      const configuration = discover()
      known = { configuration, until: clock.monotonic() + metadataSeconds * 1_000 }
      // What failed is not kept: the next login asks again.
      configuration.catch(() => (known = undefined))
    }
    return known.configuration
  }

  return {
    way: 'redirect',
    id: provider.id,
    name: provider.name,
    async begin({ state, callback }) {
      const [verifier, nonce] = [randomPKCECodeVerifier(), randomNonce()]
      try {
        const url = buildAuthorizationUrl(await configured(), {
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
        const claims = tokens.claims()!
        const shown = await describe(configuration, claims, tokens.access_token)
        const person = personOf(configuration.serverMetadata().issuer, claims.sub, { ...shown, ...claims })
        const brought = {
          idToken: tokens.id_token!,
          idTokenEndsAt: claims.exp * 1_000,
          refreshToken: tokens.refresh_token,
        }
        return { ...person, brought }
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

function authenticationFor(metadata: ServerMetadata, secret: string | undefined) {
  if (secret === undefined) return None()
  // Without a list it is client_secret_basic (Discovery 1.0, section 3). Where both are offered, in the body: providers
  // disagree about how to encode a secret in the header.
  const posts = metadata.token_endpoint_auth_methods_supported?.includes('client_secret_post') ?? false
  return posts ? ClientSecretPost(secret) : ClientSecretBasic(secret)
}

function checkEndpoint(endpoint: string | undefined, insecure: boolean): void {
  const protocol = endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).protocol : undefined
  if (protocol !== 'https:' && !(insecure && protocol === 'http:')) {
    throw new TypeError(`the authorization endpoint ${endpoint} is not https`)
  }
}

// Some providers put the name only into userinfo. It is for display: a login does not fail for want of it.
async function describe(configuration: Configuration, claims: Claims, accessToken: string): Promise<Claims> {
  if (claims['name'] !== undefined || configuration.serverMetadata().userinfo_endpoint === undefined) return {}
  try {
    return await fetchUserInfo(configuration, accessToken, claims['sub'] as string)
  } catch {
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

function failed(provider: OidcProviderConfig, cause: unknown, toDo = 'sign in'): Fault {
  const chain = causesOf(cause)
  const refused = chain.some((one) => one instanceof AuthorizationResponseError && one.error === 'access_denied')
  const silent = chain.some(
    (one) => one instanceof Fault && /^base\.(unreachable|timed_out|address_refused)$/.test(one.code),
  )
  const why = refused
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

/** The scope for whatever is chosen on the consent page; see `scopes.ts` for narrower ones. */
export const scope = 'mcp'

/** The one type of `authorization_details`; see `details.ts`. */
export const detailsType = 'mcp_tools'

/** The paths of the authorization server's endpoints, all below the issuer. */
export const endpoints = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/jwks',
  registration: '/oauth/register',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
} as const

/** RFC 7523, section 2.1. */
export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** RFC 6749, section 4.4. */
export const clientCredentials = 'client_credentials'

/** RFC 8693, section 2.1. */
export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'

const idJagProfile = 'urn:ietf:params:oauth:grant-profile:id-jag'

/** Algorithms of client assertions (RFC 7523) that are accepted. */
export const assertionAlgorithms = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519']

/** Algorithms of proofs of possession (RFC 9449): all of them asymmetric. */
export const proofAlgorithms = assertionAlgorithms

const resourcePath = /^\/mcp\/([a-z][a-z0-9-]{0,38}[a-z0-9])$/

/**
 * The resource indicator of an upstream: the address that clients use, to the byte.
 *
 * @param origin The public origin.
 * @param upstream The name of the upstream.
 * @see https://www.rfc-editor.org/rfc/rfc8707#section-2
 */
export function resourceFor(origin: string, upstream: string): string {
  return `${origin}/mcp/${upstream}`
}

/**
 * The name of the upstream that a resource indicator means. Nothing is normalised: a slash at the end, another case or
 * another spelling of the host is another resource.
 *
 * @returns `undefined` if it is no resource of this origin; that it is one does not say that such an upstream exists.
 */
export function upstreamOf(origin: string, resource: string): string | undefined {
  if (!resource.startsWith(`${origin}/`)) return undefined
  return resourcePath.exec(resource.slice(origin.length))?.[1]
}

/** What configuration switches on. */
export interface Offers {
  registration: boolean
  metadataDocuments: boolean
  /** Whether identity providers may vouch for clients (ID-JAG). */
  enterprise: boolean
  /** The grant types beside codes and refresh tokens. */
  grantTypes: readonly string[]
}

/**
 * The metadata of the authorization server, served as RFC 8414 and as OpenID discovery.
 *
 * @param origin The issuer: the public origin.
 * @param offers What configuration switches on.
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-2
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
 */
export function serverMetadata(origin: string, offers: Offers): Record<string, unknown> {
  const authMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']
  return {
    issuer: origin,
    authorization_endpoint: origin + endpoints.authorization,
    token_endpoint: origin + endpoints.token,
    jwks_uri: origin + endpoints.jwks,
    ...(offers.registration ? { registration_endpoint: origin + endpoints.registration } : {}),
    revocation_endpoint: origin + endpoints.revocation,
    scopes_supported: ['openid', scope],
    authorization_details_types_supported: [detailsType],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token', ...offers.grantTypes],
    ...(offers.enterprise ? { authorization_grant_profiles_supported: [idJagProfile] } : {}),
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: authMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint: origin + endpoints.introspection,
    introspection_endpoint_auth_methods_supported: authMethods.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    authorization_response_iss_parameter_supported: true,
    dpop_signing_alg_values_supported: proofAlgorithms,
    client_id_metadata_document_supported: offers.metadataDocuments,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat'],
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  }
}

/**
 * The metadata of one upstream as a protected resource.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-2
 */
export function resourceMetadata(
  origin: string,
  { name, upstreams, wantsProof }: { name: string; upstreams: readonly string[]; wantsProof: boolean },
): Record<string, unknown> {
  return {
    resource: resourceFor(origin, name),
    resource_name: name,
    authorization_servers: [origin],
    scopes_supported: [scope, ...upstreams.flatMap((one) => [`${one}:read`, `${one}:write`])],
    authorization_details_types_supported: [detailsType],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: proofAlgorithms,
    ...(wantsProof ? { dpop_bound_access_tokens_required: true } : {}),
  }
}

/** What a challenge says beside where to go. */
export interface Challenge {
  /** Absent when there was no token at all: then RFC 6750 wants no error. */
  error?: { code: string; description: string } | undefined
  /** What the call needs, where that is more than to connect. */
  scope?: string | undefined
  /** `DPoP` where a token must be, or was, shown with a proof. */
  scheme?: 'Bearer' | 'DPoP'
  /** What a login must be (RFC 9470): `max_age` in seconds, `acr_values` with spaces between. */
  login?: Readonly<Record<string, unknown>> | undefined
}

/**
 * The value of `WWW-Authenticate` for a request to an upstream: where the metadata is, which scope to ask for, what was
 * wrong.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-5.1
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-3
 * @see https://www.rfc-editor.org/rfc/rfc9449#section-7.1
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-3
 */
export function challengeFor(origin: string, upstream: string, challenge: Challenge = {}): string {
  const { error, scheme = 'Bearer', scope: needed = scope, login } = challenge
  const parts = [
    `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp/${upstream}"`,
    `scope="${needed}"`,
    ...(error === undefined
      ? []
      : [`error="${quotable(error.code)}"`, `error_description="${quotable(error.description)}"`]),
    ...(['max_age', 'acr_values'] as const).flatMap((name) => {
      const value = login?.[name]
      return typeof value === 'number' || typeof value === 'string' ? [`${name}="${quotable(String(value))}"`] : []
    }),
    ...(scheme === 'DPoP' ? [`algs="${proofAlgorithms.join(' ')}"`] : []),
  ]
  return `${scheme} ${parts.join(', ')}`
}

// RFC 6750 allows %x20-21 / %x23-5B / %x5D-7E in these values.
function quotable(text: string): string {
  return text.replaceAll('`', "'").replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}

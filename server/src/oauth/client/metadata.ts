import { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import { judgeRedirectUri, type RedirectKind } from './redirect-uri.ts'

/**
 * What we keep of what a client says of itself. Whatever else it sends is left out: names that we do not act on cannot
 * hurt, and clients send scopes, logos and algorithms of other servers.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7591#section-2
 */
export interface ClientMetadata {
  client_name: string | undefined
  client_uri: string | undefined
  redirect_uris: string[]
  application_type: 'web' | 'native'
  grant_types: ('authorization_code' | 'refresh_token')[]
  token_endpoint_auth_method: AuthMethod
  jwks: { keys: Record<string, unknown>[] } | undefined
  jwks_uri: string | undefined
  /** Whether it wants no token but such as are bound to its key; RFC 9449, section 5.2. */
  dpop_bound_access_tokens?: true
}

const authMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
export type AuthMethod = (typeof authMethods)[number]

const redirectUrisMax = 32

/** The error codes of RFC 7591 section 3.2.2. */
export type MetadataError = 'invalid_redirect_uri' | 'invalid_client_metadata'

const shape = z.looseObject({
  client_name: z.string().max(500).optional(),
  client_uri: z.unknown().optional(),
  redirect_uris: z.array(z.unknown()),
  grant_types: z.array(z.string()).optional(),
  response_types: z.array(z.string()).optional(),
  token_endpoint_auth_method: z.string().optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(20) }).optional(),
  jwks_uri: z.string().max(2_048).optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
})

/**
 * Reads what a client says of itself, at registration or in its metadata document.
 *
 * Registration is lenient where clients are known to differ and leniency gives nothing away: one acceptable redirect URI
 * is enough, the others are left out and refused when they are used; unknown scopes and names are left out;
 * `application_type` follows from the redirect URIs, because editors with a scheme of their own do not send it.
 *
 * @throws {Fault} `oauth.client_invalid`, `data.error` as RFC 7591 names it.
 */
export function readClientMetadata(raw: unknown, source: 'registration' | 'metadata-document'): ClientMetadata {
  const parsed = shape.safeParse(raw)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const name = String(issue?.path[0] ?? 'the document')
    throw invalid(
      name === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata',
      `cannot use this client: \`${name}\` is missing or of the wrong form`,
    )
  }
  const said = parsed.data
  const redirects = readRedirectUris(said.redirect_uris)
  const native = redirects.some(({ kind }) => kind !== 'web')
  return {
    client_name: said.client_name?.trim() || undefined,
    client_uri: readHttpsUrl(said.client_uri),
    redirect_uris: redirects.filter(({ uri }) => !native || !isHttpsLoopback(uri)).map(({ uri }) => uri),
    application_type: native ? 'native' : 'web',
    grant_types: readGrantTypes(said.grant_types, said.response_types),
    ...readAuthentication(said, source),
    ...(said.dpop_bound_access_tokens === true && { dpop_bound_access_tokens: true }),
  }
}

function readRedirectUris(uris: unknown[]): { uri: string; kind: RedirectKind }[] {
  if (uris.length > redirectUrisMax) {
    throw invalid('invalid_redirect_uri', `cannot use this client: it has more than ${redirectUrisMax} redirect URIs`)
  }
  const problems: string[] = []
  const kept = [...new Set(uris)].flatMap((uri) => {
    const judged = judgeRedirectUri(uri)
    if ('kind' in judged) return [{ uri: uri as string, kind: judged.kind }]
    problems.push(judged.problem)
    return []
  })
  if (kept.length > 0) return kept
  throw invalid('invalid_redirect_uri', `cannot use this client: a redirect URI ${problems[0] ?? 'is needed'}`)
}

// The protocol engine takes loopback https of a native client for a mistake; beside loopback http it is one.
function isHttpsLoopback(uri: string): boolean {
  return /^https:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?]|$)/.test(uri)
}

function readGrantTypes(
  grantTypes: string[] | undefined,
  responseTypes: string[] | undefined,
): ClientMetadata['grant_types'] {
  if (responseTypes !== undefined && !responseTypes.includes('code')) {
    throw invalid('invalid_client_metadata', 'cannot use this client: `response_types` must contain `code`')
  }
  if (grantTypes === undefined) return ['authorization_code', 'refresh_token']
  if (!grantTypes.includes('authorization_code')) {
    throw invalid('invalid_client_metadata', 'cannot use this client: `grant_types` must contain `authorization_code`')
  }
  return grantTypes.includes('refresh_token') ? ['authorization_code', 'refresh_token'] : ['authorization_code']
}

function readAuthentication(
  said: z.infer<typeof shape>,
  source: 'registration' | 'metadata-document',
): Pick<ClientMetadata, 'token_endpoint_auth_method' | 'jwks' | 'jwks_uri'> {
  const usable =
    source === 'registration' ? authMethods : authMethods.filter((name) => !name.startsWith('client_secret'))
  const wanted =
    said.token_endpoint_auth_method ??
    said.token_endpoint_auth_methods_supported?.find((name) => usable.some((known) => known === name)) ??
    (source === 'registration' ? 'client_secret_basic' : 'none')
  const method = usable.find((name) => name === wanted)
  if (method === undefined) {
    throw invalid(
      'invalid_client_metadata',
      `cannot use this client: \`token_endpoint_auth_method\` must be one of ${usable.join(', ')}`,
    )
  }
  if (source === 'metadata-document' && ('client_secret' in said || 'client_secret_expires_at' in said)) {
    throw invalid('invalid_client_metadata', 'cannot use this client: its document holds a secret that all can read')
  }
  if (method !== 'private_key_jwt') return { token_endpoint_auth_method: method, jwks: undefined, jwks_uri: undefined }
  const jwksUri = readHttpsUrl(said.jwks_uri)
  if ((said.jwks === undefined) === (jwksUri === undefined)) {
    throw invalid('invalid_client_metadata', 'cannot use this client: it needs either `jwks` or an https `jwks_uri`')
  }
  return { token_endpoint_auth_method: method, jwks: said.jwks, jwks_uri: jwksUri }
}

function readHttpsUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 2_048) return undefined
  const url = URL.parse(value)
  return url?.protocol === 'https:' && url.username === '' && url.password === '' ? value : undefined
}

function invalid(error: MetadataError, message: string): Fault {
  return new Fault('oauth.client_invalid', message, { data: { error } })
}

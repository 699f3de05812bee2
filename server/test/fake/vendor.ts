import assert from 'node:assert/strict'
import { createLocalJWKSet, exportJWK, generateKeyPair, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose'
import type { OidcProviderConfig } from '../../src/base/config.ts'

/** How a vendor's service differs from others. */
export interface VendorManner {
  /** What it says of somebody, for the scopes that it was asked for. */
  claims: (scopes: readonly string[]) => Record<string, unknown>
  /** How clients prove themselves there, in the words of its metadata. */
  methods: string[]
  /** Whom an assertion must be for. */
  audience?: 'issuer' | 'token_endpoint'
  /** Where its endpoints are, below the issuer. */
  path: string
  /** What it answers at other addresses. */
  others?: Record<string, (init: RequestInit) => { status: number; body: unknown }>
}

/** A vendor's service at its own address, as far as `fetch` of our dialler reaches it: nothing leaves this process. */
export async function openVendor(
  provider: OidcProviderConfig,
  secret: string,
  around: { manner: VendorManner; keys: () => Promise<JSONWebKeySet> },
) {
  const { manner } = around
  const { issuer } = provider
  const base = issuer.replace(/\/$/, '')
  const tokenEndpoint = `${base}${manner.path}/token`
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'v1', alg: 'RS256', use: 'sig' }] }
  const codes = new Map<string, URLSearchParams>()
  const asked: string[] = []

  async function isClient(headers: Headers, body: URLSearchParams): Promise<boolean> {
    const assertion = body.get('client_assertion')
    if (assertion !== null) {
      if (!manner.methods.includes('private_key_jwt')) return false
      const audience = manner.audience === 'token_endpoint' ? tokenEndpoint : issuer
      const rules = { issuer: provider.clientId, subject: provider.clientId, audience }
      await jwtVerify(assertion, createLocalJWKSet(await around.keys()), rules)
      return true
    }
    const [, basic = ''] = /^Basic (.+)$/.exec(headers.get('authorization') ?? '') ?? []
    const [id, given] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
    if (manner.methods.includes('client_secret_post') && body.get('client_secret') === secret)
      return body.get('client_id') === provider.clientId
    return manner.methods.includes('client_secret_basic') && id === provider.clientId && given === secret
  }

  const places: Record<string, (init: RequestInit) => Promise<{ status: number; body: unknown }>> = {
    [`${base}/.well-known/openid-configuration`]: async () => ({
      status: 200,
      body: {
        issuer,
        authorization_endpoint: `${base}${manner.path}/authorize`,
        token_endpoint: tokenEndpoint,
        jwks_uri: `${base}${manner.path}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        token_endpoint_auth_methods_supported: manner.methods,
      },
    }),
    [`${base}${manner.path}/keys`]: async () => ({ status: 200, body: jwks }),
    [tokenEndpoint]: async (init) => {
      const body = new URLSearchParams(init.body as URLSearchParams | string)
      if (!(await isClient(new Headers(init.headers), body))) return { status: 401, body: { error: 'invalid_client' } }
      const query = codes.get(body.get('code') ?? '')
      if (query === undefined) return { status: 400, body: { error: 'invalid_grant' } }
      const now = Math.floor(Date.now() / 1_000)
      const own = { iss: issuer, aud: provider.clientId, iat: now, exp: now + 300, nonce: query.get('nonce') }
      const idToken = await new SignJWT({ ...manner.claims(query.get('scope')!.split(' ')), ...own })
        .setProtectedHeader({ alg: 'RS256', kid: 'v1' })
        .sign(privateKey)
      return { status: 200, body: { access_token: 'at', token_type: 'Bearer', expires_in: 300, id_token: idToken } }
    },
    ...Object.fromEntries(
      Object.entries(manner.others ?? {}).map(([at, answer]) => [at, async (init: RequestInit) => answer(init)]),
    ),
  }

  return {
    /** What was fetched. */
    asked,
    fetch: async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
      asked.push(String(url))
      const { status, body } = (await places[String(url)]?.(init)) ?? { status: 404, body: {} }
      return Response.json(body, { status })
    },
    /** The person signs in there, and the browser comes back. */
    authorize(address: string, callback: string): { url: URL; query: URLSearchParams } {
      const at = new URL(address)
      assert.equal(at.href.split('?')[0], `${base}${manner.path}/authorize`)
      assert.equal(at.searchParams.get('redirect_uri'), callback)
      codes.set('a code', at.searchParams)
      const url = new URL(callback)
      url.search = new URLSearchParams({ code: 'a code', state: at.searchParams.get('state')! }).toString()
      return { url, query: at.searchParams }
    },
  }
}

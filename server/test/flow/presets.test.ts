import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { systemClock } from '../../src/base/clock.ts'
import { readConfig, type OidcProviderConfig } from '../../src/base/config.ts'
import { presets } from '../../src/base/config/presets.ts'
import { Fault } from '../../src/base/fault.ts'
import { openOidc } from '../../src/identity/idp/oidc.ts'
import type { Person } from '../../src/identity/idp.ts'
import { openVendor, type VendorManner } from '../fake/vendor.ts'

// Each page of docs/guide/providers is read as people copy it: its settings by the reader of the configuration, and a login
// by them at a service that behaves as that vendor does, at the vendor's own address.

const folder = new URL('../../../docs/guide/providers/', import.meta.url)
const secret = 'what the vendor gave us'

const named = { name: 'Ana Lima', email: 'ana@example.com' }
const has = (scopes: readonly string[], scope: string, claims: Record<string, unknown>) =>
  scopes.includes(scope) ? claims : {}
const shown = (scopes: readonly string[]) => ({
  ...has(scopes, 'profile', { name: named.name }),
  ...has(scopes, 'email', { email: named.email }),
})

const tenant = '8a7b6c5d-1e2f-4a3b-9c8d-0123456789ab'
const manners: Record<string, VendorManner & { groups: string[] | undefined }> = {
  okta: {
    path: '/oauth2/v1',
    methods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    audience: 'token_endpoint',
    claims: (scopes) => ({
      sub: '00u1',
      ...shown(scopes),
      amr: ['mfa', 'pwd'],
      ...has(scopes, 'groups', { groups: ['mcp-support'] }),
    }),
    groups: ['mcp-support'],
  },
  entra: {
    path: '/oauth2/v2.0',
    methods: ['client_secret_post', 'client_secret_basic'],
    claims: (scopes) => ({ sub: 'AAAA', tid: tenant, oid: 'x', ver: '2.0', ...shown(scopes), groups: ['0f1e-id'] }),
    groups: ['0f1e-id'],
  },
  keycloak: {
    path: '/protocol/openid-connect',
    methods: ['client_secret_basic', 'private_key_jwt'],
    audience: 'issuer',
    claims: (scopes) => ({ sub: 'f-1', acr: '1', ...shown(scopes), realm_access: { roles: ['support', 'offline'] } }),
    groups: ['support', 'offline'],
  },
  auth0: {
    path: '/oauth',
    methods: ['client_secret_basic', 'client_secret_post'],
    claims: (scopes) => ({ sub: 'auth0|1', ...shown(scopes), 'https://gateway.example.com/roles': ['support'] }),
    groups: ['support'],
  },
  google: {
    path: '/o/oauth2',
    methods: ['client_secret_post', 'client_secret_basic'],
    claims: (scopes) => ({ sub: '1081', hd: 'example.com', email_verified: true, ...shown(scopes) }),
    groups: undefined,
  },
  workos: {
    path: '/oauth2',
    methods: ['client_secret_post', 'private_key_jwt'],
    claims: (scopes) => ({ sub: 'user_01', ...shown(scopes) }),
    groups: undefined,
  },
}

function readPage(name: string): { yaml: string; provider: OidcProviderConfig } {
  const page = readFileSync(new URL(`${name}.md`, folder), 'utf8')
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(page)!
  return { yaml: yaml!, provider: read(yaml!) }
}

function read(yaml: string): OidcProviderConfig {
  const variables = [...yaml.matchAll(/clientSecretEnv: (\w+)/g)].map((match) => [match[1]!, secret])
  const file = { path: 'sallyport.yaml', text: yaml }
  return readConfig({ file, env: Object.fromEntries(variables) as Record<string, string>, cwd: '/' }).login.oidc[0]!
}

async function signIn(
  provider: OidcProviderConfig,
  manner: VendorManner,
): Promise<{ person: Person; sent: URLSearchParams }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const published = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }
  const keys = { signing: async () => ({ key: privateKey, kid: 'k1' }), published: async () => published }
  const vendor = await openVendor(provider, secret, { manner, keys: keys.published })
  const idp = openOidc({ provider, dialer: vendor, clock: systemClock, keys })
  const callback = `https://gateway.example.com/sign-in/callback/${provider.id}`
  const { url, kept } = await idp.begin({ state: 'a state', callback })
  const back = vendor.authorize(url, callback)
  return { person: await idp.complete({ url: back.url, state: 'a state', kept }), sent: back.query }
}

const isRefused = (error: unknown) => error instanceof Fault && error.code === 'identity.login_refused'

test('every preset has a page and a service to try it at, and every page a preset', () => {
  const pages = readdirSync(folder).map((file) => file.replace('.md', ''))
  assert.deepEqual(pages.toSorted(), Object.keys(presets).toSorted())
  assert.deepEqual(Object.keys(manners).toSorted(), pages.toSorted())
})

for (const [name, manner] of Object.entries(manners)) {
  test(`who follows the page for ${name} lets people in, with their names and groups`, async () => {
    const { yaml, provider } = readPage(name)
    assert.match(yaml, new RegExp(`preset: ${name}\\n`))
    const { person, sent } = await signIn(provider, manner)
    assert.deepEqual([person.issuer, person.name, person.email], [provider.issuer, named.name, named.email])
    assert.deepEqual(person.groups, manner.groups)
    assert.equal(sent.get('code_challenge_method'), 'S256')
    const page = readFileSync(new URL(`${name}.md`, folder), 'utf8')
    assert.ok(
      page.includes(`/sign-in/callback/${provider.id}\``),
      'the page names the address that the login comes back to',
    )
  })
}

test('people of another tenant, or of none, are not let in', async () => {
  const entra = readPage('entra').provider
  for (const tid of ['9188040d-6c67-4c5b-b112-36a304b66dad', undefined]) {
    const claims = () => ({ sub: 'AAAA', tid, ...named, groups: [] })
    await assert.rejects(signIn(entra, { ...manners['entra']!, claims }), isRefused)
  }
  const google = readPage('google').provider
  for (const hd of ['evil.example', undefined]) {
    const claims = () => ({ sub: '1', hd, ...named, email_verified: true })
    await assert.rejects(signIn(google, { ...manners['google']!, claims }), isRefused)
  }
  assert.equal((await signIn(google, manners['google']!)).sent.get('hd'), 'example.com')
})

test('of people in more than 200 groups, Entra ID is asked for all of them where the page says', async () => {
  const { provider } = readPage('entra')
  const claims = () => ({
    sub: 'AAAA',
    tid: tenant,
    ...named,
    _claim_names: { groups: 'src1' },
    _claim_sources: { src1: { endpoint: 'https://graph.windows.net/x/users/y/getMemberObjects' } },
  })
  const value = Array.from({ length: 250 }, (_, at) => `g-${at}`)
  const others = { [provider.groupsEndpoint!]: () => ({ status: 200, body: { value } }) }
  const { person } = await signIn(provider, { ...manners['entra']!, claims, others })
  assert.equal(person.groups?.length, 250)
  const without = { ...provider, groupsEndpoint: undefined }
  await assert.rejects(signIn(without, { ...manners['entra']!, claims, others }), isRefused)
})

const wrong: [name: string, from: string | RegExp, to: string, says: RegExp][] = [
  ['okta', 'https://example.okta.com', 'https://example-admin.okta.com', /leave `-admin` out/],
  ['okta', 'https://example.okta.com', 'https://example.okta.com/oauth2', /custom authorization server/],
  ['entra', tenant, 'common', /every tenant of the world/],
  ['entra', tenant, 'organizations', /every tenant of the world/],
  ['entra', tenant, 'example.onmicrosoft.com', /with the id of the tenant/],
  ['entra', /clientSecretEnv: .*/, 'clientAuthentication: private_key_jwt', /takes certificates/],
  ['entra', /groupsEndpoint: .*/, `require: {claims: {tid: [${tenant}]}}`, /follows from the issuer/],
  ['keycloak', '/realms/staff', '', /address of a realm/],
  ['auth0', 'https://example.eu.auth0.com/', 'https://example.eu.auth0.com/api', /with the slash and no path/],
  ['auth0', 'auth0.com/', 'auth0.com', /must end with a slash/],
  ['okta', 'okta.com', 'okta.com/', /must not end with a slash/],
  ['google', /require:[\s\S]*/, '', /everybody with a Google account/],
  ['google', 'https://accounts.google.com', 'https://google.com', /must be `https:\/\/accounts.google.com`/],
  ['google', 'claims:', 'maxAgeSeconds: 60\n        claims:', /asks for what never comes/],
  ['workos', 'authkit.app', 'authkit.app/oauth2', /without a path/],
]
for (const [name, from, to, says] of wrong) {
  test(`a slip in the settings for ${name} is found at the start: ${to || 'something is left out'}`, () => {
    const { yaml } = readPage(name)
    assert.throws(
      () => read(yaml.replace(from, to)),
      (error) => error instanceof Fault && error.code === 'config.invalid' && says.test(error.message),
    )
  })
}

import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { generateKeyPair } from 'jose'
import * as oidc from 'openid-client'
import { redirectUri } from '../browser.ts'
import { clientProof, type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { type House, type HouseOptions, openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'
import { startPostgres } from '../postgres.ts'

// Clients of the configuration that prove who they are by signing (RFC 7523, section 2.2).

const id = 'signer'

function yamlOf(keys: Record<string, unknown>): string {
  return `clients: ${JSON.stringify({ preregistered: [{ id, name: 'Signer', redirectUris: [redirectUri], ...keys }] })}`
}

async function open(
  t: TestContext,
  keys: (key: FakeIssuer) => Record<string, unknown>,
  options: HouseOptions & { alg?: string } = {},
): Promise<{ house: House; key: FakeIssuer; client: OAuthClient }> {
  const key = await openFakeIssuer(t, options)
  const house = await openHouse(t, { yaml: yamlOf(keys(key)), reach: [key.issuer], ...options })
  await house.upstream('mux', ['get_asset'])
  return { house, key, client: new OAuthClient(house, { id }) }
}

async function codeFor(house: House, client: OAuthClient): Promise<string | null> {
  const ana = await house.person('Ana', ['mux/get_asset'])
  return (await client.authorize(ana.browser, 'mux')).get('code')
}

for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) {
  test(`a client of the configuration signs by ${alg}, its key in the file`, async (t) => {
    const { house, key, client } = await open(t, ({ jwks }) => ({ jwks }), { alg })
    const code = await codeFor(house, client)
    const tokens = await client.redeem(code, await clientProof(key, { id, origin: house.origin }))
    assert.equal(tokens.status, 200, JSON.stringify(tokens))
    assert.deepEqual(key.asked, [])
  })
}

test('its keys may be at an address, which is read through the egress guard and kept', async (t) => {
  const { house, key, client } = await open(t, ({ jwksUri }) => ({ jwksUri }))
  const code = await codeFor(house, client)
  const tokens = await client.redeem(code, await clientProof(key, { id, origin: house.origin }))
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  const again = await client.refresh(tokens.refresh_token, await clientProof(key, { id, origin: house.origin }))
  assert.equal(again.status, 200)
  assert.deepEqual(key.asked, ['/jwks'])
  const closed = await openHouse(t, { yaml: yamlOf({ jwksUri: key.jwksUri }) })
  await closed.upstream('mux', ['get_asset'])
  const elsewhere = new OAuthClient(closed, { id })
  const proof = await clientProof(key, { id, origin: closed.origin })
  assert.notEqual((await elsewhere.redeem(await codeFor(closed, elsewhere), proof)).status, 200)
  assert.deepEqual(key.asked, ['/jwks'])
})

test('an independent client signs as this one wants it', async (t) => {
  const { house, key, client } = await open(t, ({ jwks }) => ({ jwks }))
  const ana = await house.person('Ana', ['mux/get_asset'])
  const signs = oidc.PrivateKeyJwt({ key: key.privateKey, kid: 'one' })
  const config = await oidc.discovery(new URL(house.origin), id, undefined, signs, {
    execute: [oidc.allowInsecureRequests],
    algorithm: 'oauth2',
  })
  const metadata = config.serverMetadata()
  assert.ok(metadata.token_endpoint_auth_methods_supported?.includes('private_key_jwt'))
  for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA'])
    assert.ok(metadata.token_endpoint_auth_signing_alg_values_supported?.includes(alg), alg)
  const answer = await client.authorize(ana.browser, 'mux')
  const tokens = await oidc.authorizationCodeGrant(
    config,
    new URL(`${redirectUri}?${answer.toString()}`),
    { pkceCodeVerifier: client.verifier, expectedState: 'st' },
    { resource: client.resourceOf('mux') },
  )
  assert.ok(tokens.access_token)
})

test('nothing but a fresh assertion of its own key, for this server alone, lets it in', async (t) => {
  const { house, key, client } = await open(t, ({ jwks }) => ({ jwks }))
  const code = await codeFor(house, client)
  const of = { id, origin: house.origin }
  const now = Math.floor(Date.now() / 1_000)
  const strange = await generateKeyPair('ES256')
  const good = await clientProof(key, of)
  const hmac = () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'HS256', kid: 'one' })}.${part({ iss: id, sub: id, aud: house.origin, jti: 'h', exp: now + 60 })}`
    const signature = createHmac('sha256', JSON.stringify(key.jwks.keys[0])).update(text).digest('base64url')
    return { ...good, client_assertion: `${text}.${signature}` }
  }
  const unsigned = () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    return {
      ...good,
      client_assertion: `${part({ alg: 'none' })}.${part({ iss: id, sub: id, aud: house.origin, jti: 'n', exp: now + 60 })}.`,
    }
  }
  const wrong: [string, Record<string, string>][] = [
    ['the token endpoint as audience', await clientProof(key, of, { aud: `${house.origin}/oauth/token` })],
    ['several audiences', await clientProof(key, of, { aud: [house.origin, 'https://other.example'] })],
    ['a list of one audience', await clientProof(key, of, { aud: [house.origin] })],
    ['a slash more', await clientProof(key, of, { aud: `${house.origin}/` })],
    ['ended', await clientProof(key, of, { exp: now - 60 })],
    ['a life of an hour', await clientProof(key, of, { exp: now + 3_600 })],
    ['no end', await clientProof(key, of, { exp: undefined })],
    ['a beginning that lies ahead', await clientProof(key, of, { nbf: now + 120 })],
    ['of the future', await clientProof(key, of, { iat: now + 120 })],
    ['no number', await clientProof(key, of, { jti: undefined })],
    ['a number that is no text', await clientProof(key, of, { jti: 7 })],
    ['another issuer', await clientProof(key, of, { iss: 'other' })],
    ['another kid', await clientProof(key, { ...of, header: { kid: 'two' } })],
    ['a key in the header', await clientProof(key, { ...of, header: { jwk: key.jwks.keys[0] } })],
    ['an address of keys in the header', await clientProof(key, { ...of, header: { jku: key.jwksUri } })],
    ['an address of certificates in the header', await clientProof(key, { ...of, header: { x5u: key.jwksUri } })],
    [
      'another key',
      { ...good, client_assertion: await key.sign({ iss: id, sub: id, aud: house.origin }, {}, strange.privateKey) },
    ],
    ['its public key as a secret', hmac()],
    ['no signature', unsigned()],
    ['a secret instead', { client_secret: 'guess' }],
    ['nothing', {}],
  ]
  for (const [what, proof] of wrong) {
    const { status, error } = await client.redeem(code, proof)
    assert.ok(status === 401 || status === 400, what)
    assert.equal(error, 'invalid_client', what)
  }
  const otherSubject = await client.redeem(code, await clientProof(key, of, { sub: 'other' }))
  assert.equal(otherSubject.error, 'invalid_request')
  assert.equal((await client.redeem(code, good)).status, 200)
})

test('an assertion that has ended by our time is refused, whatever the clock says that the engine reads', async (t) => {
  const { house, key, client } = await open(t, ({ jwks }) => ({ jwks }))
  const code = await codeFor(house, client)
  const of = { id, origin: house.origin }
  const exp = Math.floor(Date.now() / 1_000) + 300
  const tenMinutesMs = 600_000
  house.clock.turn(tenMinutesMs)
  assert.equal((await client.redeem(code, await clientProof(key, of, { exp }))).error, 'invalid_client')
  house.clock.turn(-tenMinutesMs)
  assert.equal((await client.redeem(code, await clientProof(key, of, { exp }))).status, 200)
})

test('an assertion is good once, at all replicas', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const databaseUrl = await postgres.createDatabase()
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const { house, key, client } = await open(t, ({ jwks }) => ({ jwks }), { databaseUrl, env })
  const second = await openHouse(t, {
    yaml: yamlOf({ jwks: key.jwks }),
    databaseUrl,
    env: { ...env, SALLYPORT_ORIGIN: house.origin },
  })
  const urls = [house.url, await openHostProxy(t, second)]
  const tokens = await client.redeem(await codeFor(house, client), await clientProof(key, { id, origin: house.origin }))
  // Revocation leaves the grant alone here: it is of a token that nobody knows.
  const form = client.form({ token: 'x', ...(await clientProof(key, { id, origin: house.origin })) })
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => fetch(`${urls[at % 2]}/oauth/revoke`, { method: 'POST', body: form })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.ok(tokens.refresh_token)
})

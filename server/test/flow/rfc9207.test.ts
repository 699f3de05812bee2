import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUri } from '../browser.ts'
import * as openid from 'openid-client'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'

test('every authorization response says who it is from, refusals and errors included', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const accepted = await client.authorize(ana.browser, 'mux')
  assert.ok(accepted.get('code'))
  const refused = await client.authorize(ana.browser, 'mux', (fields) => fields.set('answer', 'refuse'))
  assert.equal(refused.get('error'), 'access_denied')
  const silent = await ana.browser.open(client.authorizeUrl('mux', (params) => params.set('prompt', 'none')))
  assert.equal(silent.url.searchParams.get('error'), 'login_required')
  const implicit = await ana.browser.open(client.authorizeUrl('mux', (params) => params.set('response_type', 'token')))
  assert.equal(
    new URLSearchParams(implicit.url.hash.slice(1)).get('iss') ?? implicit.url.searchParams.get('iss'),
    house.origin,
  )
  for (const answer of [accepted, refused, silent.url.searchParams]) {
    assert.equal(answer.get('iss'), house.origin)
    assert.equal(answer.get('state'), 'st')
  }
  assert.deepEqual([...refused.keys()].sort(), ['error', 'error_description', 'iss', 'state'])
})

test('the answer of one server is not taken for that of another, by an independent client nor by the other server', async (t) => {
  const preregistered = [{ id: 'app', name: 'App', redirectUris: [redirectUri] }]
  const yaml = `clients: ${JSON.stringify({ preregistered })}`
  const [honest, other] = [await openHouse(t, { yaml }), await openHouse(t, { yaml })]
  for (const house of [honest, other]) await house.upstream('mux', ['get_asset'])
  const ana = await honest.person('Ana', ['mux/get_asset'])
  const verifier = openid.randomPKCECodeVerifier()
  const configure = (origin: string) =>
    openid.discovery(new URL(origin), 'app', undefined, openid.None(), {
      execute: [openid.allowInsecureRequests],
      algorithm: 'oauth2',
    })
  const otherIssuer = (error: Error) => /"iss"/.test(String(error.cause))
  // The client believes that it speaks with the one, and the person was led to the other.
  const url = openid.buildAuthorizationUrl(await configure(honest.origin), {
    redirect_uri: redirectUri,
    resource: `${honest.origin}/mcp/mux`,
    state: 'st',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const { url: back } = await ana.consent(await ana.browser.open(url))
  const checks = { pkceCodeVerifier: verifier, expectedState: 'st' }
  await assert.rejects(openid.authorizationCodeGrant(await configure(other.origin), back, checks), otherIssuer)
  const stripped = new URL(back)
  stripped.searchParams.delete('iss')
  await assert.rejects(openid.authorizationCodeGrant(await configure(other.origin), stripped, checks), otherIssuer)
  const code = back.searchParams.get('code')
  const elsewhere = new OAuthClient(other, { id: 'app' })
  assert.equal((await elsewhere.redeem(code, { code_verifier: verifier })).error, 'invalid_grant')
  const tokens = await openid.authorizationCodeGrant(await configure(honest.origin), back, checks)
  assert.equal((await elsewhere.refresh(tokens.refresh_token!)).error, 'invalid_grant')
  const door = { method: 'POST', headers: { authorization: `Bearer ${tokens.access_token}` }, body: '{}' }
  assert.equal((await fetch(`${other.url}/mcp/mux`, door)).status, 401)
})

test('an error is shown here, and sent nowhere, when client or redirect address are not known', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const wrong: [string, (params: URLSearchParams) => void][] = [
    ['no client', (params) => params.delete('client_id')],
    ['unknown client', (params) => params.set('client_id', 'nobody')],
    ['client twice', (params) => params.append('client_id', 'nobody')],
    ['no redirect address', (params) => params.delete('redirect_uri')],
    ['redirect address twice', (params) => params.append('redirect_uri', 'https://evil.example/')],
    ['another path', (params) => params.set('redirect_uri', `${redirectUri}/more`)],
    ['another query', (params) => params.set('redirect_uri', `${redirectUri}?x=1`)],
    ['another loopback name', (params) => params.set('redirect_uri', redirectUri.replace('127.0.0.1', 'localhost'))],
    ['another host', (params) => params.set('redirect_uri', 'https://evil.example/callback')],
    ['a userinfo trick', (params) => params.set('redirect_uri', redirectUri.replace('//', '//x@'))],
    ['a fragment', (params) => params.set('redirect_uri', `${redirectUri}#x`)],
    ['javascript', (params) => params.set('redirect_uri', 'javascript:alert(1)')],
  ]
  for (const [name, change] of wrong) {
    const shown = await ana.browser.open(client.authorizeUrl('mux', change))
    assert.equal(shown.status, 400, name)
    assert.equal(shown.url.pathname, '/oauth/authorize', name)
    assert.match(shown.text, /Cannot continue/, name)
    assert.match(shown.headers.get('content-security-policy')!, /default-src 'none'.*frame-ancestors 'none'/, name)
    assert.doesNotMatch(shown.text, /<script|https?:\/\/fonts/, name)
  }
})

test('a loopback redirect address may come with another port, and with nothing else different', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register({ redirect_uris: ['http://127.0.0.1:1/callback', 'https://a.example/callback'] })
  assert.ok((await client.authorize(ana.browser, 'mux')).get('code'))
  const port = await ana.browser.open(
    client.authorizeUrl('mux', (p) => p.set('redirect_uri', 'https://a.example:444/callback')),
  )
  assert.equal(port.status, 400)
})

test('one address can begin only so many authorizations in a minute', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const client = await house.register()
  const url = client.authorizeUrl('mux')
  const statuses: number[] = []
  for (let i = 0; i < 122; i++) {
    const answer = await fetch(url, { redirect: 'manual' })
    await answer.body?.cancel()
    statuses.push(answer.status)
  }
  assert.ok(statuses.slice(0, 120).every((status) => status === 303))
  assert.deepEqual(statuses.slice(120), [429, 429])
})

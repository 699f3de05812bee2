import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { openHouse } from '../house.ts'

const places = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server/mcp/mux',
  '/.well-known/openid-configuration/mcp/mux',
]

test('the metadata is the same wherever clients look for it, and any origin may read it', async (t) => {
  const { url, origin } = await openHouse(t)
  const documents = []
  for (const place of places) {
    const answer = await fetch(url + place, { headers: { origin: 'https://inspector.example' } })
    assert.equal(answer.status, 200, place)
    assert.match(answer.headers.get('content-type')!, /^application\/json/)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
    documents.push(await answer.json())
  }
  for (const document of documents) assert.deepEqual(document, documents[0])
  assert.equal((documents[0] as { issuer: string }).issuer, origin)
})

test('every endpoint that the metadata names is there, and none that it does not name', async (t) => {
  const { url } = await openHouse(t)
  const metadata = (await (await fetch(url + places[0])).json()) as Record<string, string>
  for (const name of ['authorization', 'token', 'registration', 'revocation', 'introspection']) {
    const answer = await fetch(metadata[`${name}_endpoint`]!, { method: name === 'authorization' ? 'GET' : 'POST' })
    assert.equal(answer.status, 400, name)
  }
  for (const path of ['userinfo', 'me', 'session/end', 'request', 'reg', 'device', 'x', '']) {
    assert.equal((await fetch(`${url}/oauth/${path}`, { method: 'POST' })).status, 404, path)
  }
})

test('the keys verify the tokens and hold no private half', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const tokens = await (await house.register()).connect(ana.browser, 'mux')
  const jwks = (await (await fetch(`${house.url}/oauth/jwks`)).json()) as { keys: { kty: 'EC'; d?: string }[] }
  assert.ok(jwks.keys.length > 0 && jwks.keys.every((key) => key.d === undefined))
  const { protectedHeader } = await jwtVerify(tokens.access_token, createLocalJWKSet(jwks))
  assert.equal(protectedHeader.typ, 'at+jwt')
})

test('what is switched off is not announced and not served', async (t) => {
  const { url } = await openHouse(t, {
    yaml: 'clients: { registration: { enabled: false }, metadataDocuments: { enabled: false } }',
  })
  const metadata = (await (await fetch(url + places[0])).json()) as Record<string, unknown>
  assert.ok(!('registration_endpoint' in metadata))
  assert.equal(metadata['client_id_metadata_document_supported'], false)
  assert.equal((await fetch(`${url}/oauth/register`, { method: 'POST', body: '{}' })).status, 404)
})

test('browsers may ask beforehand, and may use only the methods that are served', async (t) => {
  const { url } = await openHouse(t)
  const methods: Record<string, string> = {
    '/.well-known/oauth-authorization-server': 'GET, OPTIONS',
    '/oauth/jwks': 'GET, OPTIONS',
    '/oauth/token': 'POST, OPTIONS',
    '/oauth/register': 'POST, OPTIONS',
    '/oauth/revoke': 'POST, OPTIONS',
  }
  for (const [path, allowed] of Object.entries(methods)) {
    const headers = { origin: 'https://inspector.example', 'access-control-request-method': 'POST' }
    const asked = await fetch(url + path, { method: 'OPTIONS', headers })
    assert.equal(asked.status, 204, path)
    assert.equal(asked.headers.get('access-control-allow-methods'), allowed)
    assert.match(asked.headers.get('access-control-allow-headers')!, /authorization, content-type/)
    assert.equal((await fetch(url + path, { method: 'DELETE' })).status, 405, path)
  }
  const authorize = await fetch(`${url}/oauth/authorize`, { method: 'OPTIONS' })
  assert.equal(authorize.status, 405)
  assert.equal(authorize.headers.get('access-control-allow-origin'), null)
})

test('links and cookies follow the configured origin and not what the wire says', async (t) => {
  const house = await openHouse(t, { origin: 'https://gate.example' })
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const first = await ana.browser.peek(client.authorizeUrl('mux'))
  assert.match(first.headers.get('location')!, /^\/consent\//)
  const names = ana.browser.cookiesSet.map((line) => line.split('=', 1)[0]!)
  assert.ok(names.length > 0 && names.every((name) => /^__(?:Host|Secure)-/.test(name)), names.join())
  for (const line of ana.browser.cookiesSet) {
    assert.match(line, /; secure/i, line)
    assert.match(line, /; httponly/i, line)
    assert.match(line, /; samesite=lax/i, line)
    assert.doesNotMatch(line, /; domain=/i, line)
    if (line.startsWith('__Host-')) assert.match(line, /; path=\/(?:;|$)/, line)
  }
})

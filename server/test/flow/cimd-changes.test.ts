import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { consentPage } from '../../src/oauth/consent/view.ts'
import { redirectUri } from '../browser.ts'
import { openClientHost, sendDocument } from '../fake/client-host.ts'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'

// What a client says of itself is kept as HTTP says (RFC 9111), and nobody's consent outlives what it was given to.

const aMonth = (fields: URLSearchParams) => fields.set('duration', '2592000')

async function open(t: TestContext) {
  const host = await openClientHost(t)
  const house = await openHouse(t, { reach: [host.id] })
  host.document = { client_name: 'Editor', redirect_uris: [redirectUri] }
  await house.upstream('mux', ['get_asset', 'update_asset'])
  const ana = await house.person('Ana', ['mux/*'])
  return { host, house, ana, client: new OAuthClient(house, { id: host.id }) }
}

test('a copy that is not fresh is asked for by its tag, and 304 makes it fresh again', async (t) => {
  const { host, house, ana, client } = await open(t)
  host.answer = (response, headers) => {
    const told = { etag: '"1"', 'cache-control': 'max-age=600' }
    if (headers['if-none-match'] === '"1"') response.writeHead(304, told).end()
    else sendDocument(host, response, told)
  }
  let tokens = await client.connect(ana.browser, 'mux', aMonth)
  house.clock.pass(500_000)
  tokens = await client.refresh(tokens.refresh_token)
  assert.equal(host.asked, 1, 'a fresh copy is not asked for')
  for (const asked of [2, 3]) {
    house.clock.pass(601_000)
    tokens = await client.refresh(tokens.refresh_token)
    assert.equal(tokens.status, 200)
    assert.equal(host.asked, asked)
    assert.equal(host.journal.at(-1)?.['if-none-match'], '"1"')
    house.clock.pass(500_000)
    tokens = await client.refresh(tokens.refresh_token)
    assert.equal(host.asked, asked)
  }
  assert.deepEqual(await house.changes('client.changed'), [])
})

test('a host that answers 304 to who has no copy says nothing', async (t) => {
  const { host, ana, client } = await open(t)
  host.answer = (response) => response.writeHead(304).end()
  assert.equal((await ana.browser.open(client.authorizeUrl('mux'))).status, 400)
})

test('a host that forbids old copies is not stood in for, and one that allows them for an hour is for an hour', async (t) => {
  for (const [cacheControl, hours] of [
    ['max-age=60, must-revalidate', 0],
    ['no-cache', 0],
    ['max-age=60, stale-if-error=3600', 1],
  ] as const) {
    const { host, house, ana, client } = await open(t)
    host.answer = (response) => sendDocument(host, response, { 'cache-control': cacheControl })
    const tokens = await client.connect(ana.browser, 'mux', aMonth)
    host.answer = (response) => response.writeHead(503).end()
    house.clock.pass(120_000)
    const early = await client.refresh(tokens.refresh_token)
    assert.equal(early.status, hours === 0 ? 400 : 200, cacheControl)
    house.clock.pass(3_600_000)
    const late = await client.refresh(early.refresh_token ?? tokens.refresh_token)
    assert.equal(late.error, 'temporarily_unavailable', cacheControl)
    host.answer = (response) => sendDocument(host, response)
    assert.equal((await client.refresh(early.refresh_token ?? tokens.refresh_token)).status, 200, cacheControl)
    await house.close()
  }
})

const key = { kty: 'EC', crv: 'P-256', x: 'a'.repeat(43), y: 'b'.repeat(43), kid: '1' }
const otherRedirect = 'https://elsewhere.example/callback'
const changes: [what: string, change: Record<string, unknown>][] = [
  ['one redirect address more', { redirect_uris: [redirectUri, otherRedirect] }],
  ['keys of its own', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } }],
  ['keys at an address', { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://keys.example/jwks' }],
]
for (const [what, change] of changes) {
  test(`who gave a client access is asked again when it has ${what}`, async (t) => {
    const { host, house, ana, client } = await open(t)
    const bo = await house.person('Bo', ['mux/*'])
    const agent = await ana.connect('mux', ['get_asset'], { client, duration: '2592000' })
    await bo.connect('mux', 'all', { client })
    assert.deepEqual(await agent.list(), ['get_asset'])
    host.document = { ...host.document, ...change }
    // Nobody has asked the host yet: what it says is not known.
    assert.deepEqual(await agent.list(), ['get_asset'])
    house.clock.pass(301_000)

    // The document is read again when somebody connects; that ends what was given before to everybody at once.
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    assert.equal((await agent.rpc('tools/list', {})).status, 401)
    const renewal = await agent.refresh()
    assert.equal(renewal.status >= 400, true, JSON.stringify(renewal.body))
    const grants = await house.rooms.oauth.listGrants({ clientId: host.id })
    assert.equal(grants.length, 2)
    for (const { revokedBecause } of grants)
      assert.match(revokedBecause ?? '', /changed its redirect addresses or its keys/)
    const [changed] = await house.changes('client.changed')
    assert.equal(changed?.about.id, host.id)

    assert.equal(shown.url.pathname.startsWith('/consent/'), true)
    assert.match(shown.text, /changed since you gave it access/)
    const answered = await client.answer(ana.browser, shown)
    assert.match(answered.url.href, /[?&]code=/, answered.text)
    const again = await ana.browser.open(client.authorizeUrl('mux'))
    assert.doesNotMatch(again.text, /changed since you gave it access/)
  })
}

test('a new name or order, or what we do not keep, asks nobody again', async (t) => {
  const { host, house, ana, client } = await open(t)
  host.document = { ...host.document, redirect_uris: [redirectUri, otherRedirect] }
  let tokens = await client.connect(ana.browser, 'mux')
  for (const change of [
    { client_name: 'Renamed' },
    { redirect_uris: [otherRedirect, redirectUri] },
    { logo_uri: 'https://elsewhere.example/logo.svg', tos_uri: 'https://elsewhere.example/' },
  ]) {
    host.document = { ...host.document, ...change }
    house.clock.pass(301_000)
    tokens = await client.refresh(tokens.refresh_token)
    assert.equal(tokens.status, 200, JSON.stringify(change))
  }
})

test('the page says when the answer goes to a host that is not the publisher’s', () => {
  const parts = {
    who: 'Ana',
    uid: 'u',
    csrf: 'c',
    shown: 's',
    tools: [],
    again: false,
    changed: false,
    problem: undefined,
  }
  const place = { name: 'mux', purpose: 'videos', bundle: undefined }
  const page = (id: string, source: 'metadata-document' | 'registration', redirect: string) =>
    consentPage({ ...parts, place, client: { id, source, name: 'Editor' }, redirectUri: redirect })
  const id = 'https://editor.example/client.json'
  const warns = /which is not the publisher/
  assert.doesNotMatch(page(id, 'metadata-document', 'https://editor.example/cb'), warns)
  assert.doesNotMatch(page(id, 'metadata-document', 'https://app.editor.example/cb'), warns)
  for (const elsewhere of [
    'https://elsewhere.example/cb',
    'https://noteditor.example/cb',
    'https://editor.example:8443/cb',
  ]) {
    assert.match(page(id, 'metadata-document', elsewhere), warns, elsewhere)
  }
  // Verified is a host that was reached over TLS, and nothing else.
  assert.match(
    page(id, 'metadata-document', 'https://editor.example/cb'),
    /editor\.example<\/strong>\s*<span[^>]*>verified</,
  )
  assert.doesNotMatch(page('x', 'registration', 'https://editor.example/cb'), />verified</)
})

test('the person is shown whose client it is: verified is a host that was reached over TLS, and no other', async (t) => {
  for (const tls of [true, false]) {
    const host = await openClientHost(t, { tls })
    const house = await openHouse(t, { reach: [host.id] })
    host.document = { client_name: 'Editor', redirect_uris: [redirectUri] }
    await house.upstream('mux', ['get_asset'])
    const ana = await house.person('Ana', ['mux/*'])
    const client = new OAuthClient(house, { id: host.id })
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    const publisher = new URL(host.id).host.replaceAll('.', String.raw`\.`)
    const verified = new RegExp(String.raw`${publisher}</strong>\s*<span[^>]*>verified<`)
    assert.equal(verified.test(shown.text), tls, shown.text)
    assert.match((await client.answer(ana.browser, shown)).url.href, /[?&]code=/)
    await house.close()
  }
})

test('a consent to what the client said a moment ago gives nothing once it says something else', async (t) => {
  const { host, house, ana, client } = await open(t)
  const bo = await house.person('Bo', ['mux/*'])
  await bo.connect('mux', 'all', { client })
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  host.document = { ...host.document, redirect_uris: [redirectUri, otherRedirect] }
  house.clock.pass(301_000)
  const answered = await client.answer(ana.browser, shown)
  assert.equal(answered.status, 422)
  assert.match(answered.text, /Something changed while you were reading/)
  assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: ana.principal.id }), [])
  const [bos] = await house.rooms.oauth.listGrants({ principalId: bo.principal.id })
  assert.notEqual(bos?.revokedAt, undefined)
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { redirectUri } from '../browser.ts'
import { openClientHost, sendDocument } from '../fake/client-host.ts'
import { OAuthClient } from '../oauth-client.ts'
import { Prover } from '../prover.ts'
import { openHouse, type House, type HouseOptions } from '../house.ts'

const withDocuments = (metadataDocuments: object) => ({ yaml: `clients: ${JSON.stringify({ metadataDocuments })}` })

async function open(t: TestContext, given: HouseOptions = {}) {
  const host = await openClientHost(t)
  const house = await openHouse(t, { reach: [host.id], ...given })
  host.document = { client_name: 'Editor', redirect_uris: [redirectUri] }
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  return { host, house, ana, client: new OAuthClient(house, { id: host.id }) }
}

async function refusal(house: House, client: OAuthClient, what: string): Promise<void> {
  const ana = await house.person(what, ['mux/get_asset'])
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  assert.equal(shown.status, 400, what)
  assert.equal(shown.url.pathname, '/oauth/authorize', what)
  assert.match(shown.text, /invalid_client|temporarily_unavailable/, what)
}

test('a client is known by its metadata document, without registering', async (t) => {
  const { host, house, ana, client } = await open(t)
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  assert.match(shown.text, /Editor/)
  assert.match(shown.text, new RegExp(new URL(host.id).host))
  assert.match(shown.text, /a program on this computer/)
  assert.match(shown.text, /Any program on this computer can claim this name/)
  const answer = await client.answer(ana.browser, shown)
  const tokens = await client.redeem(answer.url.searchParams.get('code'))
  assert.equal(tokens.status, 200)
  assert.equal(host.asked, 1)
  assert.equal((await house.rooms.oauth.findClient(host.id))?.source, 'metadata-document')
})

test('a client that nobody gave anything to leaves nothing in the store', async (t) => {
  const { house, ana, client } = await open(t)
  await client.authorize(ana.browser, 'mux', (fields) => fields.set('answer', 'refuse'))
  assert.deepEqual(await house.rooms.oauth.listClients(), [])
})

test('a document that does not say what it must is refused, and asked for again the next time', async (t) => {
  const { host, house, client } = await open(t)
  const good = { ...host.document }
  const wrong: [string, () => void][] = [
    ['another client', () => (host.document = { ...good, client_id: 'https://other.example/client' })],
    ['no name', () => (host.document = { redirect_uris: good['redirect_uris'] })],
    ['no redirect addresses', () => (host.document = { client_name: 'Editor' })],
    ['a secret', () => (host.document = { ...good, client_secret: 'x' })],
    ['a shared-secret method', () => (host.document = { ...good, token_endpoint_auth_method: 'client_secret_basic' })],
    ['too large', () => (host.document = { ...good, x: 'y'.repeat(6_000) })],
    ['not found', () => (host.answer = (response) => response.writeHead(404).end())],
    ['failing', () => (host.answer = (response) => response.writeHead(500).end())],
    ['not JSON', () => (host.answer = (response) => response.end('<html>'))],
    ['a redirect', () => (host.answer = (response) => response.writeHead(302, { location: `${host.id}?2` }).end())],
    ['cut off', () => (host.answer = (response) => response.destroy())],
  ]
  for (const [what, change] of wrong) {
    host.document = good
    host.answer = (response) => sendDocument(host, response)
    change()
    const before = host.asked
    await refusal(house, client, what)
    assert.equal(host.asked - before, 1, `${what}: fetched more than once in a request`)
  }
  host.document = good
  host.answer = (response) => sendDocument(host, response)
  const ana = await house.person('after all', ['mux/get_asset'])
  assert.equal((await client.connect(ana.browser, 'mux')).status, 200)
})

test('a document that never ends is given up', async (t) => {
  const { host, house, client } = await open(t)
  host.answer = (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{')
  await refusal(house, client, 'hanging')
})

test('only a redirect address of the document is answered', async (t) => {
  const { ana, client } = await open(t)
  const shown = await ana.browser.open(client.authorizeUrl('mux', (p) => p.set('redirect_uri', `${redirectUri}/2`)))
  assert.equal(shown.status, 400)
})

test('addresses that are private, not https, or outside the policy of hosts are never asked', async (t) => {
  const host = await openClientHost(t)
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const port = new URL(host.id).port
  for (const id of [host.id, `https://127.0.0.1:${port}/c`, `https://localhost:${port}/c`, `https://[::1]:${port}/c`]) {
    await refusal(house, new OAuthClient(house, { id }), id)
  }
  assert.equal(host.asked, 0)

  const choosy = await open(t, withDocuments({ enabled: true, hosts: ['claude.ai'] }))
  await refusal(choosy.house, choosy.client, 'another host')
  const off = await open(t, withDocuments({ enabled: false, hosts: ['*'] }))
  await refusal(off.house, off.client, 'switched off')
  assert.equal(choosy.host.asked + off.host.asked, 0)
})

test('an outage of the document’s host does not end a connection, for a week', async (t) => {
  const { host, house, ana, client } = await open(t)
  const connect = (fields: URLSearchParams) => fields.set('duration', '2592000')
  let tokens = await client.connect(ana.browser, 'mux', connect)
  host.answer = (response) => response.writeHead(503).end()
  house.clock.pass(6 * 86_400 * 1_000)
  tokens = await client.refresh(tokens.refresh_token)
  assert.equal(tokens.status, 200)
  house.clock.pass(2 * 86_400 * 1_000)
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'temporarily_unavailable')
  host.answer = (response) => sendDocument(host, response)
  assert.equal((await client.refresh(tokens.refresh_token)).status, 200)
})

test('a document that was withdrawn ends the connection at once', async (t) => {
  const { host, house, ana, client } = await open(t)
  const tokens = await client.connect(ana.browser, 'mux')
  host.answer = (response) => response.writeHead(410).end()
  house.clock.pass(400_000)
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_client')
})

test('what a known client changes in its document is recorded', async (t) => {
  const { host, house, ana, client } = await open(t)
  const tokens = await client.connect(ana.browser, 'mux')
  house.clock.pass(400_000)
  const renewed = await client.refresh(tokens.refresh_token)
  assert.deepEqual(await house.changes('client.changed'), [])
  host.document = { ...host.document, client_name: 'Renamed' }
  house.clock.pass(400_000)
  assert.equal((await client.refresh(renewed.refresh_token)).status, 200)
  const [change] = await house.changes('client.changed')
  assert.equal(change?.details?.['name'], 'Renamed')
  assert.equal((await house.rooms.oauth.findClient(host.id))?.name, 'Renamed')
})

test('a document that wants bound tokens alone is heeded, also when it says so later', async (t) => {
  const { host, house, ana, client } = await open(t)
  const tokens = await client.connect(ana.browser, 'mux')
  host.document = { ...host.document, dpop_bound_access_tokens: true }
  house.clock.pass(400_000)
  assert.equal((await client.refresh(tokens.refresh_token)).status, 400)
  const prover = await Prover.make()
  const renew = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  assert.equal((await prover.token(client, renew)).token_type, 'DPoP')
})

test('a revoked client cannot come back by its document', async (t) => {
  const { host, house, ana, client } = await open(t)
  const tokens = await client.connect(ana.browser, 'mux')
  await house.rooms.oauth.revokeClient({ by: ana.principal.id, id: host.id, reason: 'not trusted any more' })
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_client')
  await refusal(house, client, 'revoked')
})

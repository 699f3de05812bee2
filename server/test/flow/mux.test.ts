import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { openMuxApi } from '../fake/mux-api.ts'
import { linkOf, textOf } from '../agent.ts'
import { openHouse, type House } from '../house.ts'

// The genuine Mux server, whose API is a stand-in with a journal: what the journal does not hold did not happen.

const script = fileURLToPath(import.meta.resolve('@mux/mcp/index.js'))
const credential = { MUX_TOKEN_ID: 'canary-id', MUX_TOKEN_SECRET: 'canary-secret' }

async function muxHouse(t: TestContext) {
  const api = await openMuxApi()
  t.after(() => api.close())
  const env = { MUX_BASE_URL: api.url }
  const readable = [script.slice(0, script.indexOf('/node_modules/')) + '/node_modules']
  const launch = { command: process.execPath, args: [script, '--tools=all'], env, network: true, readable }
  const house = await openHouse(t, { yaml: `stdio: ${JSON.stringify({ mux: launch })}\n`, preload: ['mux'] })
  await sealCredential(house)
  await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('mux'))!)
  return { api, house }
}

async function sealCredential(house: House): Promise<void> {
  const { ledger, vault } = house.rooms
  await ledger.recordChange({ by: 'set-up', what: 'connection.put', about: { kind: 'connection', id: 'mux' } }, (tx) =>
    vault.putConnection(tx, { upstream: 'mux', placement: 'env', values: credential, createdBy: 'set-up' }),
  )
}

async function wholeLedger(house: House): Promise<string> {
  const entries = await house.rooms.ledger.listEntries({ after: -1, limit: 1_000 })
  return JSON.stringify(entries)
}

test('a read grant sees 59 tools at the most, and no write passes', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const agent = await ana.connect('mux')
  const listed = await agent.list()
  assert.ok(listed.length > 40 && listed.length <= 59, String(listed.length))

  assert.equal((await agent.call('list_video_assets', {})).status, 200)
  assert.deepEqual(
    api.journal.map((one) => `${one.method} ${one.path}`),
    ['GET /video/v1/assets'],
  )
  const all = await house.rooms.inventory.listTools('mux')
  const writes = all.filter((tool) => tool.effect !== 'read')
  assert.equal(all.length, 98)
  for (const { name } of writes) {
    assert.ok(!listed.includes(name), name)
    const answer = await agent.call(name, {})
    assert.equal(answer.status, 403, name)
  }
  assert.equal(api.journal.length, 1)
})

test('a query string of the client changes nothing', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const agent = await ana.connect('mux')
  const listed = await agent.list()
  for (const query of ['?operation=write', '?tools=dynamic', '?tool=delete_system_signing_keys', '?tools=code']) {
    const path = `/mcp/mux${query}`
    const answer = await agent.rpc('tools/list', {}, { path })
    assert.deepEqual(
      (answer.result['tools'] as { name: string }[]).map((tool) => tool.name),
      listed,
    )
    const call = { name: 'delete_system_signing_keys', arguments: { SIGNING_KEY_ID: 'k1' } }
    // Who comes again with the same grant is led to the page that widens it.
    const refused = await agent.rpc('tools/call', call, { path })
    assert.ok(refused.status === 403 || refused.result['isError'] === true, query)
  }
  assert.equal(api.journal.length, 0)
})

test('only the sealed credential reaches the API, and nothing of the client does', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const agent = await ana.connect('mux')
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'list_video_assets', arguments: {} },
  })
  const answer = await agent.post(body, {
    path: '/mcp/mux?x-mux-token-id=from-query',
    headers: {
      'x-mux-token-id': 'from-client',
      'x-mux-token-secret': 'from-client',
      'x-mux-authorization-token': 'from-client',
      'x-stainless-mcp-client-permissions': '{"allow_http_gets":true}',
      cookie: 'from-client=1',
    },
  })
  assert.equal(answer.status, 200)
  const [seen] = api.journal
  const basic = Buffer.from(`${credential.MUX_TOKEN_ID}:${credential.MUX_TOKEN_SECRET}`).toString('base64')
  assert.equal(seen?.headers['authorization'], `Basic ${basic}`)
  const everything = JSON.stringify(api.journal)
  assert.ok(!everything.includes('from-client') && !everything.includes('from-query'))
  assert.ok(!everything.includes(agent.tokens.access_token.split('.')[2]!), 'the bearer token left the house')
})

test('undeclared arguments and identifiers that climb are refused before anything leaves', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const agent = await ana.connect('mux')
  for (const id of ['../../system/v1/signing-keys', '..', 'a/b', 'a?b=c', 'a#b', '%2e%2e/%2e%2e', 'a\u0000']) {
    const answer = await agent.call('retrieve_video_assets', { ASSET_ID: id })
    assert.equal(answer.result['isError'], true, id)
    assert.match(textOf(answer), /ASSET_ID/)
  }
  const bogus = await agent.call('list_video_assets', { bogus: '1', limit: 5 })
  assert.match(textOf(bogus), /bogus/)
  assert.equal(api.journal.length, 0)
  assert.equal((await agent.call('retrieve_video_assets', { ASSET_ID: 'Ab-1_2' })).result['isError'] ?? false, false)
  assert.equal(api.journal[0]?.path, '/video/v1/assets/Ab-1_2')
})

test('a destructive call reaches the API exactly once, after somebody else approved it', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const bo = await house.person('bo', ['mux/*:approve'])
  const agent = await ana.connect('mux', 'all')
  const call = () => agent.call('delete_system_signing_keys', { SIGNING_KEY_ID: 'k1' })

  const held = await call()
  assert.equal(held.result['isError'], true)
  const link = linkOf(held)
  assert.equal(linkOf(await call()), link, 'the same call has the same request')
  assert.equal((await bo.answer(link, true)).status, 200)

  assert.notEqual(linkOf(await agent.call('delete_system_signing_keys', { SIGNING_KEY_ID: 'k2' })), link)
  const passed = await call()
  assert.equal(passed.result['isError'] ?? false, false, textOf(passed))
  assert.notEqual(linkOf(await call()), link, 'the second use asks again')
  assert.deepEqual(
    api.journal.map((one) => `${one.method} ${one.path}`),
    ['DELETE /system/v1/signing-keys/k1'],
  )
})

test('key material that a tool returns reaches the client and not the ledger', async (t) => {
  const { api, house } = await muxHouse(t)
  const ana = await house.person('ana', ['mux/*'])
  const agent = await ana.connect('mux', ['create_system_signing_keys'])
  const answer = await agent.call('create_system_signing_keys', {})
  assert.ok(textOf(answer).includes(api.privateKey), textOf(answer))
  const ledger = await wholeLedger(house)
  assert.ok(ledger.includes('create_system_signing_keys'))
  for (const secret of [
    api.privateKey,
    ...Object.values(credential),
    agent.tokens.access_token,
    agent.tokens.refresh_token,
  ]) {
    assert.ok(!ledger.includes(secret))
    assert.ok(!house.log.join('').includes(secret))
  }
})

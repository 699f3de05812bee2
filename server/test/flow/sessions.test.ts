import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sessions } from '../../src/gateway/session.ts'
import type { Caller } from '../../src/oauth/access-token.ts'
import { Agent, textOf } from '../agent.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { freePort, openHouse } from '../house.ts'
import { startPostgres } from '../postgres.ts'

// The session of a legacy client is carried by it, sealed for its grant, and is no proof of anything.

const declared = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } }

async function begin(agent: Agent, capabilities: object = declared, protocolVersion = '2025-11-25'): Promise<string> {
  const clientInfo = { name: 'a script', version: '7' }
  const answer = await agent.rpc('initialize', { protocolVersion, capabilities, clientInfo })
  assert.equal(answer.status, 200, JSON.stringify(answer.message))
  assert.equal(answer.result['protocolVersion'], protocolVersion)
  const session = answer.headers.get('mcp-session-id')
  assert.match(session ?? '', /^[\x21-\x7e]{1,4096}$/)
  return session!
}

function callIn(agent: Agent, session: string) {
  return agent.rpc('tools/call', { name: 'read_note', arguments: {} }, { headers: { 'mcp-session-id': session } })
}

function initialized(fake: { journal: { message?: { method?: string; params?: object } | undefined }[] }) {
  const all = fake.journal.flatMap(({ message }) => (message?.method === 'initialize' ? [message.params!] : []))
  // The gateway looks at upstreams on its own account, beside the callers.
  return all.filter((params) => (params as { clientInfo: { name: string } }).clientInfo.name !== 'sallyport')
}

test('an upstream hears what the caller can do and who it is, never what we are, and one caller never another’s', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  const { agent: other } = await connectAll(house, 'bo')
  const before = initialized(fake).length
  assert.equal((await callIn(agent, await begin(agent))).status, 200)
  assert.equal((await callIn(other, await begin(other, { sampling: {} }))).status, 200)
  assert.equal((await other.call('read_note', {})).status, 200)
  const heard = initialized(fake).slice(before) as { capabilities: object; clientInfo: object }[]
  assert.deepEqual(
    heard.map(({ capabilities }) => capabilities),
    [declared, { sampling: {} }, {}],
  )
  assert.deepEqual(heard[0]!.clientInfo, { name: 'a script', version: '7' })
  const used = fake.journal.filter(({ message }) => message?.method === 'tools/call')
  assert.equal(new Set(used.map(({ headers }) => headers['mcp-session-id'])).size, 3, 'no upstream session is shared')
})

test('a modern upstream hears on each request what the legacy caller declared in its handshake, and likewise back', async (t) => {
  const modern = await openFakeHouse(t, { fake: { era: 'modern' } })
  const { agent } = await connectAll(modern.house)
  await callIn(agent, await begin(agent))
  const meta = modern.fake.journal.at(-1)!.message!.params!._meta!
  assert.deepEqual(meta['io.modelcontextprotocol/clientCapabilities'], { ...declared, roots: {} })
  assert.deepEqual(meta['io.modelcontextprotocol/clientInfo'], { name: 'a script', version: '7' })

  const legacy = await openFakeHouse(t, { fake: { era: 'legacy' } })
  const { agent: newer } = await connectAll(legacy.house)
  const before = initialized(legacy.fake).length
  for (const capabilities of [declared, { sampling: {} }, declared])
    assert.equal((await newer.modern('tools/call', { name: 'read_note', arguments: {} }, capabilities)).status, 200)
  const heard = initialized(legacy.fake).slice(before) as { capabilities: object }[]
  assert.deepEqual(
    heard.map(({ capabilities }) => capabilities),
    [declared, { sampling: {} }],
  )
})

test('a session is nobody else’s: not another grant’s, not an altered one, not one that was ended', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent, person } = await connectAll(house)
  const session = await begin(agent)
  const other = await person.connect('desk', 'all')
  const gone = async (by: Agent, id: string) => {
    const answer = await callIn(by, id)
    assert.equal(answer.status, 404)
    assert.equal(answer.error?.code, -32001)
    assert.equal(answer.error?.data?.['fault'], 'gateway.session_unknown')
  }
  const at = session.length - 9
  const altered = session.slice(0, at) + (session[at] === 'A' ? 'B' : 'A') + session.slice(at + 1)
  const calls = fake.calls.length
  await gone(other, session)
  await gone(agent, altered)
  await gone(agent, 'guessed')
  assert.equal(fake.calls.length, calls)
  const headers = { authorization: `Bearer ${agent.tokens.access_token}`, 'mcp-session-id': session }
  const end = () => fetch(agent.resource, { method: 'DELETE', headers })
  const foreign = { ...headers, authorization: `Bearer ${other.tokens.access_token}` }
  assert.equal((await fetch(agent.resource, { method: 'DELETE', headers: foreign })).status, 404)
  assert.equal((await callIn(agent, session)).status, 200)
  assert.equal((await end()).status, 204)
  await gone(agent, session)
  assert.equal((await end()).status, 404)
  assert.equal((await agent.call('read_note', {})).status, 200, 'who names no session is served')
})

test('a session lives a week, however much its client declares', async (t) => {
  const { house, clock } = await openFakeHouse(t)
  const sessions = new Sessions({ sealer: house.rooms.vault, clock, store: house.rooms.store })
  const caller = { grantId: 'g' } as unknown as Caller
  const capabilities = { experimental: { big: { text: 'x'.repeat(100_000) } }, sampling: {} }
  const header = sessions.begin(caller, { capabilities }, '2025-11-25')
  assert.ok(header.length < 4_096, `${header.length} characters travel with each request`)
  assert.deepEqual((await sessions.find(caller, header))?.client.capabilities, { sampling: {} })
  clock.pass(7 * 24 * 3_600_000 - 1_000)
  assert.ok(await sessions.find(caller, header))
  clock.pass(2_000)
  await assert.rejects(sessions.find(caller, header), { code: 'gateway.session_unknown' })
})

test('a client cannot fill the store with sessions that it ends', async (t) => {
  const { house, clock } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const { agent: other } = await connectAll(house, 'bo')
  const sessions = new Sessions({ sealer: house.rooms.vault, clock, store: house.rooms.store })
  const caller = { grantId: agent.grantId } as unknown as Caller
  for (let ended = 0; ended < 1_000; ended++) {
    const header = sessions.begin(caller, {}, '2025-11-25')
    assert.ok(await sessions.end(header, (await sessions.find(caller, header))!))
  }
  const end = (by: Agent, session: string) =>
    fetch(by.resource, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${by.tokens.access_token}`, 'mcp-session-id': session },
    })
  const session = await begin(agent)
  const refused = await end(agent, session)
  assert.equal(refused.status, 405)
  assert.equal(refused.headers.get('allow'), 'GET, POST')
  assert.equal((await callIn(agent, session)).status, 200, 'it lives on')
  assert.equal((await end(other, await begin(other))).status, 204, 'others end theirs')
  clock.pass(7 * 24 * 3_600_000 + 1_000)
  const later = sessions.begin(caller, {}, '2025-11-25')
  assert.ok(await sessions.end(later, (await sessions.find(caller, later))!), 'a week later it may end others')
})

test('a session goes on and ends at any replica; a call that waits for its client goes on where it is held', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const databaseUrl = await postgres.createDatabase()
  const { house, fake } = await openFakeHouse(t, { house: { databaseUrl } })
  const { agent } = await connectAll(house)
  const port = await freePort()
  const env = { SALLYPORT_LISTEN: `127.0.0.1:${port}` }
  const { dataDir, origin } = house
  const second = await openHouse(t, { databaseUrl, dataDir, origin, port, env, reach: [fake.url] })
  const url = await openHostProxy(t, second)
  const { upstream, client, resource, tokens } = agent
  const there = new Agent({ origin: url, upstream, client, resource, tokens })
  const session = await begin(agent)
  const before = initialized(fake).length
  assert.equal((await callIn(there, session)).status, 200)
  assert.deepEqual((initialized(fake)[before] as { capabilities: object }).capabilities, declared)
  const headers = { authorization: `Bearer ${agent.tokens.access_token}`, 'mcp-session-id': session }
  assert.equal((await fetch(`${url}/mcp/desk`, { method: 'DELETE', headers })).status, 204)
  assert.equal((await callIn(agent, session)).status, 404)

  // A call that waits for its client is held by one replica; at the other nothing is repeated, and the first goes on.
  const params = { name: 'ask_form', arguments: {} }
  const asked = await agent.modern('tools/call', params, declared)
  assert.equal(asked.result['resultType'], 'input_required', JSON.stringify(asked.message))
  const { requestState, inputRequests } = asked.result
  const answer = { action: 'accept', content: { name: 'Ana' } }
  const inputResponses = Object.fromEntries(Object.keys(inputRequests as object).map((key) => [key, answer]))
  const retry = { ...params, requestState, inputResponses }
  const elsewhere = await there.modern('tools/call', retry, declared)
  assert.equal(elsewhere.status, 409)
  assert.match(elsewhere.error!.message, /outcome unknown: http/)
  assert.deepEqual(JSON.parse(textOf(await agent.modern('tools/call', retry, declared))), answer)
  assert.equal(fake.calls.filter(({ name }) => name === 'ask_form').length, 1)
})

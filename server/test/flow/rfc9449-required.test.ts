import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Proof } from '../../src/model/upstream.ts'
import { open as openHandle } from '../../src/store/engine/handle.ts'
import { Agent } from '../agent.ts'
import { openBoundHouse, readNote } from '../bound-house.ts'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { freePort, openHouse, type House } from '../house.ts'
import { claimsOf, type OAuthClient } from '../oauth-client.ts'
import { sendForm, textOn } from '../operator.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { openEveryWay, sendWith } from '../ways.ts'

// An upstream that takes only tokens which are bound to a key, and the proofs of them at several replicas.

const demand = ({ rooms }: House, proof: Proof, name = 'notes') =>
  rooms.inventory.setProof({ by: 'set-up', name, proof, reason: 'for this test' })

const agentOf = (house: House, client: OAuthClient, tokens: { access_token: string }) =>
  new Agent({
    origin: house.url,
    upstream: 'notes',
    client: client.id,
    resource: client.resourceOf('notes'),
    tokens: { expires_in: 300, refresh_token: '', ...tokens },
  })

test('an administrator sets by page or API which tokens an upstream takes, and the ledger says so', async (t) => {
  const { house } = await openBoundHouse(t)
  const ida = await house.person('Ida', ['administer'])
  const page = await ida.browser.open('/upstreams/notes')
  assert.doesNotMatch(textOn(page), /only such as are bound/)
  const set = { to: '/upstreams/notes/proof', proof: 'required', reason: 'it holds salaries' }
  const shown = await sendForm(ida, page, set)
  assert.match(textOn(shown), /It is set which tokens it takes\..*Access tokens only such as are bound to a key/)
  const [change] = await house.changes('upstream.proof_set')
  assert.deepEqual(
    [change?.by, change?.reason, change?.details],
    [ida.principal.id, 'it holds salaries', { proof: 'required' }],
  )
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: ida.principal, label: 'cli' })
  const api = (path: string, body?: object) =>
    fetch(`${house.url}/api/v1/upstreams/notes${path}`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
  assert.equal(((await (await api('')).json()) as { proof: string }).proof, 'required')
  assert.equal((await api('/proof', { proof: 'never', reason: 'none' })).status, 400)
  assert.ok((await api('/proof', { proof: 'optional', reason: 'few clients can' })).ok)
  assert.equal((await house.rooms.inventory.findUpstream('notes'))?.proof, 'optional')
})

test('where it is required, no other token calls, lists, listens or begins a session, and the answer says why', async (t) => {
  const { house, upstream, ana, prover, connect, door } = await openBoundHouse(t)
  const agent = await ana.connect('notes', ['read_note'])
  const { access_token: bound } = await connect()
  await demand(house, 'required')
  const asks: Record<string, () => Promise<{ status: number; headers: Headers }>> = {
    call: () => agent.call('read_note'),
    'modern call': () => agent.modern('tools/call', { name: 'read_note' }),
    list: () => agent.rpc('tools/list', {}),
    ping: () => agent.rpc('ping', {}),
    initialize: () => agent.rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} }),
    discover: () => agent.modern('server/discover', {}),
    notification: () => agent.post(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })),
    stream: () => EventReader.open(agent),
  }
  for (const [what, ask] of Object.entries(asks)) {
    const { status, headers } = await ask()
    assert.equal(status, 401, what)
    assert.match(
      headers.get('www-authenticate') ?? '',
      /^DPoP resource_metadata="[^"]*", .*error="invalid_token".*algs="/,
    )
  }
  const nobody = await fetch(door, { method: 'POST', body: '{}' })
  assert.match(
    nobody.headers.get('www-authenticate') ?? '',
    /^DPoP resource_metadata="[^"]*", scope="mcp", algs="[^"]*"$/,
  )
  assert.deepEqual(upstream.calls, [])
  const denials = await house.entries('denial')
  assert.deepEqual(
    denials.map(({ reason }) => reason),
    ['upstream.wants_proof', 'upstream.wants_proof'],
  )
  assert.equal((await prover.rpc(door, bound, readNote)).status, 200)
  await demand(house, 'optional')
  assert.equal((await agent.call('read_note')).status, 200)
  const anybody = await fetch(door, { method: 'POST', body: '{}' })
  assert.match(anybody.headers.get('www-authenticate') ?? '', /^Bearer /)
})

test('a stream that was opened with another token ends when proof is required, and a proven one stays', async (t) => {
  const { house, ana, prover, connect, client, door } = await openBoundHouse(t)
  const agent = await ana.connect('notes', ['read_note'])
  const plain = await EventReader.open(agent)
  const { access_token: token } = await connect()
  await prover.rpc(door, token, readNote)
  const dpop = await prover.proof('GET', door, { token })
  const proven = await EventReader.open(agentOf(house, client, { access_token: token }), {
    headers: { authorization: `DPoP ${token}`, dpop },
  })
  assert.deepEqual([plain.status, proven.status], [200, 200])
  assert.ok(proven.headers.get('dpop-nonce'))
  await demand(house, 'required')
  assert.equal(await plain.ended, 'ended')
  let over = false
  void proven.ended.then(() => (over = true))
  assert.equal((await prover.rpc(door, token, readNote)).status, 200)
  assert.equal(over, false)
  const grantId = claimsOf(token).payload['grant_id'] as string
  await house.rooms.oauth.revokeGrant({ by: 'set-up', id: grantId, reason: 'for this test' })
  assert.equal(await proven.ended, 'ended')
})

test('no token is issued that the upstream would refuse, and who comes without proof loses nothing by it', async (t) => {
  const { house, ana, client, prover, connect } = await openBoundHouse(t)
  const plain = await client.connect(ana.browser, 'notes')
  await demand(house, 'required')
  const refused = await client.refresh(plain.refresh_token)
  assert.deepEqual([refused.status, refused.error], [400, 'invalid_dpop_proof'])
  const renewed = await prover.token(client, { grant_type: 'refresh_token', refresh_token: plain.refresh_token })
  assert.equal(renewed.token_type, 'DPoP')
  const code = (await client.authorize(ana.browser, 'notes')).get('code')
  assert.equal((await client.redeem(code)).error, 'invalid_dpop_proof')
  assert.equal((await connect()).token_type, 'DPoP')
})

test('what is presented without the proof that is demanded is not spent, whoever demands it', async (t) => {
  const { house, client, prover, ways } = await openEveryWay(t, { dpop_bound_access_tokens: true })
  await prover.redeem(client, 'none')
  const presented = async (way: string) => {
    const form = await ways[way]!()
    for (let time = 0; time < 2; time++) assert.equal(await sendWith(house.url, form, undefined), 'invalid_dpop_proof')
    const dpop = () => prover.proof('POST', `${house.origin}/oauth/token`)
    assert.equal(await sendWith(house.url, form, await dpop()), 'taken', way)
    assert.equal(await sendWith(house.url, form, await dpop()), 'invalid_grant', way)
  }
  await presented('identity assertion')
  await demand(house, 'required')
  await presented('workload token')
})

test('the metadata says which proofs are taken, and of a resource whether it takes nothing else', async (t) => {
  const { house } = await openBoundHouse(t)
  const read = async (path: string) =>
    (await (await fetch(`${house.url}/.well-known/${path}`)).json()) as Record<string, unknown>
  const algorithms = (await read('oauth-authorization-server'))['dpop_signing_alg_values_supported'] as string[]
  assert.ok(algorithms.includes('ES256') && !algorithms.some((alg) => /^(?:HS|none)/.test(alg)))
  const before = await read('oauth-protected-resource/mcp/notes')
  assert.deepEqual(before['dpop_signing_alg_values_supported'], algorithms)
  assert.ok(!('dpop_bound_access_tokens_required' in before))
  await demand(house, 'required')
  assert.equal((await read('oauth-protected-resource/mcp/notes'))['dpop_bound_access_tokens_required'], true)
})

test('at the address of a bundle, a member that requires proof is there for proven callers alone', async (t) => {
  const { house, upstream, prover } = await openBoundHouse(t)
  await house.httpUpstream('desk', upstream.url)
  const owner = await house.person('owner of office')
  const members = [
    { upstream: 'notes', prefix: 'notes' },
    { upstream: 'desk', prefix: 'desk' },
  ]
  const given = { by: 'set-up', name: 'office', purpose: 'all of the office', reason: 'for a test' }
  await house.rooms.inventory.makeBundle({ ...given, ownerId: owner.principal.id, members })
  await demand(house, 'required')
  const bo = await house.person('bo', ['notes/*', 'desk/*'])
  const agent = await bo.connect('office', 'all')
  assert.deepEqual(await agent.list(), ['desk_read_note'])
  const refused = await agent.call('notes_read_note')
  assert.deepEqual([refused.status, refused.error?.data?.['fault']], [401, 'oauth.proof_missing'])
  assert.equal((await agent.call('desk_read_note')).status, 200)
  const client = await house.register()
  const code = (await client.authorize(bo.browser, 'office')).get('code')
  const { access_token: token } = await prover.redeem(client, code)
  const office = `${house.origin}/mcp/office`
  const listed = (await (await prover.rpc(office, token, { method: 'tools/list' })).json()) as {
    result: { tools: { name: string }[] }
  }
  assert.deepEqual(
    listed.result.tools.map(({ name }) => name),
    ['notes_read_note', 'desk_read_note'],
  )
  await demand(house, 'required', 'desk')
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  const metadata = await (await fetch(`${house.url}/.well-known/oauth-protected-resource/mcp/office`)).json()
  assert.equal((metadata as Record<string, unknown>)['dpop_bound_access_tokens_required'], true)
})

test('a client that said it wants bound tokens alone gets no other, wherever it said so', async (t) => {
  const { house, ana, prover, connect } = await openBoundHouse(t)
  const sure = await house.register({ dpop_bound_access_tokens: true })
  const code = (await sure.authorize(ana.browser, 'notes')).get('code')
  assert.equal((await sure.redeem(code)).status, 400)
  const tokens = await connect(sure)
  assert.equal(tokens.token_type, 'DPoP')
  assert.equal((await sure.refresh(tokens.refresh_token)).status, 400)
  const renew = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  assert.equal((await prover.token(sure, renew)).status, 200)
  const odd = await fetch(`${house.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['https://a.example/'], dpop_bound_access_tokens: 'yes' }),
  })
  assert.deepEqual([odd.status, ((await odd.json()) as { error: string }).error], [400, 'invalid_client_metadata'])
})

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

test('a proof that one replica took is refused by the others, and nonces are one for all', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-replicas-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const databaseUrl = await postgres.createDatabase()
  const [first, second] = [await freePort(), await freePort()]
  const { house, upstream, prover, connect, door } = await openBoundHouse(t, { databaseUrl, dataDir, port: first })
  const { origin } = house
  const other = await openHouse(t, { databaseUrl, dataDir, port: second, origin, reach: [upstream.url] })
  const urls = [house.url, await openHostProxy(t, other)]
  const { access_token: token } = await connect()
  const send = async (at: string, dpop: string) => {
    const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...readNote })
    return (await fetch(`${at}/mcp/notes`, { method: 'POST', headers, body })).status
  }
  const dpop = await prover.proof('POST', door, { token })
  const statuses = await Promise.all(Array.from({ length: 20 }, (_, at) => send(urls[at % 2]!, dpop)))
  assert.deepEqual(
    statuses.toSorted((a, b) => a - b),
    [200, ...Array<number>(19).fill(401)],
  )
  for (const url of urls) assert.equal(await send(url, await prover.proof('POST', door, { token })), 200)
  assert.equal(upstream.calls.length, 3)
})

test('a proof with which one replica gave a token gets none at another, of whatever grant type', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-replicas-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const databaseUrl = await postgres.createDatabase()
  const { house, client, prover, ways, options } = await openEveryWay(
    t,
    {},
    {
      databaseUrl,
      dataDir,
      port: await freePort(),
    },
  )
  const { origin } = house
  const second = await openHouse(t, { ...options, port: await freePort(), origin })
  const [here, there] = [house.url, await openHostProxy(t, second)]
  await prover.redeem(client, 'none')
  for (const [one, other] of [
    ['refresh_token', 'identity assertion'],
    ['identity assertion', 'refresh_token'],
    ['authorization_code', 'client_credentials'],
    ['token-exchange', 'authorization_code'],
  ] as const) {
    const [before, after] = [await ways[one]!(), await ways[other]!()]
    const dpop = await prover.proof('POST', `${origin}/oauth/token`)
    assert.equal(await sendWith(here, before, dpop), 'taken', one)
    assert.equal(await sendWith(there, after, dpop), 'invalid_dpop_proof', `${one}, then ${other}`)
  }
})

test('what was proved is remembered through a restart, and forgotten when no proof of then is good any more', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-proofs-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  t.mock.timers.enable({ apis: ['setInterval'] })
  const port = await freePort()
  const { house, upstream, prover, connect, door } = await openBoundHouse(t, { dataDir, port })
  const { access_token: token } = await connect()
  const dpop = await prover.proof('POST', door, { token })
  const send = async () => {
    const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' }
    return (
      await fetch(door, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...readNote }) })
    ).status
  }
  assert.equal(await send(), 200)
  await house.close()
  const again = await openHouse(t, { dataDir, port, reach: [upstream.url] })
  assert.equal(await send(), 401)
  const kept = async () => (await openHandle(again.rooms.store).selectFrom('spent').select('id').execute()).length
  assert.equal(await kept(), 2, 'that of the token as well')
  again.clock.pass(16 * 60_000)
  t.mock.timers.tick(600_000)
  await until(async () => (await kept()) === 0, 'it is forgotten')
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test, type TestContext } from 'node:test'
import { Agent } from '../agent.ts'
import { type CutProxy, openCutProxy } from '../fake/cut-proxy.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { type FakeMcpServer, openFakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { type House, openHouse } from '../house.ts'
import { inTime, until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

// G4: three replicas on one PostgreSQL, one of which can be cut off from it.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

interface Replicas {
  houses: [House, House, House]
  /** Where each is reached. */
  urls: [string, string, string]
  /** Between the third and the database. */
  cable: CutProxy
  upstream: FakeMcpServer
}

const reason = 'for a test'
const leaseMs = 5_000

async function openReplicas(t: TestContext): Promise<Replicas> {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_asset'), toolNamed('hang')] })
  t.after(() => upstream.close())
  const database = new URL(await postgres.createDatabase())
  const cable = await openCutProxy(t, Number(database.port))
  const through = new URL(database)
  through.host = `127.0.0.1:${cable.port}`
  const shared = { reach: [upstream.url], origin: undefined as string | undefined }
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const one = await openHouse(t, { reach: shared.reach, env, databaseUrl: database.href })
  const others = { reach: shared.reach, env: { ...env, SALLYPORT_ORIGIN: one.origin } }
  const two = await openHouse(t, { ...others, databaseUrl: database.href })
  const three = await openHouse(t, { ...others, databaseUrl: through.href })
  await one.httpUpstream('mux', upstream.url)
  const urls = await Promise.all([one, two, three].map((house) => openHostProxy(t, house)))
  return { houses: [one, two, three], urls: urls as [string, string, string], cable, upstream }
}

/** The same client, speaking to another replica. */
function at(url: string, { upstream, client, resource, tokens }: Agent): Agent {
  return new Agent({ origin: url, upstream, client, resource, tokens })
}

async function openStream(url: string, { tokens }: Agent): Promise<Response> {
  const stream = await fetch(`${url}/mcp/mux`, {
    headers: { authorization: `Bearer ${tokens.access_token}`, accept: 'text/event-stream' },
  })
  assert.equal(stream.status, 200)
  return stream
}

test('when a revocation returns, no replica makes one more call by the old right', async (t) => {
  const { houses, urls, upstream } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  for (let round = 0; round < 5; round++) {
    const agent = await ana.connect('mux', 'all')
    const agents = urls.map((url) => at(url, agent))
    const stop = new AbortController()
    const seen = agents.map((): number[] => [])
    const calling = agents.map(async (one, n) => {
      while (!stop.signal.aborted) seen[n]!.push((await one.call('read_asset')).status)
    })
    await until(() => seen.every((statuses) => statuses.includes(200)), 'each replica has made calls')
    await houses[0].rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
    const made = upstream.calls.length
    await until(async () => {
      const answers = await Promise.all(agents.map((one) => one.call('read_asset')))
      return answers.every(({ status }) => status === 401)
    }, 'every replica refuses')
    assert.equal(upstream.calls.length, made, 'a call was made after the revocation had returned')
    stop.abort()
    await Promise.all(calling)
    for (const statuses of seen) assert.notEqual(statuses.at(-1), 200)
  }
})

test('a replica that is cut off makes no call at all, lists nothing after its lease, and ends its streams', async (t) => {
  const { houses, urls, cable, upstream } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  const agent = await ana.connect('mux', 'all')
  const cut = at(urls[2], agent)
  assert.equal((await cut.call('read_asset')).status, 200)
  const stream = await openStream(urls[2], agent)
  const hanging = cut.call('hang')
  await until(() => upstream.calls.some(({ name }) => name === 'hang'), 'the call reached the upstream')

  // Its monotonic clock moves by our hand alone from here on: whatever ends by the lease ends within five of its seconds.
  houses[2].clock.stop()
  cable.cut()
  await houses[0].rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
  const made = upstream.calls.length
  assert.equal((await cut.call('read_asset')).status, 503)
  assert.equal((await at(urls[1], agent).call('read_asset')).status, 401)
  houses[2].clock.pass(leaseMs)
  assert.equal((await cut.rpc('tools/list', {})).status, 503)
  await inTime(stream.text(), 'its stream has ended')
  await inTime(hanging, 'the call under way has ended')
  assert.equal(upstream.calls.length, made)

  cable.join()
  await until(async () => (await cut.call('read_asset')).status === 401, 'it hears of the revocation')
  assert.equal(upstream.calls.length, made)
})

test('a hundred parallel refreshes at three replicas leave at most one winner, and none after a revocation', async (t) => {
  const { houses, urls } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  const agent = await ana.connect('mux', 'all')
  const agents = urls.map((url) => at(url, agent))
  const answers = await Promise.all(
    Array.from({ length: 99 }, (_, n) => agents[n % 3]!.refresh(agent.tokens.refresh_token)),
  )
  assert.ok(answers.filter(({ status }) => status === 200).length <= 1)
  const again = await ana.connect('mux', 'all')
  await houses[0].rooms.oauth.revokeGrant({ by: 'set-up', id: again.grantId, reason })
  for (const url of urls) assert.equal((await at(url, again).refresh()).status, 400)
})

test('who demands the revision that a change answered is decided by no older state, at any replica', async (t) => {
  const { houses, urls } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  const ida = await houses[0].person('ida', ['administer'])
  const { key } = await houses[0].rooms.identity.makeOperatorKey({ principal: ida.principal, label: 'test' })
  const agent = await ana.connect('mux', 'all')
  const change = async (path: string, body: object): Promise<string> => {
    const answer = await fetch(`${houses[0].url}/api/v1/people/${ana.principal.id}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, reason }),
    })
    assert.equal(answer.status, 200, await answer.text())
    return answer.headers.get('sallyport-revision')!
  }
  const listed = async (url: string, revision: string): Promise<string[]> => {
    const { status, result } = await at(url, agent).rpc(
      'tools/list',
      {},
      { headers: { 'sallyport-revision': revision } },
    )
    assert.equal(status, 200)
    return (result['tools'] as { name: string }[]).map(({ name }) => name)
  }
  for (let round = 0; round < 20; round++) {
    const [right] = (await houses[0].rooms.inventory.listRights(ana.principal.id)).filter(
      (one) => one.tool === 'read_asset',
    )
    const without = await change('revoke', { entitlements: [right!.id] })
    for (const url of urls) assert.ok(!(await listed(url, without)).includes('read_asset'), url)
    const again = await change('entitle', { right: 'use', upstream: 'mux', tools: ['read_asset'] })
    for (const url of urls) assert.ok((await listed(url, again)).includes('read_asset'), url)
  }
  const { status } = await at(urls[1], agent).rpc('tools/list', {}, { headers: { 'sallyport-revision': '999999' } })
  assert.equal(status, 503)
  const odd = await at(urls[1], agent).rpc('tools/list', {}, { headers: { 'sallyport-revision': '1e3' } })
  assert.equal(odd.status, 400)
})

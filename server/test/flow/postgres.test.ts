import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openFakeMcpServer, type FakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { Agent, linkOf } from '../agent.ts'
import { freePort, openHouse, type House } from '../house.ts'
import { until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { sampleEntry } from '../sample-ledger.ts'

// Several Sallyports on one PostgreSQL: one origin, one master key, one memory.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

interface Replicas {
  houses: House[]
  /** Where each is reached. */
  urls: string[]
  upstream: FakeMcpServer
}

const inputSchema = { type: 'object', properties: { id: { type: 'string' } } }

async function openReplicas(t: TestContext, count: number): Promise<Replicas> {
  const upstream = await openFakeMcpServer({
    tools: [toolNamed('read_asset', { inputSchema }), toolNamed('delete_asset', { inputSchema }), toolNamed('hang')],
  })
  t.after(() => upstream.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-replicas-'))
  const env = { DATABASE_URL: await postgres.createDatabase() }
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  // One origin, that of the first; a proxy before each, so that each can be spoken to.
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
  const origin = `http://127.0.0.1:${ports[0]}`
  const houses = await Promise.all(
    ports.map((port) =>
      openHouse(t, {
        reach: [upstream.url],
        dataDir,
        port,
        env: { ...env, SALLYPORT_ORIGIN: origin, SALLYPORT_LISTEN: `127.0.0.1:${port}` },
      }),
    ),
  )
  return { houses, urls: await Promise.all(houses.map((house) => openHostProxy(t, house))), upstream }
}

/** The same client, speaking to another replica. */
function at(url: string, agent: Agent): Agent {
  const { upstream, client, resource, tokens } = agent
  return new Agent({ origin: url, upstream, client, resource, tokens })
}

const reason = 'for a test'

test('those that start at once on an empty database are one house', async (t) => {
  const { houses, urls } = await openReplicas(t, 3)
  const ledgers = houses.map(({ rooms }) => [rooms.ledger.origin, rooms.ledger.key])
  for (const ledger of ledgers) assert.deepEqual(ledger, ledgers[0])
  const keys = await Promise.all(urls.map(async (url) => (await fetch(`${url}/oauth/jwks`)).json()))
  for (const set of keys) assert.deepEqual(set, keys[0])
  const entries = await houses[2]!.rooms.ledger.listEntries({ after: -1, limit: 1_000 })
  assert.equal(entries.filter(({ entry }) => entry.kind === 'change' && entry.what === 'ledger.opened').length, 1)
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    entries.map((_, seq) => seq),
  )
})

test('a client that connected at one calls at another, and an approval is used once among all', async (t) => {
  const { houses, urls, upstream } = await openReplicas(t, 2)
  const [one, two] = houses as [House, House]
  await one.httpUpstream('mux', upstream.url, { effects: { delete_asset: 'destructive' } })
  const ana = await one.person('ana', ['mux/*'])
  const bo = await one.person('bo', ['mux/delete_asset:approve'])
  const agent = await ana.connect('mux', 'all')
  const other = at(urls[1]!, agent)
  assert.deepEqual(await other.list(), await agent.list())
  assert.equal((await other.call('read_asset', { id: 'a1' })).status, 200)
  const held = await other.call('delete_asset', { id: 'a1' })
  await bo.answer(linkOf(held), true)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, round) => (round % 2 === 0 ? agent : other).call('delete_asset', { id: 'a1' })),
  )
  const passed = answers.filter(({ result }) => result['content'] !== undefined && result['isError'] !== true)
  assert.equal(passed.length, 1)
  assert.equal(upstream.calls.filter(({ name }) => name === 'delete_asset').length, 1)
  assert.equal((await other.refresh()).status, 200)
  const size = await one.rooms.ledger.size()
  assert.equal(await two.rooms.ledger.size(), size)
})

test('what is withdrawn at one ends at the other: calls, streams and pending approvals', async (t) => {
  const { houses, urls, upstream } = await openReplicas(t, 2)
  const [one, two] = houses as [House, House]
  await one.httpUpstream('mux', upstream.url, { effects: { delete_asset: 'destructive' } })
  const ana = await one.person('ana', ['mux/*'])
  const agent = at(urls[1]!, await ana.connect('mux', 'all'))
  const held = linkOf(await agent.call('delete_asset', { id: 'a1' }))
  const stream = await fetch(`${urls[1]}/mcp/mux`, {
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, accept: 'text/event-stream' },
  })
  assert.equal(stream.status, 200)
  const hanging = agent.call('hang', {})
  await until(() => upstream.calls.some(({ name }) => name === 'hang'), 'the call reached the upstream')
  await one.rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
  // Not a moment later: the intent of a call comes after the end in the ledger that both write.
  for (const { status } of await Promise.all(Array.from({ length: 5 }, () => agent.call('read_asset', {})))) {
    assert.ok(status === 401 || status === 403, String(status))
  }
  assert.deepEqual(upstream.calls, [{ name: 'hang', arguments: {} }])
  await stream.text()
  assert.equal((await hanging).status, 403)
  await until(async () => (await agent.call('read_asset', {})).status === 401, 'the next call is refused')
  const before = upstream.calls.length
  assert.equal((await agent.call('read_asset', {})).status, 401)
  assert.equal(upstream.calls.length, before)
  assert.equal((await two.rooms.approvals.get(held.split('/').at(-1)!)).state, 'cancelled')
  assert.equal((await agent.refresh()).status, 400)
})

test('an intent knows of every change that stands before it in the ledger, whichever replica made it', async (t) => {
  const { houses } = await openReplicas(t, 2)
  const [one, two] = houses.map(({ rooms }) => rooms.ledger) as [Ledger, Ledger]
  const sample = sampleEntry(0)
  assert.ok(sample.kind === 'intent')
  const { v: _version, at: _at, kind: _kind, ...intent } = sample
  const change = { by: 'system', what: 'setting.set', about: { kind: 'setting', id: 'x' } } as const
  const base = await one.recordIntent({ ...intent, callId: randomUUID() })
  const receipts = await Promise.all(
    Array.from({ length: 40 }, async (_, round) => {
      if (round % 2 === 0) await one.recordChange(change, async () => undefined)
      return two.recordIntent({ ...intent, callId: randomUUID() }, round % 3 === 0 ? async () => undefined : undefined)
    }),
  )
  const entries = await one.listEntries({ after: base.seq, limit: 1_000 })
  for (const { seq, revision } of receipts) {
    const changes = entries.filter((placed) => placed.seq < seq && placed.entry.kind === 'change').length
    assert.equal(revision, base.revision + changes)
  }
})

test('no two changes at two replicas leave nobody who administers, or undo each other', async (t) => {
  const { houses, upstream } = await openReplicas(t, 2)
  const [one, two] = houses as [House, House]
  await one.httpUpstream('mux', upstream.url)
  for (let round = 0; round < 3; round++) {
    const [ana, bo] = [
      await one.person(`ana-${round}`, ['administer']),
      await one.person(`bo-${round}`, ['administer']),
    ]
    for (const { id } of await administrators(one, [ana.principal.id, bo.principal.id])) {
      await one.rooms.inventory.revokeEntitlement({ by: 'set-up', id, reason })
    }
    const [first, second] = (await administrators(one, [])) as [{ id: string }, { id: string }]
    const ended = await Promise.allSettled([
      one.rooms.inventory.revokeEntitlement({ by: 'set-up', id: first.id, reason }),
      two.rooms.inventory.revokeEntitlement({ by: 'set-up', id: second.id, reason }),
    ])
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await administrators(one, [])).length, 1)
    const tool = { by: 'set-up', upstream: 'mux', tool: 'read_asset', reason }
    await Promise.all([
      one.rooms.inventory.withdrawTool(tool),
      two.rooms.inventory.setEffect({ ...tool, effect: 'destructive', traits: [] }),
      one.rooms.inventory.allowArgument({ ...tool, argument: `a${round}` }),
      two.rooms.inventory.allowArgument({ ...tool, argument: `b${round}` }),
    ])
    const { tool: left } = (await two.rooms.inventory.findToolDetail('mux', 'read_asset'))!
    assert.deepEqual([left.pin, left.effect], ['withdrawn', 'destructive'])
    assert.ok(
      [`a${round}`, `b${round}`].every((name) => left.allowedArguments.includes(name)),
      left.allowedArguments.join(),
    )
    const { liveDigest } = left
    await one.rooms.inventory.pinTools({ by: 'set-up', upstream: 'mux', digests: { read_asset: liveDigest! }, reason })
  }

  async function administrators({ rooms }: House, but: string[]): Promise<{ id: string }[]> {
    const all = await rooms.inventory.listEntitlements({
      right: 'administer',
      upstream: '*',
      tool: '*',
      activeAt: Date.now(),
    })
    return all.filter(({ principalId }) => !but.includes(principalId))
  }
})

test('without its database it sends nothing, says so, and lives', async (t) => {
  const own = await startPostgres()
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_asset', { inputSchema })] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url], env: { DATABASE_URL: await own.createDatabase() } })
  await house.httpUpstream('mux', upstream.url)
  const agent = await (await house.person('ana', ['mux/*'])).connect('mux', 'all')
  assert.equal((await agent.call('read_asset', { id: 'a1' })).status, 200)
  await own.stop()
  for (const answer of await Promise.all(Array.from({ length: 5 }, () => agent.call('read_asset', { id: 'a1' })))) {
    assert.equal(answer.status, 503)
    assert.doesNotMatch(JSON.stringify(answer.message), /postgres|127\.0\.0\.1|ECONN|password/i)
  }
  assert.equal(upstream.calls.length, 1)
  assert.equal((await fetch(`${house.origin}/ready`)).status, 503)
  assert.equal((await fetch(`${house.origin}/health`)).status, 200)
})

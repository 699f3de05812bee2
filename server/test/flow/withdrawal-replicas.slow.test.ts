import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import type { Agent } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { noteTools } from '../fake-house.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import type { Heard } from '../fake/mcp-server.ts'
import type { House } from '../house.ts'
import { race } from '../oauth-client.ts'
import { inTime, until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { at, openReplicas as openThree, type Replicas } from '../replicas.ts'
import { connectFor, type Withdrawal, withdrawals } from '../withdrawals.ts'

// G4: three replicas on one PostgreSQL, one of which can be cut off from it.
//
// What a withdrawal ends when it returns is judged by the ledger, where it has its place among the calls: none whose intent
// stands behind it is sent. One that was recorded before it may still be on its way, so what reaches the upstream after it
// proves nothing by its time.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

const reason = 'for a test'
const leaseMs = 5_000
const minute = 60_000

function openReplicas(t: TestContext): Promise<Replicas> {
  return openThree(t, { postgres, tools: [...structuredClone(noteTools), toolNamed('read_asset'), toolNamed('hang')] })
}

let lastCall = 0

/** Calls `read_note` again and again, each time with an id of its own, which is written into the journal and the ledger. */
function keepCalling(agent: Agent): { seen: number[]; stop: () => Promise<void> } {
  const seen: number[] = []
  let stopped = false
  const calling = (async () => {
    while (!stopped) seen.push((await agent.call('read_note', { id: `c${++lastCall}` })).status)
  })()
  return {
    seen,
    stop: () => {
      stopped = true
      return calling
    },
  }
}

const idIn = (text: string): string => /c\d+/.exec(text)![0]

interface Recorded {
  id: string
  seq: number
  outcome: string | undefined
}

/** The calls of a grant in the ledger, and the place of the last change: the withdrawal. */
async function readLedger({ rooms: { ledger } }: House, grantId: string) {
  const intents = new Map<string, Recorded>()
  let withdrawnAt = -1
  for (let after = -1, more = true; more;) {
    const page = await ledger.listEntries({ after, limit: 1_000, kinds: ['intent', 'outcome', 'change'] })
    for (const { seq, entry } of page) {
      after = seq
      if (entry.kind === 'change') withdrawnAt = seq
      if (entry.kind === 'outcome' && intents.has(entry.callId))
        intents.get(entry.callId)!.outcome = entry.reason ?? entry.status
      if (entry.kind === 'intent' && entry.grantId === grantId && entry.tool === 'read_note')
        intents.set(entry.callId, { id: idIn(entry.arguments), seq, outcome: undefined })
    }
    more = page.length > 0
  }
  return { calls: [...intents.values()], withdrawnAt }
}

function idsAt(journal: readonly Heard[], isMeant: (heard: Heard) => boolean = () => true): Set<string> {
  const calls = journal.filter((one) => one.message?.params?.['name'] === 'read_note' && isMeant(one))
  return new Set(calls.map(({ message }) => String((message!.params!['arguments'] as { id: unknown }).id)))
}

/** Opens the GET stream of an agent at each replica. */
function openStreams(agents: Agent[]): Promise<EventReader[]> {
  return Promise.all(agents.map((agent) => EventReader.open(agent, { url: `${agent.origin}/mcp/${agent.upstream}` })))
}

/** What the table demands of the streams: they end, or they say that the list has changed. */
async function streamsHear(streams: EventReader[], { streamsEnd }: Withdrawal): Promise<void> {
  for (const stream of streams) {
    if (streamsEnd) assert.equal(await stream.ended, 'ended')
    else assert.equal((await stream.next()).method, 'notifications/tools/list_changed')
    stream.close()
  }
}

async function isOverEverywhere(
  { houses, urls, upstream }: Replicas,
  name: string,
  expected: Withdrawal,
): Promise<void> {
  const first = lastCall
  const { agent, person } = await connectFor(houses[0], expected, { name: `ana of ${name}`, upstream: name })
  const agents = urls.map((url) => at(url, agent))
  const streams = await openStreams(agents)
  const hanging = agents.map((one) =>
    one.call('hang').then(
      ({ status }) => status,
      () => 0,
    ),
  )
  const hangs = () => upstream.journal.filter(({ message }) => message?.params?.['name'] === 'hang').slice(-3)
  const callers = agents.map((one) => keepCalling(one))
  await until(() => callers.every(({ seen }) => seen.filter((status) => status === 200).length > 1), 'each makes calls')
  await until(() => hangs().length === 3 && hangs().every(({ abandoned }) => !abandoned), 'a call hangs at each')

  await expected.does({ house: houses[0], agent, person })
  for (const answer of await Promise.all(agents.map((one) => one.call('read_note', { id: `c${++lastCall}` }))))
    assert.notEqual(answer.status, 200, 'the first call that begins after the answer is refused at every replica')
  const next = async () => Promise.all(agents.map((one) => one.call('read_note', { id: `c${++lastCall}` })))
  await until(async () => (await next()).every(({ status }) => status === expected.status), 'all know what is so')
  for (const { error } of await next()) assert.equal(error?.data?.['reason'], expected.reason)
  for (const status of await Promise.all(hanging.map((one) => inTime(one, 'the call under way is cut'))))
    assert.ok([403, 502].includes(status), `the call under way got ${status}`)
  await streamsHear(streams, expected)
  await Promise.all(callers.map(({ stop }) => stop()))
  const sent = [...idsAt(upstream.journal)].filter((id) => Number(id.slice(1)) > first)
  await nothingBehind(houses[0], { grantId: agent.grantId, sent })
}

/** What was sent had its intent before the withdrawal; of an intent behind it the ledger says that it was not sent. */
async function nothingBehind(house: House, of: { grantId: string; sent: readonly string[] }): Promise<void> {
  const { calls, withdrawnAt } = await readLedger(house, of.grantId)
  const before = new Set(calls.filter(({ seq }) => seq < withdrawnAt).map(({ id }) => id))
  assert.ok(of.sent.length > 2, 'calls were sent before it')
  for (const id of of.sent) assert.ok(before.has(id), `${id} was sent, and not recorded before the withdrawal`)
  for (const { seq, outcome } of calls) if (seq > withdrawnAt) assert.match(outcome ?? 'none', /^not sent: /)
}

test('when a withdrawal of whatever kind returns, no replica sends a call that is recorded after it, and streams end', async (t) => {
  const replicas = await openReplicas(t)
  const { houses, upstream } = replicas
  await houses[0].person('root', ['administer'])
  for (const [at, [what, expected]] of Object.entries(withdrawals).entries()) {
    const name = `desk-${at}`
    await houses[0].httpUpstream(name, upstream.url, { effects: { read_note: 'read', hang: 'read' } })
    await t.test(what, () => isOverEverywhere(replicas, name, expected))
  }
})

test('when the credential of an upstream is withdrawn, no call that is recorded after it carries it, at any replica', async (t) => {
  const { houses, urls, upstream } = await openReplicas(t)
  const { ledger, vault } = houses[0].rooms
  const change = { by: 'set-up', about: { kind: 'connection', id: 'mux' } } as const
  const values = { 'x-key': 'of the organisation' }
  const { id } = await ledger.recordChange({ ...change, what: 'connection.put' }, (tx) =>
    vault.putConnection(tx, { upstream: 'mux', placement: 'headers', values, createdBy: 'set-up' }),
  )
  const ana = await houses[0].person('ana', ['mux/*'])
  const agent = await ana.connect('mux', 'all')
  const callers = urls.map((url) => keepCalling(at(url, agent)))
  const carrying = () => idsAt(upstream.journal, ({ headers }) => headers['x-key'] !== undefined)
  await until(() => callers.every(({ seen }) => seen.length > 3), 'each makes calls')
  await ledger.recordChange({ ...change, what: 'connection.revoked' }, (tx) => vault.revokeConnection(tx, id))
  const [made, carried] = [callers.map(({ seen }) => seen.length), carrying().size]
  await until(() => callers.every(({ seen }, one) => seen.length > made[one]! + 10), 'each makes more calls')
  await Promise.all(callers.map(({ stop }) => stop()))
  const { calls, withdrawnAt } = await readLedger(houses[0], agent.grantId)
  const behind = calls.filter(({ seq }) => seq > withdrawnAt)
  assert.ok(carried > 0 && behind.length > 20)
  for (const one of behind) assert.ok(!carrying().has(one.id), `${one.id} carried it`)
})

test('a replica that is cut off makes no call at all, lists nothing after its lease, and ends its streams', async (t) => {
  const { houses, urls, cable, upstream } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  const agent = await ana.connect('mux', 'all')
  const cut = at(urls[2], agent)
  assert.equal((await cut.call('read_asset')).status, 200)
  const [stream] = await openStreams([cut])
  const hanging = cut.call('hang')
  await until(() => upstream.calls.some(({ name }) => name === 'hang'), 'the call reached the upstream')

  // Its monotonic clock moves by our hand alone from here on: whatever ends by the lease ends within five of its seconds.
  houses[2].clock.stop()
  cable.cut()
  await houses[0].rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
  const made = upstream.calls.length
  assert.equal((await cut.call('read_asset')).status, 503)
  assert.equal((await at(urls[1], agent).call('read_asset')).status, 401)
  // The lease is of the monotonic hand: by the wall clock, which is set back meanwhile, it would hold ten minutes more.
  houses[2].clock.turn(-10 * minute)
  houses[2].clock.pass(leaseMs)
  assert.equal((await cut.rpc('tools/list', {})).status, 503)
  await stream!.ended
  await inTime(hanging, 'the call under way has ended')
  assert.equal(upstream.calls.length, made)

  cable.join()
  await until(async () => (await cut.call('read_asset')).status === 401, 'it hears of the revocation')
  assert.equal(upstream.calls.length, made)
})

test('of a hundred parallel refreshes at three replicas one wins at most, what it won does not last, and none wins after a revocation', async (t) => {
  const { houses, urls } = await openReplicas(t)
  const ana = await houses[0].person('ana', ['mux/*'])
  const client = await houses[0].register()
  const agent = await ana.connect('mux', 'all', { client })
  const { resource } = agent
  await race(client, { grant_type: 'refresh_token', refresh_token: agent.tokens.refresh_token, resource }, urls)
  const again = await ana.connect('mux', 'all')
  await houses[0].rooms.oauth.revokeGrant({ by: 'set-up', id: again.grantId, reason })
  for (const url of urls) assert.equal((await at(url, again).refresh()).body['error'], 'invalid_grant')
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

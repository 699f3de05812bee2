import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { textOf, type Agent } from '../agent.ts'

// Many clients with the same JSON-RPC ids over the same upstream: each gets its own answers and nothing else.

const clients = 8
const rounds = 60

/** A call with an id that all clients use at the same time, and a canary of its own. */
async function callOnce(agent: Agent, of: { id: number | string; canary: string; modern: boolean }): Promise<void> {
  const { id, canary, modern } = of
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name: 'read_note', arguments: { id: canary }, ...(modern && { _meta: meta }) }
  const mirrors = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read_note' }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  const answer = await agent.post(body, modern ? { headers: mirrors } : {})
  assert.equal(answer.message['id'], id)
  assert.equal(textOf(answer), JSON.stringify({ id: canary }))
  assert.equal(answer.messages.length, 1)
}

for (const fake of [{ era: 'legacy' }, { era: 'legacy', sessions: true }, { era: 'modern', streams: true }] as const) {
  const kind = `${fake.era}${'sessions' in fake ? ' with sessions' : ''}${'streams' in fake ? ' with streams' : ''}`
  test(`clients that use the same ids get their own answers from an upstream (${kind})`, async (t) => {
    const { house, fake: upstream, story } = await openFakeHouse(t, { fake })
    const people = await Promise.all(
      Array.from({ length: clients / 2 }, (_, n) => house.person(`p${n}`, ['desk/read_note'])),
    )
    // Two windows of each person, one of each era.
    const agents: { agent: Agent; name: string; modern: boolean }[] = []
    for (const [n, person] of people.entries()) {
      for (const modern of [false, true])
        agents.push({ agent: await person.connect('desk'), name: `p${n}${modern}`, modern })
    }
    await Promise.all(
      agents.map(async ({ agent, name, modern }) => {
        for (let round = 0; round < rounds; round += 4) {
          // The same four ids for everybody, several under way at once.
          await Promise.all([0, 1, 2, 3].map((n) => callOnce(agent, { id: n, canary: `${name}-${round + n}`, modern })))
        }
      }),
    )
    assert.equal(upstream.calls.length, clients * rounds)
    const heard = new Set(upstream.calls.map((call) => (call.arguments as { id: string }).id))
    assert.equal(heard.size, clients * rounds, 'each call was made once')
    if ('sessions' in fake) assertOwnSessions(upstream.journal)
    const lines = await story()
    assert.deepEqual(new Set(lines), new Set(['intent read_note', 'outcome success']))
  })
}

/** No two clients share a session with the upstream. */
function assertOwnSessions(journal: { headers: Record<string, unknown>; message: unknown }[]): void {
  const owners = new Map<unknown, Set<string>>()
  for (const { headers, message } of journal) {
    const { method, params } = (message ?? {}) as { method?: string; params?: { arguments?: { id: string } } }
    if (method !== 'tools/call') continue
    const session = headers['mcp-session-id']
    const owner = params!.arguments!.id.split('-')[0]!
    owners.set(session, (owners.get(session) ?? new Set()).add(owner))
  }
  assert.deepEqual(
    [...owners.values()].map((set) => set.size),
    Array(clients).fill(1),
  )
}

test('the same id twice at once on one token is two calls with two answers', async (t) => {
  const { house } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  await Promise.all(['a', 'b', 'c', 'd'].map((canary) => callOnce(agent, { id: 1, canary, modern: false })))
})

test('ids keep their type, and odd ones come back as they were', async (t) => {
  const { house } = await openFakeHouse(t, { fake: { sessions: true } })
  const { agent } = await connectAll(house)
  for (const id of [0, -1, 9_007_199_254_740_991, '0', '', 'é"\\\n', ' ', '__proto__', 'x'.repeat(256)]) {
    for (const modern of [false, true]) await callOnce(agent, { id, canary: 'n1', modern })
  }
})

test('a client learns nothing of the approvals of another', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await connectAll(house, 'ana')
  const bo = await connectAll(house, 'bo')
  const args = { id: 'the same' }
  const links = await Promise.all(
    [ana, bo].map(async ({ agent }) => JSON.stringify((await agent.call('delete_note', args)).result['_meta'])),
  )
  assert.notEqual(links[0], links[1])
  const { approvals } = house.rooms
  const own = await approvals.list({ forPrincipal: ana.person.principal.id })
  assert.deepEqual(
    own.map((one) => one.principalId),
    [ana.person.principal.id],
  )
  await assert.rejects(approvals.view(own[0]!.id, bo.person.principal.id), { code: 'approval.not_found' })
})

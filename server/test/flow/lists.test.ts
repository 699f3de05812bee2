import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { behaviourNames } from '../fake/fake-tools.ts'
import { EventReader, type StreamMessage } from '../event-reader.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { linkOf, type Agent } from '../agent.ts'

// `tools/list` shows exactly what may be called or requested; everything else is not there, in the same words whether it
// exists or not.

const denied = 'cannot call this tool: there is no such tool, or it is not yours to call'

async function listFully(agent: Agent): Promise<Record<string, unknown>[]> {
  return (await agent.rpc('tools/list', {})).result['tools'] as Record<string, unknown>[]
}

test('a list shows what is entitled and chosen, and each of it can be called or requested', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note', 'desk/delete_note'])
  const preselected = await ana.connect('desk')
  const all = await ana.connect('desk', 'all')
  const writer = await ana.connect('desk', ['write_note'])
  assert.deepEqual(await preselected.list(), ['read_note'], 'the page proposes reads alone')
  assert.deepEqual(await all.list(), ['read_note', 'write_note', 'delete_note'])
  assert.deepEqual(await writer.list(), ['write_note'])

  for (const agent of [preselected, all, writer]) {
    const listed = await agent.list()
    for (const name of ['read_note', 'write_note', 'delete_note', ...behaviourNames]) {
      const answer = await agent.call(name, {})
      assert.equal(answer.status, listed.includes(name) ? 200 : 403, name)
      if (listed.includes(name) && name === 'delete_note') assert.ok(linkOf(answer))
    }
  }
  assert.deepEqual(
    fake.calls.map((call) => call.name),
    ['read_note', 'read_note', 'write_note', 'write_note'],
  )
})

test('a tool that is not entitled is told apart from one that does not exist by nobody', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note'])
  const agent = await ana.connect('desk')
  const before = fake.journal.length
  const hidden = await agent.call('delete_note', { id: 'n1' })
  const absent = await agent.call('delete_house', { id: 'n1' })
  for (const answer of [hidden, absent]) {
    assert.equal(answer.status, 403)
    assert.equal(answer.error?.message, denied)
    assert.deepEqual(answer.error?.data, { reason: 'tool.unknown', requestable: false, fault: 'gateway.denied' })
  }
  const notChosen = await agent.call('write_note', { id: 'n1' })
  assert.equal(notChosen.error?.data?.['reason'], 'grant.tool_not_chosen', 'of what is entitled the truth is told')
  assert.equal(fake.journal.length, before)
  assert.deepEqual(await story(), ['denial entitlement.missing', 'denial tool.unknown', 'denial grant.tool_not_chosen'])
})

test('a tool without an entitlement cannot be chosen by a form that was made up', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note'])
  const client = await house.register()
  const answerWith = async (...more: string[]) => {
    const shown = await ana.browser.open(client.authorizeUrl('desk'))
    return client.answer(ana.browser, shown, (fields) => more.forEach((tool) => fields.append('tool', tool)))
  }
  const refused = await answerWith('delete_note')
  assert.equal(refused.status, 400)
  assert.match(refused.text, /names a tool that was not offered/)
  assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: ana.principal.id }), [])
  assert.ok((await answerWith()).url.searchParams.has('code'), 'the same form without it is taken')
})

test('two principals see different lists, and so do two clients of one', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note'])
  const bo = await house.person('bo', ['desk/progress', 'desk/read_note'])
  const agents = [await ana.connect('desk', 'all'), await ana.connect('desk'), await bo.connect('desk', 'all')]
  const lists = await Promise.all(agents.map((agent) => agent.list()))
  assert.deepEqual(lists, [['read_note', 'write_note'], ['read_note'], ['read_note', 'progress']])
})

test('a list is the accepted definitions in the order of the upstream, whole and private', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { pageSize: 2 } })
  const { agent } = await connectAll(house)
  const listed = await listFully(agent)
  assert.deepEqual(
    listed.map((tool) => tool['name']),
    fake.tools.map((tool) => tool.name),
  )
  assert.deepEqual(listed[0]!['inputSchema'], fake.tools[0]!.inputSchema)
  const modern = await agent.modern('tools/list', {})
  assert.deepEqual(
    [modern.result['cacheScope'], modern.result['ttlMs'], modern.result['nextCursor']],
    ['private', 0, undefined],
  )
  assert.equal(modern.headers.get('cache-control'), 'no-store')
})

test('a tool above the ceiling of its upstream is not there', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const step = { by: 'set-up', name: 'desk', reason: 'reading only' }
  await house.rooms.inventory.setCeiling({ ...step, ceiling: 'read' })
  assert.ok(!(await agent.list()).includes('delete_note'))
  const answer = await agent.call('delete_note', { id: 'n1' })
  assert.deepEqual([answer.status, answer.error?.data?.['reason']], [403, 'tool.above_ceiling'])
})

test('an entitlement that ends takes its tools out of the list, at its time', async (t) => {
  const { house, clock } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note'])
  const given = {
    by: 'set-up',
    principalId: ana.principal.id,
    right: 'use',
    upstream: 'desk',
    reason: 'for a while',
  } as const
  await house.rooms.inventory.entitle({ ...given, tools: ['write_note'], endsAt: clock.now() + 60_000 })
  const agent = await ana.connect('desk', 'all')
  assert.deepEqual(await agent.list(), ['read_note', 'write_note'])
  clock.pass(60_000)
  assert.deepEqual(await agent.list(), ['read_note'])
  assert.equal((await agent.call('write_note', { id: 'n1' })).status, 403)
})

/** Opens the stream on which lists are announced, in the way of the era. */
async function listen(agent: Agent, era: 'legacy' | 'modern', filter: object = { toolsListChanged: true }) {
  if (era === 'legacy') return EventReader.open(agent)
  const params = {
    notifications: filter,
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  const method = 'subscriptions/listen'
  return EventReader.open(agent, {
    body: JSON.stringify({ jsonrpc: '2.0', id: 'sub-1', method, params }),
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
  })
}

const subscription = (message: StreamMessage) => message.params?._meta?.['io.modelcontextprotocol/subscriptionId']

async function entitleWrite(t: TestContext) {
  const { house, ...rest } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note'])
  const agent = await ana.connect('desk', 'all')
  const { inventory } = house.rooms
  const [entitlement] = (await inventory.listEntitlements({ principalId: ana.principal.id })).filter(
    (one) => one.tool === 'write_note',
  )
  const revoke = () => inventory.revokeEntitlement({ by: 'set-up', id: entitlement!.id, reason: 'no longer needed' })
  return { ...rest, house, ana, agent, revoke }
}

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} client that listens hears when its own list changes, and of nothing else`, async (t) => {
    const { house, agent, revoke } = await entitleWrite(t)
    const stream = await listen(agent, era)
    assert.equal(stream.status, 200)
    assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/)
    if (era === 'modern') {
      const first = await stream.next()
      assert.equal(first.method, 'notifications/subscriptions/acknowledged')
      assert.deepEqual(first.params?.['notifications'], { toolsListChanged: true })
      assert.equal(subscription(first), 'sub-1')
    }
    await house.person('somebody else', ['desk/write_note'])
    await revoke()
    const heard = await stream.next()
    assert.equal(heard.method, 'notifications/tools/list_changed')
    assert.equal(subscription(heard), era === 'modern' ? 'sub-1' : undefined)
    assert.deepEqual(await agent.list(), ['read_note'])
    assert.equal(stream.messages.length, era === 'modern' ? 2 : 1)
    stream.close()
  })
}

test('a modern client hears the news that it asked for, and no others', async (t) => {
  const { agent, revoke } = await entitleWrite(t)
  const stream = await listen(agent, 'modern', { resourcesListChanged: true })
  assert.deepEqual((await stream.next()).params?.['notifications'], { resourcesListChanged: true })
  const other = await listen(agent, 'modern')
  await other.next()
  await revoke()
  await other.next()
  assert.equal(stream.messages.length, 1)
  for (const one of [stream, other]) one.close()
})

test('a principal holds at most 64 streams, also when all are opened at once', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note'])
  const agent = await ana.connect('desk')
  const streams = await Promise.all(Array.from({ length: 80 }, () => EventReader.open(agent)))
  const count = (status: number) => streams.filter((one) => one.status === status).length
  assert.deepEqual([count(200), count(429)], [64, 16])
  const { agent: other } = await connectAll(house, 'bo')
  assert.equal((await other.call('read_note', {})).status, 200, 'somebody else is not held up')
  for (const one of streams) one.close()
})

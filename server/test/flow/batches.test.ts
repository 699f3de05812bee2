import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { batchMessagesMax } from '../../src/base/limits.ts'
import type { Agent, Answer } from '../agent.ts'
import { openFakeHouse, type FakeHouse } from '../fake-house.ts'

// Revision 2025-03-26 lets a client send several messages in one request; no other does. Each message is judged as if it
// had come alone.

const call = (id: number | string, name: string, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})
const ping = (id: number | string) => ({ jsonrpc: '2.0', id, method: 'ping' })
const told = { jsonrpc: '2.0', method: 'notifications/initialized' }

async function openBatches(t: TestContext): Promise<FakeHouse & { agent: Agent }> {
  const desk = await openFakeHouse(t)
  const ana = await desk.house.person('Ana', ['desk/read_note', 'desk/delete_note', 'desk/progress'])
  return { ...desk, agent: await ana.connect('desk', 'all') }
}

const own = { 'mcp-protocol-version': '2025-03-26' }

const send = (agent: Agent, batch: unknown, headers: Record<string, string> = own) =>
  agent.post(JSON.stringify(batch), { headers })

function byId(answer: Answer): Map<unknown, Record<string, unknown>> {
  return new Map(answer.messages.filter((message) => !('method' in message)).map((message) => [message['id'], message]))
}

async function sessionOf(agent: Agent, protocolVersion: string): Promise<Record<string, string>> {
  const greeted = await agent.rpc('initialize', {
    protocolVersion,
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  })
  assert.equal(greeted.result['protocolVersion'], protocolVersion)
  return { 'mcp-session-id': greeted.headers.get('mcp-session-id')! }
}

test('each message of a batch is answered by itself, on one stream', async (t) => {
  const desk = await openBatches(t)
  const odd = { jsonrpc: '2.0', id: 'odd', method: 'no/such' }
  const answer = await send(desk.agent, [
    call(1, 'read_note', { id: 'n1' }),
    told,
    call(2, 'write_note', { id: 'n1' }),
    call('three', 'delete_note', { id: 'n1' }),
    odd,
    ping(4),
    call(5, 'progress'),
    'no message',
  ])
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type')!, /^text\/event-stream/)
  const answers = byId(answer)
  assert.equal(answers.size, 7)
  assert.ok('result' in answers.get(1)!)
  assert.equal((answers.get(2)!['error'] as { data: { fault: string } }).data.fault, 'gateway.denied')
  assert.equal((answers.get('three')!['result'] as { isError: boolean }).isError, true)
  assert.equal((answers.get('odd')!['error'] as { code: number }).code, -32601)
  assert.deepEqual(answers.get(4)!['result'], {})
  assert.ok('result' in answers.get(5)!)
  assert.equal((answers.get(null)!['error'] as { code: number }).code, -32600)
  assert.deepEqual(desk.fake.calls.map(({ name }) => name).toSorted(), ['progress', 'read_note'])
  const intents = (await desk.story()).filter((line) => line.startsWith('intent'))
  assert.deepEqual(intents.toSorted(), ['intent progress', 'intent read_note'])
})

test('a batch that needs no answer is accepted', async (t) => {
  const { agent } = await openBatches(t)
  const answer = await send(agent, [told, told])
  assert.deepEqual([answer.status, answer.messages], [202, []])
})

test('only a client of 2025-03-26 may send a batch, by its header or its session', async (t) => {
  const { agent, fake } = await openBatches(t)
  const batch = [call(1, 'read_note', { id: 'n1' })]
  for (const version of ['2024-11-05', '2025-06-18', '2025-11-25', '2026-07-28']) {
    const refused = await send(agent, batch, { 'mcp-protocol-version': version })
    assert.deepEqual([refused.status, refused.error?.code], [400, -32600], version)
  }
  for (const headers of [{}, await sessionOf(agent, '2025-11-25')]) {
    assert.equal((await send(agent, batch, headers)).error?.code, -32600)
  }
  assert.equal(fake.calls.length, 0)
  const kept = await send(agent, batch, await sessionOf(agent, '2025-03-26'))
  assert.ok('result' in byId(kept).get(1)!)
  const named = await send(agent, batch, own)
  assert.ok('result' in byId(named).get(1)!)
})

test('a batch is bounded, and nothing in it is ambiguous', async (t) => {
  const { agent, fake } = await openBatches(t)
  const refused: unknown[][] = [
    [],
    Array.from({ length: batchMessagesMax + 1 }, (_, n) => call(n, 'read_note', { id: 'n1' })),
    [call(1, 'read_note', { id: 'n1' }), call(1, 'read_note', { id: 'n2' })],
  ]
  for (const batch of refused) assert.equal((await send(agent, batch)).error?.code, -32600)
  const nested = await send(agent, [[call(1, 'read_note', { id: 'n1' })]])
  assert.equal(byId(nested).get(null)?.['error'] === undefined, false)
  const greeting = { jsonrpc: '2.0', id: 9, method: 'initialize', params: { protocolVersion: '2025-03-26' } }
  assert.equal((byId(await send(agent, [greeting])).get(9)!['error'] as { code: number }).code, -32600)
  assert.equal(fake.calls.length, 0)
})

test('a message of a batch without standing is refused as it is alone', async (t) => {
  const { agent, house } = await openBatches(t)
  const by = (await house.person('Adam', ['administer'])).principal.id
  await house.rooms.oauth.revokeGrant({ id: agent.grantId, by, reason: 'to see it refused' })
  const answer = await send(agent, [call(1, 'read_note', { id: 'n1' }), ping(2)])
  assert.equal(answer.status, 401)
})

test('a client of 2024-11-05 that speaks streamable HTTP is served', async (t) => {
  const { agent } = await openBatches(t)
  const headers = await sessionOf(agent, '2024-11-05')
  const answer = await agent.post(JSON.stringify(call(1, 'read_note', { id: 'n1' })), { headers })
  assert.deepEqual(answer.result['content'], [{ type: 'text', text: '{"id":"n1"}' }])
})

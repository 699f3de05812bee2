import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Agent, Answer } from '../agent.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'

// The extension io.modelcontextprotocol/tasks: a task belongs to the grant whose call made it, as long as its right stands.

const declared = { extensions: { 'io.modelcontextprotocol/tasks': {} } }

/** An upstream that makes a task of every call, and says this beside of each. */
async function openDesk(t: TestContext, more: object = {}): Promise<FakeHouse> {
  const here = await openFakeHouse(t, { fake: { era: 'modern' } })
  here.fake.options.intercept = ({ message }, response) => {
    const { method = '', params } = message ?? {}
    if (method !== 'tools/call' && !method.startsWith('tasks/')) return false
    const task = { taskId: 'task-1', status: 'working', createdAt: '2026-01-01T00:00:00Z', ttlMs: 60_000 }
    const results: Record<string, object> = {
      'tools/call': { resultType: 'task', ...task },
      'tasks/get': { resultType: 'complete', ...task, status: 'completed', result: { content: [] }, ...more },
    }
    const result = params?.['taskId'] === 'gone' ? {} : (results[method] ?? { resultType: 'complete' })
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message!.id, result }))
    return true
  }
  return here
}

const make = (agent: Agent, name = 'read_note') => agent.modern('tools/call', { name, arguments: {} }, declared)

function about(
  agent: Agent,
  method: string,
  { capabilities = declared, ...params }: { taskId: unknown; inputResponses?: object; capabilities?: object },
): Promise<Answer> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': String(params.taskId) }
  return agent.rpc(method, { ...params, _meta: metaWith(capabilities) }, { headers })
}

const metaWith = (capabilities: object) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': capabilities,
})

const heard = ({ fake }: FakeHouse, method: string) => fake.journal.filter(({ message }) => message?.method === method)

test('who made a task may ask about it, answer it and cancel it, and each is recorded', async (t) => {
  const desk = await openDesk(t)
  const { agent } = await connectAll(desk.house)
  const made = await make(agent)
  assert.equal(made.result['resultType'], 'task')
  const { taskId } = made.result
  assert.match(String(taskId), /^s1\./)
  const got = await about(agent, 'tasks/get', { taskId })
  assert.equal(got.status, 200, JSON.stringify(got.message))
  assert.equal(got.result['taskId'], taskId)
  assert.equal(got.result['status'], 'completed')
  assert.equal(
    (await about(agent, 'tasks/update', { taskId, inputResponses: { q: { action: 'accept' } } })).status,
    200,
  )
  assert.equal((await about(agent, 'tasks/cancel', { taskId })).status, 200)
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    const [one] = heard(desk, method)
    assert.equal(one?.message?.params?.['taskId'], 'task-1')
    assert.equal(one?.headers['mcp-name'], 'task-1')
  }
  assert.deepEqual(heard(desk, 'tasks/update')[0]!.message?.params?.['inputResponses'], { q: { action: 'accept' } })
  assert.equal((await desk.story()).filter((line) => line === 'intent read_note').length, 4)
  assert.equal((await desk.story()).filter((line) => line === 'outcome success').length, 4)
})

test('a task that was made through a bundle is asked about there, and recorded so', async (t) => {
  const desk = await openDesk(t)
  const { house } = desk
  const ana = await house.person('ana', ['desk/*'])
  const members = [{ upstream: 'desk', prefix: 'desk' }]
  const made = { by: 'set-up', name: 'office', purpose: 'all of it', reason: 'for a test', ownerId: ana.principal.id }
  await house.rooms.inventory.makeBundle({ ...made, members })
  const agent = await ana.connect('office', ['desk/read_note'])
  const { taskId } = (await make(agent, 'desk_read_note')).result
  assert.equal((await about(agent, 'tasks/get', { taskId })).status, 200)
  assert.deepEqual(
    (await house.entries('intent')).map(({ bundle, upstream, tool }) => [bundle, upstream, tool]),
    [
      ['office', 'desk', 'read_note'],
      ['office', 'desk', 'read_note'],
    ],
  )
  const direct = await ana.connect('desk', ['read_note'])
  assert.equal((await about(direct, 'tasks/get', { taskId })).error?.data?.['fault'], 'gateway.task_unknown')
})

test('a task is nobody else’s, by no spelling of its id', async (t) => {
  const desk = await openDesk(t)
  const { agent, person } = await connectAll(desk.house)
  const other = await person.connect('desk', 'all')
  const { taskId } = (await make(agent)).result
  const at = String(taskId).length - 9
  const altered = `${String(taskId).slice(0, at)}AAAA${String(taskId).slice(at + 4)}`
  for (const [by, id] of [
    [other, taskId],
    [agent, 'task-1'],
    [agent, altered],
    [agent, 7],
  ] as const) {
    const answer = await about(by, 'tasks/get', { taskId: id })
    assert.ok(answer.status === 404 || answer.status === 400, JSON.stringify(answer.message))
    assert.ok([-32602, -32020].includes(answer.error!.code))
  }
  assert.equal(heard(desk, 'tasks/get').length, 0)
  const wrong = await agent.rpc(
    'tasks/get',
    { taskId, _meta: metaWith(declared) },
    { headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tasks/get', 'mcp-name': 'another' } },
  )
  assert.equal(wrong.error?.code, -32020)
})

test('with the right to its tool goes the task', async (t) => {
  const desk = await openDesk(t)
  const { agent } = await connectAll(desk.house)
  const { taskId } = (await make(agent)).result
  await desk.house.rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason: 'for a test' })
  assert.equal((await about(agent, 'tasks/get', { taskId })).status, 401)
  const { agent: bo, person } = await connectAll(desk.house, 'bo')
  const task = (await make(bo)).result['taskId']
  const { inventory } = desk.house.rooms
  const held = await inventory.listEntitlements({ principalId: person.principal.id, upstream: 'desk' })
  const { id } = held.find(({ tool }) => tool === 'read_note')!
  await inventory.revokeEntitlement({ by: 'set-up', id, reason: 'for a test' })
  const refused = await about(bo, 'tasks/get', { taskId: task })
  assert.equal(refused.error?.data?.['fault'], 'gateway.task_unknown')
  assert.equal((await desk.story()).at(-1)?.startsWith('denial'), true)
  assert.equal(heard(desk, 'tasks/get').length, 0)
})

test('who does not declare the extension learns nothing of tasks, not even of its own', async (t) => {
  const desk = await openDesk(t)
  const { agent } = await connectAll(desk.house)
  const { taskId } = (await make(agent)).result
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
    for (const capabilities of [{}, { extensions: {} }, { extensions: { 'io.modelcontextprotocol/tasks': 'yes' } }]) {
      const answer = await about(agent, method, { taskId, capabilities })
      assert.deepEqual([answer.status, answer.error?.code], [400, -32021], method)
      assert.deepEqual(answer.error?.data?.['requiredCapabilities'], declared)
    }
    assert.equal(heard(desk, method).length, 0)
  }
  const listening = await agent.modern('subscriptions/listen', { notifications: { taskIds: [taskId] } })
  assert.deepEqual([listening.status, listening.error?.code], [400, -32021])
})

test('a wish for a task, as the experiment of 2025-11-25 had it, is ignored in every era and goes nowhere', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { era: 'modern' } })
  const { agent } = await connectAll(house)
  const wish = { name: 'read_note', arguments: { id: 'n1' }, task: { ttl: 60_000 } }
  assert.equal((await agent.modern('tools/call', wish)).status, 200)
  assert.equal((await agent.rpc('tools/call', wish)).status, 200)
  const sent = fake.journal.filter(({ message }) => message?.method === 'tools/call')
  assert.equal(sent.length, 2)
  for (const { message } of sent)
    assert.deepEqual(Object.keys(message!.params!).toSorted(), ['_meta', 'arguments', 'name'])
})

test('what a task asks is judged like every other question, and written anew', async (t) => {
  const name = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } }
  const asks = { status: 'input_required', inputRequests: { q: name } }
  const desk = await openDesk(t, asks)
  const { agent } = await connectAll(desk.house)
  const { taskId } = (await make(agent)).result
  const able = await about(agent, 'tasks/get', { taskId, capabilities: { ...declared, elicitation: {} } })
  assert.deepEqual(able.result['inputRequests'], { q: name })
  const unable = await about(agent, 'tasks/get', { taskId })
  assert.equal(unable.error?.data?.['fault'], 'gateway.input_refused')
  const link = { method: 'elicitation/create', params: { mode: 'url', url: 'javascript:alert(1)', message: 'Go' } }
  asks.inputRequests.q = link as never
  const led = await about(agent, 'tasks/get', { taskId, capabilities: { ...declared, elicitation: { url: {} } } })
  assert.equal(led.error?.data?.['fault'], 'gateway.input_refused')
})

test('a result of any size comes under the id that the client has', async (t) => {
  const text = 'x'.repeat(300_000)
  const desk = await openDesk(t, { result: { content: [{ type: 'text', text }] } })
  const { agent } = await connectAll(desk.house)
  const { taskId } = (await make(agent)).result
  const got = await about(agent, 'tasks/get', { taskId })
  assert.equal(got.result['taskId'], taskId)
  assert.equal(JSON.stringify(got.result).includes(text), true)
})

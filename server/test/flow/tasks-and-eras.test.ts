import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Agent, Answer } from '../agent.ts'
import { textOf } from '../agent.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import { noteOffers } from '../fake/fake-offers.ts'

// What 2025-11-25 calls tasks is an experiment, and by specification (SEP-2663) not compatible with the extension of
// 2026-07-28; before that revision no call may be answered with a task. So nothing here is bridged: each end is told the
// truth about the other, and where a call cannot be made without a task the answer says so.

const extension = 'io.modelcontextprotocol/tasks'
const declared = { extensions: { [extension]: {}, 'example.com/dice': {} } }
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

async function openDesk(t: TestContext, era: 'legacy' | 'modern'): Promise<FakeHouse & { agent: Agent }> {
  const here = await openFakeHouse(t, { fake: { era, offers: { ...noteOffers(), extensions: declared.extensions } } })
  const { agent } = await connectAll(here.house)
  return { ...here, agent }
}

/** Lets the upstream answer every call of a tool with this. */
function answerWith({ fake }: FakeHouse, status: number, answer: object): void {
  fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer }))
    return true
  }
}

/** A session of a legacy client that declares all of this. */
async function begin(
  agent: Agent,
): Promise<{ greeting: Answer; call: (method: string, params: object) => Promise<Answer> }> {
  const clientInfo = { name: 'a script', version: '1' }
  const greeting = await agent.rpc('initialize', { protocolVersion: '2025-11-25', capabilities: declared, clientInfo })
  const headers = {
    'mcp-protocol-version': '2025-11-25',
    'mcp-session-id': greeting.headers.get('mcp-session-id')!,
  }
  return { greeting, call: (method, params) => agent.rpc(method, params, { headers }) }
}

const extensionsIn = (answer: Answer) => (answer.result['capabilities'] as { extensions?: object }).extensions
const read = { name: 'read_note', arguments: { id: 'n1' } }

test('tasks are declared where both ends can have them, and other extensions everywhere', async (t) => {
  const modern = await openDesk(t, 'modern')
  assert.deepEqual(extensionsIn(await modern.agent.modern('server/discover', {})), declared.extensions)
  assert.deepEqual(extensionsIn((await begin(modern.agent)).greeting), { 'example.com/dice': {} })
  const legacy = await openDesk(t, 'legacy')
  assert.deepEqual(extensionsIn(await legacy.agent.modern('server/discover', {})), { 'example.com/dice': {} })
  assert.deepEqual(extensionsIn((await begin(legacy.agent)).greeting), { 'example.com/dice': {} })
})

test('a modern upstream never hears that a legacy client could take a task', async (t) => {
  const desk = await openDesk(t, 'modern')
  const { call } = await begin(desk.agent)
  assert.equal(textOf(await call('tools/call', read)), '{"id":"n1"}')
  const { message } = desk.fake.journal.findLast((heard) => heard.message?.method === 'tools/call')!
  const meta = message!.params!['_meta'] as Record<string, unknown>
  assert.deepEqual(meta[capabilitiesKey], { extensions: { 'example.com/dice': {} } })
})

test('what a modern upstream does only as a task, a legacy client is told in the result, and it is a failure', async (t) => {
  const desk = await openDesk(t, 'modern')
  const data = { requiredCapabilities: { extensions: { [extension]: {} } } }
  answerWith(desk, 400, { error: { code: -32021, message: 'only as a task', data } })
  const { call } = await begin(desk.agent)
  const answer = await call('tools/call', read)
  assert.deepEqual([answer.status, answer.result['isError']], [200, true])
  assert.match(textOf(answer), /`desk` does this only as a task, .*: use a client that speaks MCP 2026-07-28$/)
  assert.deepEqual(await desk.story(), ['intent read_note', 'outcome failure'])
})

test('an upstream that makes a task of a legacy client’s call all the same gives it nothing to hold', async (t) => {
  const desk = await openDesk(t, 'modern')
  answerWith(desk, 200, { result: { resultType: 'task', taskId: 'task-1', status: 'working' } })
  const { call } = await begin(desk.agent)
  const answer = await call('tools/call', read)
  assert.equal(answer.result['isError'], true)
  assert.match(textOf(answer), /use a client that speaks MCP 2026-07-28/)
  assert.doesNotMatch(JSON.stringify(answer.message), /task-1/)
})

test('a legacy client has no methods of tasks, and is told where there are some', async (t) => {
  for (const era of ['legacy', 'modern'] as const) {
    const desk = await openDesk(t, era)
    const { call } = await begin(desk.agent)
    for (const method of ['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel']) {
      const answer = await call(method, { taskId: 'task-1' })
      assert.deepEqual([answer.status, answer.error?.code], [200, -32601])
      assert.match(
        answer.error!.message,
        /the extension `io.modelcontextprotocol\/tasks`, for clients that speak MCP 2026/,
      )
    }
    assert.ok(!desk.fake.journal.some(({ message }) => message?.method?.startsWith('tasks/')))
  }
})

test('a tool that a legacy upstream runs only as a task says so itself, to clients of both eras', async (t) => {
  const desk = await openDesk(t, 'legacy')
  const message = 'Tool read_note requires task augmentation (taskSupport: required)'
  answerWith(desk, 200, { error: { code: -32601, message } })
  const { call } = await begin(desk.agent)
  for (const answer of [await call('tools/call', read), await desk.agent.modern('tools/call', read, declared)])
    assert.deepEqual([answer.error?.code, answer.error?.message], [-32601, message])
  const sent = desk.fake.journal.filter((heard) => heard.message?.method === 'tools/call')
  for (const heard of sent) assert.equal(heard.message!.params!['task'], undefined)
})

test('a task of the experiment, that a legacy upstream makes unasked, is no result for a modern client', async (t) => {
  const desk = await openDesk(t, 'legacy')
  answerWith(desk, 200, { result: { task: { taskId: 'task-1', status: 'working' } } })
  const answer = await desk.agent.modern('tools/call', read, declared)
  assert.deepEqual([answer.result['isError'], answer.result['resultType']], [true, 'complete'])
  assert.match(textOf(answer), /`desk` answered with a task that nobody asked for/)
})

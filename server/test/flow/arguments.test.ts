import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { digestOf } from '../../src/base/ids.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { textOf, type Agent, type Answer } from '../agent.ts'

// What leaves the house is what was judged: declared, harmless as a part of an address, and written anew.

async function open(t: TestContext) {
  const all = await openFakeHouse(t)
  const { agent } = await connectAll(all.house)
  return { ...all, agent }
}

/** A call with these bytes as its arguments. */
function callWith(agent: Agent, args: string, tool = 'write_note'): Promise<Answer> {
  return agent.post(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${JSON.stringify(tool)},"arguments":${args}}}`,
  )
}

/** Demands that the model is told which argument does not fit, and that nothing was called. */
function notCalled(answer: Answer, argument: RegExp): void {
  assert.equal(answer.status, 200)
  assert.equal(answer.result['isError'], true, JSON.stringify(answer.message))
  assert.match(textOf(answer), /was not called/)
  assert.match(textOf(answer), argument)
}

test('arguments that the accepted definition does not declare are refused, inner ones too', async (t) => {
  const { agent, fake, story } = await open(t)
  notCalled(await agent.call('write_note', { id: 'n1', force: true }), /`force`/)
  notCalled(await agent.call('write_note', { id: 'n1', more: { id: 'n2', owner: 'x' } }), /`more\.owner`/)
  notCalled(await agent.call('write_note', { Id: 'n1' }), /`Id`/)
  notCalled(await agent.call('environment', { anything: 1 }), /`anything`/)
  assert.deepEqual(fake.calls, [])
  assert.deepEqual(await story(), Array(4).fill('denial gateway.argument_refused'))
})

test('a definition that leaves its schema open opens nothing', async (t) => {
  const loose = [
    toolNamed('read_any', { inputSchema: { type: 'object' } }),
    toolNamed('read_more', { inputSchema: { type: 'object', properties: {}, additionalProperties: true } }),
  ]
  const { house, fake } = await openFakeHouse(t, { tools: loose })
  for (const { name } of loose) {
    const step = { by: 'set-up', upstream: 'desk', tool: name, reason: 'it reads' }
    await house.rooms.inventory.setEffect({ ...step, effect: 'read', traits: [] })
  }
  const { agent } = await connectAll(house)
  for (const { name } of loose) {
    notCalled(await agent.call(name, { path: 'x' }), /`path`/)
    assert.equal((await agent.call(name, {})).result['isError'] ?? false, false)
  }
  assert.deepEqual(
    fake.calls.map((call) => call.name),
    ['read_any', 'read_more'],
  )
})

test('a name of something cannot climb, ask or cut its address short, however deep it stands', async (t) => {
  const { agent, fake } = await open(t)
  const climbing = [
    '../x',
    '..',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    '%2e%2e',
    '%2E',
    '%2f',
    '%5C',
    'a\u0000',
    'a\nb',
    '\u007f',
  ]
  for (const id of climbing) {
    notCalled(await agent.call('write_note', { id }), /`id`/)
    notCalled(await agent.call('write_note', { more: { id } }), /`more\.id`/)
  }
  assert.deepEqual(fake.calls, [])
  const prose = { id: 'Ab-1_2.3~x y', text: 'see https://x.example/../a?b#c\n100%2e' }
  assert.equal(textOf(await agent.call('write_note', prose)), JSON.stringify(prose))
})

test('an owner can allow one argument of one tool, with a reason, and no other', async (t) => {
  const { house, agent, fake } = await open(t)
  const step = { by: 'set-up', upstream: 'desk', tool: 'write_note', reason: 'these are paths' }
  await house.rooms.inventory.allowArgument({ ...step, argument: 'more.id' })
  assert.equal((await agent.call('write_note', { more: { id: 'a/b' } })).result['isError'] ?? false, false)
  notCalled(await agent.call('write_note', { id: 'a/b' }), /`id`/)
  notCalled(await agent.call('read_note', { more: { id: 'a/b' } }), /`more\.id`/)
  assert.equal(fake.calls.length, 1)
})

test('what an upstream gets is the canonical text of what was judged, and the ledger has its digest', async (t) => {
  const { house, agent, fake } = await open(t)
  const written = '{ "text":"\\u00e9\\/", "count": 1.0e2,\n "more": {"text":"z","id":"y"}, "id":"n1" , "sure":true}'
  const canonical = '{"count":100,"id":"n1","more":{"id":"y","text":"z"},"sure":true,"text":"é/"}'
  assert.equal((await callWith(agent, written)).status, 200)
  const passed = fake.journal.findLast((heard) => heard.message?.method === 'tools/call')!
  assert.ok(passed.body.includes(`"arguments":${canonical}`), passed.body)
  const [intent] = await house.rooms.ledger.listEntries({ after: -1, limit: 10, kinds: ['intent'] })
  assert.equal(intent?.entry.kind === 'intent' && intent.entry.argumentsDigest, digestOf(canonical))
})

test('text that two readers could read in two ways is refused', async (t) => {
  const { agent, fake } = await open(t)
  const ambiguous = {
    'a whole number beyond what doubles hold': '{"count":9007199254740993}',
    'a number that is not finite': '{"count":1e999}',
    'a lone surrogate': '{"text":"\\ud800"}',
    'a name that readers obey': '{"__proto__":{"id":"x"}}',
    'a name twice': '{"id":"a","id":"b"}',
    'a comment': '{"id":"a"/*,"id":"b"*/}',
    'a trailing comma': '{"id":"a",}',
    'a name without quotes': '{id:"a"}',
  }
  for (const [what, args] of Object.entries(ambiguous)) {
    const answer = await callWith(agent, args)
    assert.deepEqual([answer.status, answer.error?.code], [400, -32700], what)
  }
  assert.deepEqual(fake.calls, [])
})

test('arguments are an object or absent, and a call carries nothing that nobody judged', async (t) => {
  const { agent, fake } = await open(t)
  for (const args of ['[]', '"x"', '7', 'null']) {
    const answer = await callWith(agent, args)
    assert.deepEqual([answer.status, answer.error?.code], [400, -32602], args)
  }
  for (const params of [{ name: 'read_note', other: {} }, { name: 7 }, { arguments: {} }, { name: '' }, {}]) {
    const answer = await agent.rpc('tools/call', params)
    assert.deepEqual([answer.status, answer.error?.code], [400, -32602], JSON.stringify(params))
  }
  assert.deepEqual(fake.calls, [])
  assert.equal((await agent.call('read_note')).status, 200)
  assert.deepEqual(fake.calls, [{ name: 'read_note', arguments: {} }])
})

test('prototype names are tools that do not exist', async (t) => {
  const { agent, fake, story } = await open(t)
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
    assert.equal((await agent.call(name, {})).status, 403, name)
  }
  notCalled(await agent.call('write_note', { constructor: 'x' }), /`constructor`/)
  notCalled(await agent.call('write_note', { more: { toString: 'x' } }), /`more\.toString`/)
  assert.deepEqual(fake.calls, [])
  assert.equal((await story()).length, 6)
})

test('secrets in arguments reach the upstream and not the ledger', async (t) => {
  const { house, agent, fake } = await open(t)
  const secret = 'sk_live_51H8xTq2eZvKYlo2Cq7Xy9ABCDEFGH'
  await agent.call('write_note', { id: 'n1', text: `the key is ${secret}` })
  assert.ok(JSON.stringify(fake.calls).includes(secret))
  const entries = await house.rooms.ledger.listEntries({ after: -1, limit: 1_000 })
  assert.ok(!JSON.stringify(entries).includes(secret))
  assert.ok(!house.log.join('').includes(secret))
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLedger } from '../../src/ledger/verify.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import { linkOf, textOf, type Agent, type Answer } from '../agent.ts'
import type { Person } from '../person.ts'

// A destructive call is held until somebody else approved exactly it, and passes once. See spec/approval.md.

interface Scene extends FakeHouse {
  ana: Person
  bo: Person
  agent: Agent
  call: (args?: Record<string, unknown>) => Promise<Answer>
  /** Answers as Bo, who may approve deletions. */
  answer: (held: Answer, approve?: boolean, by?: Person) => Promise<unknown>
}

async function open(t: TestContext): Promise<Scene> {
  const all = await openFakeHouse(t)
  const bo = await all.house.person('bo', ['desk/delete_note:approve'])
  const { agent, person: ana } = await connectAll(all.house)
  return {
    ...all,
    ana,
    bo,
    agent,
    call: (args = { id: 'n1' }) => agent.call('delete_note', args),
    answer: (held, approve = true, by = bo) =>
      all.house.rooms.approvals.answer({ by: by.principal.id, id: idOf(held), approve, reason: 'looked at it' }),
  }
}

function idOf(held: Answer): string {
  return linkOf(held).split('/').at(-1)!
}

function isHeld(answer: Answer): void {
  assert.equal(answer.status, 200)
  assert.equal(answer.result['isError'], true)
  assert.ok(linkOf(answer))
}

function passed(answer: Answer): void {
  assert.equal(answer.status, 200, JSON.stringify(answer.message))
  assert.equal(answer.result['isError'] ?? false, false, textOf(answer))
}

test('a destructive call is refused with a link, and passes once after somebody else approved it', async (t) => {
  const { call, answer, fake, story } = await open(t)
  const held = await call()
  isHeld(held)
  assert.match(textOf(held), /each call of it needs the approval of somebody else\n\nhttp:/)
  assert.match(textOf(held), /exactly the same arguments: it passes once/)
  const meta = (held.result['_meta'] as Record<string, Record<string, string>>)['sallyport/approval']!
  assert.deepEqual(Object.keys(meta).sort(), ['expiresAt', 'id', 'state', 'url'])
  assert.equal(meta['state'], 'pending')
  const again = await call()
  assert.equal(linkOf(again), linkOf(held), 'asked again, it is the same request')
  assert.match(textOf(again), /pending/)
  assert.deepEqual(fake.calls, [])

  await answer(held)
  passed(await call())
  const third = await call()
  isHeld(third)
  assert.notEqual(linkOf(third), linkOf(held))
  assert.deepEqual(fake.calls, [{ name: 'delete_note', arguments: { id: 'n1' } }])
  assert.deepEqual(await story(), [
    'denial approval.required',
    'denial approval.pending',
    'intent delete_note',
    'outcome success',
    'denial approval.required',
  ])
})

test('of twenty retries at once exactly one passes', async (t) => {
  const { house, call, answer, fake, story } = await open(t)
  await answer(await call())
  // The store is kept busy until all have arrived, so that they find the approval together.
  const busy = Promise.withResolvers<void>()
  const working = house.rooms.store.transaction(() => busy.promise)
  const calls = Array.from({ length: 20 }, () => call())
  await sleep(200)
  busy.resolve()
  await working
  const answers = await Promise.all(calls)
  const through = answers.filter((one) => one.status === 200 && one.result['isError'] !== true)
  assert.equal(through.length, 1)
  assert.equal(fake.calls.length, 1)
  for (const one of answers.filter((each) => !through.includes(each))) {
    const fault = one.error?.data?.['fault']
    assert.ok(fault === 'approval.spent' || one.result['isError'] === true, JSON.stringify(one.message))
  }
  const lines = await story()
  assert.equal(lines.filter((line) => line.startsWith('intent')).length, 1)
  assert.equal(lines.filter((line) => line.startsWith('denial')).length, 20, 'each refusal is in the ledger')
})

test('any changed value, type, key or place asks anew; spelling and order do not', async (t) => {
  const { agent, call, answer, fake } = await open(t)
  const first = await call({ id: 'n1', count: 1, sure: true, more: { id: 'x' } })
  await answer(first)
  const others: Record<string, unknown>[] = [
    { id: 'n2', count: 1, sure: true, more: { id: 'x' } },
    { id: 'n1 ', count: 1, sure: true, more: { id: 'x' } },
    { id: 'N1', count: 1, sure: true, more: { id: 'x' } },
    { id: 'n1', count: '1', sure: true, more: { id: 'x' } },
    { id: 'n1', count: 1.5, sure: true, more: { id: 'x' } },
    { id: 'n1', count: 1, sure: 'true', more: { id: 'x' } },
    { id: 'n1', count: 1, sure: null, more: { id: 'x' } },
    { id: 'n1', count: 1, sure: true, more: { text: 'x' } },
    { id: 'n1', count: 1, sure: true, more: ['x'] },
    { id: 'n1', count: 1, sure: true },
    { id: 'n1', count: 1, sure: true, more: { id: 'x' }, text: '' },
    { id: ['n1'], count: 1, sure: true, more: { id: 'x' } },
    {},
  ]
  for (const args of others) {
    const answered = await call(args)
    isHeld(answered)
    assert.notEqual(linkOf(answered), linkOf(first), JSON.stringify(args))
  }
  assert.deepEqual(fake.calls, [])
  const respelt =
    '{"jsonrpc":"2.0","id":"z","method":"tools/call","params":{"arguments":{"more":{"id":"\\u0078"},"sure":true,\n "count":1.0,"id":"n1"},"name":"delete_note"}}'
  passed(await agent.post(respelt))
})

test('an approval is of one tool, one grant, one client and one principal', async (t) => {
  const { house, ana, bo, agent, call, answer, fake } = await open(t)
  await house.rooms.inventory.setEffect({
    by: 'set-up',
    upstream: 'desk',
    tool: 'write_note',
    effect: 'destructive',
    traits: [],
    reason: 'overwrites',
  })
  await answer(await call())
  isHeld(await agent.call('write_note', { id: 'n1' }))
  const otherClient = await ana.connect('desk', 'all')
  isHeld(await otherClient.call('delete_note', { id: 'n1' }))
  const { agent: somebody } = await connectAll(house, 'cy')
  isHeld(await somebody.call('delete_note', { id: 'n1' }))
  assert.deepEqual(fake.calls, [])
  passed(await call())
  assert.ok(bo.principal.id !== ana.principal.id)
})

test('who asked cannot approve, even with the right to', async (t) => {
  const { house, ana, call, answer, fake } = await open(t)
  const rights = { by: 'set-up', principalId: ana.principal.id, right: 'approve', upstream: 'desk' } as const
  await house.rooms.inventory.entitle({ ...rights, tools: ['delete_note'], reason: 'approves for others' })
  const held = await call()
  await assert.rejects(answer(held, true, ana), { code: 'approval.own_request' })
  isHeld(await call())
  assert.deepEqual(fake.calls, [])
})

test('who may not approve that tool cannot, and learns nothing of the request', async (t) => {
  const { house, call, answer } = await open(t)
  const cy = await house.person('cy', ['desk/write_note:approve', 'desk/delete_note', 'administer'])
  const held = await call()
  await assert.rejects(answer(held, true, cy), { code: 'approval.not_found' })
  await assert.rejects(house.rooms.approvals.view(idOf(held), cy.principal.id), { code: 'approval.not_found' })
  isHeld(await call())
})

test('an approval carries nothing once its approver has lost the right, or was disabled', async (t) => {
  const { house, bo, call, answer, fake } = await open(t)
  await house.person('root', ['administer'])
  const { inventory, identity } = house.rooms
  await answer(await call())
  const [right] = await inventory.listEntitlements({ principalId: bo.principal.id })
  await inventory.revokeEntitlement({ by: 'set-up', id: right!.id, reason: 'moved on' })
  const asked = await call()
  isHeld(asked)

  const cy = await house.person('cy', ['desk/delete_note:approve'])
  await answer(asked, true, cy)
  await identity.disablePrincipal({ by: 'set-up', id: cy.principal.id, reason: 'left' })
  const dee = await house.person('dee', ['desk/delete_note:approve'])
  const last = await call()
  isHeld(last)
  assert.notEqual(linkOf(last), linkOf(asked))
  assert.deepEqual(fake.calls, [])
  await answer(last, true, dee)
  passed(await call())
})

test('a denial stands for a quarter of an hour, in words for the model, and cannot be answered over', async (t) => {
  const { agent, call, answer, fake, clock } = await open(t)
  const held = await call()
  await answer(held, false)
  const refused = await call()
  isHeld(refused)
  assert.equal(linkOf(refused), linkOf(held))
  assert.match(textOf(refused), /was denied/)
  assert.match(textOf(refused), /Do not repeat this call/)
  await assert.rejects(answer(held, true), { code: 'approval.already_answered' })
  isHeld(await call({ id: 'n2' }))
  clock.pass(14 * 60_000)
  await agent.refresh()
  assert.equal(linkOf(await call()), linkOf(held))
  clock.pass(60_000)
  assert.notEqual(linkOf(await call()), linkOf(held), 'then it may be asked again')
  assert.deepEqual(fake.calls, [])
})

test('a request that waited, and an approval that was not used, expire', async (t) => {
  const { agent, call, answer, fake, clock } = await open(t)
  const held = await call()
  clock.pass(15 * 60_000)
  await agent.refresh()
  await assert.rejects(answer(held), { code: 'approval.already_answered' })
  const second = await call()
  assert.notEqual(linkOf(second), linkOf(held))
  await answer(second)
  clock.pass(10 * 60_000)
  await agent.refresh()
  const third = await call()
  isHeld(third)
  assert.notEqual(linkOf(third), linkOf(second))
  assert.deepEqual(fake.calls, [])
})

test('nothing travels beside an approved call that the approver did not see', async (t) => {
  const { agent, call, answer, fake } = await open(t)
  await answer(await call())
  const params = { name: 'delete_note', arguments: { id: 'n1' } }
  for (const more of [
    { requestState: 'x' },
    { inputResponses: { other: { action: 'accept' } } },
    { inputResponses: 7 },
  ]) {
    const refused = await agent.rpc('tools/call', { ...params, ...more })
    assert.deepEqual([refused.status, refused.error?.code], [400, -32602], JSON.stringify(more))
  }
  assert.deepEqual(fake.calls, [])
  const meta = { progressToken: 1, 'evil.example/also': 'n2', anything: true }
  passed(await agent.rpc('tools/call', { ...params, _meta: meta }, { headers: { 'mcp-param-also': 'n2' } }))
  const heard = fake.journal.findLast((one) => one.message?.method === 'tools/call')!
  assert.deepEqual(heard.message?.params, { ...params, _meta: { progressToken: 1 } })
  assert.equal(heard.headers['mcp-param-also'], undefined)
})

test('a call that is held costs nothing but a request, and too many requests are refused', async (t) => {
  const { call, fake } = await open(t)
  for (let n = 0; n < 20; n++) isHeld(await call({ id: `n${n}` }))
  const refused = await call({ id: 'one more' })
  assert.deepEqual([refused.status, refused.error?.data?.['fault']], [429, 'approval.too_many'])
  isHeld(await call({ id: 'n3' }))
  assert.deepEqual(fake.calls, [])
})

const urlElicitation = { elicitation: { url: {} } }

test('a modern client that declares URL elicitation is asked to open the page, and is not sent in circles', async (t) => {
  const { agent, answer, fake } = await open(t)
  const params = { name: 'delete_note', arguments: { id: 'n1' } }
  const asked = await agent.modern('tools/call', params, urlElicitation)
  assert.equal(asked.status, 200)
  assert.equal(asked.result['resultType'], 'input_required')
  assert.equal('requestState' in asked.result, false)
  const requests = asked.result['inputRequests'] as Record<string, { method: string; params: Record<string, string> }>
  assert.deepEqual(Object.keys(requests), ['sallyport-approval'])
  const { method, params: elicited } = requests['sallyport-approval']!
  assert.deepEqual([method, elicited['mode']], ['elicitation/create', 'url'])
  assert.match(elicited['message']!, /needs the approval of somebody else/)

  const retry = { ...params, inputResponses: { 'sallyport-approval': { action: 'accept' } } }
  const waiting = await agent.modern('tools/call', retry, urlElicitation)
  isHeld(waiting)
  assert.equal(linkOf(waiting), elicited['url'])
  await answer(waiting)
  passed(await agent.modern('tools/call', retry, urlElicitation))
  assert.deepEqual(fake.calls, [{ name: 'delete_note', arguments: { id: 'n1' } }])
  const heard = fake.journal.findLast((one) => one.message?.method === 'tools/call')!
  assert.equal(heard.message?.params?.['inputResponses'], undefined, 'the answer to us is for us')
})

test('a modern client without URL elicitation, and a legacy one that claims it, get a result with the link', async (t) => {
  const { agent } = await open(t)
  const params = { name: 'delete_note', arguments: { id: 'n1' } }
  for (const capabilities of [{}, { elicitation: {} }, { elicitation: { form: {} } }]) {
    const answer = await agent.modern('tools/call', params, capabilities)
    isHeld(answer)
    assert.equal(answer.result['resultType'], 'complete')
  }
  const legacy = { ...params, _meta: { 'io.modelcontextprotocol/clientCapabilities': urlElicitation } }
  isHeld(await agent.rpc('tools/call', legacy))
})

test('a denied call is told as a result in either era', async (t) => {
  const { agent, answer } = await open(t)
  const params = { name: 'delete_note', arguments: { id: 'n1' } }
  await answer(await agent.call('delete_note', { id: 'n1' }), false)
  const refused = await agent.modern('tools/call', params, urlElicitation)
  isHeld(refused)
  assert.match(textOf(refused), /was denied/)
})

test('what happened is in the ledger in its order, holds offline, and names who, through what, and by whose approval', async (t) => {
  const { house, ana, bo, agent, call, answer, fake } = await open(t)
  await agent.call('read_note', { id: 'n1' })
  const held = await call()
  await answer(held)
  passed(await call())
  await agent.call('vanish', {})
  const { ledger } = house.rooms
  const entries = (await ledger.listEntries({ after: -1, limit: 1_000 })).map((one) => one.entry)
  const intent = entries.find((one) => one.kind === 'intent' && one.tool === 'delete_note')
  assert.ok(intent?.kind === 'intent')
  assert.equal(intent.principal.id, ana.principal.id)
  assert.equal(intent.client.id, agent.client)
  assert.equal(intent.grantId, agent.grantId)
  assert.equal(intent.approvalId, idOf(held))
  assert.equal(intent.effect, 'destructive')
  const approved = entries.find((one) => one.kind === 'change' && one.what === 'approval.approved')
  assert.ok(approved?.kind === 'change')
  assert.deepEqual([approved.by, approved.about.id, approved.reason], [bo.principal.id, idOf(held), 'looked at it'])
  assert.ok(entries.indexOf(approved) < entries.indexOf(intent))
  const intents = entries.filter((one) => one.kind === 'intent').map((one) => one.tool)
  assert.deepEqual(
    intents,
    fake.calls.map((one) => one.name),
    'what the upstream heard, and nothing else',
  )
  const outcomes = entries.filter((one) => one.kind === 'outcome').map((one) => one.status)
  assert.deepEqual(outcomes, ['success', 'success', 'unknown'])

  const folder = mkdtempSync(join(tmpdir(), 'sallyport-export-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await ledger.exportTo(folder)
  const verified = await verifyLedger(folder, { keys: [ledger.key], origin: ledger.origin })
  assert.equal(verified.problem, undefined)
  assert.equal(verified.size, await ledger.size())
  assert.equal(verified.counts.intent, intents.length)
})

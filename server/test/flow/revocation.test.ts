import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { importJWK, SignJWT, type JWTPayload } from 'jose'
import { EventReader } from '../event-reader.ts'
import { inTime, until } from '../patience.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import { linkOf, type Agent, type Answer } from '../agent.ts'
import type { Person } from '../person.ts'
import { connectFor, type Withdrawal, withdrawals } from '../withdrawals.ts'

// Withdrawing a right is one action. From the moment it resolves: the next call is refused, what is open ends, what is
// pending dies, and what could be renewed cannot.

interface Scene extends FakeHouse {
  agent: Agent
  person: Person
  /** The pending approval of a deletion. */
  approvalId: string
}

const by = 'set-up'
const reason = 'withdrawn by a test'

async function openScene(t: TestContext, withdrawal: Pick<Withdrawal, 'byGroup'> = {}): Promise<Scene> {
  const all = await openFakeHouse(t)
  await all.house.person('root', ['administer'])
  const { agent, person } = await connectFor(all.house, withdrawal, { name: 'ana', upstream: 'desk' })
  const held = linkOf(await agent.call('delete_note', { id: 'n1' }))
  return { ...all, agent, person, approvalId: held.split('/').at(-1)! }
}

function listen(agent: Agent): Promise<EventReader> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { toolsListChanged: true }, _meta: meta }
  return EventReader.open(agent, {
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }),
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
  })
}

function isRefused(answer: Answer, expected: Withdrawal): void {
  assert.equal(answer.status, expected.status, JSON.stringify(answer.message))
  assert.equal(answer.error?.data?.['reason'], expected.reason)
  const challenge = answer.headers.get('www-authenticate')
  if (expected.status === 401) assert.match(challenge ?? '', /error="invalid_token"/)
  else assert.equal(challenge, null)
}

for (const [what, expected] of Object.entries(withdrawals)) {
  test(`withdrawing ${what}: the next call gets ${expected.status}`, async (t) => {
    const scene = await openScene(t, expected)
    const { agent, fake } = scene
    assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
    const before = fake.calls.length
    await expected.does(scene)
    isRefused(await agent.call('read_note', { id: 'n1' }), expected)
    isRefused(await agent.call('delete_note', { id: 'n1' }), expected)
    const listed = await agent.rpc('tools/list', {})
    if (expected.streamsEnd) isRefused(listed, expected)
    else assert.ok(!JSON.stringify(listed.result).includes('read_note'))
    assert.equal(fake.calls.length, before)
  })

  test(`withdrawing ${what}: open streams ${expected.streamsEnd ? 'end' : 'tell it'}, and the call in flight is cut`, async (t) => {
    const scene = await openScene(t, expected)
    const { agent, fake, story } = scene
    const streams = [await EventReader.open(agent), await listen(agent)]
    assert.deepEqual(
      streams.map((stream) => stream.status),
      [200, 200],
    )
    const hanging = () => fake.journal.find((heard) => heard.message?.params?.['name'] === 'hang')
    const call = agent.call('hang', {})
    await until(() => hanging() !== undefined, 'the call reaches the upstream')

    await expected.does(scene)
    const cut = await inTime(call, 'the call in flight is cut')
    assert.ok(cut.status === 403 || cut.status === 502, JSON.stringify(cut.message))
    await until(() => hanging()!.abandoned, 'the upstream is left')
    assert.ok((await story()).includes('outcome unknown'))
    if (expected.streamsEnd) {
      assert.deepEqual(await Promise.all(streams.map((stream) => stream.ended)), ['ended', 'ended'])
      assert.notEqual((await EventReader.open(agent)).status, 200)
      assert.notEqual((await listen(agent)).status, 200)
    } else {
      await streams[1]!.next()
      for (const stream of streams) assert.equal((await stream.next()).method, 'notifications/tools/list_changed')
      for (const stream of streams) stream.close()
    }
  })

  test(`withdrawing ${what}: pending approvals die`, async (t) => {
    const scene = await openScene(t, expected)
    const { house, agent, fake, approvalId } = scene
    const bo = await house.person('bo', ['desk/delete_note:approve'])
    await expected.does(scene)
    const answer = { by: bo.principal.id, id: approvalId, approve: true, reason: 'looked at it' }
    await assert.rejects(house.rooms.approvals.answer(answer), { code: 'approval.already_answered' })
    assert.equal((await house.rooms.approvals.get(approvalId)).state, 'cancelled')
    isRefused(await agent.call('delete_note', { id: 'n1' }), expected)
    assert.deepEqual(fake.calls, [])
  })

  test(`withdrawing ${what}: a renewal gets ${expected.renewal[1] ?? 'a token that carries no more'}`, async (t) => {
    const scene = await openScene(t, expected)
    const { agent } = scene
    await expected.does(scene)
    const renewed = await agent.refresh()
    assert.deepEqual([renewed.status, renewed.body['error']], expected.renewal)
    isRefused(await agent.call('read_note', { id: 'n1' }), expected)
  })
}

test('what an approver allowed and nobody used dies with the grant', async (t) => {
  const scene = await openScene(t)
  const { house, agent, approvalId } = scene
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  await house.rooms.approvals.answer({ by: bo.principal.id, id: approvalId, approve: true, reason: 'looked at it' })
  await house.rooms.oauth.revokeGrant({ by, id: agent.grantId, reason })
  assert.equal((await house.rooms.approvals.get(approvalId)).state, 'cancelled')
})

test('a suspended upstream that serves again serves the same grants', async (t) => {
  const scene = await openScene(t)
  const { house, agent } = scene
  await house.rooms.inventory.stepUpstream({ by, name: 'desk', to: 'suspended', reason })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 403)
  for (const _ of [1, 2]) assert.equal((await agent.refresh()).body['error'], 'invalid_target')
  await house.rooms.inventory.stepUpstream({ by, name: 'desk', to: 'approved', reason })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  assert.equal((await agent.refresh()).status, 200, 'trying to renew meanwhile has cost nothing')
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
})

test('a client that revokes its own token is done, and another grant of the same person is not', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent, person } = await connectAll(house)
  const other = await person.connect('desk')
  const answer = await fetch(`${agent.origin}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: agent.tokens.refresh_token, client_id: agent.client }),
  })
  assert.equal(answer.status, 200)
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await agent.refresh()).status, 400)
  assert.equal((await other.call('read_note', { id: 'n1' })).status, 200)
  assert.equal(fake.calls.length, 1)
})

test('a grant that ended by its time carries nothing, whatever token names it', async (t) => {
  const { house, clock, fake } = await openFakeHouse(t)
  const { agent, person } = await connectAll(house)
  const [grant] = await house.rooms.oauth.listGrants({ principalId: person.principal.id })
  const [head, claims] = agent.tokens.access_token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as JWTPayload & { alg: string })
  const key = await importJWK((await house.rooms.vault.tokenKeys()).keys[0]!, 'ES256')
  const end = Math.ceil(grant!.endsAt / 1_000)
  const longer = await new SignJWT({ ...claims, exp: end + 600 }).setProtectedHeader(head!).sign(key)
  agent.tokens = { ...agent.tokens, access_token: longer }
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  clock.pass(end * 1_000 - clock.now())
  const answer = await agent.call('read_note', { id: 'n1' })
  assert.deepEqual([answer.status, answer.error?.data?.['reason']], [401, 'grant.ended'])
  assert.equal(fake.calls.length, 1)
})

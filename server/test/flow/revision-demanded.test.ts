import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advanceRevision } from '../../src/store/revisions.ts'
import { endpoints } from '../../src/oauth/metadata.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import type { House } from '../house.ts'

// A request may demand the revision that a write has answered. One rule holds at all doors.

const doors: [method: string, path: string][] = [
  ['POST', '/mcp/desk'],
  ['GET', '/mcp/desk'],
  ...Object.values(endpoints).flatMap((path): [string, string][] => [
    ['GET', path],
    ['POST', path],
  ]),
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/oauth-protected-resource/mcp/desk'],
  ['GET', '/api/v1/status'],
  ['POST', '/api/v1/clients/revoke'],
  ['GET', '/scim/v2/Users'],
  ['POST', '/signals/okta'],
  ['GET', '/sign-in'],
  ['POST', '/sign-in/backchannel-logout/company'],
  ['GET', '/you'],
  ['GET', '/health'],
  ['GET', '/ready'],
]

async function ask(house: House, [method, path]: (typeof doors)[number], revision?: string) {
  const answer = await fetch(`${house.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { accept: 'application/json', ...(revision !== undefined && { 'sallyport-revision': revision }) },
  })
  const text = await answer.text()
  return { status: answer.status, code: /"code": ?"([a-z_.]+)"/.exec(text)?.[1], headers: answer.headers }
}

test('every door refuses by the same fault what demands a state that no write has answered, or no number', async (t) => {
  const { house } = await openFakeHouse(t)
  for (const door of doors) {
    const label = door.join(' ')
    const plain = await ask(house, door)
    assert.notEqual(plain.code, 'base.busy', label)
    const { revision } = house.rooms.feed
    for (const known of ['0', '1', String(revision)]) {
      const answer = await ask(house, door, known)
      assert.deepEqual([answer.status, answer.code], [plain.status, plain.code], `${label} ${known}`)
    }
    for (const unknown of [String(revision + 1_000), '999999999999999']) {
      const answer = await ask(house, door, unknown)
      assert.deepEqual([answer.status, answer.code], [503, 'base.busy'], `${label} ${unknown}`)
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', label)
    }
    for (const odd of ['1e3', '-1', '0x1', '1, 2', '1.0', '1'.repeat(16), '']) {
      const answer = await ask(house, door, odd)
      assert.deepEqual([answer.status, answer.code], [400, 'base.bad_request'], `${label} ${odd}`)
    }
  }
})

test('a state of which nothing was heard yet is heard of when it is demanded, by however many at once', async (t) => {
  const { house } = await openFakeHouse(t)
  const { store, feed } = house.rooms
  for (const door of doors.slice(0, 12)) {
    const plain = await ask(house, door)
    // As another replica writes, whose hint was lost.
    const made = await store.transaction((tx) => advanceRevision(tx, house.clock.now(), { kind: 'setting' }))
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(house, door, String(made))))
    for (const { status } of answers) assert.equal(status, plain.status, door.join(' '))
    assert.ok(feed.revision >= made)
  }
})

test('who demands what nobody has answered holds up nobody who must hear the news', async (t) => {
  const { house } = await openFakeHouse(t)
  const { store, feed } = house.rooms
  let asking = true
  const demanding = Array.from({ length: 16 }, async () => {
    while (asking) assert.equal((await ask(house, ['GET', '/you'], '999999')).status, 503)
  })
  for (let round = 0; round < 20; round++) {
    const made = await store.transaction((tx) => advanceRevision(tx, house.clock.now(), { kind: 'setting' }))
    await feed.catchUp()
    assert.ok(feed.revision >= made)
  }
  asking = false
  await Promise.all(demanding)
})

test('what a write answered is demanded of whichever door comes next', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const { rooms } = house
  await rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason: 'for a test' })
  const headers = { 'sallyport-revision': String(rooms.feed.revision) }
  assert.equal((await agent.rpc('tools/list', {}, { headers })).status, 401)
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: agent.tokens.refresh_token,
    client_id: agent.client,
    resource: agent.resource,
  })
  const answer = await fetch(`${house.url}/oauth/token`, { method: 'POST', headers, body: form })
  assert.deepEqual([answer.status, ((await answer.json()) as { error: string }).error], [400, 'invalid_grant'])
})

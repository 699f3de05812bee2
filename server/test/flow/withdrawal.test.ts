import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { endsTold, openHouse } from '../house.ts'

async function open(t: Parameters<typeof openHouse>[0]) {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  await house.upstream('memory', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset', 'memory/get_asset'])
  const bo = await house.person('Bo', ['mux/get_asset'])
  return { house, ana, bo, client: await house.register() }
}

test('a revoked grant cannot be renewed, its end is recorded with the reason, and what hangs on it is told', async (t) => {
  const { house, ana, client } = await open(t)
  const told = endsTold(t, house)
  const tokens = await client.connect(ana.browser, 'mux')
  const other = await client.connect(ana.browser, 'memory')
  const grant = (await house.rooms.oauth.listGrants({ upstream: 'mux' }))[0]!
  const withdrawal = { by: ana.principal.id, id: grant.id, reason: 'lost the laptop' }
  await house.rooms.oauth.revokeGrant(withdrawal)
  await house.rooms.oauth.revokeGrant(withdrawal)
  const found = await house.rooms.oauth.findGrant(grant.id)
  assert.ok(found?.revokedAt)
  assert.equal(found.revokedBecause, 'lost the laptop')
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_grant')
  assert.equal((await client.refresh(other.refresh_token)).status, 200)
  const entries = await house.changes('grant.revoked')
  assert.deepEqual(
    entries.map(({ by, about, reason }) => ({ by, id: about.id, reason })),
    [withdrawal],
  )
  assert.deepEqual(told, [grant.id])
  await assert.rejects(
    house.rooms.oauth.revokeGrant({ ...withdrawal, id: 'nothing' }),
    (error) => error instanceof Fault && error.code === 'oauth.grant_unknown',
  )
})

test('what is open under a grant ends when a newer choice takes its place', async (t) => {
  const { house, ana, client } = await open(t)
  const tokens = await client.connect(ana.browser, 'mux')
  const stream = await fetch(client.resourceOf('mux'), {
    headers: { authorization: `Bearer ${tokens.access_token}`, accept: 'text/event-stream' },
    signal: AbortSignal.timeout(15_000),
  })
  assert.equal(stream.status, 200)
  // News that concern everybody: from now on the stream is asked again only when something concerns it.
  await house.upstream('another', ['get_asset'])
  await client.connect(ana.browser, 'mux')
  await stream.text()
})

test('a revoked client loses every grant, and cannot ask for another', async (t) => {
  const { house, ana, bo, client } = await open(t)
  const told = endsTold(t, house)
  const tokens = [await client.connect(ana.browser, 'mux'), await client.connect(bo.browser, 'mux')]
  const waiting = await ana.browser.open(client.authorizeUrl('memory'))
  await house.rooms.oauth.revokeClient({ by: bo.principal.id, id: client.id, reason: 'not what it said' })
  assert.equal((await house.rooms.oauth.findClient(client.id))?.state, 'revoked')
  assert.ok((await house.rooms.oauth.listGrants({})).every((grant) => grant.revokedAt !== undefined))
  for (const { refresh_token: token } of tokens) assert.equal((await client.refresh(token)).error, 'invalid_client')
  assert.equal((await ana.browser.open(client.authorizeUrl('mux'))).status, 400)
  assert.equal((await client.answer(ana.browser, waiting)).status, 400)
  assert.equal((await house.rooms.oauth.listGrants({})).length, 2)
  assert.equal(told.length, 2)
  assert.equal((await house.changes('client.revoked')).length, 1)
})

test('the grants of a principal, or of an upstream, end within the change that ends what they rest on', async (t) => {
  const { house, ana, bo, client } = await open(t)
  await client.connect(ana.browser, 'mux')
  await client.connect(ana.browser, 'memory')
  await client.connect(bo.browser, 'mux')
  const ended = await house.rooms.store.transaction((tx) =>
    house.rooms.oauth.revokeGrantsWithin(tx, { principalId: ana.principal.id }, 'left the company'),
  )
  assert.equal(ended.length, 2)
  const left = await house.rooms.oauth.listGrants({ activeAt: Date.now() })
  assert.deepEqual(
    left.map(({ principalId }) => principalId),
    [bo.principal.id],
  )
  await assert.rejects(
    house.rooms.store.transaction(async (tx) => {
      await house.rooms.oauth.revokeGrantsWithin(tx, { upstream: 'mux' }, 'retired')
      throw new Error('the greater change failed')
    }),
  )
  assert.equal((await house.rooms.oauth.listGrants({ activeAt: Date.now() })).length, 1)
})

test('a grant that was withdrawn between code and token gives no token', async (t) => {
  const { house, ana, client } = await open(t)
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const [grant] = await house.rooms.oauth.listGrants({})
  await house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: grant!.id, reason: 'changed my mind' })
  assert.equal((await client.redeem(code)).error, 'invalid_grant')
})

test('a call whose rights cannot be read anew is not sent, and nobody is told that they were withdrawn', async (t) => {
  const { house, fake, story } = await openFakeHouse(t)
  const { agent, person } = await connectAll(house)
  await agent.call('read_note', {})
  const { ledger, inventory } = house.rooms
  // Something else changes while the intent is recorded, and then the store does not answer.
  const { recordIntent } = ledger
  t.mock.method(ledger, 'recordIntent', async (...given: Parameters<typeof recordIntent>) => {
    await house.person('somebody else', ['desk/read_note'])
    t.mock.method(inventory, 'listEntitlements', () => Promise.reject(new Fault('store.unavailable', 'it is gone')))
    return recordIntent(...given)
  })
  const answer = await agent.call('read_note', {})
  assert.deepEqual([answer.status, answer.error?.data?.['fault']], [503, 'base.busy'])
  assert.equal(fake.calls.length, 1)
  assert.deepEqual((await story()).slice(-2), ['intent read_note', 'outcome failure'])
  const last = (await house.entries('outcome')).at(-1)
  assert.equal(last?.reason, 'not sent: the rights could not be read')
  assert.equal((await house.rooms.oauth.listGrants({ principalId: person.principal.id }))[0]?.revokedAt, undefined)
})

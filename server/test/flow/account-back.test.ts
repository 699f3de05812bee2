import assert from 'node:assert/strict'
import { test } from 'node:test'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { linkOf } from '../agent.ts'
import type { Browser } from '../browser.ts'
import { openFakeHouse } from '../fake-house.ts'
import { type House, openNamedHouse } from '../house.ts'
import { addAndEnter, addPasskey, enterByPassword } from '../passkey-steps.ts'
import { Person } from '../person.ts'

// Whoever gets an account back is alone in it: what somebody else began with it has ended.

const newPassword = 'a quite different sentence'

async function makeKey(house: House, browser: Browser): Promise<string> {
  const { principal } = (await whoIs(house, browser))!
  return (await house.rooms.identity.makeOperatorKey({ principal, label: 'laptop' })).key
}

test('a reset ends the grants, own connections, approvals and invitations of before, and disables nobody', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { identity, vault, store, oauth, approvals } = house.rooms
  const ana = (await whoIs(house, await administratorOf(house)))!.principal.id
  const decides = { right: 'approve' as const, upstream: 'desk', tools: ['delete_note'], reason: 'looks at it' }
  await house.rooms.inventory.entitle({ by: 'set-up', principalId: ana, ...decides })
  const tools = ['read_note', 'delete_note']
  const rights = [
    ...tools.map((tool) => ({ right: 'use' as const, upstream: 'desk', tool })),
    { right: 'administer' as const, upstream: '*', tool: '*' },
  ]
  const { url } = await identity.invite({ by: ana, name: 'Bo', rights })
  const thief = house.browser()
  await thief.submit(await thief.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const { principal } = (await whoIs(house, thief))!
  const agent = await new Person(house, principal, thief).connect('desk', 'all')
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  assert.match(linkOf(await agent.call('delete_note', { id: 'n1' })), /approvals/)
  const own = { upstream: 'desk', principalId: principal.id, createdBy: principal.id }
  await store.transaction((tx) => vault.putConnection(tx, { ...own, placement: 'headers', values: { 'x-key': 'a' } }))
  const invited = await identity.invite({ by: principal.id, name: 'a friend', rights })
  assert.equal((await approvals.list({ decidableBy: ana })).length, 1)
  const calls = fake.calls.length

  const link = await identity.makeResetLink({ by: ana, id: principal.id, reason: 'somebody else is in it' })
  const bo = house.browser()
  await bo.submit(await bo.open(link.url), { password: newPassword }, { to: new URL(link.url).pathname })
  assert.equal((await whoIs(house, bo))?.principal.id, principal.id, 'he is in, and his rights are his')
  assert.equal((await whoIs(house, bo))?.principal.state, 'active')

  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.equal(fake.calls.length, calls)
  assert.ok((await oauth.findGrant(agent.grantId))?.revokedAt)
  assert.deepEqual(await vault.listConnectionsOf(principal.id), [])
  assert.deepEqual(await approvals.list({ decidableBy: ana }), [])
  assert.equal((await house.browser().open(invited.url)).status, 404)
})

test('a password that is changed, a code that is spent and a passkey that is removed end all keys and other sign-ins', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const beside = async () => {
    const other = house.browser()
    await enterByPassword(house, other)
    return { other, key: await makeKey(house, other) }
  }
  const ended = async ({ other, key }: { other: Browser; key: string }, what: string) => {
    assert.equal(await whoIs(house, other), undefined, what)
    assert.equal(await house.rooms.identity.whoHasKey(key), undefined, what)
  }
  const { authenticator } = await addAndEnter(house, ana)
  await addPasskey(house, ana, { name: 'phone' })
  const before = await beside()
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  await ana.submit(ways, { id: authenticator.id }, { to: '/sign-in/ways/passkeys/remove' })
  await ended(before, 'a removed passkey')
  assert.ok(await whoIs(house, ana), 'who removed it stays')

  const made = await ana.submit(ways, {}, { to: '/sign-in/ways/codes' })
  const code = /<pre[^>]*>([^<\n]*)/.exec(made.text)![1]!
  const second = await beside()
  const page = await ana.open(`${house.origin}/sign-in/recovery`)
  await ana.submit(page, { login: 'ana', password, code }, { to: '/sign-in/recovery' })
  await ended(second, 'a spent code')

  const third = await beside()
  const now = await ana.open(`${house.origin}/sign-in/ways`)
  await ana.submit(now, { password: newPassword }, { to: '/sign-in/ways/password' })
  await ended(third, 'a changed password')
  assert.ok(await whoIs(house, ana))
})

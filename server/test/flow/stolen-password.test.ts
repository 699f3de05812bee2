import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listPasskeys } from '../../src/store/passkeys.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import type { FakeAuthenticator } from '../fake/authenticator.ts'
import { type House, openNamedHouse } from '../house.ts'
import { addAndEnter, addPasskey, enterByPasskey, enterByPassword } from '../passkey-steps.ts'

// Of somebody who knows a password, or found a browser open, and has nothing else.

const current = password
const minute = 60_000
const day = 24 * 60 * minute

test('beside a passkey, the password alone adds none, removes none, makes no codes, and stays what it is', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addPasskey(house, ana)
  const { principal, login } = (await whoIs(house, ana))!
  assert.deepEqual([login.amr, login.acr], [['pwd', 'link'], undefined], 'adding it proves nothing')

  const thief = house.browser()
  await enterByPassword(house, thief)
  const ways = await thief.open(`${house.origin}/sign-in/ways`)
  assert.match(ways.text, /To change these, sign in with your passkey/)
  assert.doesNotMatch(ways.text, /Add a passkey|Make ten codes|Only by passkey|>Remove</)
  const csrf = /name="csrf" value="([^"]*)"/.exec(ways.text)![1]!
  const tries: Record<string, Record<string, string>> = {
    passkeys: { name: 'mine', current },
    'passkeys/remove': { id: authenticator.id, current },
    codes: { current },
    only: { only: 'yes', current },
  }
  for (const [path, fields] of Object.entries(tries)) {
    const url = new URL(`/sign-in/ways/${path}`, house.origin)
    const shown = await thief.post(url, new URLSearchParams({ csrf, ...fields }), { site: 'same-origin' })
    assert.equal(shown.status, 403, path)
  }
  assert.deepEqual((await whoIs(house, thief))?.login.amr, ['pwd'])
  assert.equal((await listPasskeys(house.rooms.store, principal.id)).length, 1)
  assert.deepEqual(await house.changes('recovery_code.made'), [])
})

test('without a passkey, the first one is made by the password until now, asked for no more often than anywhere', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const statuses = []
  for (const [to, fields] of [
    ['passkeys', { name: 'mine' }],
    ['passkeys', { name: 'mine', current: 'a guess of somebody' }],
    ['password', { password: 'a quite different sentence' }],
    ['password', { password: 'a quite different sentence', current: 'another guess' }],
  ] as const) {
    statuses.push((await ana.submit(ways, fields, { to: `/sign-in/ways/${to}` })).status)
  }
  assert.deepEqual(statuses, [401, 401, 401, 401])
  const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(ways.text)![1]!, current })
  const codes = await ana.post(new URL('/sign-in/ways/codes', house.origin), body, { site: 'same-origin' })
  assert.equal(codes.status, 403)
  assert.deepEqual(await house.changes('recovery_code.made'), [], 'codes stand in for a passkey')
  const { authenticator } = await addPasskey(house, ana)
  await enterByPasskey(house, ana, { authenticator })
  assert.equal((await whoIs(house, ana))?.login.acr, 'phr')
})

test('a further passkey makes a sign-in neither fresher nor other than it was', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  const before = (await whoIs(house, ana))!.login
  house.clock.pass(9 * 60_000)
  await addPasskey(house, ana, { name: 'phone' })
  assert.deepEqual((await whoIs(house, ana))!.login, before)
})

/** Somebody who knows Ana's password, and has added a passkey of his by it. */
async function steal(house: House): Promise<{ thief: Browser; authenticator: FakeAuthenticator }> {
  const thief = house.browser()
  await enterByPassword(house, thief)
  const { authenticator } = await addPasskey(house, thief, { name: 'key' })
  return { thief, authenticator }
}

test('the first passkey that the password alone has added is worth no more than that for three days', async (t) => {
  const house = await openNamedHouse(t)
  await administratorOf(house)
  const { thief, authenticator } = await steal(house)
  const enter = async () => {
    await enterByPasskey(house, thief, { authenticator })
    return (await whoIs(house, thief))!.login
  }
  const { amr, acr } = await enter()
  assert.deepEqual([amr, acr], [['pwd'], undefined])
  const ways = await thief.open(`${house.origin}/sign-in/ways`)
  assert.doesNotMatch(ways.text, /Make ten codes|Only by passkey|Add a passkey/)
  const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(ways.text)![1]!, only: 'yes' })
  for (const path of ['only', 'codes']) {
    const shown = await thief.post(new URL(`/sign-in/ways/${path}`, house.origin), body, { site: 'same-origin' })
    assert.equal(shown.status, 403, path)
  }
  house.clock.pass(3 * day - minute)
  assert.deepEqual((await enter()).amr, ['pwd'])
  house.clock.pass(minute)
  assert.equal((await enter()).acr, 'phr')
  const [added] = await house.changes('passkey.added')
  assert.ok(Math.abs(Number(added!.details!['countsAt']) - added!.at - 3 * day) < minute, 'the ledger says until when')
})

test('whoever is signed in comes in anew, is shown the passkey first, and removes it by the password', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { thief, authenticator } = await steal(house)
  assert.equal(await whoIs(house, ana), undefined)
  const start = await ana.open(`${house.origin}/sign-in?return_to=/you`)
  const shown = await ana.submit(start, { login: 'ana', password }, { to: '/sign-in' })
  assert.equal(shown.url.pathname, '/sign-in/ways')
  assert.match(shown.text, /was added on .* by your password\s+alone/)
  assert.match(shown.text, /href="\/you">It is mine: go on/)
  await ana.submit(shown, {}, { to: '/sign-in/ways/passkeys/remove' })
  const { principal } = (await whoIs(house, ana))!
  assert.deepEqual(await listPasskeys(house.rooms.store, principal.id), [])
  assert.equal(await whoIs(house, thief), undefined)
  assert.equal((await enterByPasskey(house, thief, { authenticator })).status, 401)
})

test('where a passkey is demanded, one that waits locks nobody out and lets nobody in', async (t) => {
  const house = await openNamedHouse(t, { yaml: 'login: { local: { passkeys: everybody } }' })
  const ana = await administratorOf(house)
  const { thief, authenticator } = await steal(house)
  await enterByPasskey(house, thief, { authenticator })
  assert.equal(await whoIs(house, thief), undefined)
  const shown = await enterByPassword(house, ana)
  assert.equal(shown.url.pathname, '/sign-in/ways')
  assert.match(shown.text, /You go on when your passkey counts/)
  await ana.submit(shown, {}, { to: '/sign-in/ways/passkeys/remove' })
  const { authenticator: own } = await addPasskey(house, ana)
  house.clock.pass(3 * day)
  await enterByPasskey(house, ana, { authenticator: own })
  assert.ok(await whoIs(house, ana))
})

test('a new password ends a passkey that waits', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await steal(house)
  const shown = await enterByPassword(house, ana)
  const fields = { current, password: 'a quite different sentence' }
  await ana.submit(shown, fields, { to: '/sign-in/ways/password' })
  house.clock.pass(3 * day)
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator })).status, 401)
})

test('recovery codes of before are void with the first passkey', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator, shown } = await addAndEnter(house, ana)
  const made = await ana.submit(shown, {}, { to: '/sign-in/ways/codes' })
  const code = /<pre[^>]*>([^<\n]*)/.exec(made.text)![1]!
  await ana.submit(shown, { id: authenticator.id }, { to: '/sign-in/ways/passkeys/remove' })
  await steal(house)
  const page = await ana.open(`${house.origin}/sign-in/recovery`)
  const used = await ana.submit(page, { login: 'ana', password, code }, { to: '/sign-in/recovery' })
  assert.equal(used.status, 401)
})

test('what a link of an administrator opened adds a passkey that counts at once', async (t) => {
  const house = await openNamedHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const { id } = (await whoIs(house, bo))!.principal
  const reset = await house.rooms.identity.makeResetLink({ by: ana.id, id, reason: 'needs a passkey now' })
  const page = await bo.open(reset.url)
  await bo.submit(page, { password }, { to: new URL(reset.url).pathname })
  assert.deepEqual((await whoIs(house, bo))?.login.amr, ['pwd', 'link'])
  const { authenticator } = await addPasskey(house, bo)
  await enterByPasskey(house, bo, { authenticator })
  assert.equal((await whoIs(house, bo))?.login.acr, 'phr')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listPasskeys } from '../../src/store/passkeys.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { openNamedHouse } from '../house.ts'
import { addAndEnter, addPasskey, enterByPasskey, enterByPassword } from '../passkey-steps.ts'

// Of somebody who knows a password, or found a browser open, and has nothing else.

const current = password

test('beside a passkey, the password alone adds none, removes none, makes no codes, and stays what it is', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addPasskey(house, ana)
  const { principal, login } = (await whoIs(house, ana))!
  assert.deepEqual([login.amr, login.acr], [['pwd'], undefined], 'adding it proves nothing')

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

test('without a passkey, the first one and codes are made by the password until now, asked for no more often than anywhere', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const statuses = []
  for (const [to, fields] of [
    ['passkeys', { name: 'mine' }],
    ['passkeys', { name: 'mine', current: 'a guess of somebody' }],
    ['codes', {}],
    ['codes', { current: 'a guess of somebody' }],
    ['codes', { current }],
    ['codes', { current: 'another guess' }],
  ] as const) {
    statuses.push((await ana.submit(ways, fields, { to: `/sign-in/ways/${to}` })).status)
  }
  assert.deepEqual(statuses, [401, 401, 401, 401, 200, 401])
  assert.equal((await house.changes('recovery_code.made')).length, 1)
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

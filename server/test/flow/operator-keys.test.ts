import assert from 'node:assert/strict'
import { test } from 'node:test'
import { administratorOf, password, whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { type House, openNamedHouse } from '../house.ts'
import { addAndEnter } from '../passkey-steps.ts'

const minute = 60_000
const yaml = 'login: { local: { passkeys: administrators } }'

async function bring(house: House, by: string, login: string): Promise<{ browser: Browser; id: string }> {
  const { url } = await house.rooms.identity.invite({ by, name: login, rights: [] })
  const browser = house.browser()
  await browser.submit(await browser.open(url), { name: login, login, password }, { to: new URL(url).pathname })
  return { browser, id: (await whoIs(house, browser))!.principal.id }
}

async function makeKey(house: House, browser: Browser): Promise<string> {
  const page = await browser.open(`${house.origin}/you`)
  const shown = await browser.submit(page, { label: 'laptop', hours: '24' }, { to: '/you/key' })
  return /SALLYPORT_KEY=(spk_[\w-]+)/.exec(shown.text)![1]!
}

async function ask(house: House, key: string, what: { path?: string; body?: object } = {}): Promise<number> {
  const { path = '/people', body } = what
  const init = body && { method: 'POST', body: JSON.stringify(body) }
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return (await fetch(`${house.origin}/api/v1${path}`, { ...init, headers })).status
}

/** The first administrator, signed in by a passkey that she has added. */
async function strongAdministrator(house: House): Promise<{ ana: Browser; id: string }> {
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  return { ana, id: (await whoIs(house, ana))!.principal.id }
}

test('a key that was made on a password says nothing once a passkey is demanded of its owner, and one made by passkey does', async (t) => {
  const house = await openNamedHouse(t, { yaml })
  const { ana, id: by } = await strongAdministrator(house)
  const { browser: bo, id } = await bring(house, by, 'bo')
  const key = await makeKey(house, bo)
  assert.equal(await ask(house, key, { path: '/status' }), 200, 'nothing is demanded of him yet')
  const right = { right: 'administer' as const, upstream: '*', tools: ['*'], reason: 'shares the work' }
  await house.rooms.inventory.entitle({ by, principalId: id, ...right })
  assert.equal(await ask(house, key), 401)
  assert.equal(await ask(house, key, { path: '/status' }), 401)
  const strong = await makeKey(house, ana)
  assert.equal(await ask(house, strong), 200)
  assert.deepEqual(
    (await house.changes('operator_key.made')).map(({ details }) => details?.['strong']),
    [false, true],
  )
})

test('a key is made within ten minutes of the sign-in, and not later', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const page = await ana.open(`${house.origin}/you`)
  house.clock.pass(10 * minute + 1_000)
  const late = await ana.submit(page, { label: 'laptop', hours: '24' }, { to: '/you/key' })
  assert.equal(late.status, 403)
  assert.match(late.text, /identity\.not_fresh/)
  const you = await ana.open(`${house.origin}/you`)
  assert.doesNotMatch(you.text, /action="\/you\/key"/)
  const signIn = await ana.follow(you, '/sign-in?again&return_to=%2Fyou')
  const back = await ana.submit(signIn, { login: 'ana', password }, { to: '/sign-in' })
  assert.equal(back.url.pathname, '/you')
  assert.match(await makeKey(house, ana), /^spk_/)
})

test('a link that lets somebody in anew is made on a page, within ten minutes of the sign-in, and by no key', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { id } = await bring(house, (await whoIs(house, ana))!.principal.id, 'bo')
  const key = await makeKey(house, ana)
  const reason = 'lost the phone'
  assert.equal(await ask(house, key, { path: `/people/${id}/reset`, body: { reason } }), 404)
  const page = await ana.open(`${house.origin}/people/${id}`)
  house.clock.pass(10 * minute + 1_000)
  const late = await ana.submit(page, { reason }, { to: `/people/${id}/reset` })
  assert.equal(late.status, 403)
  assert.match((await ana.open(`${house.origin}/people/${id}`)).text, /Sign in again/)
  assert.deepEqual(await house.changes('password.reset_offered'), [])
})

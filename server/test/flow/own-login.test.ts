import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listPasskeys } from '../../src/store/passkeys.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import type { Browser, Page } from '../browser.ts'
import { type House, openHouse, openNamedHouse } from '../house.ts'
import { addAndEnter, addPasskey, enterByPasskey, enterByPassword } from '../passkey-steps.ts'

const newPassword = 'a quite different sentence'
const day = 24 * 60 * 60 * 1_000

async function makeCodes(house: House, browser: Browser): Promise<string[]> {
  const shown = await browser.submit(
    await browser.open(`${house.origin}/sign-in/ways`),
    {},
    { to: '/sign-in/ways/codes' },
  )
  assert.equal(shown.status, 200)
  return /<pre[^>]*>([^<]*)<\/pre>/.exec(shown.text)![1]!.trim().split('\n')
}

async function useCode(house: House, browser: Browser, fields: Record<string, string>): Promise<Page> {
  const page = await browser.open(`${house.origin}/sign-in/recovery`)
  return browser.submit(page, { login: 'ana', password, ...fields }, { to: '/sign-in/recovery' })
}

async function bring(house: House, by: string, login: string): Promise<{ browser: Browser; id: string }> {
  const { url } = await house.rooms.identity.invite({ by, name: `The ${login}`, rights: [] })
  const browser = house.browser()
  await browser.submit(await browser.open(url), { name: 'Bo Berg', login, password }, { to: new URL(url).pathname })
  return { browser, id: (await whoIs(house, browser))!.principal.id }
}

async function resetOf(house: House, by: string, id: string): Promise<URL> {
  return new URL((await house.rooms.identity.makeResetLink({ by, id, reason: 'lost everything' })).url)
}

test('a person changes the password by the one before; every other sign-in ends, and the ledger tells of it', async (t) => {
  const house = await openHouse(t)
  const ana = await administratorOf(house)
  const other = house.browser()
  await enterByPassword(house, other)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const to = '/sign-in/ways/password'
  for (const [fields, status] of [
    [{ current: 'not the one before', password: newPassword }, 401],
    [{ password: newPassword }, 401],
    [{ current: password, password: 'short' }, 400],
    [{ current: password, password: 'ana ana ana ana' }, 400],
  ] as const) {
    assert.equal((await ana.submit(ways, fields, { to })).status, status)
  }
  assert.ok(await whoIs(house, other))
  const shown = await ana.submit(ways, { current: password, password: newPassword }, { to })
  assert.match(shown.text, /The password is changed/)
  assert.ok(await whoIs(house, ana), 'this sign-in stays')
  assert.equal(await whoIs(house, other), undefined)
  assert.equal((await enterByPassword(house, house.browser())).status, 401)
  const page = await other.open(`${house.origin}/sign-in`)
  await other.submit(page, { login: 'ana', password: newPassword }, { to: '/sign-in' })
  assert.ok(await whoIs(house, other))
  const changes = await house.changes('password.set')
  assert.deepEqual(
    changes.map(({ by, about }) => [by, about.kind, about.id]),
    [[about(changes), 'principal', about(changes)]],
  )
})

const about = (changes: { by: string }[]): string => changes[0]!.by

test('the password before is asked for no more often than at the sign-in page', async (t) => {
  const house = await openHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const guess = (current: string) =>
    ana.submit(ways, { current, password: newPassword }, { to: '/sign-in/ways/password' })
  const statuses = []
  for (const at of [1, 2, 3, 4, 5, 6]) statuses.push((await guess(`guess number ${at}`)).status)
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429])
  assert.equal((await guess(password)).status, 429)
})

test('who signed in by passkey needs no password to set a new one', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addPasskey(house, ana)
  const browser = house.browser()
  await enterByPasskey(house, browser, { authenticator })
  const ways = await browser.open(`${house.origin}/sign-in/ways`)
  assert.doesNotMatch(ways.text, /name="current"/)
  const shown = await browser.submit(ways, { password: newPassword }, { to: '/sign-in/ways/password' })
  assert.equal(shown.status, 200)
  assert.equal(await whoIs(house, ana), undefined)
})

test('a recovery code signs in once beside the password, where a passkey is demanded too, and ends all other sign-ins', async (t) => {
  const house = await openNamedHouse(t, { yaml: 'login: { local: { passkeys: everybody } }' })
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  const codes = await makeCodes(house, ana)
  assert.equal(new Set(codes).size, 10)
  for (const code of codes) assert.match(code, /^[a-hj-km-np-tv-z2-9]{4}(-[a-hj-km-np-tv-z2-9]{4}){4}$/)

  const browser = house.browser()
  const landed = await useCode(house, browser, { code: ` ${codes[3]!.toUpperCase().replaceAll('-', ' ')} ` })
  assert.equal(landed.url.pathname, '/sign-in/ways')
  assert.match(landed.text, /9 of 10 left/)
  assert.deepEqual((await whoIs(house, browser))?.login.amr, ['pwd', 'otp', 'mfa'])
  assert.equal(await whoIs(house, ana), undefined)

  assert.equal((await useCode(house, house.browser(), { code: codes[3]! })).status, 401, 'once')
  const spent = await house.changes('recovery_code.spent')
  assert.deepEqual(
    spent.map(({ details }) => details),
    [{ left: 9 }],
  )
  const kept = JSON.stringify([await house.entries('change'), await house.entries('login'), house.log])
  for (const code of codes) assert.equal(kept.includes(code.slice(5)), false, 'codes are nowhere in clear')
})

test('of many who use one code at once, one comes in', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  const [code] = await makeCodes(house, ana)
  const browsers = [1, 2, 3, 4].map(() => house.browser())
  const shown = await Promise.all(browsers.map((browser) => useCode(house, browser, { code: code! })))
  assert.equal(shown.filter(({ status }) => status === 200).length, 1)
  assert.equal((await house.changes('recovery_code.spent')).length, 1)
})

test('a wrong login, password or code are told alike, counted like passwords, and spend nothing', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  const [code = '', second = ''] = await makeCodes(house, ana)
  const { principal } = (await whoIs(house, ana))!
  const { browser: bo } = await bring(house, principal.id, 'bo')
  await addAndEnter(house, bo)
  const [ofBo = ''] = await makeCodes(house, bo)
  const browser = house.browser()
  const texts = new Set<string>()
  const tries: Record<string, string>[] = [
    { login: 'nobody', code },
    { password: 'not the password', code },
    { code: second.slice(0, 4) + code.slice(4) },
    { code: ofBo },
    { code: '' },
    { code: 'zzzz-zzzz-zzzz-zzzz-zzzz' },
  ]
  for (const fields of tries) {
    const shown = await useCode(house, browser, fields)
    assert.equal(shown.status, 401)
    texts.add(shown.text.replaceAll(/value="(ana|nobody)"/g, ''))
  }
  assert.equal(texts.size, 1)
  assert.equal((await useCode(house, browser, { code })).status, 429, 'the same limit as for passwords')
  house.clock.pass(16 * 60 * 1_000)
  assert.equal((await useCode(house, browser, { code })).status, 200)
})

test('new codes make those before void', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  await addAndEnter(house, ana)
  const [before = ''] = await makeCodes(house, ana)
  const [after = ''] = await makeCodes(house, ana)
  assert.equal((await useCode(house, house.browser(), { code: before })).status, 401)
  assert.equal((await useCode(house, house.browser(), { code: after })).status, 200)
})

test('an administrator sends who lost everything a link that sets a new password, and nothing of before opens any more', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const anaId = (await whoIs(house, ana))!.principal.id
  const { browser: bo, id } = await bring(house, anaId, 'bo')
  const { authenticator, shown } = await addAndEnter(house, bo)
  const codes = await makeCodes(house, bo)
  await bo.submit(shown, {}, { to: '/sign-in/ways/only' })
  const { principal } = (await whoIs(house, bo))!
  const { key } = await house.rooms.identity.makeOperatorKey({ principal, label: 'laptop' })

  const page = await ana.open(`${house.origin}/people/${id}`)
  const made = await ana.submit(page, { reason: 'lost the phone' }, { to: `/people/${id}/reset` })
  const link = new URL(/http:\/\/[^\s<]*\/reset\/[\w-]{43}/.exec(made.text)![0])
  const finder = house.browser()
  const form = await finder.open(link)
  assert.match(form.text, /For the login <strong>bo<\/strong>/)
  assert.ok(await whoIs(house, bo), 'to open it changes nothing')
  assert.equal((await finder.submit(form, { password: 'short' }, { to: link.pathname })).status, 400)
  await finder.submit(form, { password: newPassword }, { to: link.pathname })
  assert.equal((await whoIs(house, finder))?.principal.id, id)

  assert.equal(await whoIs(house, bo), undefined)
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined)
  assert.deepEqual(await listPasskeys(house.rooms.store, id), [])
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator })).status, 401)
  assert.equal(
    (await useCode(house, house.browser(), { login: 'bo', password: newPassword, code: codes[0]! })).status,
    401,
  )
  assert.equal((await enterByPassword(house, house.browser(), 'bo')).status, 401)
  assert.equal((await house.browser().open(link)).status, 404, 'it works once')
  const [offered] = await house.changes('password.reset_offered')
  const [set] = await house.changes('password.set')
  assert.deepEqual([offered?.by, offered?.about.id, offered?.reason], [anaId, id, 'lost the phone'])
  assert.deepEqual([set?.by, set?.details?.['offeredBy']], [id, anaId])
  assert.doesNotMatch(JSON.stringify(await house.entries('change')), new RegExp(link.pathname.slice(7)))
})

test('a reset link is for one day and one person, made by another who administers still, and makes nobody', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal.id
  const { id: bo } = await bring(house, ana, 'bo')
  const { id: cy } = await bring(house, ana, 'cy')
  const { identity, inventory } = house.rooms
  const reason = 'lost everything'
  await assert.rejects(identity.makeResetLink({ by: bo, id: cy, reason }), { code: 'identity.not_allowed' })
  await assert.rejects(identity.makeResetLink({ by: ana, id: ana, reason }), { code: 'identity.not_allowed' })
  await assert.rejects(identity.makeResetLink({ by: ana, id: 'nobody', reason }), { code: 'identity.not_found' })
  const other = await house.person('of another provider')
  await assert.rejects(identity.makeResetLink({ by: ana, id: other.principal.id, reason }), {
    code: 'identity.not_found',
  })

  const first = await resetOf(house, ana, bo)
  const second = await resetOf(house, ana, bo)
  const ofCy = await resetOf(house, ana, cy)
  assert.equal((await house.browser().open(first)).status, 404, 'a newer one ends it')
  assert.equal((await house.browser().open(ofCy)).status, 200)
  const asInvitation = new URL(second.href.replace('/reset/', '/join/'))
  assert.equal((await house.browser().open(asInvitation)).status, 404)
  const { url } = await identity.invite({ by: ana, name: 'Di', rights: [] })
  assert.equal((await house.browser().open(url.replace('/join/', '/reset/'))).status, 404)

  const right = { principalId: bo, right: 'administer' as const, upstream: '*', tools: ['*'], reason }
  await inventory.entitle({ by: ana, ...right })
  const byBo = await resetOf(house, bo, cy)
  assert.equal((await house.browser().open(byBo)).status, 200)
  await identity.disablePrincipal({ by: ana, id: bo, reason })
  assert.equal((await house.browser().open(byBo)).status, 404, 'who offered it may do so no more')
  assert.equal((await house.browser().open(second)).status, 200)
  const browser = house.browser()
  const form = await browser.open(second)
  const refused = await browser.submit(form, { password: newPassword }, { to: second.pathname })
  assert.equal(refused.status, 403, 'nobody who is disabled comes back by it')

  const late = await resetOf(house, ana, cy)
  house.clock.pass(day + 1)
  assert.equal((await house.browser().open(late)).status, 404)
})

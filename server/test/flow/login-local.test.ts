import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../src/base/ids.ts'
import { insertSignIn } from '../../src/store/sign-ins.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { openHouse } from '../house.ts'

test('the first administrator comes in by the printed link and can sign in again with login and password', async (t) => {
  const house = await openHouse(t)
  const first = await administratorOf(house)
  assert.equal((await whoIs(house, first))?.principal.name, 'Ana')

  const second = house.browser()
  const page = await second.open(`${house.origin}/sign-in?return_to=/sign-out`)
  assert.equal(page.status, 200)
  const landed = await second.submit(page, { login: ' ANA ', password }, { to: '/sign-in' })
  assert.equal(landed.url.pathname, '/sign-out', 'it leads back to where it was asked for')
  assert.equal((await whoIs(house, second))?.principal.id, (await whoIs(house, first))?.principal.id)

  const logins = await house.entries('login')
  assert.deepEqual(
    logins.map((entry) => [entry.status, entry.provider, entry.principal?.name, entry.address]),
    [
      ['success', 'local', 'Ana', '127.0.0.1'],
      ['success', 'local', 'Ana', '127.0.0.1'],
    ],
  )
})

test('a wrong password and a login that does not exist get the same answer, and both are recorded', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  const answers: string[] = []
  for (const login of ['ana', 'nobody']) {
    const browser = house.browser()
    const page = await browser.open(`${house.origin}/sign-in`)
    const shown = await browser.submit(page, { login, password: 'not the password' }, { to: '/sign-in' })
    assert.equal(shown.status, 401)
    assert.equal(await whoIs(house, browser), undefined)
    answers.push(shown.text.replaceAll(login, '').replaceAll(/name="csrf" value="[^"]*"/g, ''))
  }
  assert.equal(answers[0], answers[1])
  const failures = (await house.entries('login')).filter((entry) => entry.status === 'failure')
  assert.deepEqual(
    failures.map((entry) => [entry.principal?.name, entry.reason]),
    [
      ['Ana', 'identity.sign_in_failed'],
      [undefined, 'identity.sign_in_failed'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(await house.rooms.ledger.listEntries({ limit: 100 })), /nobody|not the password/)
})

test('after five failures for one login from one address even the right password must wait', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  const browser = house.browser()
  const page = await browser.open(`${house.origin}/sign-in`)
  const tries = [1, 2, 3, 4, 5, 6, 7].map(() =>
    browser.submit(page, { login: 'ana', password: 'wrong password' }, { to: '/sign-in' }),
  )
  const statuses = (await Promise.all(tries)).map((shown) => shown.status).sort((a, b) => a - b)
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429], 'many at once do not slip through')
  assert.equal((await browser.submit(page, { login: 'ana', password }, { to: '/sign-in' })).status, 429)
  assert.equal(await whoIs(house, browser), undefined)
})

test('a sign-in lasts eight hours and no longer, and signing out ends it on the server', async (t) => {
  const house = await openHouse(t)
  const browser = await administratorOf(house)
  house.clock.pass((8 * 60 * 60 - 60) * 1_000)
  assert.ok(await whoIs(house, browser))
  house.clock.pass(61_000)
  assert.equal(await whoIs(house, browser), undefined)

  const again = house.browser()
  await again.submit(await again.open(`${house.origin}/sign-in`), { login: 'ana', password }, { to: '/sign-in' })
  const cookie = again.cookieFor(new URL(house.origin))
  await again.submit(await again.open(`${house.origin}/sign-out`), {}, { to: '/sign-out' })
  assert.equal(await house.rooms.identity.whoIs({ headers: { cookie } } as never), undefined, 'the old cookie is dead')
})

test('the cookie is opaque, HttpOnly, Lax and new at each sign-in; the one before is dead', async (t) => {
  const house = await openHouse(t)
  const browser = await administratorOf(house)
  const url = new URL(house.origin)
  const before = browser.cookieFor(url)
  await browser.submit(await browser.open(`${house.origin}/sign-in`), { login: 'ana', password }, { to: '/sign-in' })
  assert.ok(await whoIs(house, browser))
  assert.equal(await house.rooms.identity.whoIs({ headers: { cookie: before } } as never), undefined)
  const set = browser.cookiesSet.filter((line) => line.startsWith('sallyport='))
  assert.equal(set.length, 2)
  for (const line of set)
    assert.match(line, /^sallyport=[A-Za-z0-9_-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Lax$/)
})

test('a cookie that an attacker planted before the sign-in is worth nothing after it', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  const browser = house.browser()
  browser.plant({ name: 'sallyport', value: 'planted' })
  await browser.submit(await browser.open(`${house.origin}/sign-in`), { login: 'ana', password }, { to: '/sign-in' })
  assert.equal(await house.rooms.identity.whoIs({ headers: { cookie: 'sallyport=planted' } } as never), undefined)
  assert.ok(await whoIs(house, browser))
})

test('a form that another site sends is refused, whatever it carries', async (t) => {
  const house = await openHouse(t)
  const ana = await administratorOf(house)
  const signOut = new URL('/sign-out', house.origin)
  const csrf = (await whoIs(house, ana))!.csrf
  const own = { site: 'same-origin', origin: house.origin }
  const forms: [string, { site?: string; origin?: string }, string][] = [
    ['from another site', { site: 'cross-site', origin: 'https://evil.example' }, csrf],
    ['from another port of this machine', { site: 'same-site', origin: 'http://127.0.0.1:1' }, csrf],
    ['from a sandboxed frame', { site: 'cross-site', origin: 'null' }, csrf],
    ['with an origin that contradicts', { site: 'same-origin', origin: 'https://evil.example' }, csrf],
    ['by a browser that says nothing', {}, csrf],
    ['with an origin that says nothing', { origin: 'null' }, csrf],
    ['without a token', own, ''],
    ['with a token of nobody', own, csrf.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
  ]
  for (const [name, from, token] of forms) {
    const shown = await ana.post(signOut, new URLSearchParams({ csrf: token }), from)
    assert.equal(shown.status, 403, name)
    assert.ok(await whoIs(house, ana), name)
  }
  const shown = await ana.post(signOut, new URLSearchParams({ csrf }), { origin: house.origin })
  assert.equal(shown.status, 200, 'an older browser that sends Origin alone is served')
  assert.equal(await whoIs(house, ana), undefined)
})

test('nobody can be signed in as somebody else by a form of another browser', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  const attacker = house.browser()
  const page = await attacker.open(`${house.origin}/sign-in`)
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)![1]!
  const victim = house.browser()
  await victim.open(`${house.origin}/sign-in`)
  const body = new URLSearchParams({ csrf, login: 'ana', password })
  assert.equal((await victim.post(page.url, body, { site: 'same-origin', origin: house.origin })).status, 403)
  victim.plant({ name: 'sallyport-browser', value: 'made-up.signature' })
  assert.equal((await victim.post(page.url, body, { site: 'same-origin', origin: house.origin })).status, 403)
})

test('the pages forbid scripts, frames and caching', async (t) => {
  const house = await openHouse(t)
  const link = (await house.rooms.identity.firstAdministratorLink())!
  for (const address of [`${house.origin}/sign-in`, `${house.origin}/sign-out`, link]) {
    const shown = await house.browser().open(address)
    assert.equal(shown.status, 200)
    assert.match(shown.headers.get('content-security-policy')!, /default-src 'none'.*frame-ancestors 'none'/)
    assert.equal(shown.headers.get('x-frame-options'), 'DENY')
    assert.equal(shown.headers.get('cache-control'), 'no-store')
    assert.doesNotMatch(shown.text, /<script|javascript:| on[a-z]+=/i)
  }
})

test('what is typed in and what stands in the address comes back escaped', async (t) => {
  const house = await openHouse(t)
  const browser = house.browser()
  const evil = `"><script>alert(1)</script>`
  const page = await browser.open(`${house.origin}/sign-in?return_to=/${encodeURIComponent(evil)}`)
  const shown = await browser.submit(page, { login: evil, password: 'x' }, { to: '/sign-in' })
  assert.equal(shown.status, 401)
  assert.doesNotMatch(page.text + shown.text, /<script/)
})

test('a sign-in leads only to paths of this gateway', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  for (const target of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/..//evil.example',
    '/\t/evil.example',
  ]) {
    const browser = house.browser()
    const page = await browser.open(`${house.origin}/sign-in`)
    const landed = await browser.submit(page, { login: 'ana', password, return_to: target }, { to: '/sign-in' })
    assert.equal(landed.url.origin, house.origin)
    assert.equal(landed.url.pathname, '/', target)
  }
})

test('a disabled principal is out at once, everywhere, and cannot come back until enabled', async (t) => {
  const house = await openHouse(t)
  const ended = t.mock.method(house.rooms.oauth, 'revokeGrantsWithin')
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const invitation = { by: ana.id, name: 'Bo', rights: [] }
  const bo = house.browser()
  const { url } = await house.rooms.identity.invite(invitation)
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const boId = (await whoIs(house, bo))!.principal
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: boId, label: 'laptop' })
  assert.equal((await house.rooms.identity.whoHasKey(`Bearer ${key}`))?.id, boId.id)

  await house.rooms.identity.disablePrincipal({ by: ana.id, id: boId.id, reason: 'left the company' })
  assert.equal(await whoIs(house, bo), undefined)
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined)
  assert.deepEqual(
    ended.mock.calls.map(({ arguments: [, scope] }) => scope),
    [{ principalId: boId.id }],
  )
  const refused = await bo.submit(
    await bo.open(`${house.origin}/sign-in`),
    { login: 'bo', password },
    { to: '/sign-in' },
  )
  assert.equal(refused.status, 403)

  await house.rooms.identity.enablePrincipal({ by: ana.id, id: boId.id, reason: 'came back' })
  assert.equal(await whoIs(house, bo), undefined, 'old sign-ins stay ended')
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined, 'old keys stay revoked')
  await bo.submit(await bo.open(`${house.origin}/sign-in`), { login: 'bo', password }, { to: '/sign-in' })
  assert.equal((await whoIs(house, bo))?.principal.id, boId.id)
})

test('disabling is for administrators, the last of whom stays; a hook that fails leaves everything as it was', async (t) => {
  const house = await openHouse(t)
  t.mock.method(house.rooms.oauth, 'revokeGrantsWithin', () => Promise.reject(new Error('the hook failed')))
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const { principal } = (await whoIs(house, bo))!
  const step = { id: ana.id, reason: 'a reason' }
  await assert.rejects(house.rooms.identity.disablePrincipal({ ...step, by: principal.id }), {
    code: 'identity.not_allowed',
  })
  await assert.rejects(house.rooms.identity.disablePrincipal({ ...step, by: ana.id }), {
    code: 'identity.last_administrator',
  })
  await assert.rejects(house.rooms.identity.disablePrincipal({ ...step, by: ana.id, reason: ' ' }), {
    code: 'model.invalid',
  })
  const unknown = { by: ana.id, id: 'nobody', reason: 'a reason' }
  await assert.rejects(house.rooms.identity.disablePrincipal(unknown), { code: 'identity.not_found' })
  const failing = house.rooms.identity.disablePrincipal({ by: ana.id, id: principal.id, reason: 'a reason' })
  await assert.rejects(failing, /the hook failed/)
  assert.ok(await whoIs(house, bo))
  const changes = await house.entries('change')
  assert.equal(
    changes.some((entry) => entry.what === 'principal.disabled'),
    false,
  )
})

test('a login that cannot be recorded does not happen', async (t) => {
  const house = await openHouse(t)
  await administratorOf(house)
  const browser = house.browser()
  const page = await browser.open(`${house.origin}/sign-in`)
  t.mock.method(house.rooms.ledger, 'recordLogin', () => Promise.reject(new Error('the ledger is full')))
  const shown = await browser.submit(page, { login: 'ana', password }, { to: '/sign-in' })
  assert.equal(shown.status, 500)
  assert.equal(browser.cookieFor(page.url).includes('sallyport='), false)
  assert.equal(await whoIs(house, browser), undefined)
})

test('an operator key lasts at most a day', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const tooLong = { principal: ana, label: 'x', expiresInSeconds: 86_401 }
  await assert.rejects(house.rooms.identity.makeOperatorKey(tooLong), { code: 'identity.input_invalid' })
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: ana, label: 'laptop' })
  assert.match(key, /^spk_[A-Za-z0-9_-]{43}$/)
  assert.equal(await house.rooms.identity.whoHasKey('spk_guess'), undefined)
  house.clock.pass((8 * 60 * 60 + 1) * 1_000)
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined)
  assert.doesNotMatch(JSON.stringify(await house.entries('change')) + house.log.join(), new RegExp(key))
})

test('there is nothing beside the pages, and they take no other methods', async (t) => {
  const house = await openHouse(t)
  for (const path of ['/sign-in/', '/sign-in/with/', '/sign-in/other', '/join', '/join/short', '/sign-out/x']) {
    assert.equal((await house.browser().open(house.origin + path)).status, 404, path)
  }
  const answer = await fetch(`${house.origin}/sign-in`, { method: 'DELETE' })
  assert.equal(answer.status, 405)
  assert.equal(answer.headers.get('allow'), 'GET, POST')
})

test('a sign-in of a principal who is gone is nobody’s', async (t) => {
  const house = await openHouse(t)
  const signIn = { id: digestOf('abcd'), principalId: 'gone', provider: 'local', createdAt: 1 }
  await insertSignIn(house.rooms.store, { ...signIn, expiresAt: Date.now() + 60_000 })
  assert.equal(await house.rooms.identity.whoIs({ headers: { cookie: 'sallyport=abcd' } } as never), undefined)
})

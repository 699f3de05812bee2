import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { listPasskeys } from '../../src/store/passkeys.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { FakeAuthenticator, type Lie } from '../fake/authenticator.ts'
import { openHouse, openNamedHouse } from '../house.ts'
import {
  addAndEnter,
  addPasskey,
  beginPasskey,
  beginPasskeySignIn,
  enterByPasskey,
  enterByPassword,
  optionsOf,
} from '../passkey-steps.ts'

const minute = 60_000

test('a passkey that was added signs in without a name or a password, and the ledger says how', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator, shown } = await addPasskey(house, ana, { name: 'blue key' })
  assert.match(shown.text, /The passkey is added.*blue key/s)

  const other = house.browser()
  const landed = await enterByPasskey(house, other, { authenticator })
  assert.equal(landed.url.pathname, '/you', 'it leads back to where it was asked for')
  const who = await whoIs(house, other)
  assert.equal(who?.principal.name, 'Ana')
  assert.deepEqual([who.login.amr, who.login.acr], [['hwk', 'user', 'mfa'], 'phr'])
  assert.ok(Math.abs(house.clock.now() - who.login.at) < 60_000)
  const [added] = await house.changes('passkey.added')
  assert.deepEqual(
    [added?.by, added?.about.id, added?.details],
    [who.principal.id, who.principal.id, { passkey: authenticator.id, name: 'blue key', synced: false }],
  )
  const logins = (await house.entries('login')).map(({ status, amr }) => [status, amr])
  assert.deepEqual(logins.at(-1), ['success', ['hwk', 'user', 'mfa']])
})

test('what the browser is asked for demands a passkey that is found without a name, and the verification of the person', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addAndEnter(house, ana)
  const page = await beginPasskey(house, ana)
  const { principal } = (await whoIs(house, ana))!
  const { challenge, ...made } = optionsOf(page)
  assert.match(challenge, /^[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(made, {
    rp: { id: 'localhost', name: 'Sallyport' },
    user: { id: Buffer.from(principal.id).toString('base64url'), name: 'ana', displayName: 'Ana' },
    pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: [{ type: 'public-key', id: authenticator.id }],
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
    timeout: 300_000,
  })
  const { challenge: _, ...used } = optionsOf(await beginPasskeySignIn(house, house.browser()))
  assert.deepEqual(used, { rpId: 'localhost', userVerification: 'required', timeout: 300_000 })
  assert.match(page.headers.get('content-security-policy')!, /^default-src 'none'; script-src 'self';/)
  const source = /<script src="([^"]*)"/.exec(page.text)![1]!
  const script = await ana.follow(page, source)
  assert.equal(script.status, 200)
  assert.match(script.headers.get('content-type')!, /^text\/javascript/)
  assert.doesNotMatch(page.text, /<script>| on[a-z]+=/)
})

test('an answer that was forged, or meant for something else, adds nothing', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { principal } = (await whoIs(house, ana))!
  const lies: [string, Lie][] = [
    ['another origin', { origin: 'http://localhost:1' }],
    ['a look-alike origin', { origin: `${house.origin}.evil.example` }],
    ['another party', { rpId: 'evil.example' }],
    ['a challenge of somebody else', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['an assertion in place of an attestation', { type: 'webauthn.get' }],
    ['a frame of another site', { crossOrigin: true, topOrigin: 'https://evil.example' }],
    ['a frame of nobody knows whom', { crossOrigin: true }],
    ['nobody was there', { flags: 0x04 }],
    ['nobody was verified', { flags: 0x01 }],
    ['an id that is not the signed one', { id: Buffer.alloc(16, 7).toString('base64url') }],
    ['an attestation that was not asked for', { format: 'tpm' }],
  ]
  for (const [name, lie] of lies) {
    const { shown } = await addPasskey(house, ana, { lie })
    assert.equal(shown.status, 401, name)
    assert.deepEqual(await listPasskeys(house.rooms.store, principal.id), [], name)
  }
  for (const answer of ['', '{}', 'no json', '{"id":"a","id":"b"}', JSON.stringify({ id: 'x', type: 'password' })]) {
    const page = await beginPasskey(house, ana)
    const shown = await ana.submit(page, { answer }, { to: '/sign-in/ways/passkeys/add' })
    assert.equal(shown.status, 401, answer)
  }
})

test('an assertion that was forged, or meant for something else, signs nobody in', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addPasskey(house, ana)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const lies: [string, Lie][] = [
    ['another origin', { origin: 'https://localhost' }],
    ['another party', { rpId: 'evil.example' }],
    ['an attestation in place of an assertion', { type: 'webauthn.create' }],
    ['another key', { key: privateKey }],
    ['a frame of another site', { crossOrigin: true, topOrigin: 'https://evil.example' }],
    ['a frame of nobody knows whom', { crossOrigin: true }],
    ['nobody was there', { flags: 0x04 }],
    ['nobody was verified', { flags: 0x01 }],
    ['in the name of somebody else', { userHandle: Buffer.from('somebody').toString('base64url') }],
    ['a passkey that nobody has', { id: Buffer.alloc(16, 7).toString('base64url') }],
  ]
  const texts = new Set<string>()
  for (const [name, lie] of lies) {
    const browser = house.browser()
    const shown = await enterByPasskey(house, browser, { authenticator, lie })
    assert.equal(shown.status, 401, name)
    assert.equal(await whoIs(house, browser), undefined, name)
    texts.add(shown.text)
  }
  assert.equal(texts.size, 1, 'all hear the same')
  const failures = (await house.entries('login')).filter(({ status }) => status === 'failure')
  // What comes from a frame is not read as far as what it answers.
  assert.equal(failures.length, lies.length - 2)
  assert.ok(failures.every(({ reason }) => reason === 'identity.passkey_refused'))
  // Of passkeys that nobody has it is not known whose they would be.
  assert.equal(failures.filter(({ principal }) => principal?.name === 'Ana').length, lies.length - 3)
})

test('a challenge is good once, in the browser that began, for five minutes, and for what it was made for', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator } = await addPasskey(house, ana)

  const browser = house.browser()
  const page = await beginPasskeySignIn(house, browser)
  const answer = authenticator.use(optionsOf(page))
  const stolen = house.browser()
  const theirs = await beginPasskeySignIn(house, stolen)
  assert.equal((await stolen.submit(theirs, { answer }, { to: '/sign-in/passkey' })).status, 401)
  assert.equal(await whoIs(house, stolen), undefined, 'the answer of one browser signs nobody in in another')
  assert.equal((await browser.submit(page, { answer }, { to: '/sign-in/passkey' })).status, 401)
  assert.equal(await whoIs(house, browser), undefined, 'what was tried elsewhere is used up')

  const second = house.browser()
  const again = await beginPasskeySignIn(house, second)
  const good = authenticator.use(optionsOf(again))
  const tries = await Promise.all(
    [1, 2, 3].map(() => second.submit(again, { answer: good }, { to: '/sign-in/passkey' })),
  )
  assert.deepEqual(tries.map(({ status }) => status === 401).filter(Boolean).length, 2, 'replayed')

  const late = house.browser()
  const slow = await beginPasskeySignIn(house, late)
  house.clock.pass(5 * minute + 1)
  const shown = await late.submit(slow, { answer: authenticator.use(optionsOf(slow)) }, { to: '/sign-in/passkey' })
  assert.equal(shown.status, 401)

  const fresh = house.browser()
  await enterByPasskey(house, fresh, { authenticator })
  const making = optionsOf(await beginPasskey(house, fresh))
  const asked = await beginPasskeySignIn(house, house.browser())
  assert.notEqual(making.challenge, optionsOf(asked).challenge)
  const page3 = await beginPasskeySignIn(house, fresh)
  const crossed = authenticator.use({ ...making, rpId: 'localhost' })
  assert.equal((await fresh.submit(page3, { answer: crossed }, { to: '/sign-in/passkey' })).status, 401)
})

test('a passkey that somebody else began to make, or has, becomes nobody’s', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { principal } = (await whoIs(house, ana))!
  const { url } = await house.rooms.identity.invite({ by: principal.id, name: 'Bo', rights: [] })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const boId = (await whoIs(house, bo))!.principal.id

  const page = await beginPasskey(house, ana)
  const answer = new FakeAuthenticator(house.origin).make(optionsOf(page))
  const own = await beginPasskey(house, bo)
  const crossed = await bo.submit(own, { answer }, { to: '/sign-in/ways/passkeys/add' })
  assert.equal(crossed.status, 401)

  const { authenticator } = await addPasskey(house, ana)
  const { shown } = await addPasskey(house, bo, { authenticator })
  assert.equal(shown.status, 401)
  assert.deepEqual(await listPasskeys(house.rooms.store, boId), [])
  const browser = house.browser()
  await enterByPasskey(house, browser, {
    authenticator,
    lie: { userHandle: Buffer.from(principal.id).toString('base64url') },
  })
  assert.equal((await whoIs(house, browser))?.principal.id, principal.id)
})

test('a counter that does not go on is refused; one that stays 0 is that of a synced passkey', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const counting = new FakeAuthenticator(house.origin)
  counting.counter = 5
  await addAndEnter(house, ana, { authenticator: counting })
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator: counting })).url.pathname, '/you')
  for (const counter of [6, 3, 0]) {
    const shown = await enterByPasskey(house, house.browser(), { authenticator: counting, lie: { counter } })
    assert.equal(shown.status, 401, String(counter))
  }
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator: counting })).url.pathname, '/you')

  const synced = new FakeAuthenticator(house.origin)
  await addPasskey(house, ana, { authenticator: synced, name: 'phone', lie: { flags: 0x05 | 0x08 | 0x10 } })
  for (const _ of [1, 2]) {
    const browser = house.browser()
    await enterByPasskey(house, browser, { authenticator: synced, lie: { flags: 0x05 | 0x08 | 0x10 } })
    assert.deepEqual((await whoIs(house, browser))?.login.amr, ['swk', 'user', 'mfa'])
  }
})

test('several passkeys have names, and one that is removed opens nothing', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator: first } = await addAndEnter(house, ana, { name: 'laptop' })
  const { authenticator: second, shown } = await addPasskey(house, ana, { name: '<b>phone</b>' })
  assert.match(shown.text, /laptop.*&lt;b&gt;phone&lt;\/b&gt;/s)
  const removed = await ana.submit(shown, { id: first.id }, { to: '/sign-in/ways/passkeys/remove' })
  assert.doesNotMatch(removed.text, /laptop<\/strong>/)
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator: first })).status, 401)
  assert.equal((await enterByPasskey(house, house.browser(), { authenticator: second })).status, 200)
  assert.equal((await house.changes('passkey.removed'))[0]?.details?.['passkey'], first.id)
  const unknown = await ana.submit(shown, { id: first.id }, { to: '/sign-in/ways/passkeys/remove' })
  assert.equal(unknown.status, 404)
})

test('ten minutes after a sign-in nothing is changed until the person signs in again', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  house.clock.pass(10 * minute + 1)
  for (const [to, fields] of [
    ['/sign-in/ways/passkeys', { name: 'x' }],
    ['/sign-in/ways/password', { current: password, password: 'another long password' }],
  ] as const) {
    const shown = await ana.submit(ways, fields, { to })
    assert.equal(shown.status, 403, to)
    assert.match(shown.text, /Sign in again/)
  }
  const stale = await ana.open(`${house.origin}/sign-in/ways`)
  assert.doesNotMatch(stale.text, /Add a passkey/)
  const signIn = await ana.follow(stale, '/sign-in?again&return_to=%2Fsign-in%2Fways')
  const back = await ana.submit(signIn, { login: 'ana', password }, { to: '/sign-in' })
  assert.equal(back.url.pathname, '/sign-in/ways')
  assert.match(back.text, /Add a passkey/)
})

test('with “only by passkey” a stolen password is worth nothing, and is told like a wrong one', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { authenticator, shown } = await addAndEnter(house, ana)
  await ana.submit(shown, {}, { to: '/sign-in/ways/only' })
  assert.deepEqual((await house.changes('passkey.only_set'))[0]?.details, { only: true })

  const thief = house.browser()
  const right = await enterByPassword(house, thief)
  assert.equal(await whoIs(house, thief), undefined)
  const wrong = await thief.submit(right, { login: 'ana', password: 'not the password' }, { to: '/sign-in' })
  assert.equal(right.status, 401)
  assert.equal(right.text, wrong.text)
  const reasons = (await house.entries('login')).map(({ reason }) => reason)
  assert.deepEqual(reasons.slice(-2), ['identity.passkey_needed', 'identity.sign_in_failed'])

  const own = house.browser()
  await enterByPasskey(house, own, { authenticator })
  assert.ok(await whoIs(house, own))
  const ways = await own.open(`${house.origin}/sign-in/ways`)
  const last = await own.submit(ways, { id: authenticator.id }, { to: '/sign-in/ways/passkeys/remove' })
  assert.equal(last.status, 400, 'the last passkey stays while it is the only way in')
  await own.submit(last, {}, { to: '/sign-in/ways/only' })
  await enterByPassword(house, thief)
  assert.ok(await whoIs(house, thief), 'allowed again')
})

test('where administrators need a passkey, their password opens nothing but the page to add the first one', async (t) => {
  const house = await openNamedHouse(t, { yaml: 'login: { local: { passkeys: administrators } }' })
  const ana = await administratorOf(house)
  assert.equal(await whoIs(house, ana), undefined)
  for (const path of ['/', '/people', '/you']) {
    const shown = await ana.open(house.origin + path)
    assert.equal(shown.url.pathname, '/sign-in/ways', path)
    assert.doesNotMatch(shown.text, /Make ten codes|Change the password/)
  }
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const codes = await ana.post(new URL('/sign-in/ways/codes', house.origin), csrfOf(ways.text), { site: 'same-origin' })
  assert.equal(codes.status, 403)
  const { authenticator } = await addPasskey(house, ana)
  assert.equal(
    await whoIs(house, ana),
    undefined,
    'that a passkey was added proves nothing of who came by the password',
  )
  assert.match((await ana.open(`${house.origin}/sign-in/ways`)).text, /Sign in with your passkey\s+to go on/)
  await enterByPasskey(house, ana, { authenticator })
  const { principal } = (await whoIs(house, ana))!

  const thief = house.browser()
  await enterByPassword(house, thief)
  assert.equal((await thief.open(`${house.origin}/sign-in/ways`)).url.pathname, '/sign-in', 'it adds no second one')
  await enterByPasskey(house, house.browser(), { authenticator })

  const { url } = await house.rooms.identity.invite({ by: principal.id, name: 'Bo', rights: [] })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  assert.ok(await whoIs(house, bo), 'who does not administer needs none')
  const boId = (await whoIs(house, bo))!.principal.id
  const right = { right: 'administer' as const, upstream: '*', tools: ['*'], reason: 'shares the work' }
  await house.rooms.inventory.entitle({ by: principal.id, principalId: boId, ...right })
  assert.equal(await whoIs(house, bo), undefined, 'until he does')
})

function csrfOf(text: string): URLSearchParams {
  return new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(text)![1]! })
}

test('a disabled principal cannot come in by passkey', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const { principal } = (await whoIs(house, ana))!
  const { url } = await house.rooms.identity.invite({ by: principal.id, name: 'Bo', rights: [] })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password }, { to: new URL(url).pathname })
  const { authenticator } = await addPasskey(house, bo)
  const boId = (await whoIs(house, bo))!.principal.id
  await house.rooms.identity.disablePrincipal({ by: principal.id, id: boId, reason: 'left the company' })
  const browser = house.browser()
  const shown = await enterByPasskey(house, browser, { authenticator })
  assert.equal(shown.status, 403)
  assert.equal(await whoIs(house, browser), undefined)
})

test('at an address without a name, and without local logins, no passkey is offered or taken', async (t) => {
  const house = await openHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  assert.match(ways.text, /Browsers make no passkeys for this address/)
  const page = await house.browser().open(`${house.origin}/sign-in`)
  assert.doesNotMatch(page.text, /passkey/)
  const body = csrfOf(ways.text)
  body.set('name', 'x')
  body.set('current', password)
  const shown = await ana.post(new URL('/sign-in/ways/passkeys', house.origin), body, { site: 'same-origin' })
  assert.equal(shown.status, 404)
  await assert.rejects(openHouse(t, { yaml: 'login: { local: { passkeys: everybody } }' }), { code: 'config.invalid' })
})

test('of two who come by the password alone where a passkey is demanded, one adds the first', async (t) => {
  const house = await openNamedHouse(t, { yaml: 'login: { local: { passkeys: everybody } }' })
  const browsers = [await administratorOf(house), house.browser()]
  await enterByPassword(house, browsers[1]!)
  const pages = await Promise.all(browsers.map((browser) => beginPasskey(house, browser)))
  const answers = pages.map((page) => new FakeAuthenticator(house.origin).make(optionsOf(page)))
  const to = '/sign-in/ways/passkeys/add'
  await Promise.all(browsers.map((browser, at) => browser.submit(pages[at]!, { answer: answers[at]! }, { to })))
  assert.equal((await house.changes('passkey.added')).length, 1)
})

test('where no logins are kept here, neither code nor link nor passkey lets anybody in', async (t) => {
  const company = { id: 'company', name: 'Company', issuer: 'http://127.0.0.1:9', clientId: 'sallyport' }
  const yaml = `login: ${JSON.stringify({ local: { enabled: false }, oidc: [company] })}`
  const house = await openNamedHouse(t, { yaml })
  const browser = house.browser()
  const page = await browser.open(`${house.origin}/sign-in/recovery`)
  const fields = { login: 'ana', password, code: 'aaaa-aaaa-aaaa-aaaa-aaaa' }
  assert.equal((await browser.submit(page, fields, { to: '/sign-in/recovery' })).status, 404)
  const body = new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(page.text)![1]! })
  const begun = await browser.post(new URL('/sign-in/passkey/begin', house.origin), body, { site: 'same-origin' })
  assert.equal(begun.status, 404)
})

test('people of another identity provider have nothing to change here', async (t) => {
  const house = await openNamedHouse(t)
  const cy = await house.person('Cy')
  const ways = await cy.browser.open(`${house.origin}/sign-in/ways`)
  assert.match(ways.text, /passwords and passkeys are kept there, not here/)
  for (const [to, status] of [
    ['passkeys', 404],
    ['codes', 403],
    ['password', 404],
  ] as const) {
    const body = csrfOf(ways.text)
    body.set('name', 'x')
    const url = new URL(`/sign-in/ways/${to}`, house.origin)
    assert.equal((await cy.browser.post(url, body, { site: 'same-origin' })).status, status, to)
  }
})

test('a form of another site changes nothing of how somebody signs in', async (t) => {
  const house = await openNamedHouse(t)
  const ana = await administratorOf(house)
  const ways = await ana.open(`${house.origin}/sign-in/ways`)
  const body = csrfOf(ways.text)
  body.set('name', 'x')
  for (const path of ['passkeys', 'passkeys/add', 'passkeys/remove', 'only', 'codes', 'password']) {
    const url = new URL(`/sign-in/ways/${path}`, house.origin)
    const from = { site: 'cross-site', origin: 'https://evil.example' }
    assert.equal((await ana.post(url, body, from)).status, 403, path)
    const bare = await ana.post(url, new URLSearchParams({ csrf: 'x' }), { site: 'same-origin', origin: house.origin })
    assert.equal(bare.status, 403, path)
  }
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { digestOf } from '../../src/base/ids.ts'
import { listEntitlements } from '../../src/store/entitlements.ts'
import { countLoginAttempts, takeLoginAttempt } from '../../src/store/login-attempts.ts'
import type { Browser, Page } from '../browser.ts'
import { type FakeIdp, type FakePerson, type IdpKnobs, openFakeIdp } from '../fake/idp.ts'
import { administratorOf, whoIs } from '../administrator.ts'
import { openHouse, type House } from '../house.ts'

const client = { id: 'sallyport', secret: 'the client secret' }
const ana: FakePerson = { sub: 'a-1', name: 'Ana Work', email: 'ana@example.org' }

async function openWithIdps(
  t: TestContext,
  people: FakePerson[],
  more: { local?: boolean } = {},
): Promise<{ house: House; idps: FakeIdp[] }> {
  const idps = await Promise.all(people.map((person) => openFakeIdp(client, person)))
  for (const idp of idps) t.after(() => idp.close())
  const oidc = idps.map((idp, at) => ({
    id: `idp-${at}`,
    name: `Provider ${at}`,
    issuer: idp.issuer,
    clientId: client.id,
    scopes: ['openid', 'profile', 'email'],
  }))
  return { house: await openWithProviders(t, oidc, more), idps }
}

function openWithProviders(
  t: TestContext,
  providers: { issuer: string }[],
  more: { local?: boolean; reach?: string[] } = {},
): Promise<House> {
  const oidc = providers.map((provider) => ({ ...provider, clientSecretEnv: 'IDP_SECRET' }))
  return openHouse(t, {
    yaml: `login: ${JSON.stringify({ local: { enabled: more.local ?? true }, oidc })}`,
    env: { IDP_SECRET: client.secret },
    reach: more.reach ?? providers.map(({ issuer }) => issuer),
  })
}

async function signIn(house: House, browser = house.browser(), provider = 'idp-0'): Promise<Page> {
  const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
  return browser.follow(page, `/sign-in/with/${provider}?return_to=/sign-out`)
}

/** The address that the provider sends the browser back to, caught before the browser goes there. */
async function catchCallback(house: House, browser: Browser): Promise<URL> {
  const begun = await browser.peek(`${house.origin}/sign-in/with/idp-0`)
  const answered = await browser.peek(begun.headers.get('location')!)
  return new URL(answered.headers.get('location')!)
}

test('a person signs in through a provider, by code, PKCE, state and nonce, and has no rights at all', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const browser = house.browser()
  const landed = await signIn(house, browser)
  assert.equal(landed.url.href, `${house.origin}/sign-out`)
  const { principal } = (await whoIs(house, browser))!
  assert.deepEqual(
    { issuer: principal.issuer, subject: principal.subject, name: principal.name, email: principal.email },
    { issuer: idps[0]!.issuer, subject: 'a-1', name: 'Ana Work', email: 'ana@example.org' },
  )
  assert.deepEqual(await listEntitlements(house.rooms.store, { principalId: principal.id }), [])

  const asked = idps[0]!.journal.find((visit) => visit.path === '/authorize')!.query
  assert.equal(asked['code_challenge_method'], 'S256')
  assert.equal(asked['redirect_uri'], `${house.origin}/sign-in/callback/idp-0`)
  for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(asked[name]!.length >= 43, name)
  const [login] = (await house.entries('login')).slice(-1)
  assert.deepEqual([login!.status, login!.provider, login!.principal?.id], ['success', 'idp-0', principal.id])
})

test('who comes back is the same principal, with the name that the provider says now', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const [first, second] = [house.browser(), house.browser()]
  await signIn(house, first)
  idps[0]!.person = { sub: 'a-1', name: 'Ana New', email: 'new@example.org' }
  await signIn(house, second)
  const principal = (await whoIs(house, second))!.principal
  assert.equal(principal.id, (await whoIs(house, first))!.principal.id)
  assert.deepEqual([principal.name, principal.email], ['Ana New', 'new@example.org'])
})

test('the same e-mail, and even the same subject, at two providers are two principals', async (t) => {
  const { house } = await openWithIdps(t, [ana, ana])
  const [one, two] = [house.browser(), house.browser()]
  await signIn(house, one, 'idp-0')
  await signIn(house, two, 'idp-1')
  const [first, second] = [(await whoIs(house, one))!.principal, (await whoIs(house, two))!.principal]
  assert.equal(first.email, second.email)
  assert.notEqual(first.id, second.id)
})

test('another subject with the e-mail of somebody else is somebody else', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const [one, two] = [house.browser(), house.browser()]
  await signIn(house, one)
  idps[0]!.person = { ...ana, sub: 'a-2' }
  await signIn(house, two)
  assert.notEqual((await whoIs(house, one))!.principal.id, (await whoIs(house, two))!.principal.id)
})

const hourAgo = Math.floor(Date.now() / 1_000) - 3_600
const lies: [what: string, knobs: IdpKnobs, found: RegExp][] = [
  [
    'names another issuer in the ID token',
    { claims: { iss: 'https://other.example' } },
    /"iss" \(issuer\) claim value/,
  ],
  ['names another issuer in the answer', { responseIss: 'https://other.example' }, /"iss" \(issuer\) response param/],
  ['leaves out the issuer that it promised', { responseIss: 'absent' }, /"iss" \(issuer\) missing/],
  ['names another issuer in discovery', { discoveredIssuer: 'https://other.example' }, /discovered metadata issuer/],
  ['repeats another nonce', { claims: { nonce: 'of another login' } }, /unexpected ID Token "nonce"/],
  ['leaves the nonce out', { claims: { nonce: undefined } }, /"nonce" \(nonce\) claim missing/],
  ['means another audience', { claims: { aud: 'another client' } }, /unexpected JWT "aud"/],
  ['means several audiences and another party', { claims: { aud: [client.id, 'other'], azp: 'other' } }, /"azp"/],
  ['gives an expired ID token', { claims: { exp: hourAgo, iat: hourAgo - 60 } }, /unexpected JWT "exp"/],
  ['signs with a key that it does not publish', { foreignKey: true }, /signature verification failed/],
  ['does not sign', { unsigned: true }, /unexpected JWT "alg"/],
  ['names nobody', { claims: { sub: undefined } }, /"sub" \(subject\) claim missing/],
  ['names a subject with a line end', { claims: { sub: 'a\n1' } }, /the subject is not 1 to 255/],
  ['names a subject of 256 characters', { claims: { sub: 'x'.repeat(256) } }, /the subject is not 1 to 255/],
  ['fails at the token endpoint', { tokenStatus: 500 }, /unexpected HTTP response status code/],
]
for (const [what, knobs, found] of lies) {
  test(`a provider that ${what} signs nobody in`, async (t) => {
    const { house, idps } = await openWithIdps(t, [ana])
    idps[0]!.knobs = knobs
    const browser = house.browser()
    const shown = await signIn(house, browser)
    assert.equal(shown.status, 502)
    assert.match(shown.text, /identity\.provider_failed/)
    assert.equal(await whoIs(house, browser), undefined)
    assert.deepEqual(await house.rooms.identity.listPrincipals(), [])
    const warned = house.log.filter((line) => line.includes('a login at an identity provider failed'))
    assert.match(warned.map((line) => (JSON.parse(line) as { error: { detail: string } }).error.detail).join(), found)
    idps[0]!.knobs = {}
    assert.equal((await signIn(house, browser)).status, 200, 'and it works again when it tells the truth')
  })
}

test('a provider that is down, or that the dialler may not reach, is said to be out of reach', async (t) => {
  const idp = await openFakeIdp(client, ana)
  const provider = { id: 'idp-0', name: 'Provider', issuer: idp.issuer, clientId: client.id, scopes: ['openid'] }
  const walled = await openWithProviders(t, [provider], { reach: [] })
  const open = await openWithProviders(t, [provider])
  const refused = await signIn(walled)
  assert.equal(refused.status, 502)
  assert.match(refused.text, /Provider` cannot be reached/)
  assert.deepEqual(idp.journal, [])

  const browser = open.browser()
  const callback = await catchCallback(open, browser)
  await idp.close()
  assert.match((await browser.open(callback)).text, /Provider` cannot be reached/)
  const [login] = (await open.entries('login')).slice(-1)
  assert.deepEqual([login!.status, login!.reason], ['failure', 'identity.provider_failed'])
})

test('a provider that spells its issuer otherwise than the configuration signs nobody in, and the log says how', async (t) => {
  for (const [configured, spelt] of [
    ['', '/'],
    ['/', ''],
  ]) {
    const idp = await openFakeIdp(client, ana)
    t.after(() => idp.close())
    const issuer = `${idp.issuer}${configured}`
    const oidc = [{ id: 'idp-0', name: 'Provider', issuer, clientId: client.id }]
    const house = await openWithProviders(t, oidc)
    idp.knobs = { discoveredIssuer: `${idp.issuer}${spelt}` }
    const browser = house.browser()
    const page = await signIn(house, browser)
    assert.deepEqual([page.status, page.url.origin], [502, house.origin], 'nobody is sent there')
    assert.match(page.text, /did not give an answer that can be believed/)
    const said = `calls itself ${idp.issuer}${spelt}: \`issuer\` must be spelt exactly so, not ${issuer}`
    assert.ok(house.log.some((line) => line.includes(said)))
    const logout = new URLSearchParams({ logout_token: await idp.writeLogout({ sub: ana.sub }) })
    const told = await fetch(`${house.url}/sign-in/backchannel-logout/idp-0`, { method: 'POST', body: logout })
    assert.equal(told.status, 503, 'the provider tells it again')
    idp.knobs = { discoveredIssuer: issuer, claims: { iss: issuer }, responseIss: issuer }
    assert.equal((await signIn(house, browser)).url.href, `${house.origin}/sign-out`)
    assert.equal((await whoIs(house, browser))?.principal.issuer, issuer)
  }
})

test('a refusal at the provider is told and recorded', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  idps[0]!.knobs = { deny: true }
  const shown = await signIn(house)
  assert.equal(shown.status, 502)
  assert.match(shown.text, /said no/)
  const [login] = (await house.entries('login')).slice(-1)
  assert.deepEqual([login!.status, login!.reason], ['failure', 'identity.provider_failed'])
})

test('the way back works once', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const browser = house.browser()
  const callback = await catchCallback(house, browser)
  const tries = await Promise.all([1, 2, 3].map(() => browser.peek(callback)))
  assert.deepEqual(
    tries.map((shown) => shown.status).sort((a, b) => a - b),
    [303, 401, 401],
  )
  assert.equal(idps[0]!.journal.filter((visit) => visit.path === '/token').length, 1, 'the code is sent once')
})

test('a way back that was begun in another browser signs nobody in', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const callback = await catchCallback(house, house.browser())
  const victim = house.browser()
  assert.equal((await victim.open(callback)).status, 401)
  assert.equal(await whoIs(house, victim), undefined)

  const withCookie = house.browser()
  const second = await catchCallback(house, house.browser())
  await withCookie.open(`${house.origin}/sign-in`)
  assert.equal((await withCookie.open(second)).status, 401)
  assert.equal(await whoIs(house, withCookie), undefined)
  assert.equal(
    idps[0]!.journal.some((visit) => visit.path === '/token'),
    false,
    'the code is not even sent',
  )
})

test('a way back with a state that is made up, doubled or older than ten minutes signs nobody in', async (t) => {
  const { house } = await openWithIdps(t, [ana])
  const browser = house.browser()
  const madeUp = await catchCallback(house, browser)
  madeUp.searchParams.set('state', 'made up')
  const doubled = await catchCallback(house, browser)
  doubled.searchParams.append('state', doubled.searchParams.get('state')!)
  const old = await catchCallback(house, browser)
  for (const url of [madeUp, doubled]) assert.equal((await browser.peek(url)).status, 401)
  house.clock.pass(601_000)
  assert.equal((await browser.peek(old)).status, 401)
  assert.equal(await whoIs(house, browser), undefined)
})

test('the answer of one provider is not taken for the answer of another', async (t) => {
  const { house } = await openWithIdps(t, [ana, { sub: 'other' }])
  const browser = house.browser()
  const callback = await catchCallback(house, browser)
  callback.pathname = '/sign-in/callback/idp-1'
  assert.equal((await browser.open(callback)).status, 401)
})

test('no other site can begin a login', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  const answer = await fetch(`${house.origin}/sign-in/with/idp-0`, {
    headers: { 'sec-fetch-site': 'cross-site' },
    redirect: 'manual',
  })
  assert.equal(answer.headers.get('location'), '/sign-in')
  assert.deepEqual(answer.headers.getSetCookie(), [])
  assert.deepEqual(idps[0]!.journal, [])
})

test('what waits for the way back is sealed', async (t) => {
  const { house } = await openWithIdps(t, [ana])
  const begun = await house.browser().peek(`${house.origin}/sign-in/with/idp-0`)
  const { searchParams } = new URL(begun.headers.get('location')!)
  const cookie = begun.headers.getSetCookie().find((line) => line.startsWith('sallyport-browser='))
  assert.match(cookie!, /HttpOnly; SameSite=Lax/)
  assert.equal(await countLoginAttempts(house.rooms.store), 1)
  const attempt = await takeLoginAttempt(house.rooms.store, digestOf(searchParams.get('state')!), Date.now())
  const stored = JSON.stringify(attempt)
  for (const secret of [searchParams.get('state')!, searchParams.get('nonce')!, 'verifier']) {
    assert.equal(stored.includes(secret), false)
  }
})

test('a provider that tells names only in userinfo is asked there, and not believed about another subject', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana])
  idps[0]!.knobs = { thin: true }
  const one = house.browser()
  await signIn(house, one)
  assert.equal((await whoIs(house, one))?.principal.name, 'Ana Work')
  idps[0]!.person = { ...ana, sub: 'a-9' }
  idps[0]!.knobs = { thin: true, userinfoSub: 'a-1' }
  const two = house.browser()
  await signIn(house, two)
  assert.equal((await whoIs(house, two))?.principal.name, 'a-9')
})

test('the first administrator can come through a provider, and so can who is invited', async (t) => {
  const { house, idps } = await openWithIdps(t, [ana], { local: false })
  const browser = house.browser()
  const link = (await house.rooms.identity.firstAdministratorLink())!
  const page = await browser.open(link)
  assert.doesNotMatch(page.text, /type="password"/)
  const landed = await browser.follow(page, `${new URL(link).pathname}/with/idp-0`)
  assert.equal(landed.url.pathname, '/')
  const administrator = (await whoIs(house, browser))!.principal
  const rights = await listEntitlements(house.rooms.store, { principalId: administrator.id })
  assert.deepEqual(
    rights.map((item) => item.right),
    ['administer'],
  )

  const rightsOfBo = [{ right: 'use' as const, upstream: 'memory', tool: 'read_graph' }]
  const { url } = await house.rooms.identity.invite({ by: administrator.id, name: 'Bo', rights: rightsOfBo })
  idps[0]!.person = { sub: 'b-1', name: 'Bo' }
  const second = house.browser()
  await second.follow(await second.open(url), `${new URL(url).pathname}/with/idp-0`)
  const bo = (await whoIs(house, second))!.principal
  assert.deepEqual(
    (await listEntitlements(house.rooms.store, { principalId: bo.id })).map((item) => item.tool),
    ['read_graph'],
  )
  assert.equal((await house.browser().open(url)).status, 404, 'the link is used up')
})

test('who signed in before with no rights can become the first administrator by the link', async (t) => {
  const { house } = await openWithIdps(t, [ana])
  const browser = house.browser()
  await signIn(house, browser)
  const before = (await whoIs(house, browser))!.principal
  const link = (await house.rooms.identity.firstAdministratorLink())!
  await browser.follow(await browser.open(link), `${new URL(link).pathname}/with/idp-0`)
  assert.equal((await whoIs(house, browser))!.principal.id, before.id)
  assert.equal((await listEntitlements(house.rooms.store, { principalId: before.id })).length, 1)
})

test('a principal who is disabled does not come in through the provider either', async (t) => {
  const { house } = await openWithIdps(t, [ana])
  await administratorOf(house)
  const browser = house.browser()
  await signIn(house, browser)
  const { principal } = (await whoIs(house, browser))!
  await house.rooms.identity.disablePrincipal({ by: 'system', id: principal.id, reason: 'left the company' })
  const shown = await signIn(house, browser)
  assert.equal(shown.status, 403)
  assert.equal(await whoIs(house, browser), undefined)
  const [login] = (await house.entries('login')).slice(-1)
  assert.deepEqual([login!.status, login!.reason, login!.principal?.id], ['failure', 'identity.disabled', principal.id])
})

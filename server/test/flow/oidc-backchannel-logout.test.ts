import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { type FakeIdp, openFakeIdp } from '../fake/idp.ts'
import { openHouse, type House } from '../house.ts'
import { entitle } from '../machines.ts'
import { Person } from '../person.ts'

const client = { id: 'sallyport', secret: 'the client secret' }
const eventType = 'http://schemas.openid.net/event/backchannel-logout'

async function openScene(t: TestContext, more: { logoutEndsGrants?: boolean } = {}) {
  const idp = await openFakeIdp(client, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const provider = { id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc: [{ ...provider, ...more }] })}`,
    env: { IDP_SECRET: client.secret },
    reach: [idp.issuer],
  })
  return { house, idp }
}

/** Signs whoever sits before the provider in, in a session there. */
async function signIn(house: House, idp: FakeIdp, session: string | undefined): Promise<Browser> {
  idp.knobs = { claims: session === undefined ? {} : { sid: session } }
  const browser = house.browser()
  const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
  await browser.follow(page, '/sign-in/with/okta?return_to=/sign-out')
  assert.ok(await whoIs(house, browser))
  return browser
}

async function logOut(house: House, token: string | string[], headers: Record<string, string> = {}) {
  const body = new URLSearchParams([token].flat().map((one): [string, string] => ['logout_token', one]))
  const answer = await fetch(`${house.url}/sign-in/backchannel-logout/okta`, { method: 'POST', body, headers })
  return { status: answer.status, cache: answer.headers.get('cache-control'), text: await answer.text() }
}

/** Ana with a client that was given a tool. */
async function connect(house: House, browser: Browser) {
  await house.upstream('mux', ['get_asset'])
  const { principal } = (await whoIs(house, browser))!
  await entitle(house, principal.id, ['mux/get_asset'])
  return new Person(house, principal, browser).connect('mux', 'all')
}

test('a logout with a session ends the sign-ins that came out of it, and no others', async (t) => {
  const { house, idp } = await openScene(t, { logoutEndsGrants: false })
  const [one, two, other] = [
    await signIn(house, idp, 's1'),
    await signIn(house, idp, 's1'),
    await signIn(house, idp, 's2'),
  ]
  const answer = await logOut(house, await idp.writeLogout({ sid: 's1', sub: 'a-1' }))
  assert.deepEqual(answer, { status: 200, cache: 'no-store', text: '' })
  assert.deepEqual(
    await Promise.all([one, two, other].map(async (browser) => (await whoIs(house, browser)) !== undefined)),
    [false, false, true],
  )
  const [entry] = await house.changes('sign_in.ended')
  assert.equal(entry?.by, 'provider:okta')
  assert.equal(JSON.stringify(entry).includes('"s1"'), false, 'the session is recorded by its digest')
})

test('a logout with a session alone finds whose it was', async (t) => {
  const { house, idp } = await openScene(t)
  const browser = await signIn(house, idp, 's1')
  const agent = await connect(house, browser)
  assert.equal((await logOut(house, await idp.writeLogout({ sid: 's1' }))).status, 200)
  assert.equal(await whoIs(house, browser), undefined)
  assert.ok((await house.rooms.oauth.findGrant(agent.grantId))?.revokedAt)
})

test('a logout of a person ends all his sign-ins, with or without a session, and nobody else’s', async (t) => {
  const { house, idp } = await openScene(t)
  const [one, two] = [await signIn(house, idp, 's1'), await signIn(house, idp, undefined)]
  idp.person = { sub: 'b-1', name: 'Bo' }
  const bo = await signIn(house, idp, 's3')
  assert.equal((await logOut(house, await idp.writeLogout({ sub: 'a-1' }))).status, 200)
  assert.equal(await whoIs(house, one), undefined)
  assert.equal(await whoIs(house, two), undefined)
  assert.ok(await whoIs(house, bo))
})

test('grants end with the logout unless the configuration says that they stand', async (t) => {
  for (const logoutEndsGrants of [undefined, true, false]) {
    const { house, idp } = await openScene(t, logoutEndsGrants === undefined ? {} : { logoutEndsGrants })
    const browser = await signIn(house, idp, 's1')
    const agent = await connect(house, browser)
    const { key } = await house.rooms.identity.makeOperatorKey({
      principal: (await whoIs(house, browser))!.principal,
      label: 'laptop',
    })
    assert.equal((await logOut(house, await idp.writeLogout({ sid: 's1', sub: 'a-1' }))).status, 200)
    assert.equal((await agent.refresh()).status, logoutEndsGrants === false ? 200 : 400)
    assert.equal((await house.rooms.identity.whoHasKey(key)) === undefined, logoutEndsGrants !== false)
  }
})

test('a logout of somebody who is not known here is answered like any other', async (t) => {
  const { house, idp } = await openScene(t)
  await signIn(house, idp, 's1')
  const known = await logOut(house, await idp.writeLogout({ sub: 'a-1' }))
  assert.deepEqual(await logOut(house, await idp.writeLogout({ sub: 'nobody' })), known)
  assert.deepEqual(await logOut(house, await idp.writeLogout({ sid: 'no such session'.replaceAll(' ', '-') })), known)
})

test('what is not a logout token in every point is refused', async (t) => {
  const { house, idp } = await openScene(t)
  const browser = await signIn(house, idp, 's1')
  const now = Math.floor(Date.now() / 1_000)
  const sub = { sub: 'a-1' }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const usual = { iss: idp.issuer, aud: client.id, iat: now, exp: now + 60, jti: 'n', events: { [eventType]: {} } }
  const wrong: [name: string, token: string | string[]][] = [
    ['no token', 'hello'],
    ['nothing', []],
    ['two tokens', [await idp.writeLogout(sub), await idp.writeLogout(sub)]],
    ['nobody signed it', `${part({ alg: 'none', typ: 'logout+jwt' })}.${part({ ...usual, ...sub })}.`],
    ['a foreign key', await idp.writeLogout(sub, {}, true)],
    ['another type', await idp.writeLogout(sub, { typ: 'secevent+jwt' })],
    ['the type of an access token', await idp.writeLogout(sub, { typ: 'at+jwt' })],
    ['another issuer', await idp.writeLogout({ ...sub, iss: 'https://evil.example' })],
    ['another client', await idp.writeLogout({ ...sub, aud: 'other' })],
    ['of the future', await idp.writeLogout({ ...sub, iat: now + 600 })],
    ['too old', await idp.writeLogout({ ...sub, iat: now - 3_600, exp: now + 60 })],
    ['ended', await idp.writeLogout({ ...sub, exp: now - 300 })],
    ['no end', await idp.writeLogout({ ...sub, exp: undefined })],
    ['no instant', await idp.writeLogout({ ...sub, iat: undefined })],
    ['no id', await idp.writeLogout({ ...sub, jti: undefined })],
    ['no events', await idp.writeLogout({ ...sub, events: undefined })],
    ['another event', await idp.writeLogout({ ...sub, events: { 'https://x.example/y': {} } })],
    ['an event that is no object', await idp.writeLogout({ ...sub, events: { [eventType]: true } })],
    ['a nonce', await idp.writeLogout({ ...sub, nonce: 'n' })],
    ['an empty nonce', await idp.writeLogout({ ...sub, nonce: null })],
    ['neither person nor session', await idp.writeLogout({})],
    ['a session that is no text', await idp.writeLogout({ sid: ['s1'] })],
  ]
  for (const [name, token] of wrong) {
    const answer = await logOut(house, token)
    assert.deepEqual([answer.status, answer.cache], [400, 'no-store'], `${name}: ${answer.text}`)
    assert.equal((JSON.parse(answer.text) as { error: string }).error, 'invalid_request', name)
  }
  assert.ok(await whoIs(house, browser), 'nobody was logged out by any of them')
  for (const header of [{ typ: 'JWT' }, { typ: undefined }]) {
    assert.equal((await logOut(house, await idp.writeLogout(sub, header))).status, 200, 'types of older providers')
  }
  assert.equal(await whoIs(house, browser), undefined)
})

test('a logout token counts once', async (t) => {
  const { house, idp } = await openScene(t)
  await signIn(house, idp, 's1')
  const token = await idp.writeLogout({ sub: 'a-1' })
  const answers = await Promise.all(Array.from({ length: 4 }, () => logOut(house, token)))
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 400, 400, 400],
  )
  const again = await signIn(house, idp, 's1')
  assert.equal((await logOut(house, token)).status, 400)
  assert.ok(await whoIs(house, again))
})

test('other addresses, methods and types are refused, and a provider that is silent is asked again', async (t) => {
  const { house, idp } = await openScene(t)
  const token = await idp.writeLogout({ sub: 'a-1' })
  const address = `${house.url}/sign-in/backchannel-logout`
  assert.equal((await fetch(`${address}/local`, { method: 'POST' })).status, 404)
  const got = await fetch(`${address}/okta`)
  assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST'])
  assert.equal((await logOut(house, token, { 'content-type': 'text/plain' })).status, 400)
  await idp.close()
  assert.equal((await logOut(house, token)).status, 503)
})

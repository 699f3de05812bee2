import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { whoIs } from '../administrator.ts'
import type { Browser, Page } from '../browser.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { audience, caep, openFakeTransmitter } from '../fake/transmitter.ts'
import { openHouse, type House } from '../house.ts'
import { Person } from '../person.ts'

// Whom an event made prove anew who he is: nothing of his passes until he has, and then all of it does again.

const client = { id: 'sallyport', secret: 'the client secret' }

async function openScene(t: TestContext) {
  const idp = await openFakeIdp(client, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const transmitter = await openFakeTransmitter(t)
  const provider = { id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const { issuer, jwksUri } = transmitter
  const signals = [{ id: 'okta', issuer, jwksUri, audience, people: idp.issuer, push: {} }]
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc: [provider] })}\nsignals: ${JSON.stringify(signals)}`,
    env: { IDP_SECRET: client.secret },
    reach: [idp.issuer, issuer],
  })
  const event = async (name = `${caep}credential-change`, iat = seconds()) => {
    const sub_id = { format: 'iss_sub', iss: idp.issuer, sub: 'a-1' }
    const body = await transmitter.write({ events: { [name]: {} }, sub_id, iat })
    const headers = { 'content-type': 'application/secevent+jwt' }
    const answer = await fetch(`${house.url}/signals/okta`, { method: 'POST', headers, body })
    assert.equal(answer.status, 202)
  }
  return { house, idp, event }
}

const seconds = () => Math.floor(Date.now() / 1_000)

async function signIn(house: House, browser: Browser): Promise<Page> {
  const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
  return browser.follow(page, '/sign-in/with/okta?return_to=/sign-out')
}

test('grants sleep until the person has signed in anew at the provider, and are as they were then', async (t) => {
  const { house, idp, event } = await openScene(t)
  const began = seconds() - 3_600
  idp.knobs = { claims: { auth_time: began } }
  const browser = house.browser()
  await signIn(house, browser)
  await house.upstream('mux', ['get_asset'])
  const { principal } = (await whoIs(house, browser))!
  const what = { principalId: principal.id, right: 'use' as const, upstream: 'mux', tools: ['get_asset'] }
  await house.rooms.inventory.entitle({ by: 'set-up', ...what, reason: 'for a test' })
  const agent = await new Person(house, principal, browser).connect('mux', 'all')
  assert.equal((await agent.rpc('tools/list', {})).status, 200)

  await event(undefined, seconds() - 60)
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')

  // The session at the provider is older than the event: what comes out of it shows nothing.
  const refused = await signIn(house, browser)
  assert.equal(refused.status, 403)
  assert.match(refused.text, /identity\.must_sign_in_anew/)
  assert.equal(await whoIs(house, browser), undefined)

  idp.knobs = { claims: { auth_time: seconds() - 30 } }
  const [, again] = /href="(\/sign-in\/with\/okta\?anew=1[^"]*)"/.exec(refused.text) ?? []
  const landed = await browser.follow(refused, again!.replaceAll('&amp;', '&'))
  assert.equal(landed.url.pathname, '/sign-out', 'and it leads to where the first one was to lead')
  const asked = idp.journal.findLast(({ path }) => path === '/authorize')!.query
  assert.equal(asked['max_age'], '0')
  assert.ok(await whoIs(house, browser))
  assert.equal((await agent.refresh()).status, 200)
  assert.equal((await agent.rpc('tools/list', {})).status, 200)
  assert.equal((await house.changes('principal.signed_in_anew')).length, 1)
})

test('a login of the same second, of the future or of no instant counts for no more than it shows', async (t) => {
  const { house, idp, event } = await openScene(t)
  await signIn(house, house.browser())
  const at = seconds() - 10
  await event(undefined, at)
  for (const auth_time of [undefined, at, at - 1, 'now', null]) {
    idp.knobs = { claims: { auth_time } }
    const browser = house.browser()
    const { status } = await signIn(house, browser)
    // What is no instant makes the whole login unbelievable.
    assert.equal(status, typeof auth_time === 'number' || auth_time === undefined ? 403 : 502, String(auth_time))
    assert.equal(await whoIs(house, browser), undefined)
  }
  idp.knobs = { claims: { auth_time: at + 1 } }
  assert.equal((await signIn(house, house.browser())).status, 200)
  assert.deepEqual((await house.changes('principal.signed_in_anew')).length, 1)
})

test('a newer event demands it again', async (t) => {
  const { house, idp, event } = await openScene(t)
  await signIn(house, house.browser())
  await event(undefined, seconds() - 100)
  idp.knobs = { claims: { auth_time: seconds() - 50 } }
  const browser = house.browser()
  await signIn(house, browser)
  assert.ok(await whoIs(house, browser))
  await event(`${caep}device-compliance-change`, seconds() - 20)
  assert.equal(await whoIs(house, browser), undefined)
  assert.equal((await signIn(house, browser)).status, 403)
})

test('no other way in counts: an identity assertion, an invitation, an operator key', async (t) => {
  const { house, idp, event } = await openScene(t)
  const root = await house.person('root', ['administer'])
  const browser = house.browser()
  await signIn(house, browser)
  const { principal } = (await whoIs(house, browser))!
  const { key } = await house.rooms.identity.makeOperatorKey({ principal, label: 'laptop' })
  const { url } = await house.rooms.identity.invite({ by: root.principal.id, name: 'Ana', rights: [] })
  await event()
  const vouched = house.rooms.identity.admitClaims(idp.issuer, { sub: 'a-1', auth_time: seconds() + 5 })
  await assert.rejects(vouched, { code: 'identity.disabled' })
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined)
  const page = await browser.open(url)
  const answer = await browser.follow(page, `${new URL(url).pathname}/with/okta`)
  assert.equal(answer.status, 403)
  const making = house.rooms.identity.makeOperatorKey({ principal, label: 'again' })
  await assert.rejects(making, { code: 'identity.must_sign_in_anew' })
})

test('a login that was begun before an event is not completed after it', async (t) => {
  const { house, idp, event } = await openScene(t)
  await signIn(house, house.browser())
  idp.knobs = { claims: { auth_time: seconds() + 5 } }
  for (const name of [`${caep}session-revoked`, `${caep}credential-change`]) {
    // Whoever has the session of somebody else there gets the way back, and keeps it for later.
    const thief = house.browser()
    const begun = await thief.peek(`${house.origin}/sign-in/with/okta`)
    const back = (await thief.peek(begun.headers.get('location')!)).headers.get('location')!
    await event(name, seconds() - 10)
    assert.equal((await thief.open(back)).status, 401)
    assert.equal(await whoIs(house, thief), undefined)
    const browser = house.browser()
    assert.equal((await signIn(house, browser)).status, 200, 'who begins again comes in')
    assert.ok(await whoIs(house, browser))
  }
})

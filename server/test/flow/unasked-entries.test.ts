import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Browser } from '../browser.ts'
import { administratorOf, password } from '../administrator.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openFakeTransmitter, audience } from '../fake/transmitter.ts'
import { openNamedHouse, type House } from '../house.ts'

// The ledger is durable, and is kept: nobody who is not known may fill it.

const secret = 'a-secret-that-is-long-enough-to-be-one'
const madeUp = 'A'.repeat(43)
const requests = 50

async function openWide(t: TestContext): Promise<House> {
  const idp = await openFakeIdp({ id: 'sallyport', secret }, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const transmitter = await openFakeTransmitter(t)
  const { issuer, jwksUri } = transmitter
  const client = { clientId: 'sallyport', clientSecretEnv: 'SECRET' }
  const provisioning = { subject: 'externalId' }
  const login = {
    oidc: [{ id: 'company', name: 'Company', issuer: idp.issuer, ...client, provisioning }],
    bridge: [{ id: 'app', name: 'App', loginUrl: 'https://app.example.com/', secretEnv: 'SECRET' }],
  }
  const signals = [{ id: 'okta', issuer, jwksUri, audience, people: idp.issuer, push: { authorizationEnv: 'SECRET' } }]
  const clients = { preregistered: [{ id: 'checker', name: 'Checker', secretEnv: 'SECRET', introspects: ['mux'] }] }
  const house = await openNamedHouse(t, {
    yaml: `login: ${JSON.stringify(login)}\nsignals: ${JSON.stringify(signals)}\nclients: ${JSON.stringify(clients)}`,
    env: { SECRET: secret },
    reach: [idp.issuer, issuer],
  })
  await administratorOf(house)
  return house
}

interface Asking {
  body?: string | URLSearchParams
  headers?: Record<string, string>
}

type Ask = (path: string, asking?: Asking) => Promise<number>

/** Asks as programs do, that read nothing: with the cookie of a browser, if it is given. */
function asking(house: House, cookie?: string): Ask {
  return async (path, { body, headers = {} } = {}) => {
    const answer = await fetch(`${house.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { ...(cookie !== undefined && { cookie, origin: house.origin }), ...headers },
      ...(body !== undefined && { body }),
    })
    await answer.arrayBuffer()
    return answer.status
  }
}

/** What somebody sends whom nobody knows: he has opened the sign-in page, and no more. */
async function waysOf(house: House, browser: Browser): Promise<Record<string, () => Promise<number>>> {
  const page = await browser.open(`${house.origin}/sign-in`)
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)![1]!
  const ask = asking(house, browser.cookieFor(new URL(house.url)))
  const bare = asking(house)
  const form = (fields: Record<string, string>) => ({ body: new URLSearchParams({ csrf, ...fields }) })
  const plain = (fields: Record<string, string>) => ({ body: new URLSearchParams(fields) })
  const basic = { authorization: `Basic ${Buffer.from('checker:guess').toString('base64')}` }
  const bearer = { authorization: `Bearer ${madeUp}` }
  const said = Buffer.from(JSON.stringify({ challenge: madeUp })).toString('base64url')
  const response = { clientDataJSON: said, authenticatorData: 'AA', signature: 'AA', userHandle: 'AA' }
  const answer = JSON.stringify({ id: 'AA', type: 'public-key', response })
  const json = { 'content-type': 'application/json' }
  const join = { name: 'Eve', login: 'eve', password }
  const refresh = { grant_type: 'refresh_token', refresh_token: madeUp, client_id: 'nobody' }
  const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  return {
    'a passkey for a challenge of nobody': () => ask('/sign-in/passkey', form({ answer })),
    'a passkey that cannot be read': () => ask('/sign-in/passkey', form({ answer: '{}' })),
    'a way back with the cookie of a browser': () => ask('/sign-in/callback/company?state=x&code=y'),
    'a way back without one': () => bare('/sign-in/callback/company?state=x&code=y'),
    'a way back of an application': () => ask('/sign-in/callback/app?state=x&code=y'),
    'a password': () => ask('/sign-in', form({ login: 'ana', password: 'a guess' })),
    'a recovery code': () => ask('/sign-in/recovery', form({ login: 'bo', password: 'a guess', code: 'x' })),
    'a login that is begun': () => ask('/sign-in/with/company'),
    'a passkey that is asked for': () => ask('/sign-in/passkey/begin', form({})),
    'the word of an application': () =>
      bare('/sign-in/vouch/app', { body: '{}', headers: { ...json, authorization: 'Bearer guess' } }),
    'a logout token': () => bare('/sign-in/backchannel-logout/company', plain({ logout_token: 'a.b.c' })),
    'a signal': () =>
      bare('/signals/okta', { body: 'a.b.c', headers: { 'content-type': 'application/secevent+jwt', ...bearer } }),
    'a key of a provider': () => bare('/scim/v2/Users', { headers: bearer }),
    'the page of a reset': () => ask(`/reset/${madeUp}`),
    'a reset': () => ask(`/reset/${madeUp}`, form({ password })),
    'the page of an invitation': () => ask(`/join/${madeUp}`),
    'an invitation': () => ask(`/join/${madeUp}`, form(join)),
    'an invitation through a provider': () => ask(`/join/${madeUp}/with/company`),
    'a refresh token': () => bare('/oauth/token', plain(refresh)),
    'the secret of a client': () =>
      bare('/oauth/token', { ...plain({ grant_type: 'client_credentials' }), headers: basic }),
    'a token that is asked about': () => bare('/oauth/introspect', { ...plain({ token: madeUp }), headers: basic }),
    'a token that is given back': () => bare('/oauth/revoke', plain({ token: madeUp, client_id: 'nobody' })),
    'a client that nobody knows': () => bare('/oauth/authorize?client_id=nobody&response_type=code'),
    'a client that registers': () =>
      bare('/oauth/register', { body: JSON.stringify({ redirect_uris: ['http://127.0.0.1:9/'] }), headers: json }),
    'a call': () => bare('/mcp/mux', { body: call, headers: { ...json, ...bearer } }),
    'an operator’s key': () => bare('/api/v1/people', { headers: bearer }),
    'a way back to an upstream': () => ask('/connect/x?state=x&code=y'),
  }
}

/** How many entries may be left by the tries of one network; elsewhere none. */
const most: Record<string, number> = { 'a password': 5, 'a recovery code': 5, 'a client that registers': 30 }

test('whoever is not known leaves a few entries at the most, whatever he sends and however often', async (t) => {
  const house = await openWide(t)
  const count = async () => (await house.rooms.ledger.listEntries({ after: -1, limit: 1_000 })).length
  const ways = await waysOf(house, house.browser())
  for (const [name, send] of Object.entries(ways)) {
    // Each is asked as if nothing had been counted of this network yet.
    house.clock.pass(15 * 60_000)
    const before = await count()
    const statuses = new Set<number>()
    for (let at = 0; at < requests; at += 1) statuses.add(await send())
    const left = (await count()) - before
    assert.ok(left <= (most[name] ?? 0), `${name}: ${left} entries, answered ${[...statuses].join()}`)
    // Else it would not have been asked what was meant.
    const odd = [...statuses].filter((status) => ![200, 303, 401, 400, 404, 429, 403, 201].includes(status))
    assert.deepEqual(odd, [], name)
  }
})

test('answers to nothing are stopped by network before anything is looked for, and other sites cannot use up its tries', async (t) => {
  const house = await openWide(t)
  const browser = house.browser()
  await browser.open(`${house.origin}/sign-in`)
  const back = '/sign-in/callback/company?state=x&code=y'
  // As a page of another site makes browsers ask: they send no cookie with that.
  const elsewhere = asking(house)
  for (let at = 0; at < 70; at += 1) assert.equal(await elsewhere(back), 401)
  const ask = asking(house, browser.cookieFor(new URL(house.url)))
  for (let at = 0; at < 60; at += 1) assert.equal(await ask(back), 401)
  assert.equal(await ask(back), 429)
  assert.equal(await elsewhere(back), 401)
  assert.deepEqual(
    (await house.entries('login')).filter(({ status }) => status === 'failure'),
    [],
  )
  house.clock.pass(15 * 60_000)
  assert.equal(await ask(back), 401)
})

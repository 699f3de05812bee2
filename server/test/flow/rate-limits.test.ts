import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { open } from '../../src/store/engine/handle.ts'
import { Browser, formOf, sentBy } from '../browser.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { until } from '../patience.ts'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'
import { startPostgres } from '../postgres.ts'

const checker = 'mux-server'
const secret = 'a secret of the upstream that is long enough'

/** Two replicas on one PostgreSQL, and where each is asked. */
async function openTwo(t: TestContext) {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64'), MUX_CHECKS: secret }
  const preregistered = [{ id: checker, name: 'Mux', secretEnv: 'MUX_CHECKS', introspects: ['mux'] }]
  const yaml = `clients: ${JSON.stringify({ registration: { perHourMax: 5 }, preregistered })}`
  const shared = { databaseUrl: await postgres.createDatabase(), yaml }
  const one = await openHouse(t, { ...shared, env })
  const reopen = () => openHouse(t, { ...shared, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  const urls = [one.url, await openHostProxy(t, await reopen())]
  return { one, urls, reopen, checker, secret }
}

test('a limit is one limit at all replicas, and outlives a restart', async (t) => {
  const { one, urls, reopen } = await openTwo(t)
  const register = async (url: string) => {
    const body = JSON.stringify({ client_name: 'a script', redirect_uris: ['http://127.0.0.1:9/callback'] })
    const answer = await fetch(`${url}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.text() }
  }
  const many = await Promise.all(Array.from({ length: 12 }, (_, at) => register(urls[at % 2]!)))
  assert.deepEqual(many.filter(({ status }) => status === 201).length, 5)
  await one.close()
  const again = await reopen()
  const late = await register(await openHostProxy(t, again))
  assert.equal(late.status, 429, late.body)
  assert.ok(Number(late.retryAfter) > 3_000, String(late.retryAfter))
  assert.equal((JSON.parse(late.body) as { error: string }).error, 'temporarily_unavailable')
})

test('what was counted of a network is forgotten when its time is over, whether its limit was reached or not', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const house = await openHouse(t)
  const kept = async () => (await open(house.rooms.store).selectFrom('rates').select('key').execute()).length
  await fetch(`${house.url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ client_id: 'nobody' }) })
  assert.equal(await kept(), 1)
  house.clock.pass(60_000)
  t.mock.timers.tick(600_000)
  await until(async () => (await kept()) === 0, 'it is forgotten')
})

test('guesses at the token endpoint end in the words of the protocol', async (t) => {
  const house = await openHouse(t)
  const guess = () =>
    fetch(`${house.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'made-up', client_id: 'nobody' }),
    })
  for (let sent = 0; sent < 1_200; sent += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, guess))
    for (const answer of answers) assert.equal(answer.status, 401, await answer.text())
  }
  const refused = await guess()
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.equal(((await refused.json()) as { error: string }).error, 'temporarily_unavailable')
  house.clock.pass(60_000)
  assert.equal((await guess()).status, 401)
})

/** One way in that costs us something before anybody is known, and how it is asked at a replica. */
interface Way {
  limit: string
  points: number
  ask(url: string): Promise<number>
}

const post = async (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers })
  await answer.arrayBuffer()
  return answer.status
}

test('at every way in, who guesses is stopped at the same number, whichever replica he asks', async (t) => {
  const { one, urls, checker } = await openTwo(t)
  await one.upstream('mux', ['get_asset'])
  const client = await one.register()
  const guess = `Basic ${Buffer.from(`${checker}:guess`).toString('base64')}`
  const token = { grant_type: 'refresh_token', refresh_token: 'made-up', client_id: client.id }
  const signIn = async (url: string) => {
    const browser = new Browser(url)
    const page = await browser.open('/sign-in')
    const body = sentBy(formOf(page, '/sign-in'))
    for (const [name, value] of Object.entries({ login: 'nobody', password: 'a guess' })) body.set(name, value)
    return (await browser.post(new URL('/sign-in', url), body, { site: 'same-origin', origin: one.origin })).status
  }
  const authorize = async (url: string) => {
    const { pathname, search } = client.authorizeUrl('mux')
    const answer = await fetch(`${url}${pathname}${search}`, { redirect: 'manual' })
    await answer.arrayBuffer()
    return answer.status
  }
  const ana = await one.person('Ana', ['mux/get_asset'])
  const consent = async (url: string) => {
    const browser = new Browser(url)
    browser.plant({ name: 'sallyport', value: ana.browser.cookie('sallyport')! })
    const there = new OAuthClient({ url, origin: one.origin }, { id: client.id })
    return (await there.answer(browser, await browser.open(there.authorizeUrl('mux')))).status
  }
  const rates = open(one.rooms.store)
  const failed = async () => {
    const row = rates.selectFrom('rates').select('taken').where('name', '=', 'failed authentications')
    return (await row.executeTakeFirst())?.taken ?? 0
  }
  // It is counted when it is known how it ended, which the answer does not wait for.
  const introspect = async (url: string) => {
    const before = await failed()
    const status = await post(`${url}/oauth/introspect`, { token: 'made-up' }, { authorization: guess })
    if (status === 401) await until(async () => (await failed()) > before, 'it is counted')
    return status
  }
  const ways: Record<string, Way> = {
    'the token endpoint': { limit: 'token requests', points: 1_200, ask: (url) => post(`${url}/oauth/token`, token) },
    revocation: {
      limit: 'revocations',
      points: 1_200,
      ask: (url) => post(`${url}/oauth/revoke`, { token: 'made-up', client_id: client.id }),
    },
    introspection: {
      limit: 'failed authentications',
      points: 300,
      ask: introspect,
    },
    'the consent page': { limit: 'answers', points: 120, ask: consent },
    authorization: { limit: 'authorizations', points: 120, ask: authorize },
    'the login of one person': { limit: 'login.pair', points: 5, ask: signIn },
  }
  for (const [name, { limit, points, ask }] of Object.entries(ways)) {
    assert.notEqual(await ask(urls[0]!), 429, name)
    // As if he had asked for a while.
    await rates
      .updateTable('rates')
      .set({ taken: points - 3 })
      .where('name', '=', limit)
      .execute()
    const statuses: number[] = []
    for (let at = 0; at < 8; at++) statuses.push(await ask(urls[at % 2]!))
    assert.deepEqual(
      statuses.map((status) => status === 429),
      [false, false, false, true, true, true, true, true],
      `${name}: ${statuses.join()}`,
    )
  }
})

test('who can say who he is asks about tokens as often as he likes, also while others guess from his network', async (t) => {
  const { one, urls, checker, secret } = await openTwo(t)
  const ask = (url: string, of: string) =>
    post(
      `${url}/oauth/introspect`,
      { token: 'made-up' },
      { authorization: `Basic ${Buffer.from(`${checker}:${encodeURIComponent(of)}`).toString('base64')}` },
    )
  for (let at = 0; at < 5; at++) assert.equal(await ask(urls[at % 2]!, secret), 200)
  const counted = () => open(one.rooms.store).selectFrom('rates').select('name').execute()
  assert.deepEqual(await counted(), [])
  assert.equal(await ask(urls[0]!, 'guess'), 401)
  assert.equal(await ask(urls[1]!, secret), 200)
})

test('a person can answer only so many consent pages in a minute', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  await client.connect(ana.browser, 'mux')
  await open(house.rooms.store).updateTable('rates').set({ taken: 119 }).where('name', '=', 'answers').execute()
  await client.connect(ana.browser, 'mux')
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  assert.equal((await client.answer(ana.browser, shown)).status, 429)
  house.clock.pass(60_000)
  assert.equal((await client.connect(ana.browser, 'mux')).status, 200)
})

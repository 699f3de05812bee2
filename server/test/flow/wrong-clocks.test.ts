import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test, type TestContext } from 'node:test'
import { Agent } from '../agent.ts'
import { until } from '../patience.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { type House, openHouse } from '../house.ts'
import { codeOf, type OAuthClient } from '../oauth-client.ts'
import type { Person } from '../person.ts'
import { type TestPostgres, startPostgres } from '../postgres.ts'
import { SteppingClock } from '../stepping-clock.ts'

// Replicas on one PostgreSQL whose machines do not agree what time it is: one is right, one ten minutes behind, one ahead.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

const minute = 60_000
const reason = 'for a test'

interface Scene {
  houses: [House, House, House]
  /** Where the right one, the one behind and the one ahead are reached. */
  urls: [string, string, string]
  ana: Person
}

async function openScene(t: TestContext): Promise<Scene> {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_asset')] })
  t.after(() => upstream.close())
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const shared = { reach: [upstream.url], databaseUrl: await postgres.createDatabase() }
  const right = await openHouse(t, { ...shared, env })
  const wrong = (byMs: number) => {
    const clock = new SteppingClock()
    clock.turn(byMs)
    return openHouse(t, { ...shared, clock, env: { ...env, SALLYPORT_ORIGIN: right.origin } })
  }
  const houses: Scene['houses'] = [right, await wrong(-10 * minute), await wrong(10 * minute)]
  await right.httpUpstream('mux', upstream.url)
  const urls = await Promise.all(houses.map((house) => openHostProxy(t, house)))
  return { houses, urls: urls as Scene['urls'], ana: await right.person('ana', ['mux/*']) }
}

/** The same client, speaking to another replica. */
function at(url: string, { upstream, client, resource, tokens }: Agent): Agent {
  return new Agent({ origin: url, upstream, client, resource, tokens })
}

/** What each replica answers to a call. */
async function call(urls: readonly string[], agent: Agent): Promise<number[]> {
  const answers = await Promise.all(urls.map((url) => at(url, agent).call('read_asset')))
  return answers.map(({ status }) => status)
}

async function passEverywhere({ houses, urls }: Scene, milliseconds: number): Promise<void> {
  for (const { clock } of houses) clock.pass(milliseconds)
  // To each its lease has run out; it hears the feed again within a second.
  for (const url of urls) await until(async () => (await fetch(`${url}/ready`)).status === 200, 'it serves again')
}

async function redeem(url: string, client: OAuthClient, code: string) {
  const form = client.form({
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.redirectUri,
    code_verifier: client.verifier,
    resource: client.resourceOf('mux'),
  })
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body: form })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

async function codeFor({ houses, ana }: Scene): Promise<{ client: OAuthClient; code: string }> {
  const client = await houses[0].register()
  return { client, code: codeOf(await ana.consent(await ana.browser.open(client.authorizeUrl('mux')), 'all')) }
}

test('a wall clock that is wrong, or is set while we run, refuses nobody and lets nobody in', async (t) => {
  const scene = await openScene(t)
  const { houses, urls, ana } = scene
  const agent = await ana.connect('mux', 'all')
  assert.deepEqual(await call(urls, agent), [200, 200, 200])
  houses[0].clock.turn(10 * minute)
  houses[1].clock.turn(20 * minute)
  houses[2].clock.turn(-20 * minute)
  // The lease is of the monotonic hand, and a token of the database's time: nothing has happened.
  assert.deepEqual(await call(urls, agent), [200, 200, 200])
  await houses[1].rooms.oauth.revokeGrant({ by: 'set-up', id: agent.grantId, reason })
  await until(async () => (await call(urls, agent)).every((status) => status === 401), 'all refuse')
  for (const { clock } of houses) clock.turn(-10 * minute)
  assert.deepEqual(await call(urls, agent), [401, 401, 401])
  for (const url of urls) assert.equal((await at(url, agent).refresh()).status, 400, url)
})

test('a code and a refresh token are spent once, whatever the replicas take the time to be', async (t) => {
  const scene = await openScene(t)
  const { urls, ana } = scene
  for (const first of [0, 1, 2]) {
    const { client, code } = await codeFor(scene)
    assert.equal((await redeem(urls[first]!, client, code)).status, 200)
    const later = await Promise.all(urls.map((url) => redeem(url, client, code)))
    for (const { status, body } of later) assert.deepEqual([status, body['error']], [400, 'invalid_grant'])
  }
  const agent = await ana.connect('mux', 'all')
  const [right, behind, ahead] = urls.map((url) => at(url, agent))
  assert.equal((await behind!.refresh()).status, 200)
  assert.equal((await ahead!.refresh(behind!.tokens.refresh_token)).status, 200)
  assert.equal((await right!.refresh(ahead!.tokens.refresh_token)).status, 200)
  // Used for the second time: now all of it is over, everywhere.
  assert.equal((await behind!.refresh(agent.tokens.refresh_token)).status, 400)
  for (const url of urls) assert.equal((await at(url, right!).refresh()).status, 400)
})

test('an access token is good for five minutes of the database, whoever made it and whoever judges it', async (t) => {
  const scene = await openScene(t)
  const { urls, ana } = scene
  const first = await ana.connect('mux', 'all')
  const agents = urls.map((url) => at(url, first))
  // One that the right replica made, and one of each of the others.
  for (const other of [1, 2]) {
    agents[other] = at(urls[other]!, await ana.connect('mux', 'all'))
    assert.equal((await agents[other]!.refresh()).status, 200)
  }
  for (const agent of agents) assert.deepEqual(await call(urls, agent), [200, 200, 200])
  await passEverywhere(scene, 4 * minute)
  for (const agent of agents) assert.deepEqual(await call(urls, agent), [200, 200, 200])
  await passEverywhere(scene, minute)
  for (const agent of agents) assert.deepEqual(await call(urls, agent), [401, 401, 401])
})

test('what the protocol engine keeps ends by our time, though it reads the clock of its machine', async (t) => {
  const scene = await openScene(t)
  const { houses, urls } = scene
  const realNow = Date.now.bind(Date)
  let wrongByMs = 0
  t.mock.method(Date, 'now', () => realNow() + wrongByMs)
  for (const skew of [10 * minute, -10 * minute]) {
    wrongByMs = 0
    const good = await codeFor(scene)
    const late = await codeFor(scene)
    wrongByMs = skew
    const { status, body } = await redeem(urls[0], good.client, good.code)
    assert.equal(status, 200, JSON.stringify(body))
    const { client } = good
    const fields = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }
    wrongByMs = -skew
    assert.equal((await client.token({ ...fields, resource: client.resourceOf('mux') })).status, 200)
    for (const { clock } of houses) clock.pass(61_000)
    assert.equal((await redeem(urls[0], late.client, late.code)).status, 400, 'a code is good for one minute')
  }
})

test('a machine whose clock is not that of the database is told so once', async (t) => {
  const { houses } = await openScene(t)
  const said = houses.map(({ log }) => log.filter((line) => line.includes('not that of the database')).length)
  assert.deepEqual(said, [0, 1, 1])
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { open } from '../../src/store/engine/handle.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { until } from '../event-reader.ts'
import { openHouse } from '../house.ts'
import { startPostgres } from '../postgres.ts'

test('a limit is one limit at all replicas, and outlives a restart', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const yaml = 'clients: { registration: { perHourMax: 5 } }'
  const shared = { databaseUrl: await postgres.createDatabase(), yaml }
  const one = await openHouse(t, { ...shared, env })
  const two = await openHouse(t, { ...shared, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  const urls = [one.url, await openHostProxy(t, two)]
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
  const again = await openHouse(t, { ...shared, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
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

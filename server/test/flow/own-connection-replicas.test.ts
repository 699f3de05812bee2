import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Agent } from '../agent.ts'
import { finishConnection, leadBack } from '../comeback.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { freePort, openHouse } from '../house.ts'
import { openOnBehalfHouse } from '../on-behalf-house.ts'
import { until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

test('a person’s connection serves at every replica, is renewed by one of them, and is gone at all when it is removed', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-replicas-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const env = { DATABASE_URL: await postgres.createDatabase() }
  const of = await openOnBehalfHouse(
    t,
    ({ fake, server }) => ({ way: 'connection', url: fake.url, issuer: server.issuer }),
    { dataDir, env },
  )
  const port = await freePort()
  const own = { SALLYPORT_ORIGIN: of.house.origin, SALLYPORT_LISTEN: `127.0.0.1:${port}` }
  const second = await openHouse(t, { ...of.options, port, env: { ...of.options.env, ...own } })
  const url = await openHostProxy(t, second)

  const ana = await of.person('ana')
  const page = await ana.browser.open('/connections/vaulted')
  const begun = await ana.browser.submit(page, {}, { to: '/connections/vaulted/connect' })
  const back = await leadBack(begun, of.house.origin)
  await finishConnection(ana, await ana.browser.open(back))

  const here = await ana.connect('vaulted', 'all')
  const there = () => {
    const { upstream, client, resource, tokens } = here
    return new Agent({ origin: url, upstream, client, resource, tokens })
  }
  for (const agent of [here, there()]) assert.equal((await agent.call('echo', { text: 'x' })).error, undefined)
  assert.equal(new Set(of.calls().map(({ token }) => token)).size, 1)

  for (const { clock, rooms } of [of.house, second]) {
    clock.pass(3_590_000)
    await rooms.feed.catchUp()
  }
  await here.refresh()
  const answers = await Promise.all([here, there(), here, there()].map((agent) => agent.call('echo', { text: 'y' })))
  assert.ok(answers.every(({ error, result }) => error === undefined && result['isError'] !== true))
  assert.equal(of.server.asked.filter(({ grant_type: type }) => type === 'refresh_token').length, 1)

  const mine = await ana.browser.open('/connections')
  await ana.browser.submit(mine, {}, { to: '/connections/vaulted/remove' })
  // Whatever the other one has heard: the first call after the answer is made by neither of them.
  const first = await Promise.all([there(), here].map((agent) => agent.call('echo', { text: 'z' })))
  assert.ok(first.every(({ error, result }) => error !== undefined || result['isError'] === true))
  assert.ok(of.calls().every(({ text }) => text !== 'z'))
  await until(
    async () => (await there().call('echo', { text: 'z' })).result['isError'] === true,
    'the other replica has heard of it',
  )
})

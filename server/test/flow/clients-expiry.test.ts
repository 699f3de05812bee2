import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { redirectUri } from '../browser.ts'
import { openClientHost } from '../fake/client-host.ts'
import { openHouse, type House } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

const day = 86_400_000
const idsOf = async (house: House) => (await house.rooms.oauth.listClients()).map(({ id }) => id).toSorted()

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

async function open(t: TestContext, databaseUrl?: string) {
  const host = await openClientHost(t)
  host.document = { client_name: 'Editor', redirect_uris: [redirectUri] }
  const expiry =
    'clients: { registration: { perHourMax: 1000 }, expiry: { neverUsedAfterDays: 7, unusedAfterDays: 100 } }'
  const house = await openHouse(t, { yaml: expiry, reach: [host.id], databaseUrl })
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/*'])
  return { host, house, ana, described: new OAuthClient(house, { id: host.id }) }
}

for (const engine of ['sqlite', 'postgres'] as const) {
  test(`${engine}: a registration that led to nothing is forgotten after its time, and the ledger names it`, async (t) => {
    const { house, ana, described } = await open(
      t,
      engine === 'postgres' ? await postgres!.createDatabase() : undefined,
    )
    const never = await house.register()
    const used = await house.register()
    const owned = await house.register()
    await used.connect(ana.browser, 'mux')
    await described.connect(ana.browser, 'mux')
    const by = ana.principal.id
    await house.rooms.oauth.admitClient({ by, id: owned.id, ownerId: by, reason: 'will be used' })
    house.clock.pass(7 * day - 60_000)
    await house.rooms.oauth.sweep()
    assert.equal((await idsOf(house)).length, 4)
    house.clock.pass(120_000)
    await Promise.all([house.rooms.oauth.sweep(), house.rooms.oauth.sweep()])
    assert.deepEqual(await idsOf(house), [described.id, owned.id, used.id].toSorted())
    const entries = await house.changes('client.expired')
    assert.deepEqual(
      entries.map(({ by: who, details }) => [who, details]),
      [['system', { ids: [never.id] }]],
    )
    const shown = await ana.browser.open(never.authorizeUrl('mux'))
    assert.match(shown.text, /invalid_client/)
  })
}

test('a client that nobody has used for long is forgotten, unless a grant of it holds; one by document comes back', async (t) => {
  const { house, ana, described } = await open(t)
  const registered = await house.register()
  await registered.connect(ana.browser, 'mux', (fields) => fields.set('duration', '3600'))
  await described.connect(ana.browser, 'mux', (fields) => fields.set('duration', '7776000'))
  house.clock.pass(99 * day)
  await house.rooms.oauth.sweep()
  assert.equal((await idsOf(house)).length, 2)
  house.clock.pass(2 * day)
  await house.rooms.oauth.sweep()
  assert.deepEqual(await idsOf(house), [])
  const { browser } = await house.signIn(ana)
  assert.match((await browser.open(registered.authorizeUrl('mux'))).text, /invalid_client/)
  assert.equal((await described.connect(browser, 'mux')).status, 200)
})

test('a client that renews is in use, though nobody consents again; a grant that holds keeps its client', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const tokens = await client.connect(ana.browser, 'mux', (fields) => fields.set('duration', '7776000'))
  const before = (await house.rooms.oauth.findClient(client.id))!
  house.clock.pass(80 * day)
  await client.refresh(tokens.refresh_token)
  const after = (await house.rooms.oauth.findClient(client.id))!
  assert.equal(after.firstUsedAt, before.firstUsedAt)
  assert.ok(after.usedAt! - before.usedAt! >= 80 * day)
  house.clock.pass(99 * day)
  await house.rooms.oauth.sweep()
  assert.deepEqual(await idsOf(house), [client.id])
  house.clock.pass(2 * day)
  await house.rooms.oauth.sweep()
  assert.deepEqual(await idsOf(house), [])
})

test('what was refused or revoked under an address of its own stays, so that it cannot come back', async (t) => {
  const { house, ana, described } = await open(t)
  const by = ana.principal.id
  await described.connect(ana.browser, 'mux')
  await house.rooms.oauth.refuseClient({ by, id: described.id, reason: 'not ours' })
  house.clock.pass(400 * day)
  await house.rooms.oauth.sweep()
  assert.deepEqual(await idsOf(house), [described.id])
  assert.match(
    (await (await house.signIn(ana)).browser.open(described.authorizeUrl('mux'))).text,
    /may not be used here/,
  )
})

test('hundreds are forgotten in a few steps, and a consent that waits for one gives nothing', async (t) => {
  const { house, ana } = await open(t)
  const waiting = await house.register()
  for (let at = 0; at < 90; at++) await house.register()
  house.clock.pass(7 * day + 1)
  const { browser } = await house.signIn(ana)
  const shown = await browser.open(waiting.authorizeUrl('mux'))
  assert.equal(shown.status, 200)
  await house.rooms.oauth.sweep()
  assert.deepEqual(await idsOf(house), [])
  const entries = await house.changes('client.expired')
  assert.equal(entries.length, 3)
  const answered = await waiting.answer(browser, shown)
  assert.equal(answered.status, 400)
  assert.deepEqual(await house.rooms.oauth.listGrants({}), [])
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { openHostProxy } from '../fake/host-proxy.ts'
import { claimsOf, race } from '../oauth-client.ts'
import { endsTold, openHouse, type HouseOptions } from '../house.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

async function open(t: TestContext, options: HouseOptions = {}) {
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  return { house, ana, client: await house.register() }
}

test('a refresh token is given without asking, and each use gives another', async (t) => {
  const { house, ana, client } = await open(t)
  const first = await client.connect(ana.browser, 'mux')
  const second = await client.refresh(first.refresh_token)
  const third = await client.refresh(second.refresh_token)
  assert.deepEqual([second.status, third.status], [200, 200])
  assert.equal(new Set([first, second, third].map((tokens) => tokens.refresh_token)).size, 3)
  const grants = [first, third].map((tokens) => claimsOf(tokens.access_token).payload['grant_id'])
  assert.equal(grants[0], grants[1])
  assert.equal((await house.rooms.oauth.listGrants({})).length, 1)
})

test('the second use of a refresh token ends the whole family', async (t) => {
  const { house, ana, client } = await open(t)
  const told = endsTold(t, house)
  const first = await client.connect(ana.browser, 'mux')
  const second = await client.refresh(first.refresh_token)
  assert.equal((await client.refresh(first.refresh_token)).error, 'invalid_grant')
  assert.equal((await client.refresh(second.refresh_token)).error, 'invalid_grant')
  const [grant] = await house.rooms.oauth.listGrants({})
  assert.ok(grant?.revokedAt)
  const revocations = await house.changes('grant.revoked')
  assert.deepEqual(
    revocations.map(({ by, reason }) => [by, reason]),
    [['system', 'a token was used twice']],
  )
  assert.deepEqual(told, [grant.id])
})

for (const engine of ['sqlite', 'postgres', 'two replicas'] as const) {
  test(`${engine}: of a hundred refreshes at once with one token one wins at most, and what it won does not last`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-refresh-'))
    t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    const databaseUrl = engine === 'sqlite' ? undefined : await postgres!.createDatabase()
    const { house, ana, client } = await open(t, { databaseUrl, dataDir })
    const urls: [string, ...string[]] = [house.url]
    if (engine === 'two replicas') {
      const other = await openHouse(t, { databaseUrl, dataDir, origin: house.origin })
      urls.push(await openHostProxy(t, other))
    }
    const { refresh_token: token } = await client.connect(ana.browser, 'mux')
    await race(client, { grant_type: 'refresh_token', refresh_token: token }, urls)
    assert.ok((await house.rooms.oauth.listGrants({}))[0]?.revokedAt)
    assert.equal((await house.changes('grant.revoked')).length, 1)
  })
}

test('a refresh token outlives the browser’s sign-in but not the grant', async (t) => {
  const { house, ana, client } = await open(t)
  let tokens = await client.connect(ana.browser, 'mux', (fields) => fields.set('duration', '86400'))
  house.clock.pass(23 * 3_600 * 1_000)
  tokens = await client.refresh(tokens.refresh_token)
  assert.equal(tokens.status, 200)
  house.clock.pass((3_600 - 120) * 1_000)
  tokens = await client.refresh(tokens.refresh_token)
  assert.equal(tokens.status, 200)
  assert.ok(tokens.expires_in <= 120, `${tokens.expires_in} s`)
  house.clock.pass(121_000)
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_grant')
})

test('a refresh token is of one client', async (t) => {
  const { house, ana, client } = await open(t)
  const { refresh_token: token } = await client.connect(ana.browser, 'mux')
  const other = await house.register()
  assert.equal((await other.refresh(token)).error, 'invalid_grant')
  assert.equal((await client.refresh(token)).status, 200)
})

test('nothing is renewed for a disabled principal, or while the upstream is not approved', async (t) => {
  const { house, ana, client } = await open(t)
  const { refresh_token: token } = await client.connect(ana.browser, 'mux')
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'mux', to: 'suspended', reason: 'for this test' })
  assert.equal((await client.refresh(token)).error, 'invalid_target')
  const bo = await house.person('Bo')
  await house.rooms.inventory.entitle({
    by: 'set-up',
    principalId: bo.principal.id,
    right: 'administer',
    upstream: '*',
    tools: ['*'],
    reason: 'one must stay',
  })
  await house.upstream('memory', ['get_asset'])
  const cy = await house.person('Cy', ['memory/get_asset'])
  const tokens = await client.connect(cy.browser, 'memory')
  await house.rooms.identity.disablePrincipal({ by: bo.principal.id, id: cy.principal.id, reason: 'left the company' })
  assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_grant')
})

test('the store holds no code and no refresh token that could be used', async (t) => {
  const { house, ana, client } = await open(t)
  const code = (await client.authorize(ana.browser, 'mux')).get('code')!
  const { refresh_token: token } = await client.redeem(code)
  const { open: openHandle } = await import('../../src/store/engine/handle.ts')
  const rows = await openHandle(house.rooms.store).selectFrom('protocol_records').selectAll().execute()
  assert.ok(rows.length > 0)
  const text = JSON.stringify(rows)
  assert.ok(!text.includes(code) && !text.includes(token))
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { keyPublishMs } from '../../src/vault/keyring.ts'
import { OAuthClient } from '../oauth-client.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openHouse, type House } from '../house.ts'
import { startPostgres } from '../postgres.ts'
import { until } from '../patience.ts'

const minute = 60_000
const masterKey = randomBytes(32).toString('base64')

async function connect(house: House) {
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  return { ana, client, tokens: await client.connect(ana.browser, 'mux') }
}

async function statusOf(house: House, token: string, url = house.url): Promise<number> {
  const answer = await fetch(`${url}/mcp/mux`, {
    method: 'POST',
    headers: {
      connection: 'close',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  })
  await answer.text()
  return answer.status
}

async function published(url: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/oauth/jwks`)).json()) as { keys: { kid: string; d?: string }[] }
  assert.ok(keys.every((key) => key.d === undefined))
  return keys.map(({ kid }) => kid)
}

const kidOf = (token: string): string => decodeProtectedHeader(token).kid!

test('a planned rotation publishes the new key before it signs, and nobody notices', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const { client, tokens } = await connect(house)
  const [old] = await published(house.url)
  assert.equal(kidOf(tokens.access_token), old)

  const { keyId } = await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'a test', emergency: false })
  assert.deepEqual(await published(house.url), [old, keyId])
  assert.equal(await statusOf(house, tokens.access_token), 200)
  const between = await client.refresh(tokens.refresh_token)
  assert.equal(kidOf(between.access_token), old)

  house.clock.pass(keyPublishMs + minute)
  const after = await client.refresh(between.refresh_token)
  assert.equal(kidOf(after.access_token), keyId)
  assert.equal(await statusOf(house, after.access_token), 200)

  house.clock.pass(10 * minute)
  assert.deepEqual(await published(house.url), [keyId])
  const [entry] = await house.changes('token_key.rotated')
  assert.equal(entry?.reason, 'a test')
  assert.ok(!JSON.stringify(entry).includes('"d"'))
})

test('after an emergency rotation every access token is refused, and clients renew by themselves', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const { client, tokens } = await connect(house)
  assert.equal(await statusOf(house, tokens.access_token), 200)

  const { keyId } = await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'it leaked', emergency: true })
  assert.equal(await statusOf(house, tokens.access_token), 401)
  assert.deepEqual(await published(house.url), [keyId])
  const renewed = await client.refresh(tokens.refresh_token)
  assert.equal(kidOf(renewed.access_token), keyId)
  assert.equal(await statusOf(house, renewed.access_token), 200)
})

test('an emergency ends what was opened by a token of before; a planned rotation does not', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const { tokens } = await connect(house)
  const stream = await fetch(`${house.url}/mcp/mux`, {
    headers: { authorization: `Bearer ${tokens.access_token}`, accept: 'text/event-stream' },
  })
  assert.equal(stream.status, 200)
  let ended = false
  const reading = stream.text().finally(() => (ended = true))
  await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'a test', emergency: false })
  assert.equal(await statusOf(house, tokens.access_token), 200)
  assert.equal(ended, false)
  await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'it leaked', emergency: true })
  await reading
})

test('an emergency survives a restart, and an authorization that waits goes on', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-keys-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const house = await openHouse(t, { dataDir })
  await house.upstream('mux', ['get_asset'])
  const { ana, client, tokens } = await connect(house)
  const second = new OAuthClient(house, { id: client.id })
  const shown = await ana.browser.open(second.authorizeUrl('mux'))
  await house.rooms.oauth.rotateKeys({ by: 'system', reason: 'it leaked', emergency: true })
  const answer = await second.answer(ana.browser, shown)
  assert.equal((await second.redeem(answer.url.searchParams.get('code'))).status, 200)
  await house.close()
  const again = await openHouse(t, { dataDir, origin: house.origin })
  assert.equal(await statusOf(again, tokens.access_token, await openHostProxy(t, again)), 401)
})

test('a key that grew old is replaced by one replica of two, and both publish the same', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const databaseUrl = await postgres.createDatabase()
  const shared = { databaseUrl, yaml: 'keys: { rotateAfterDays: 2 }', env: { SALLYPORT_MASTER_KEY: masterKey } }
  const [one, two] = [await openHouse(t, shared), await openHouse(t, shared)]
  const [old] = await published(one.url)
  for (const { clock } of [one, two]) clock.pass(3 * 24 * 60 * minute)
  await Promise.all([one, two].map(({ url }) => published(url)))
  assert.equal((await one.changes('token_key.rotated')).length, 1)
  const both = await published(one.url)
  assert.deepEqual(await published(two.url), both)
  assert.equal(both[0], old)
  assert.equal(both.length, 2)
})

test('an emergency at one replica reaches the other', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const shared = { databaseUrl: await postgres.createDatabase(), env: { SALLYPORT_MASTER_KEY: masterKey } }
  const one = await openHouse(t, shared)
  const two = await openHouse(t, { ...shared, env: { ...shared.env, SALLYPORT_ORIGIN: one.origin } })
  const url = await openHostProxy(t, two)
  await one.upstream('mux', ['get_asset'])
  const { tokens } = await connect(one)
  assert.equal(await statusOf(one, tokens.access_token, url), 200)
  await one.rooms.oauth.rotateKeys({ by: 'system', reason: 'it leaked', emergency: true })
  await until(async () => (await statusOf(one, tokens.access_token, url)) === 401, 'the other refuses the token')
})

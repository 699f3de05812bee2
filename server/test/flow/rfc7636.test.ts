import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUri } from '../browser.ts'
import { endsTold, openHouse } from '../house.ts'

test('an authorization request without an S256 challenge is refused, confidential clients included', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const wrong: [string, (params: URLSearchParams) => void][] = [
    ['no challenge', (params) => (params.delete('code_challenge'), params.delete('code_challenge_method'))],
    ['no method', (params) => params.delete('code_challenge_method')],
    ['plain', (params) => params.set('code_challenge_method', 'plain')],
    ['method without challenge', (params) => params.delete('code_challenge')],
    ['too short', (params) => params.set('code_challenge', 'abc')],
  ]
  for (const client of [
    await house.register(),
    await house.register({ token_endpoint_auth_method: 'client_secret_post' }),
  ]) {
    for (const [name, change] of wrong) {
      const { url } = await ana.browser.open(client.authorizeUrl('mux', change))
      assert.equal(url.searchParams.get('error'), 'invalid_request', name)
      assert.equal(url.searchParams.get('iss'), house.origin, name)
    }
  }
})

test('a code is worth nothing without its verifier', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  for (const code_verifier of [undefined, '', 'x'.repeat(43)]) {
    const code = (await client.authorize(ana.browser, 'mux')).get('code')
    const answer = await client.redeem(code, { code_verifier })
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_grant'])
  }
})

test('a code is good once: its second use ends everything that came of the first', async (t) => {
  const house = await openHouse(t)
  const told = endsTold(t, house)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const first = await client.redeem(code)
  assert.equal(first.status, 200)
  assert.equal((await client.redeem(code)).error, 'invalid_grant')
  assert.equal((await client.refresh(first.refresh_token)).error, 'invalid_grant')
  const [grant] = await house.rooms.oauth.listGrants({})
  assert.ok(grant?.revokedAt)
  assert.deepEqual(told, [grant.id])
})

test('a code that is redeemed fifty times at once gives one answer at most', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.redeem(code)))
  assert.ok(answers.filter(({ status }) => status === 200).length <= 1)
  assert.ok(answers.every(({ status, error }) => status === 200 || error === 'invalid_grant'))
})

test('a code is bound to its client, its redirect address and one minute', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const [client, other] = [await house.register(), await house.register()]
  const code = () => client.authorize(ana.browser, 'mux').then((answer) => answer.get('code'))
  assert.equal((await other.redeem(await code(), { code_verifier: client.verifier })).error, 'invalid_grant')
  assert.equal((await client.redeem(await code(), { redirect_uri: `${redirectUri}/x` })).error, 'invalid_grant')
  assert.equal((await client.redeem(await code(), { redirect_uri: undefined })).error, 'invalid_request')
  const late = await code()
  house.clock.pass(61_000)
  assert.equal((await client.redeem(late)).error, 'invalid_grant')
})

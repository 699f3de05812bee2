import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { redirectUri } from '../browser.ts'
import { claimsOf } from '../oauth-client.ts'
import { openHouse } from '../house.ts'

const tools = ['get_asset']

test('an authorization request names exactly one resource, to the byte', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', tools)
  await house.upstream('memory', tools)
  await house.upstream('gone', tools)
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'gone', to: 'suspended', reason: 'for this test' })
  const ana = await house.person('Ana', ['mux/*'])
  const client = await house.register()
  const mux = house.rooms.oauth.resourceFor('mux')
  const wrong: [string, (params: URLSearchParams) => void][] = [
    ['none', (params) => params.delete('resource')],
    ['empty', (params) => params.set('resource', '')],
    ['two', (params) => params.append('resource', house.rooms.oauth.resourceFor('memory'))],
    ['the same twice', (params) => params.append('resource', mux)],
    ['unknown', (params) => params.set('resource', `${house.origin}/mcp/other`)],
    ['withdrawn', (params) => params.set('resource', house.rooms.oauth.resourceFor('gone'))],
    ['a slash more', (params) => params.set('resource', `${mux}/`)],
    ['a query more', (params) => params.set('resource', `${mux}?a=1`)],
    ['a prefix', (params) => params.set('resource', mux.slice(0, -1))],
    ['upper case', (params) => params.set('resource', `${house.origin}/MCP/mux`)],
    ['percent-encoded', (params) => params.set('resource', `${house.origin}/mcp/%6dux`)],
    ['a fragment', (params) => params.set('resource', `${mux}#`)],
    ['the issuer', (params) => params.set('resource', house.origin)],
    ['another host', (params) => params.set('resource', 'https://elsewhere.example/mcp/mux')],
    ['relative', (params) => params.set('resource', '/mcp/mux')],
  ]
  for (const [name, change] of wrong) {
    const answer = (await ana.browser.open(client.authorizeUrl('mux', change))).url
    assert.equal(answer.origin + answer.pathname, redirectUri, name)
    assert.equal(answer.searchParams.get('error'), 'invalid_target', name)
    assert.equal(answer.searchParams.get('iss'), house.origin, name)
    assert.equal(answer.searchParams.get('state'), 'st', name)
    assert.equal(answer.searchParams.get('code'), null, name)
  }
})

test('a token names the one resource that was consented to, and is worth nothing at any other', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', tools)
  await house.upstream('mux-2', tools)
  const ana = await house.person('Ana', ['mux/*', 'mux-2/*'])
  const client = await house.register()
  const { access_token: token } = await client.connect(ana.browser, 'mux')
  const { header, payload } = claimsOf(token)
  assert.equal(header['typ'], 'at+jwt')
  assert.equal(header['alg'], 'ES256')
  assert.equal(payload['aud'], `${house.origin}/mcp/mux`)
  assert.equal(payload['iss'], house.origin)
  assert.equal(payload['sub'], ana.principal.id)
  assert.equal(payload['client_id'], client.id)
  assert.equal(Number(payload['exp']) - Number(payload['iat']), 300)
  assert.equal(typeof payload['jti'], 'string')
  const [grant] = await house.rooms.oauth.listGrants({ principalId: ana.principal.id })
  assert.equal(payload['grant_id'], grant?.id)

  const caller = await house.rooms.oauth.verifyAccessToken(
    { headers: { authorization: `Bearer ${token}` } },
    house.rooms.oauth.resourceFor('mux'),
  )
  assert.equal(caller.grantId, grant?.id)
  for (const other of ['mux-2', 'mu', 'memory']) {
    await assert.rejects(
      house.rooms.oauth.verifyAccessToken(
        { headers: { authorization: `Bearer ${token}` } },
        house.rooms.oauth.resourceFor(other),
      ),
      (error) => error instanceof Fault && error.code === 'oauth.token_invalid',
      other,
    )
  }
  house.clock.pass(301_000)
  await assert.rejects(
    house.rooms.oauth.verifyAccessToken(
      { headers: { authorization: `Bearer ${token}` } },
      house.rooms.oauth.resourceFor('mux'),
    ),
    Fault,
  )
})

test('the token endpoint gives tokens for the resource of the consent only, asked for or not', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', tools)
  await house.upstream('memory', tools)
  const ana = await house.person('Ana', ['mux/*', 'memory/*'])
  const client = await house.register()
  const memory = house.rooms.oauth.resourceFor('memory')
  const stolen = await client.redeem((await client.authorize(ana.browser, 'mux')).get('code'), { resource: memory })
  assert.deepEqual([stolen.status, stolen.error], [400, 'invalid_target'])

  const unasked = await client.redeem((await client.authorize(ana.browser, 'mux')).get('code'))
  assert.equal(claimsOf(unasked.access_token).payload['aud'], house.rooms.oauth.resourceFor('mux'))
  const asked = await client.refresh(unasked.refresh_token, { resource: house.rooms.oauth.resourceFor('mux') })
  assert.equal(claimsOf(asked.access_token).payload['aud'], house.rooms.oauth.resourceFor('mux'))
  const other = await client.refresh(asked.refresh_token, { resource: memory })
  assert.deepEqual([other.status, other.error], [400, 'invalid_target'])
})

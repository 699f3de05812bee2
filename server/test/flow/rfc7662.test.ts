import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openHouse, type House } from '../house.ts'

const secret = 'a secret of the upstream that is long enough'

async function open(t: TestContext) {
  const checker = { id: 'mux-server', name: 'The Mux server', secretEnv: 'MUX_CHECKS', introspects: ['mux'] }
  const other = { ...checker, id: 'other-server', introspects: ['memory'] }
  const yaml = `clients: ${JSON.stringify({ preregistered: [checker, other] })}`
  const house = await openHouse(t, { yaml, env: { MUX_CHECKS: secret } })
  await house.upstream('mux', ['get_asset'])
  await house.person('Ida', ['administer'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  return { house, ana, client, tokens: await client.connect(ana.browser, 'mux') }
}

async function introspect(house: House, token: string, by: { id: string; secret?: string } = { id: 'mux-server' }) {
  const credentials = Buffer.from(`${by.id}:${encodeURIComponent(by.secret ?? secret)}`).toString('base64')
  const answer = await fetch(`${house.url}/oauth/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ token }),
  })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> }
}

test('an upstream learns whose token it is, and for what', async (t) => {
  const { house, ana, client, tokens } = await open(t)
  const { status, headers, body } = await introspect(house, tokens.access_token)
  assert.equal(status, 200)
  assert.equal(headers.get('cache-control'), 'no-store')
  const { jti, iat, exp, auth_time: at, grant_id: grantId, ...rest } = body
  assert.deepEqual(rest, {
    active: true,
    iss: house.origin,
    sub: ana.principal.id,
    aud: `${house.origin}/mcp/mux`,
    client_id: client.id,
    scope: 'mcp',
    token_type: 'Bearer',
  })
  assert.equal(typeof jti, 'string')
  assert.ok(Number(at) <= Number(iat))
  assert.equal(Number(exp) - Number(iat), 300)
  assert.equal((await house.rooms.oauth.listGrants({ clientId: client.id }))[0]?.id, grantId)
})

test('a token whose right was withdrawn is not active, whatever it says itself', async (t) => {
  const withdraw: Record<string, (of: Awaited<ReturnType<typeof open>>) => Promise<void>> = {
    grant: async ({ house, client }) => {
      const [grant] = await house.rooms.oauth.listGrants({ clientId: client.id })
      await house.rooms.oauth.revokeGrant({ by: 'set-up', id: grant!.id, reason: 'a test' })
    },
    client: ({ house, client }) => house.rooms.oauth.revokeClient({ by: 'set-up', id: client.id, reason: 'a test' }),
    principal: ({ house, ana }) =>
      house.rooms.identity.disablePrincipal({ by: 'set-up', id: ana.principal.id, reason: 'a test' }),
    upstream: ({ house }) =>
      house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'mux', to: 'suspended', reason: 'a test' }),
    time: async ({ house }) => house.clock.pass(301_000),
    'emergency rotation': async ({ house }) => {
      await house.rooms.oauth.rotateKeys({ by: 'set-up', reason: 'a test', emergency: true })
    },
  }
  for (const [what, act] of Object.entries(withdraw)) {
    const all = await open(t)
    assert.equal((await introspect(all.house, all.tokens.access_token)).body['active'], true, what)
    await act(all)
    assert.deepEqual((await introspect(all.house, all.tokens.access_token)).body, { active: false }, what)
  }
})

test('who may not ask, and what is no token of ours, gets the same answer', async (t) => {
  const { house, tokens } = await open(t)
  assert.deepEqual((await introspect(house, tokens.access_token, { id: 'other-server' })).body, { active: false })
  for (const token of [
    tokens.refresh_token,
    'made-up',
    'a.b.c',
    `${tokens.access_token}x`,
    tokens.access_token.slice(1),
  ])
    assert.deepEqual((await introspect(house, token)).body, { active: false }, token.slice(0, 12))
  const confidential = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const mine = await fetch(`${house.url}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token: tokens.access_token, client_id: confidential.id }),
  })
  assert.ok(mine.status === 400 || mine.status === 401, String(mine.status))
})

test('nobody asks without proving who he is', async (t) => {
  const { house, client, tokens } = await open(t)
  assert.equal((await introspect(house, tokens.access_token, { id: 'mux-server', secret: 'guess' })).status, 401)
  assert.equal((await introspect(house, tokens.access_token, { id: 'nobody' })).status, 401)
  const open_ = await fetch(`${house.url}/oauth/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token: tokens.access_token, client_id: client.id }),
  })
  assert.deepEqual(await open_.json(), { active: false })
})

test('a token that comes twice, or not at all, is refused', async (t) => {
  const { house, tokens } = await open(t)
  const authorization = `Basic ${Buffer.from(`mux-server:${encodeURIComponent(secret)}`).toString('base64')}`
  for (const pairs of [
    [],
    [
      ['token', tokens.access_token],
      ['token', tokens.access_token],
    ],
  ]) {
    const answer = await fetch(`${house.url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(pairs as [string, string][]),
    })
    assert.equal(answer.status, 400)
  }
})

test('what was asked for by scope, or tool by tool with limits, is told as the grant has it', async (t) => {
  const { house, ana, client } = await open(t)
  const wish = { name: 'get_asset', arguments: { id: { const: 'a1' } } }
  const url = client.authorizeUrl('mux', (params) => {
    params.set('authorization_details', JSON.stringify([{ type: 'mcp_tools', tools: [wish] }]))
    params.set('scope', 'mux:read')
  })
  const answer = await client.answer(ana.browser, await ana.browser.open(url))
  const resource = client.resourceOf('mux')
  const tokens = await client.redeem(answer.url.searchParams.get('code'), { resource })
  const { body } = await introspect(house, tokens.access_token)
  assert.equal(body['scope'], 'mux:read')
  assert.deepEqual(body['authorization_details'], [{ type: 'mcp_tools', locations: [resource], tools: [wish] }])
  const narrow = await client.refresh(tokens.refresh_token, { resource, scope: 'mux:tool:get_asset' })
  assert.equal(
    (await introspect(house, narrow.access_token)).body['scope'],
    'mux:tool:get_asset',
    'as far as it reaches',
  )
})

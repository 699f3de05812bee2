import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUri } from '../browser.ts'
import { OAuthClient } from '../oauth-client.ts'
import { digestOf } from '../../src/base/ids.ts'
import { findStoredClient } from '../../src/store/clients.ts'
import { openHouse, type House } from '../house.ts'
import { vsCode } from '../vs-code.ts'

interface Registered {
  status: number
  headers: Headers
  body: Record<string, unknown> & { client_id: string; redirect_uris: string[] }
}

async function register(house: House, body: unknown, contentType = 'application/json'): Promise<Registered> {
  const answer = await fetch(`${house.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': contentType, origin: 'https://inspector.example' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Registered['body'] }
}

test('requests as clients in the field send them are accepted', async (t) => {
  const house = await openHouse(t)
  const requests: Record<string, Record<string, unknown>> = {
    'the inspector': {
      redirect_uris: ['http://localhost:6274/oauth/callback'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      client_name: 'MCP Inspector',
      client_uri: 'https://github.com/modelcontextprotocol/inspector',
      scope: 'mcp:tools offline_access user:email',
    },
    'an editor with a scheme of its own': {
      client_name: 'Cursor',
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'https://www.cursor.com/agents/mcp/oauth/callback',
        'http://localhost:8787/callback',
      ],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    'an editor with many addresses': vsCode,
    'a web service': {
      client_name: 'Claude',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback'],
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    'the least': { redirect_uris: ['https://a.example/cb'] },
  }
  for (const [name, request] of Object.entries(requests)) {
    const { status, headers, body } = await register(house, request)
    assert.equal(status, 201, `${name}: ${JSON.stringify(body)}`)
    assert.equal(headers.get('access-control-allow-origin'), '*', name)
    assert.equal(headers.get('cache-control'), 'no-store', name)
    assert.deepEqual(body.redirect_uris, request['redirect_uris'], name)
    assert.equal('client_secret' in body, body['token_endpoint_auth_method'] !== 'none', name)
    for (const absent of ['registration_access_token', 'registration_client_uri', 'scope']) assert.ok(!(absent in body))
  }
  assert.equal((await house.rooms.oauth.listClients()).length, 5)
  assert.equal((await house.changes('client.registered')).length, 5)
})

test('one acceptable redirect address is enough; the others are left out and refused when used', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const unsafe = ['http://a.example/cb', 'javascript:alert(1)', 'ms-msdt:/id']
  const { status, body } = await register(house, {
    redirect_uris: [...unsafe, redirectUri],
    token_endpoint_auth_method: 'none',
  })
  assert.equal(status, 201)
  assert.deepEqual(body.redirect_uris, [redirectUri])
  const client = new OAuthClient(house, { id: body.client_id })
  for (const uri of unsafe) {
    const shown = await ana.browser.open(client.authorizeUrl('mux', (params) => params.set('redirect_uri', uri)))
    assert.equal(shown.status, 400, uri)
  }
  assert.equal((await client.connect(ana.browser, 'mux')).status, 200)
})

test('a request that cannot be served is refused in the words of RFC 7591, and leaves nothing', async (t) => {
  const house = await openHouse(t)
  const wrong: [unknown, string, string?][] = [
    [{}, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['http://a.example/'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['https://a.example/'], grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    [{ redirect_uris: ['https://a.example/'], response_types: ['token'] }, 'invalid_client_metadata'],
    [
      { redirect_uris: ['https://a.example/'], token_endpoint_auth_method: 'tls_client_auth' },
      'invalid_client_metadata',
    ],
    [
      { redirect_uris: ['https://a.example/'], token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
    ['{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}', 'invalid_client_metadata'],
    ['[]', 'invalid_client_metadata'],
    ['nonsense', 'invalid_client_metadata'],
    [{ redirect_uris: ['https://a.example/'] }, 'invalid_client_metadata', 'text/plain'],
  ]
  for (const [body, error, contentType] of wrong) {
    const answer = await register(house, body, contentType)
    assert.deepEqual([answer.status, answer.body['error']], [400, error], JSON.stringify(body))
  }
  assert.equal((await register(house, { redirect_uris: ['https://a.example/'], x: 'y'.repeat(70_000) })).status, 413)
  assert.deepEqual(await house.rooms.oauth.listClients(), [])
})

test('one address can register only so many clients in an hour', async (t) => {
  const house = await openHouse(t, { yaml: 'clients: { registration: { perHourMax: 3 } }' })
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await register(house, { redirect_uris: ['https://a.example/'] }))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 201, 429, 429],
  )
  assert.ok(Number(answers[4]!.headers.get('retry-after')) > 3_000)
  assert.equal((await house.rooms.oauth.listClients()).length, 3)
})

test('a confidential client needs its secret, which is not kept in clear and not shown again', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const { body } = await register(house, {
    redirect_uris: [redirectUri],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const secret = String(body['client_secret'])
  const known = { id: body.client_id }
  const stranger = new OAuthClient(house, known)
  const code = (await stranger.authorize(ana.browser, 'mux')).get('code')
  assert.deepEqual([(await stranger.redeem(code)).status, (await stranger.redeem(code)).error], [401, 'invalid_client'])
  const guesser = new OAuthClient(house, { ...known, secret: 'guess' })
  assert.equal((await guesser.redeem(code, { code_verifier: stranger.verifier })).error, 'invalid_client')
  const client = new OAuthClient(house, { ...known, secret })
  assert.equal((await client.redeem(code, { code_verifier: stranger.verifier })).status, 200)
  assert.ok(!JSON.stringify(await house.rooms.oauth.listClients()).includes(secret))
  const stored = await findStoredClient(house.rooms.store, body.client_id)
  assert.equal(stored?.secretHash, digestOf(secret))
  assert.ok(!JSON.stringify(stored).includes(secret))
  assert.equal('registration_access_token' in body, false)
  const hash = new OAuthClient(house, { ...known, secret: digestOf(secret) })
  assert.equal((await hash.redeem(code, { code_verifier: stranger.verifier })).error, 'invalid_client')
  assert.ok(!JSON.stringify(await house.rooms.ledger.listEntries({ after: -1, limit: 100 })).includes(secret))
})

test('a client of the configuration is there from the start, and the consent page says so', async (t) => {
  const preregistered = [
    { id: 'script', name: 'Script', redirectUris: ['http://127.0.0.1/callback'], secret: undefined },
  ]
  const house = await openHouse(t, { yaml: `clients: ${JSON.stringify({ preregistered })}` })
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = new OAuthClient(house, { id: 'script' })
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  assert.match(shown.text, /Your administrator registered it/)
  assert.equal((await client.connect(ana.browser, 'mux')).status, 200)
  assert.equal((await house.rooms.oauth.findClient('script'))?.source, 'configuration')
})

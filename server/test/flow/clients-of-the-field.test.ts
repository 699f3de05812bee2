import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { textOf } from '../agent.ts'
import { type Page, redirectUri } from '../browser.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openClientHost } from '../fake/client-host.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openHouse, type House } from '../house.ts'
import { claimsOf, consentForm, OAuthClient, offeredOn } from '../oauth-client.ts'
import type { Person } from '../person.ts'
import { vsCode } from '../vs-code.ts'

// What clients are known to do, each by its name. What they send is written down from their documentation and their threads;
// whole logins by implementations that are not ours are in independent-clients.slow.test.ts and sdk-client.test.ts.

interface Resource {
  resource: string
  authorization_servers: string[]
  scopes_supported: string[]
}

async function open(t: TestContext, options: Parameters<typeof openHouse>[1] = {}) {
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset', 'update_asset'])
  const ana = await house.person('Ana', ['mux/*'])
  return { house, ana }
}

/** The metadata of a resource as a client finds it: by the challenge of a request without a token. */
async function discover(address: string): Promise<Resource> {
  const challenge = (await fetch(address, { method: 'POST', body: '{}' })).headers.get('www-authenticate') ?? ''
  const at = /resource_metadata="([^"]+)"/.exec(challenge)?.[1]
  assert.ok(at, challenge)
  const answer = await fetch(at)
  assert.equal(answer.status, 200)
  return (await answer.json()) as Resource
}

async function register(house: House, metadata: Record<string, unknown>) {
  const body = JSON.stringify(metadata)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${house.url}/oauth/register`, { method: 'POST', headers, body })
  return { status: answer.status, body: (await answer.json()) as { client_id: string; redirect_uris: string[] } }
}

/** Says yes to these tools, and tells where the browser is sent, without going there. */
async function accept({ browser }: Person, shown: Page, tools: string[] = ['get_asset']): Promise<URL> {
  const form = consentForm(shown, (fields) => {
    fields.delete('tool')
    for (const tool of tools) fields.append('tool', tool)
  })
  const answered = await browser.post(shown.url, form, { site: 'same-origin', origin: 'null', follow: false })
  const resumed = await browser.peek(new URL(answered.headers.get('location')!, shown.url))
  return new URL(resumed.headers.get('location')!)
}

for (const host of ['claude.ai', 'claude.com']) {
  test(`Claude on the web and in the apps: the answer goes to ${host}, which the page says`, async (t) => {
    const { house, ana } = await open(t)
    const callback = `https://${host}/api/mcp/auth_callback`
    const { status, body } = await register(house, {
      client_name: 'Claude',
      redirect_uris: [callback],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'mcp',
    })
    assert.equal(status, 201)
    const client = new OAuthClient(house, { id: body.client_id, redirectUri: callback })
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    assert.match(shown.text, new RegExp(`<strong>${host}</strong>`))
    assert.match(shown.text, />unverified</)
    const answered = await accept(ana, shown)
    assert.equal(answered.origin, `https://${host}`)
    assert.equal((await client.redeem(answered.searchParams.get('code'))).status, 200)
  })
}

test('Claude Code: its document names loopback without a port, and it comes with whatever port was free', async (t) => {
  const host = await openClientHost(t)
  host.document = {
    client_name: 'Claude Code',
    client_uri: 'https://claude.ai',
    redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  const { house, ana } = await open(t, { reach: [host.id] })
  for (const uri of ['http://localhost:54321/callback', 'http://127.0.0.1:9/callback']) {
    const client = new OAuthClient(house, { id: host.id, redirectUri: uri })
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    assert.match(shown.text, /Any program on this computer can claim this name/)
    const answered = await accept(ana, shown)
    assert.equal(answered.host, new URL(uri).host)
    assert.equal((await client.redeem(answered.searchParams.get('code'))).status, 200)
  }
  for (const uri of ['http://localhost:54321/other', 'http://127.0.0.2:54321/callback', 'https://localhost/callback']) {
    const shown = await ana.browser.open(new OAuthClient(house, { id: host.id, redirectUri: uri }).authorizeUrl('mux'))
    assert.equal(shown.status, 400, uri)
  }
})

test('Claude Code, which takes every 403 for an expired token: renewing ends nothing and leads to the link, and connecting again offers what was missing', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('Ana', ['desk/read_note', 'desk/write_note'])
  const client = await house.register({ client_name: 'Claude Code' })
  let agent = await ana.connect('desk', ['read_note'], { client })
  for (let round = 0; round < 3; round++) {
    const denied = await agent.call('write_note', {})
    assert.deepEqual([denied.status, denied.result?.['isError']], round === 0 ? [403, undefined] : [200, true])
    if (round > 0) assert.match(textOf(denied), /\/grants\/[\w-]+\/widen\?tool=write_note/)
    assert.equal((await agent.refresh()).status, 200)
    assert.equal((await agent.call('read_note')).status, 200)
  }
  const again = await ana.browser.open(client.authorizeUrl('desk'))
  assert.deepEqual(offeredOn(again).ticked, ['read_note'])
  assert.ok(offeredOn(again).offered.includes('write_note'))
  agent = await ana.connect('desk', ['read_note', 'write_note'], { client })
  assert.equal((await agent.call('write_note', {})).status, 200)
})

for (const [name, callback] of [
  ['ChatGPT', 'https://chatgpt.com/connector_platform_oauth_redirect'],
  ['Codex', 'http://127.0.0.1:1455/auth/callback'],
] as const) {
  test(`${name}: names its ways to prove itself in the plural, and sends the resource as it was told, to the letter`, async (t) => {
    const host = await openClientHost(t)
    host.document = {
      client_name: name,
      redirect_uris: [callback],
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      jwks_uri: 'https://chatgpt.com/oauth/jwks.json',
      logo_uri: 'https://chatgpt.com/logo.png',
    }
    const { house, ana } = await open(t, { reach: [host.id] })
    const { resource } = await discover(`${house.origin}/mcp/mux`)
    const client = new OAuthClient(house, { id: host.id, redirectUri: callback })
    // The scopes of a challenge are not always asked for; others sometimes are.
    for (const scope of [undefined, 'mcp', 'openid profile email']) {
      const url = client.authorizeUrl('mux', (params) => {
        params.set('resource', resource)
        if (scope !== undefined) params.set('scope', scope)
      })
      const shown = await ana.browser.open(url)
      // A logo would tell its host who is asked, and when.
      assert.doesNotMatch(shown.text, /logo\.png|<img/)
      const answered = await accept(ana, shown)
      const tokens = await client.redeem(answered.searchParams.get('code'), { resource })
      assert.equal(claimsOf(tokens.access_token).payload['aud'], resource)
    }
  })
}

test('VS Code: registers many addresses and a grant type that is not here, asks for every scope, and shows 128 tools at most', async (t) => {
  const upstream = await openFakeMcpServer({ tools: Array.from({ length: 150 }, (_, at) => toolNamed(`read_${at}`)) })
  t.after(() => upstream.close())
  const { house } = await open(t, { reach: [upstream.url] })
  await house.httpUpstream('many', upstream.url)
  const { status, body } = await register(house, vsCode)
  assert.equal(status, 201)
  const { scopes_supported: scopes } = await discover(`${house.origin}/mcp/many`)
  const ana = await house.person('Ana of many', ['many/*'])
  const client = new OAuthClient(house, { id: body.client_id, redirectUri: 'http://127.0.0.1:50213/' })
  const shown = await ana.browser.open(client.authorizeUrl('many', (p) => p.set('scope', scopes.join(' '))))
  const some = offeredOn(shown).offered.slice(0, 128)
  const answered = await accept(ana, shown, some)
  const tokens = await client.redeem(answered.searchParams.get('code'))
  assert.equal(tokens.status, 200)
  const [grant] = await house.rooms.oauth.listGrants({ clientId: client.id })
  assert.equal(grant?.tools.size, 128)
})

test('Cursor: registers redirect addresses of every kind; the good ones are taken, the others refused when they are used', async (t) => {
  const { house, ana } = await open(t)
  const good = [
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'https://www.cursor.com/agents/mcp/oauth/callback',
    'http://localhost:8787/callback',
  ]
  const bad = ['http://192.168.1.20:8787/callback', 'cursor-evil://callback', 'javascript:alert(1)']
  const { status, body } = await register(house, {
    client_name: 'Cursor',
    redirect_uris: [...good, ...bad],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  })
  assert.equal(status, 201)
  assert.deepEqual(body.redirect_uris, good)
  for (const uri of good) {
    const client = new OAuthClient(house, { id: body.client_id, redirectUri: uri })
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    assert.equal(shown.status, 200, uri)
    const location = (await accept(ana, shown)).href
    assert.ok(location.startsWith(`${uri}?code=`), location)
  }
  for (const uri of bad) {
    const client = new OAuthClient(house, { id: body.client_id, redirectUri: uri })
    assert.equal((await ana.browser.open(client.authorizeUrl('mux'))).status, 400, uri)
  }
})

test('Gemini CLI: takes the metadata only where the path is inserted and the resource equals the address that it was given', async (t) => {
  const { house, ana } = await open(t)
  const address = `${house.origin}/mcp/mux`
  const strict = new URL(`/.well-known/oauth-protected-resource${new URL(address).pathname}`, address)
  const answer = (await (await fetch(strict)).json()) as Resource
  assert.equal(answer.resource, address)
  assert.deepEqual(answer.authorization_servers, [house.origin])
  const server = (await (await fetch(`${house.origin}/.well-known/oauth-authorization-server`)).json()) as object
  assert.ok('registration_endpoint' in server)
  const { body } = await register(house, {
    client_name: 'Gemini CLI MCP Client',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: '',
  })
  // The resource comes from the address of the server, and `iss` of the answer is not looked at.
  const client = new OAuthClient(house, { id: body.client_id })
  const tokens = await client.connect(ana.browser, 'mux')
  assert.equal(claimsOf(tokens.access_token).payload['aud'], address)
})

test('Gemini CLI: cuts names at 64 characters; with its prefix no two names of a bundle become one', async (t) => {
  const long = `read_${'x'.repeat(70)}`
  const upstream = await openFakeMcpServer({ tools: [toolNamed(`${long}_a`), toolNamed(`${long}_b`)] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('mail', upstream.url)
  const ownerId = (await house.person('owner')).principal.id
  const made = { by: 'set-up', ownerId, name: 'all', purpose: 'all of it', reason: 'for a test' }
  await house.rooms.inventory.makeBundle({ ...made, members: [{ upstream: 'mail', prefix: 'mail' }] })
  const agent = await (await house.person('Ana', ['mail/*'])).connect('all', 'all')
  const names = await agent.list()
  assert.equal(names.length, 2)
  const cut = new Set(names.map((name) => `mcp_all_${name}`.slice(0, 64)))
  assert.deepEqual(
    [...cut],
    names.map((name) => `mcp_all_${name}`),
    'nothing had to be cut',
  )
})

test('Zed: by document or by registration, and always with the resource, at the token endpoint too', async (t) => {
  const host = await openClientHost(t)
  host.document = {
    client_name: 'Zed',
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  }
  const { house, ana } = await open(t, { reach: [host.id] })
  const registered = await house.register({ client_name: 'Zed' })
  for (const client of [new OAuthClient(house, { id: host.id }), registered]) {
    const tokens = await client.connect(ana.browser, 'mux')
    const resource = client.resourceOf('mux')
    assert.equal((await client.refresh(tokens.refresh_token, { resource })).status, 200)
  }
})

test('mcp-remote: registers loopback, and may leave the resource out where it asks for tokens', async (t) => {
  const { house, ana } = await open(t)
  const { status, body } = await register(house, {
    client_name: 'MCP CLI Proxy',
    client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
    software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
    software_version: '0.15.1',
    redirect_uris: ['http://localhost:3334/oauth/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  })
  assert.equal(status, 201)
  const client = new OAuthClient(house, { id: body.client_id, redirectUri: 'http://localhost:3334/oauth/callback' })
  const { resource } = await discover(`${house.origin}/mcp/mux`)
  const shown = await ana.browser.open(client.authorizeUrl('mux', (params) => params.set('resource', resource)))
  const answered = await accept(ana, shown)
  const tokens = await client.redeem(answered.searchParams.get('code'), { resource: undefined })
  assert.equal(tokens.status, 200)
  const renewed = await client.refresh(tokens.refresh_token, { resource: undefined })
  assert.equal(claimsOf(renewed.access_token).payload['aud'], resource)
})

test('agents of the first SDK: who is told no resource names none, and learns that it must', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const shown = await ana.browser.open(client.authorizeUrl('mux', (params) => params.delete('resource')))
  assert.equal(shown.url.searchParams.get('error'), 'invalid_target')
  assert.match(shown.url.searchParams.get('error_description') ?? '', /resource/)
})

test('a slash at the end of an address: what is served there says the address that is meant, and no token is mixed up', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const agent = await ana.connect('mux', 'all', { client })
  const slashed = await fetch(`${house.origin}/mcp/mux/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
  assert.equal(slashed.status, 404)
  assert.equal((await fetch(`${house.origin}/.well-known/oauth-protected-resource/mcp/mux/`)).status, 404)
  const shown = await ana.browser.open(
    client.authorizeUrl('mux', (params) => params.set('resource', `${client.resourceOf('mux')}/`)),
  )
  assert.equal(shown.url.searchParams.get('error'), 'invalid_target')
  const metadata = (await (await fetch(`${house.origin}/.well-known/oauth-authorization-server`)).json()) as Record<
    string,
    unknown
  >
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === 'string' && value.startsWith('http')) assert.ok(!value.endsWith('/'), name)
  }
})

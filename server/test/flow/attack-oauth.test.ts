import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { formsOf } from '../browser.ts'
import { openFakeMcpServer, type FakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import type { Agent } from '../agent.ts'
import { openHouse, type House } from '../house.ts'
import { codeOf } from '../oauth-client.ts'
import type { Person } from '../person.ts'

interface Stand {
  house: House
  upstream: FakeMcpServer
  ana: Person
  agent: Agent
}

async function stand(t: TestContext): Promise<Stand> {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_note'), toolNamed('write_note')] })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('notes', upstream.url)
  const ana = await house.person('ana', ['notes/*'])
  return { house, upstream, ana, agent: await ana.connect('notes', ['read_note']) }
}

test('no secret of one kind is good for anything of another kind', async (t) => {
  const { house, ana, agent, upstream } = await stand(t)
  const { identity } = house.rooms
  const root = await house.person('root', ['administer'])
  const { url } = await identity.invite({ by: root.principal.id, name: 'Di', rights: [] })
  const { key } = await identity.makeOperatorKey({ principal: root.principal, label: 'cli' })
  const page = await ana.browser.open('/grants')
  const secrets: Record<string, string> = {
    'access token': agent.tokens.access_token,
    'refresh token': agent.tokens.refresh_token,
    invitation: url.split('/').at(-1)!,
    'operator key': key,
    'sign-in cookie': root.browser.cookie('sallyport')!,
    'form token': /name="csrf" value="([^"]+)"/.exec(page.text)![1]!,
    'grant id': agent.grantId,
    'client id': agent.client,
  }
  const tries: Record<string, (secret: string) => Promise<boolean>> = {
    'access token': async (secret) => {
      const { status } = await agent.rpc('tools/list', {}, { headers: { authorization: `Bearer ${secret}` } })
      return status !== 401
    },
    'refresh token': async (secret) => (await agent.refresh(secret)).status === 200,
    invitation: async (secret) => (await house.browser().open(`/join/${encodeURIComponent(secret)}`)).status === 200,
    'operator key': async (secret) => {
      const answer = await fetch(`${house.origin}/api/v1/grants`, { headers: { authorization: `Bearer ${secret}` } })
      return answer.status !== 401
    },
    'sign-in cookie': async (secret) => {
      const browser = house.browser()
      browser.plant({ name: 'sallyport', value: secret })
      return (await browser.open('/grants', ({ pathname }) => pathname === '/sign-in')).url.pathname !== '/sign-in'
    },
  }
  for (const [purpose, good] of Object.entries(tries)) {
    for (const [kind, secret] of Object.entries(secrets)) {
      // The refresh token is tried for its own purpose last of all: it changes with its use.
      if (kind !== purpose) assert.equal(await good(secret), false, `${kind} as ${purpose}`)
      else if (kind !== 'refresh token') assert.equal(await good(secret), true, `${kind} as itself`)
    }
  }
  assert.deepEqual(upstream.calls, [])
})

test('a bearer token is taken from its header alone, and no failed one falls back to anything', async (t) => {
  const { house, agent, upstream } = await stand(t)
  const token = agent.tokens.access_token
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read_note' } })
  const { headers: none, ...post } = { method: 'POST', body, headers: {} }
  const at = `${house.origin}/mcp/notes`
  const [head, claims, signature] = token.split('.') as [string, string, string]
  const header = (more: object): string =>
    Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', ...more })).toString('base64url')
  const other = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), sub: 'root' }),
  ).toString('base64url')
  const values = [
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    `Basic ${token}`,
    `DPoP ${token}`,
    token,
    `Bearer ${token} x`,
    `Bearer  ${token}`,
    `Bearer ${token},Bearer x`,
    `Bearer "${token}"`,
    `Bearer ${token}.`,
    `Bearer ${head}.${claims}.`,
    `Bearer ${head}.${claims}`,
    `Bearer ${head}.${other}.${signature}`,
    `Bearer ${header({ alg: 'none' })}.${claims}.`,
    `Bearer ${header({ alg: 'HS256' })}.${claims}.${signature}`,
    `Bearer ${header({ crit: ['x'], x: 1 })}.${claims}.${signature}`,
    `Bearer ${header({ kid: '../../etc/passwd' })}.${claims}.${signature}`,
    `Bearer ${header({ jwk: { kty: 'oct', k: 'AA' } })}.${claims}.${signature}`,
    `Bearer ${'a'.repeat(9_000)}`,
    'Bearer null',
    'Bearer undefined',
  ]
  for (const authorization of values) {
    const answer = await fetch(at, { ...post, headers: { authorization } })
    assert.equal(answer.status, 401, authorization.slice(0, 60))
    assert.match(answer.headers.get('www-authenticate') ?? '', /resource_metadata=/)
    const text = await answer.text()
    assert.doesNotMatch(text, /jws|signature|kid|alg|expired|jose/i, 'why is for the log')
  }
  const elsewhere: [url: string, headers: Record<string, string>][] = [
    [`${at}?access_token=${token}`, {}],
    [`${at}?authorization=Bearer%20${token}`, {}],
    [at, { 'x-authorization': `Bearer ${token}` }],
    [at, { 'proxy-authorization': `Bearer ${token}` }],
    [at, { 'x-api-key': token }],
    [at, { cookie: `authorization=Bearer ${token}; access_token=${token}; token=${token}` }],
    [at, { cookie: `sallyport=${randomBytes(32).toString('base64url')}` }],
  ]
  for (const [url, headers] of elsewhere)
    assert.equal((await fetch(url, { ...post, headers: { ...none, ...headers } })).status, 401)
  const inBody = await fetch(at, { method: 'POST', body: new URLSearchParams({ access_token: token }) })
  assert.equal(inBody.status, 401)
  assert.deepEqual(upstream.calls, [])
})

test('a person signed in at the browser is nobody at the MCP door', async (t) => {
  const { house, ana, upstream } = await stand(t)
  const cookie = ana.browser.cookieFor(new URL(house.origin))
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'read_note' } })
  const headers = { cookie, origin: house.origin, 'sec-fetch-site': 'same-origin' }
  assert.equal((await fetch(`${house.origin}/mcp/notes`, { method: 'POST', body, headers })).status, 401)
  assert.deepEqual(upstream.calls, [])
})

test('nobody is sent to an address that the client did not register, whatever is wrong', async (t) => {
  const { house, ana } = await stand(t)
  const client = await house.register()
  const evil = [
    'http://127.0.0.1:9/callback/',
    'http://127.0.0.1:9/Callback',
    'http://127.0.0.1:9/callback?x=1',
    'http://127.0.0.1:9/callback#x',
    'http://127.0.0.1:9/callback/../evil',
    'http://127.0.0.1:9/%63allback',
    'http://localhost:9/callback',
    'http://[::1]:9/callback',
    'http://127.1:9/callback',
    'http://user@127.0.0.1:9/callback',
    'http://127.0.0.1:9@evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'https://127.0.0.1:9/callback',
    'http://127.0.0.1:9\\@evil.example/callback',
    '//evil.example/callback',
    'javascript:alert(1)',
    'data:text/html,x',
    '',
    ' http://127.0.0.1:9/callback',
    'http://127.0.0.1:9/callback http://evil.example/',
    'https://evil.example/',
  ]
  const wrongs: Record<string, string>[] = [
    { response_type: 'token' },
    { code_challenge_method: 'plain' },
    { prompt: 'none' },
    { request: 'x' },
    { response_mode: 'form_post' },
  ]
  for (const [at, redirect] of evil.entries()) {
    // Alone, and with one thing more that is wrong: its error must not travel there either.
    for (const more of [{}, wrongs[at % wrongs.length]!]) {
      const url = client.authorizeUrl('notes')
      for (const [name, value] of Object.entries({ redirect_uri: redirect, ...more })) url.searchParams.set(name, value)
      const page = await ana.browser.open(url, (next) => next.origin !== house.origin)
      assert.equal(page.url.origin, house.origin, `${redirect} ${JSON.stringify(more)}`)
      assert.ok(page.status === 400, `${redirect}: ${page.status}`)
      assert.equal(formsOf(page).length, 0)
    }
  }
})

test('a consent that is given gives no more than its ticks, whatever is asked for afterwards', async (t) => {
  const { house, ana, upstream } = await stand(t)
  const client = await house.register()
  const scope = 'openid mcp admin notes:write offline_access'
  const url = client.authorizeUrl('notes', (params) => params.set('scope', scope))
  const code = codeOf(await ana.consent(await ana.browser.open(url), ['read_note']))
  const more = { scope: 'mcp admin', resource: `${house.origin}/mcp/other` }
  assert.equal((await client.redeem(code, more)).status, 400)
  const agent = await ana.connect('notes', ['read_note'])
  assert.deepEqual(await agent.list(), ['read_note'])
  const refused = await agent.call('write_note', {})
  assert.deepEqual([refused.status, refused.error?.data?.['reason']], [403, 'grant.tool_not_chosen'])
  for (const grant_type of [
    'password',
    'client_credentials',
    'implicit',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ]) {
    const asked = {
      grant_type,
      username: 'ana',
      password: 'x',
      resource: client.resourceOf('notes'),
      subject_token: agent.tokens.access_token,
    }
    assert.equal((await client.token(asked)).status, 400, grant_type)
  }
  assert.deepEqual(upstream.calls, [])
})

test('neither the log nor the ledger nor an answer holds a secret, whatever went wrong', async (t) => {
  const { house, ana, agent } = await stand(t)
  const first = { ...agent.tokens }
  const secrets = [first.access_token, first.refresh_token, ana.browser.cookie('sallyport')!]
  await agent.call('read_note', { text: 'refused-argument' })
  await agent.rpc('tools/call', { name: 'write_note', arguments: { token: 'sk_live_51canarycanarycanary' } })
  await agent.post('{"broken', {})
  await agent.post('{}', { headers: { authorization: `Bearer ${first.access_token}x` } })
  await agent.refresh()
  secrets.push(agent.tokens.access_token, agent.tokens.refresh_token)
  await agent.refresh(first.refresh_token)
  await ana.browser.open(`/sign-in?return_to=/x&password=${secrets[2]}`)
  const client = await house.register()
  const code = codeOf(await ana.consent(await ana.browser.open(client.authorizeUrl('notes'))))
  await client.redeem(code, { resource: agent.resource, code_verifier: 'w'.repeat(43) })
  secrets.push(code, client.verifier)
  const entries = JSON.stringify(await house.rooms.ledger.listEntries({ limit: 1_000 }))
  for (const [at, secret] of secrets.entries()) {
    assert.ok(!house.log.join('').includes(secret), `secret ${at} is in the log`)
    assert.ok(!entries.includes(secret), `secret ${at} is in the ledger`)
  }
  for (const kept of [entries, house.log.join('')]) assert.doesNotMatch(kept, /sk_live_51canary/)
})

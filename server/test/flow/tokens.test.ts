import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { exportSPKI, generateKeyPair, importJWK, SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import type { Agent } from '../agent.ts'

// The first door: only a token of ours, for exactly this address, opens it. RFC 6750, RFC 8707, RFC 9068, RFC 9728.

const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })

async function knock(agent: Agent, headers: Record<string, string>, path = '/mcp/desk'): Promise<Response> {
  return fetch(`${agent.origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: ping,
  })
}

const nothingWrong = { error: undefined }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Demands a 401 that says where to begin, for exactly the address that was asked. */
async function refused(answer: Response, expected: { upstream?: string; error?: string | undefined } = {}) {
  const { upstream, error } = { upstream: 'desk', error: 'invalid_token', ...expected }
  assert.equal(answer.status, 401)
  const origin = new URL(answer.url).origin
  const challenge = answer.headers.get('www-authenticate') ?? ''
  const metadata = /^Bearer resource_metadata="([^"]+)", scope="mcp"(?:, error="([^"]+)".*)?$/.exec(challenge)
  assert.ok(metadata, challenge)
  assert.equal(metadata[1], `${origin}/.well-known/oauth-protected-resource/mcp/${upstream}`)
  assert.equal(metadata[2], error)
  const document = (await (await fetch(metadata[1]!)).json()) as { resource: string; authorization_servers: string[] }
  assert.equal(document.resource, `${origin}/mcp/${upstream}`)
  assert.deepEqual(document.authorization_servers, [origin])
  const body = (await answer.json()) as { error: { message: string; data: { fault: string } } }
  assert.match(body.error.data.fault, /^oauth\.token_(?:invalid|missing)$/)
}

interface Forge {
  claims?: JWTPayload
  header?: Record<string, string>
  key?: Parameters<SignJWT['sign']>[0]
}

/** Signs a token with the house's own key, as this agent's but for what is changed. */
async function forger(of: FakeHouse, agent: Agent): Promise<(change: Forge) => Promise<string>> {
  const { keys } = await of.house.rooms.vault.tokenKeys()
  const jwk = keys[0] as JWK
  const own = JSON.parse(Buffer.from(agent.tokens.access_token.split('.')[1]!, 'base64url').toString()) as JWTPayload
  const ownKey = await importJWK(jwk, 'ES256')
  return ({ claims = {}, header = {}, key = ownKey }) =>
    new SignJWT({ ...own, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: jwk.kid!, ...header })
      .sign(key)
}

async function open(t: TestContext) {
  const fakeHouse = await openFakeHouse(t)
  const { agent } = await connectAll(fakeHouse.house)
  const before = fakeHouse.fake.journal.length
  return { ...fakeHouse, agent, nothingPassed: () => assert.equal(fakeHouse.fake.journal.length, before) }
}

test('a request without a token is told where to begin, and that nothing is wrong with a token', async (t) => {
  const { agent, nothingPassed } = await open(t)
  await refused(await knock(agent, {}), nothingWrong)
  await refused(await knock(agent, { authorization: `Basic ${btoa('ana:secret')}` }), nothingWrong)
  nothingPassed()
})

test('a malformed, made-up or expired token gets 401, a good one 200', async (t) => {
  const { agent, clock, nothingPassed } = await open(t)
  const good = agent.tokens.access_token
  assert.equal((await knock(agent, bearer(good))).status, 200)
  const [head, claims, signature] = good.split('.') as [string, string, string]
  const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
  const longer = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('"exp":1', '"exp":2')).toString(
    'base64url',
  )
  for (const token of ['x', 'a.b.c', `${head}.${claims}`, `${head}.${claims}.`, `${head}.${claims}.${flipped}`]) {
    await refused(await knock(agent, bearer(token)))
  }
  await refused(await knock(agent, bearer(`${head}.${longer}.${signature}`)))
  await refused(await knock(agent, bearer('y'.repeat(9_000))))
  await refused(await knock(agent, bearer(`${good} ${good}`)))
  clock.pass(301_000)
  await refused(await knock(agent, bearer(good)))
  nothingPassed()
})

test('a token that another key, issuer or algorithm stands behind gets 401', async (t) => {
  const all = await open(t)
  const { agent, nothingPassed } = all
  const forge = await forger(all, agent)
  assert.equal((await knock(agent, bearer(await forge({})))).status, 200, 'the forge itself works')

  const stranger = (await generateKeyPair('ES256')).privateKey
  const { keys } = await all.house.rooms.vault.tokenKeys()
  const { d: _d, ...publicJwk } = keys[0] as JWK
  const publicKey = createPublicKey({ key: publicJwk as never, format: 'jwk' })
  const pem = new TextEncoder().encode(await exportSPKI(publicKey))
  const own = JSON.parse(Buffer.from(agent.tokens.access_token.split('.')[1]!, 'base64url').toString()) as JWTPayload
  const jwks = new TextEncoder().encode(JSON.stringify(publicJwk))
  const bad = {
    'another key': await forge({ key: stranger }),
    'another issuer': await forge({ claims: { iss: 'https://issuer.example' } }),
    'the issuer with a slash': await forge({ claims: { iss: `${agent.origin}/` } }),
    'alg none': new UnsecuredJWT(own).encode(),
    'HS256 with the public key as PEM': await forge({ header: { alg: 'HS256' }, key: pem }),
    'HS256 with the public key as JWK': await forge({ header: { alg: 'HS256' }, key: jwks }),
    'a key that it brings itself': await new SignJWT(own)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', jwk: publicJwk, jku: 'http://127.0.0.1:9/jwks' })
      .sign(stranger),
    'another type': await forge({ header: { typ: 'JWT' } }),
    'no grant': await forge({ claims: { grant_id: undefined } }),
    'no subject': await forge({ claims: { sub: undefined } }),
    'the end passed': await forge({ claims: { exp: Math.floor(Date.now() / 1_000) - 1 } }),
    'no end': await forge({ claims: { exp: undefined } }),
    'not yet': await forge({ claims: { nbf: Math.floor(Date.now() / 1_000) + 600 } }),
  }
  for (const [what, token] of Object.entries(bad)) {
    const answer = await knock(agent, bearer(token))
    assert.equal(answer.status, 401, what)
    await refused(answer)
  }
  nothingPassed()
})

test('a token of ours that names a grant, client or principal that does not belong to it gets 401', async (t) => {
  const all = await open(t)
  const { agent, nothingPassed } = all
  const other = (await connectAll(all.house, 'bo')).agent
  const forge = await forger(all, agent)
  const claims = JSON.parse(Buffer.from(other.tokens.access_token.split('.')[1]!, 'base64url').toString()) as JWTPayload
  for (const name of ['grant_id', 'client_id', 'sub']) {
    const answer = await knock(agent, bearer(await forge({ claims: { [name]: claims[name] } })))
    assert.equal(answer.status, 401, name)
  }
  assert.equal((await knock(agent, bearer(await forge({ claims: { grant_id: 'none' } })))).status, 401)
  nothingPassed()
})

test('a token for one upstream is 401 at every other, look-alikes of its address included', async (t) => {
  const { house, fake } = await openLookAlikes(t)
  const ana = await house.person('ana', ['desk/*', 'desk-two/*', 'des/*'])
  const agent = await ana.connect('desk')
  const two = await ana.connect('desk-two')
  const before = fake.journal.length
  for (const name of ['desk-two', 'des']) {
    await refused(await knock(agent, bearer(agent.tokens.access_token), `/mcp/${name}`), { upstream: name })
  }
  await refused(await knock(two, bearer(two.tokens.access_token), '/mcp/desk'))
  for (const path of ['/mcp/desk/', '/mcp/desk/x', '/mcp/DESK', '/mcp', '/mcp/', '/mcp/desk%2dtwo', '/mcp/desk;x']) {
    const answer = await knock(agent, bearer(agent.tokens.access_token), path)
    assert.ok(answer.status === 404 || answer.status === 400, `${path} ${answer.status}`)
  }
  assert.equal((await knock(agent, bearer(agent.tokens.access_token))).status, 200)
  assert.equal(fake.journal.length, before)
})

async function openLookAlikes(t: TestContext): Promise<FakeHouse> {
  const others = await Promise.all(['des', 'desk-two'].map(() => openFakeMcpServer({ tools: [toolNamed('read_it')] })))
  t.after(() => Promise.all(others.map((one) => one.close())))
  const all = await openFakeHouse(t, { reach: others.map((one) => one.url) })
  await all.house.httpUpstream('des', others[0]!.url, { effects: { read_it: 'read' } })
  await all.house.httpUpstream('desk-two', others[1]!.url, { effects: { read_it: 'read' } })
  return all
}

test('refresh tokens, codes and id tokens are no access tokens, and no token is taken from anywhere but its header', async (t) => {
  const all = await open(t)
  const { agent, nothingPassed } = all
  const forge = await forger(all, agent)
  await refused(await knock(agent, bearer(agent.tokens.refresh_token)))
  const idToken = await forge({ header: { typ: 'JWT' }, claims: { aud: agent.client } })
  await refused(await knock(agent, bearer(idToken)))
  const good = agent.tokens.access_token
  await refused(await knock(agent, {}, `/mcp/desk?access_token=${good}`), nothingWrong)
  await refused(await knock(agent, { cookie: `access_token=${good}; sallyport=${good}` }), nothingWrong)
  await refused(await knock(agent, { 'x-authorization': `Bearer ${good}` }), nothingWrong)
  nothingPassed()
})

test('a token for several addresses, or for the issuer, is good at none', async (t) => {
  const all = await open(t)
  const { agent, nothingPassed } = all
  const forge = await forger(all, agent)
  const { origin, resource } = agent
  for (const aud of [[resource], [resource, `${origin}/mcp/other`], origin, `${resource}/`, `${resource}?x`, '', '*']) {
    const answer = await knock(agent, bearer(await forge({ claims: { aud } })))
    assert.equal(answer.status, 401, JSON.stringify(aud))
  }
  nothingPassed()
})

test('pages of other origins may not call, and no answer invites them', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const token = bearer(agent.tokens.access_token)
  for (const origin of [
    'https://evil.example',
    'null',
    `${agent.origin}.evil.example`,
    agent.origin.replace('http', 'https'),
  ]) {
    const answer = await knock(agent, { ...token, origin })
    assert.equal(answer.status, 403, origin)
    const preflight = await fetch(agent.resource, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })
    assert.equal(preflight.status, 403, origin)
    for (const one of [answer, preflight]) {
      assert.deepEqual(
        [...one.headers.keys()].filter((name) => name.startsWith('access-control-')),
        [],
      )
    }
  }
  assert.equal((await knock(agent, { ...token, origin: agent.origin })).status, 200)
  nothingPassed()
})

test('HEAD, OPTIONS, PUT and PATCH are refused, and DELETE ends nothing but a session', async (t) => {
  const { agent, nothingPassed } = await open(t)
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) {
    const bare = await fetch(agent.resource, { method })
    assert.equal(bare.status, 401, method)
    assert.match(bare.headers.get('www-authenticate') ?? '', /^Bearer resource_metadata=/)
    const answer = await fetch(agent.resource, { method, headers: bearer(agent.tokens.access_token) })
    if (method === 'DELETE') {
      assert.equal(answer.status, 400, 'it names no session')
      continue
    }
    assert.equal(answer.status, 405, method)
    assert.equal(answer.headers.get('allow'), 'DELETE, GET, POST')
  }
  nothingPassed()
})

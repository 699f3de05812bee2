import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { Fault } from '../base/fault.ts'
import { actorLine } from './actor.ts'
import { Caller, openAccessTokens } from './access-token.ts'

const origin = 'https://gate.example'
const resource = `${origin}/mcp/mux`
const now = 1_790_000_000_000
const seconds = now / 1_000
const claims = { client_id: 'editor', grant_id: 'grant', scope: 'mcp' }

let keys: JWK[]
let signing: CryptoKey
let strange: CryptoKey

before(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true })
  signing = pair.privateKey
  keys = [{ ...(await exportJWK(pair.privateKey)), kid: 'k1', alg: 'ES256', use: 'sig' }]
  strange = (await generateKeyPair('ES256')).privateKey
})

interface Knobs {
  header?: Record<string, unknown>
  payload?: Record<string, unknown>
  key?: CryptoKey | Uint8Array
}

function token({ header = {}, payload = {}, key = signing }: Knobs = {}): Promise<string> {
  const body = {
    iss: origin,
    aud: resource,
    sub: 'ana',
    jti: 't1',
    iat: seconds,
    exp: seconds + 300,
    ...claims,
    ...payload,
  }
  return new SignJWT(body).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k1', ...header }).sign(key)
}

function open(clock = { at: now }) {
  const proofs = { take: () => Promise.reject(new Error('no proof is asked for')) }
  const tokens = openAccessTokens({ origin, keys, proofs, clock: { now: () => clock.at, monotonic: () => clock.at } })
  const verify = (authorization: string | undefined, at: string, socket?: object) =>
    tokens.verify({ method: 'POST', headers: { authorization }, ...(socket && { socket }) }, at)
  return { ...tokens, verify, clock }
}

const invalid = (error: unknown) =>
  error instanceof Fault && error.code === 'oauth.token_invalid' && error.status === 401
const missing = (error: unknown) =>
  error instanceof Fault && error.code === 'oauth.token_missing' && error.status === 401

test('a token of ours for this resource says who calls', async () => {
  const caller = await open().verify(`Bearer ${await token()}`, resource)
  assert.ok(Caller.is(caller))
  assert.deepEqual(Object.fromEntries(Object.entries(caller)), {
    principalId: 'ana',
    clientId: 'editor',
    grantId: 'grant',
    upstream: 'mux',
    tokenId: 't1',
    expiresAt: now + 300_000,
    boundTo: undefined,
    act: undefined,
    bound: undefined,
    key: 'grant\nmux\nana\neditor\nfalse\n',
  })
})

test('nobody else can make a caller', () => {
  const forged = {
    principalId: 'ana',
    clientId: 'editor',
    grantId: 'grant',
    upstream: 'mux',
    tokenId: 't',
    expiresAt: 1,
  }
  assert.equal(Caller.is(forged), false)
  assert.equal(Caller.is(Object.setPrototypeOf({ ...forged }, Caller.prototype) as object), false)
})

test('a request without a token is told that one is missing', async () => {
  const tokens = open()
  for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Basic YTpi', await token()]) {
    await assert.rejects(tokens.verify(header, resource), missing, header)
  }
})

test('a token is good at the resource that it was issued for, and at no other, look-alikes included', async () => {
  const tokens = open()
  const bearer = `Bearer ${await token()}`
  await tokens.verify(bearer, resource)
  for (const other of ['mu', 'muxx', 'mux-2', 'memory']) {
    await assert.rejects(tokens.verify(bearer, `${origin}/mcp/${other}`), invalid, other)
  }
  for (const other of [`${resource}/`, `${resource}?a`, origin, `${origin}/`]) {
    await assert.rejects(tokens.verify(`Bearer ${await token({ payload: { aud: other } })}`, resource), invalid, other)
    await assert.rejects(tokens.verify(`Bearer ${await token({ payload: { aud: other } })}`, other), invalid, other)
  }
  await assert.rejects(tokens.verify(`Bearer ${await token({ payload: { aud: [resource, 'x'] } })}`, resource), invalid)
  await assert.rejects(tokens.verify(`Bearer ${await token({ payload: { aud: [resource] } })}`, resource), invalid)
})

test('a token that ended, was never signed by us, or is of another type is refused', async () => {
  const tokens = open()
  const bad: Knobs[] = [
    { payload: { exp: seconds } },
    { payload: { exp: undefined } },
    { payload: { iss: 'https://other.example' } },
    { payload: { sub: undefined } },
    { payload: { jti: undefined } },
    { payload: { grant_id: undefined } },
    { payload: { grant_id: 7 } },
    { payload: { client_id: ['editor'] } },
    { payload: { nbf: seconds + 60 } },
    { payload: { narrowed: true, scope: undefined } },
    { payload: { narrowed: true, scope: ['mcp'] } },
    { payload: { narrowed: 'yes', scope: 'mcp' } },
    { header: { typ: 'JWT' } },
    { header: { typ: undefined } },
    { header: { kid: 'k2' } },
    { key: strange },
    { header: { jwk: keys[0] }, key: strange },
    { header: { alg: 'HS256' }, key: new TextEncoder().encode(JSON.stringify(keys[0])) },
  ]
  for (const knobs of bad) {
    await assert.rejects(tokens.verify(`Bearer ${await token(knobs)}`, resource), invalid, JSON.stringify(knobs))
  }
  const good = await token()
  const [header, payload, signature] = good.split('.') as [string, string, string]
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  const made = [
    'x',
    'a.b.c',
    `${none}.${payload}.`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}A`,
    `${good} x`,
  ]
  for (const text of made) await assert.rejects(tokens.verify(`Bearer ${text}`, resource), invalid, text)
})

test('a token that was remembered ends when it ends', async () => {
  const tokens = open()
  const bearer = `Bearer ${await token()}`
  assert.equal(await tokens.verify(bearer, resource), await tokens.verify(bearer, resource))
  tokens.clock.at = now + 300_000
  await assert.rejects(tokens.verify(bearer, resource), invalid)
})

test('a connection over which a token came remembers no more than that it came', async () => {
  const { verify, useKeys, clock } = open()
  const [first, second] = await Promise.all([token(), token({ payload: { sub: 'ben', exp: seconds + 60 } })])
  const socket = {}
  for (const [one, who] of [
    [first, 'ana'],
    [first, 'ana'],
    [second, 'ben'],
    [second, 'ben'],
  ]) {
    assert.equal((await verify(`Bearer ${one}`, resource, socket)).principalId, who)
  }
  await assert.rejects(verify(`Bearer ${second}`, `${origin}/mcp/other`, socket), invalid)
  for (const forged of [`${second}A`, second.slice(0, -1), `${first.split('.')[0]}.${second.split('.')[1]}.x`]) {
    await assert.rejects(verify(`Bearer ${forged}`, resource, socket), invalid)
  }
  await assert.rejects(verify(undefined, resource, socket), missing)
  await assert.rejects(verify(`DPoP ${second}`, resource, socket), invalid)
  assert.equal((await verify(`Bearer ${second}`, resource, socket)).principalId, 'ben')
  clock.at = now + 60_000
  await assert.rejects(verify(`Bearer ${second}`, resource, socket), invalid)
  await verify(`Bearer ${first}`, resource, socket)
  useKeys([])
  await assert.rejects(verify(`Bearer ${first}`, resource, socket), invalid)
})

test('of a token that is bound to a key its connection remembers nothing: each request brings its proof', async () => {
  let proofs = 0
  const take = async () => void proofs++
  const { verify } = openAccessTokens({
    origin,
    keys,
    proofs: { take },
    clock: { now: () => now, monotonic: () => now },
  })
  const bound = await token({ payload: { cnf: { jkt: 'thumbprint' } } })
  const request = { method: 'POST', headers: { authorization: `DPoP ${bound}`, dpop: 'proof' }, socket: {} }
  await verify(request, resource)
  await verify(request, resource)
  assert.equal(proofs, 2)
  const plain = { ...request, headers: { authorization: `Bearer ${bound}` } }
  for (let times = 0; times < 2; times++) await assert.rejects(verify(plain, resource), Fault)
})

test('a token is read for revocation even after its end, but only one of ours', async () => {
  const tokens = open()
  const ended = await token({ payload: { exp: seconds - 9_000 } })
  assert.deepEqual(await tokens.readForRevocation(ended), { grantId: 'grant', clientId: 'editor' })
  assert.equal(await tokens.readForRevocation(await token({ key: strange })), undefined)
  assert.equal(await tokens.readForRevocation('opaque'), undefined)
})

test('a token that is bound to anything but one key that we can ask for is refused', async () => {
  const tokens = open()
  for (const cnf of [{}, null, 'x', { jkt: 7 }, { 'x5t#S256': 'x' }, { jkt: 'x', 'x5t#S256': 'x' }, { jwk: {} }]) {
    const bound = await token({ payload: { cnf } })
    await assert.rejects(tokens.verify(`Bearer ${bound}`, resource), invalid, JSON.stringify(cnf))
    await assert.rejects(tokens.verify(`DPoP ${bound}`, resource), invalid, JSON.stringify(cnf))
  }
  const bound = `Bearer ${await token({ payload: { cnf: { jkt: 'x' } } })}`
  const unproven = (error: unknown) => error instanceof Fault && error.code === 'oauth.proof_missing'
  // Remembered or not.
  for (let round = 0; round < 2; round++) await assert.rejects(tokens.verify(bound, resource), unproven)
})

test('a token says who acts, or says it in no form that is read', async () => {
  const acting = (act: unknown) => token({ payload: { act } }).then((text) => open().verify(`Bearer ${text}`, resource))
  const chain = { sub: 'a', iss: 'https://p.example', act: { sub: 'b' } }
  const { act } = await acting({ ...chain, more: 'not kept' })
  assert.deepEqual(act, chain)
  assert.equal(actorLine(act!), 'a at https://p.example for b')
  const deep = (depth: number): object => ({ sub: 'a', ...(depth > 1 && { act: deep(depth - 1) }) })
  assert.ok((await acting(deep(5))).act)
  for (const wrong of [null, 'a', [], {}, { sub: 7 }, { sub: '' }, { sub: 'a b' }, { sub: 'a', iss: ' ' }, deep(6)])
    await assert.rejects(acting(wrong), invalid, JSON.stringify(wrong))
})

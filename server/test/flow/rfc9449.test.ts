import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { test } from 'node:test'
import { type CryptoKey, exportJWK, exportSPKI, importJWK } from 'jose'
import * as openid from 'openid-client'
import { openBoundHouse, readNote } from '../bound-house.ts'
import { claimsOf } from '../oauth-client.ts'
import { Prover, type ProofChange } from '../prover.ts'
import { openEveryWay, sendWith } from '../ways.ts'

test('an independent client gets tokens that are bound to its key, renews them and calls with them', async (t) => {
  const { house, ana, client, upstream, door } = await openBoundHouse(t)
  const config = await openid.discovery(new URL(house.origin), client.id, undefined, openid.None(), {
    execute: [openid.allowInsecureRequests],
    algorithm: 'oauth2',
  })
  assert.deepEqual(config.serverMetadata().dpop_signing_alg_values_supported, [
    'ES256',
    'PS256',
    'RS256',
    'EdDSA',
    'Ed25519',
  ])
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))
  const verifier = openid.randomPKCECodeVerifier()
  const thumbprint = await DPoP.calculateThumbprint()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: client.redirectUri,
    resource: door,
    state: 'st',
    dpop_jkt: thumbprint,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const back = await ana.consent(await ana.browser.open(url), ['read_note'])
  const checks = { pkceCodeVerifier: verifier, expectedState: 'st' }
  const first = await openid.authorizationCodeGrant(config, back.url, checks, undefined, { DPoP })
  assert.equal(first.token_type, 'dpop')
  assert.deepEqual(claimsOf(first.access_token).payload['cnf'], { jkt: thumbprint })
  const renewed = await openid.refreshTokenGrant(config, first.refresh_token!, undefined, { DPoP })
  assert.deepEqual(claimsOf(renewed.access_token).payload['cnf'], { jkt: thumbprint })
  for (const token of [first, renewed]) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...readNote })
    const headers = new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream' })
    const ask = () =>
      openid.fetchProtectedResource(config, token.access_token, new URL(door), 'POST', body, headers, { DPoP })
    assert.equal((await ask()).status, 200)
  }
  assert.equal(upstream.calls.length, 2)
})

test('one nonce serves the token endpoint and the MCP door, and every answer brings the next', async (t) => {
  const { prover, connect, door, house, client, code } = await openBoundHouse(t)
  const bare = await prover.ask(`${house.origin}/oauth/token`, {
    body: client.form({ grant_type: 'refresh_token', refresh_token: 'x' }),
  })
  assert.deepEqual([bare.status, ((await bare.json()) as { error: string }).error], [400, 'use_dpop_nonce'])
  assert.ok(bare.headers.get('dpop-nonce'))
  assert.match(bare.headers.get('access-control-expose-headers') ?? '', /dpop-nonce/i)
  prover.asked = 0
  const { access_token: token } = await connect()
  const answer = await prover.rpc(door, token, readNote)
  assert.deepEqual([answer.status, prover.asked], [200, 2])
  assert.equal(answer.headers.get('dpop-nonce'), prover.nonce)
  const other = await Prover.make()
  assert.equal((await other.redeem(client, await code())).status, 200)
  // What a client proves too late, or with a nonce of its own making, is told what to use.
  for (const nonce of [undefined, '', 'x', randomBytes(32).toString('base64url')]) {
    const refused = await prover.ask(door, { token, change: { payload: { nonce } } })
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('www-authenticate') ?? '', /^DPoP .*error="use_dpop_nonce".*algs="ES256 /)
    assert.ok(refused.headers.get('dpop-nonce'))
  }
  const before = prover.nonce
  house.clock.pass(5 * 60_000)
  const { token_type: _type, ...late } = await prover.token(client, {
    grant_type: 'refresh_token',
    refresh_token: 'x',
  })
  assert.equal(late.error, 'invalid_grant')
  prover.nonce = before
  assert.equal((await prover.ask(door, { token, body: '{}' })).status, 401)
})

/** What the key in it signed, and is no proof for this door all the same. */
async function wrongProofs(prover: Prover, door: string): Promise<Record<string, ProofChange>> {
  const [stranger, es384] = [await Prover.make(), await Prover.make('ES384')]
  const secret = randomBytes(32)
  const spki = Buffer.from(await exportSPKI((await importJWK(prover.publicKey, 'ES256')) as CryptoKey))
  return {
    'another method': { payload: { htm: 'GET' } },
    'the method in another case': { payload: { htm: 'post' } },
    'no method': { payload: { htm: undefined } },
    'another upstream': { payload: { htu: `${new URL(door).origin}/mcp/other` } },
    'a slash more': { payload: { htu: `${door}/` } },
    'another case of the path': { payload: { htu: `${new URL(door).origin}/MCP/notes` } },
    'another port': { payload: { htu: 'http://127.0.0.1:1/mcp/notes' } },
    'another scheme': { payload: { htu: door.replace('http:', 'https:') } },
    'the token endpoint': { payload: { htu: `${new URL(door).origin}/oauth/token` } },
    'somebody in the address': { payload: { htu: door.replace('//', '//x@') } },
    'a path alone': { payload: { htu: '/mcp/notes' } },
    'no address': { payload: { htu: undefined } },
    addresses: { payload: { htu: [door] } },
    'another token': { payload: { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' } },
    'no token': { payload: { ath: undefined } },
    'no jti': { payload: { jti: undefined } },
    'an empty jti': { payload: { jti: '' } },
    'a jti that is no text': { payload: { jti: 7 } },
    'a jti without end': { payload: { jti: 'j'.repeat(600) } },
    'no iat': { payload: { iat: undefined } },
    'an iat that is no number': { payload: { iat: 'now' } },
    'an end that is over': { payload: { exp: 1 } },
    'a beginning to come': { payload: { nbf: 4_000_000_000 } },
    'a nonce that is no text': { payload: { nonce: 7 } },
    'another type': { header: { typ: 'JWT' } },
    'no type': { header: { typ: undefined } },
    'another key': { header: { jwk: stranger.publicKey }, key: stranger.privateKey },
    'a key that did not sign': { key: stranger.privateKey },
    'no key': { header: { jwk: undefined } },
    'a private key': { header: { jwk: await exportJWK(prover.privateKey) } },
    'a shared secret': { header: { alg: 'HS256', jwk: { kty: 'oct', k: secret.toString('base64url') } }, key: secret },
    'the public key as a secret': { header: { alg: 'HS256' }, key: spki },
    'a curve that is not taken': { header: { alg: 'ES384', jwk: es384.publicKey }, key: es384.privateKey },
    'too long': { payload: { more: 'x'.repeat(4_000) } },
  }
}

/** What no library would sign. */
function rawProofs(prover: Prover, good: string): Record<string, string> {
  const [head, claims, signature] = good.split('.') as [string, string, string]
  const { payload } = claimsOf(good)
  const sealed = (more: object) =>
    prover.sealed(JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk: prover.publicKey, ...more }), payload)
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'dpop+jwt', jwk: prover.publicKey }))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const short = { alg: 'RS256', typ: 'dpop+jwt', jwk: rsa.publicKey.export({ format: 'jwk' }) }
  const input = `${Buffer.from(JSON.stringify(short)).toString('base64url')}.${claims}`
  return {
    'no signature': `${none.toString('base64url')}.${claims}.`,
    'a short RSA key': `${input}.${sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}`,
    'a signature cut off': `${head}.${claims}.${signature.slice(0, -2)}`,
    padding: `${head}.${claims}.${signature}=`,
    'a critical extension': sealed({ crit: ['x'], x: 1 }),
    'an empty list of critical extensions': sealed({ crit: [] }),
    'an unencoded payload': sealed({ crit: ['b64'], b64: false }),
    'a key for encryption': sealed({ jwk: { ...prover.publicKey, use: 'enc' } }),
    'no JWS': 'x',
    'two proofs': `${good}, ${good}`,
  }
}

test('a proof is taken for one request alone, and every other one is refused', async (t) => {
  const { prover, connect, door, upstream } = await openBoundHouse(t)
  const { access_token: token } = await connect()
  const made = rawProofs(prover, await prover.proof('POST', door, { token }))
  for (const [name, change] of Object.entries(await wrongProofs(prover, door)))
    made[name] = await prover.proof('POST', door, { token, change })
  for (const [name, dpop] of Object.entries(made)) {
    const answer = await fetch(door, { method: 'POST', headers: { authorization: `DPoP ${token}`, dpop }, body: '{}' })
    assert.equal(answer.status, 401, name)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^DPoP .*error="invalid_dpop_proof"/, name)
    assert.doesNotMatch(await answer.text(), /htm|htu|ath|jti|signature|alg/, name)
  }
  assert.deepEqual(upstream.calls, [])
  // As the RFC has it spelt otherwise, it is the same address.
  for (const htu of [`${door}?x=1#y`, door.replace('mcp', '%6Dcp'), door.replace('/mcp', '/./x/../mcp')])
    assert.equal((await prover.rpc(door, token, { ...readNote, change: { payload: { htu } } })).status, 200, htu)
})

test('a proof is taken once, whether the second comes later or at once', async (t) => {
  const { prover, connect, door, upstream, house, client, code } = await openBoundHouse(t)
  const { access_token: token } = await connect()
  const dpop = await prover.proof('POST', door, { token })
  const headers = { authorization: `DPoP ${token}`, dpop, 'content-type': 'application/json' }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...readNote })
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(door, { method: 'POST', headers, body })).status),
  )
  assert.deepEqual(
    statuses.toSorted((a, b) => a - b),
    [200, ...Array<number>(19).fill(401)],
  )
  assert.equal((await fetch(door, { method: 'POST', headers, body })).status, 401)
  assert.equal(upstream.calls.length, 1)
  assert.match(house.log.join(''), /"why":"it was taken before"/)
  const bo = await house.person('bo', ['notes/*'])
  const [one, two] = [await code(), (await client.authorize(bo.browser, 'notes')).get('code')]
  const spent = await prover.proof('POST', `${house.origin}/oauth/token`)
  const redeem = async (codeToUse: string | null) => {
    const fields = { grant_type: 'authorization_code', code: codeToUse ?? '', redirect_uri: client.redirectUri }
    const form = client.form({ ...fields, code_verifier: client.verifier })
    const answer = await fetch(`${house.url}/oauth/token`, { method: 'POST', headers: { dpop: spent }, body: form })
    return [answer.status, ((await answer.json()) as { error?: string }).error]
  }
  const answers = await Promise.all([redeem(one), redeem(two)])
  assert.deepEqual(
    answers.toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [200, undefined],
      [400, 'invalid_dpop_proof'],
    ],
  )
})

test('a proof that was taken for one request for a token is taken for no other, of whatever grant type', async (t) => {
  const { house, client, prover, ways } = await openEveryWay(t)
  await prover.redeem(client, 'none')
  for (const [first, one] of Object.entries(ways)) {
    for (const [second, other] of Object.entries(ways)) {
      const [before, after] = [await one(), await other()]
      const dpop = await prover.proof('POST', `${house.origin}/oauth/token`)
      assert.equal(await sendWith(house.url, before, dpop), 'taken', first)
      assert.equal(await sendWith(house.url, after, dpop), 'invalid_dpop_proof', `${first}, then ${second}`)
    }
  }
})

test('an assertion by which a client proves itself is taken once, also where a proof is numbered like it', async (t) => {
  const { house, client, prover, ways } = await openEveryWay(t)
  await prover.redeem(client, 'none')
  const form = await ways['client_credentials']!()
  const { jti } = claimsOf(form.get('client_assertion')!).payload
  const numbered = () => prover.proof('POST', `${house.origin}/oauth/token`, { change: { payload: { jti } } })
  assert.equal(await sendWith(house.url, form, undefined), 'taken as Bearer')
  assert.equal(await sendWith(house.url, form, undefined), 'invalid_client')
  for (const dpop of [await numbered(), 'a.b.c']) assert.equal(await sendWith(house.url, form, dpop), 'invalid_client')
  const again = await ways['client_credentials']!()
  const its = claimsOf(again.get('client_assertion')!).payload['jti']
  const alike = await prover.proof('POST', `${house.origin}/oauth/token`, { change: { payload: { jti: its } } })
  assert.equal(await sendWith(house.url, again, alike), 'taken')
})

test('a bound token is nothing without its proof, and a proof binds no other token', async (t) => {
  const { prover, connect, door, client, ana, upstream } = await openBoundHouse(t)
  const { access_token: bound } = await connect()
  const plain = await client.connect(ana.browser, 'notes')
  assert.equal(plain.token_type, 'Bearer')
  const post = (headers: Record<string, string>) => fetch(door, { method: 'POST', headers, body: '{}' })
  const asBearer = await post({ authorization: `Bearer ${bound}` })
  assert.equal(asBearer.status, 401)
  assert.match(asBearer.headers.get('www-authenticate') ?? '', /^DPoP .*error="invalid_token".*algs="/)
  const proof = await prover.proof('POST', door, { token: bound })
  assert.equal((await post({ authorization: `Bearer ${bound}`, dpop: proof })).status, 401)
  assert.equal((await post({ authorization: `DPoP ${bound}` })).status, 401)
  const raised = await prover.rpc(door, plain.access_token, readNote)
  assert.equal(raised.status, 401)
  assert.match(raised.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
  assert.deepEqual(upstream.calls, [])
  // A proof beside a token that needs none is not looked at.
  const agent = { authorization: `Bearer ${plain.access_token}`, dpop: 'x', 'content-type': 'application/json' }
  const answer = await fetch(door, {
    method: 'POST',
    headers: agent,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...readNote }),
  })
  assert.equal(answer.status, 200)
})

test('the binding stays through every renewal, and nobody else can renew', async (t) => {
  const { prover, connect, house, client } = await openBoundHouse(t)
  const first = await connect()
  const thief = await Prover.make()
  const renew = (refresh_token: string) => ({ grant_type: 'refresh_token', refresh_token })
  assert.equal((await client.refresh(first.refresh_token)).error, 'invalid_grant')
  assert.equal((await thief.token(client, renew(first.refresh_token))).error, 'invalid_grant')
  const second = await prover.token(client, renew(first.refresh_token))
  assert.deepEqual([second.status, second.token_type], [200, 'DPoP'])
  assert.equal((await thief.token(client, renew(second.refresh_token))).error, 'invalid_grant')
  const third = await prover.token(client, renew(second.refresh_token))
  assert.deepEqual(claimsOf(third.access_token).payload['cnf'], { jkt: prover.thumbprint })
  // Who did not have the key has not ended what he could not use.
  assert.equal((await house.rooms.oauth.listGrants({}))[0]?.revokedAt, undefined)
})

test('a public client that begins to prove itself on renewal is bound from then on', async (t) => {
  const { prover, client, ana } = await openBoundHouse(t)
  const plain = await client.connect(ana.browser, 'notes')
  const bound = await prover.token(client, { grant_type: 'refresh_token', refresh_token: plain.refresh_token })
  assert.equal(bound.token_type, 'DPoP')
  assert.equal((await client.refresh(bound.refresh_token)).error, 'invalid_grant')
})

test('a code that was asked for one key is worth nothing to another, or to none', async (t) => {
  const { prover, client, ana } = await openBoundHouse(t)
  const thief = await Prover.make()
  const ask = async () => {
    const url = client.authorizeUrl('notes', (params) => params.set('dpop_jkt', prover.thumbprint))
    return (await client.answer(ana.browser, await ana.browser.open(url))).url.searchParams.get('code')
  }
  assert.equal((await thief.redeem(client, await ask())).error, 'invalid_grant')
  assert.equal((await client.redeem(await ask())).error, 'invalid_grant')
  assert.equal((await prover.redeem(client, await ask())).status, 200)
})

test('proofs at the token endpoint are judged as strictly', async (t) => {
  const { prover, house, client, code } = await openBoundHouse(t)
  await prover.token(client, { grant_type: 'refresh_token', refresh_token: 'x' })
  const stranger = await Prover.make()
  const wrong: Record<string, ProofChange> = {
    'another method': { payload: { htm: 'GET' } },
    'the MCP door': { payload: { htu: `${house.origin}/mcp/notes` } },
    'no jti': { payload: { jti: undefined } },
    'no iat': { payload: { iat: undefined } },
    'another type': { header: { typ: 'at+jwt' } },
    'a key that did not sign': { key: stranger.privateKey },
    'a private key': { header: { jwk: await exportJWK(prover.privateKey) } },
    'a shared secret': { header: { alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } }, key: Buffer.alloc(1) },
  }
  const fields = { grant_type: 'authorization_code', code: (await code()) ?? '', redirect_uri: client.redirectUri }
  const form = { ...fields, code_verifier: client.verifier }
  for (const [name, change] of Object.entries(wrong)) {
    const answer = await prover.token(client, form, change)
    assert.deepEqual([answer.status, answer.error], [400, 'invalid_dpop_proof'], name)
  }
  // None of them has used the code up.
  assert.equal((await prover.token(client, form)).status, 200)
})

test('behind a proxy the public address is proved, and not where the gateway listens', async (t) => {
  const { house, prover, ana, client, door } = await openBoundHouse(t, { origin: 'https://gate.example' })
  assert.equal(door, 'https://gate.example/mcp/notes')
  // What leads to the public origin is followed to where the gateway listens.
  const { url } = await client.answer(ana.browser, await ana.browser.open(client.authorizeUrl('notes')))
  const back = await ana.browser.open(new URL(url.pathname, house.url))
  const { access_token: token } = await prover.redeem(client, back.url.searchParams.get('code'))
  const to = `${house.url}/mcp/notes`
  assert.equal((await prover.rpc(door, token, { ...readNote, to, headers: { host: 'gate.example' } })).status, 200)
  const listened = await prover.rpc(to, token, readNote)
  assert.equal(listened.status, 401)
})

test('introspection tells which key a token is bound to', async (t) => {
  const secret = 'a secret of the desk that is long enough'
  const desk = { id: 'desk', name: 'Desk', secretEnv: 'DESK_CHECKS', introspects: ['notes'] }
  const yaml = `clients: ${JSON.stringify({ preregistered: [desk] })}`
  const { house, connect, prover } = await openBoundHouse(t, { yaml, env: { DESK_CHECKS: secret } })
  const { access_token: token } = await connect()
  const authorization = `Basic ${Buffer.from(`desk:${encodeURIComponent(secret)}`).toString('base64')}`
  const ask = { method: 'POST', headers: { authorization }, body: new URLSearchParams({ token }) }
  const answer = await fetch(`${house.url}/oauth/introspect`, ask)
  const said = (await answer.json()) as Record<string, unknown>
  assert.deepEqual([said['active'], said['token_type'], said['cnf']], [true, 'DPoP', { jkt: prover.thumbprint }])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportPKCS8, generateKeyPair, decodeJwt } from 'jose'
import { redirectUri } from '../browser.ts'
import { clientProof, openFakeIssuer } from '../fake/issuer.ts'
import { openGuardedHouse } from '../guarded-house.ts'
import { openHouse } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'
import { openProviderHouse } from '../provider-house.ts'
import { Prover } from '../prover.ts'

// What is signed, by others and by us, is judged and written by the time of the house. Libraries read the clock of the
// machine, which these tests cannot set: so they set the clock of the house, and to it the machine is wrong.

const minute = 60_000
const machines = [
  ['behind', 10 * minute],
  ['ahead', -10 * minute],
] as const

for (const [where, byMs] of machines) {
  test(`an ID token is judged by the time of the house, at a machine that is ${where}`, async (t) => {
    const { house, idp, signIn } = await openProviderHouse(t)
    house.clock.turn(byMs)
    const now = Math.floor(house.clock.now() / 1_000)
    assert.equal((await signIn()).status, 200, 'a good one is taken')
    idp.knobs = { claims: { iat: now - 300, exp: now - 120 } }
    assert.equal((await signIn()).status, 502, 'one that has ended is not')
    idp.knobs = { claims: { iat: now, nbf: now + 120, exp: now + 300 } }
    assert.equal((await signIn()).status, 502, 'nor one of the future')
  })

  test(`what a client signs is judged by the time of the house, at a machine that is ${where}`, async (t) => {
    const key = await openFakeIssuer(t)
    const signer = { id: 'signer', name: 'Signer', redirectUris: [redirectUri], jwks: key.jwks }
    const house = await openHouse(t, { yaml: `clients: ${JSON.stringify({ preregistered: [signer] })}` })
    await house.upstream('mux', ['get_asset'])
    house.clock.turn(byMs)
    const now = Math.floor(house.clock.now() / 1_000)
    const client = new OAuthClient(house, { id: 'signer' })
    const ana = await house.person('Ana', ['mux/get_asset'])
    const code = (await client.authorize(ana.browser, 'mux')).get('code')
    const prove = (claims: Record<string, unknown>) => clientProof(key, { id: 'signer', origin: house.origin }, claims)
    for (const wrong of [
      { iat: now - 120, exp: now - 60 },
      { iat: now + 60, exp: now + 120 },
      { iat: now, nbf: now + 60, exp: now + 120 },
      { iat: now, nbf: 'soon', exp: now + 120 },
    ])
      assert.equal((await client.redeem(code, await prove(wrong))).error, 'invalid_client', JSON.stringify(wrong))
    const good = await prove({ iat: now, nbf: now, exp: now + 60 })
    const tokens = await client.redeem(code, good)
    assert.equal(tokens.status, 200, JSON.stringify(tokens))
    assert.equal((await client.refresh(tokens.refresh_token, good)).error, 'invalid_client', 'it is good once')
  })

  test(`what the gateway signs is of the time of the house, at a machine that is ${where}`, async (t) => {
    const { house, idp, signIn } = await openProviderHouse(t, { clientAuthentication: 'private_key_jwt' })
    house.clock.turn(byMs)
    idp.knobs = { signed: { keys: `${house.url}/sign-in/keys`, audience: idp.issuer } }
    assert.equal((await signIn()).status, 200, 'the provider takes its assertion')

    const client = await house.register()
    const ana = await house.person('Ana', ['desk/read_note'])
    const from = new URL(client.authorizeUrl('desk'))
    from.searchParams.set('scope', 'openid')
    const back = await ana.consent(await ana.browser.open(from), 'all')
    const told = await client.redeem(back.url.searchParams.get('code'), { resource: client.resourceOf('desk') })
    assert.equal(told.status, 200, JSON.stringify(told))
    assertNow(decodeJwt(told.id_token!), house.clock.now())
  })

  test(`by which the gateway connects without anybody is of the time of the house, at a machine that is ${where}`, async (t) => {
    const { house, fake, server, admin } = await openGuardedHouse(t)
    house.clock.turn(byMs)
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const upstream = (await house.rooms.inventory.findUpstream('vaulted'))!
    await house.rooms.gateway.connections.connectUnattended(upstream, admin.principal.id, {
      issuer: server.issuer,
      client: { id: 'robot' },
      key: { privateKey: await exportPKCS8(privateKey), algorithm: 'ES256' },
      scope: undefined,
      reason: 'for a test',
    })
    const claims = decodeJwt(server.asked[0]!['client_assertion']!)
    assert.deepEqual([claims.iss, claims.sub, claims.aud], ['robot', 'robot', server.issuer])
    assert.ok(claims.jti)
    assert.equal(server.asked[0]!['resource'], fake.url)
    assertNow(claims, house.clock.now())
  })
}

test('a proof that is so old that its use may be forgotten is not taken, however late a machine is', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const client = await house.register()
  const ana = await house.person('Ana', ['mux/get_asset'])
  const code = async () => (await client.authorize(ana.browser, 'mux')).get('code')
  const prover = await Prover.make()
  const early = await code()
  assert.equal((await prover.redeem(client, early)).status, 200)
  // The nonce of before is still good to this machine.
  house.clock.turn(20 * minute)
  const { nonce } = prover
  const answer = await prover.ask(`${house.origin}/oauth/token`, {
    body: client.form({
      grant_type: 'authorization_code',
      code: (await code())!,
      redirect_uri: client.redirectUri,
      code_verifier: client.verifier,
      resource: client.resourceOf('mux'),
    }),
    change: { payload: { nonce } },
  })
  assert.equal(((await answer.json()) as { error: string }).error, 'use_dpop_nonce')
})

function assertNow({ iat, exp }: { iat?: number; exp?: number }, nowMs: number): void {
  assert.ok(Math.abs(iat! - nowMs / 1_000) < 30, `it says that it is of ${iat}, now is ${nowMs / 1_000}`)
  assert.ok(exp! - iat! > 0 && exp! - iat! <= 300, `it is good for ${exp! - iat!} s`)
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { openHouse } from '../house.ts'

test('a client that signs its requests is let in by a fresh assertion for this issuer alone, once', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const own = await generateKeyPair('ES256', { extractable: true })
  const strange = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'c1' }] }
  const client = await house.register({ token_endpoint_auth_method: 'private_key_jwt', jwks })
  let count = 0
  const assertion = (claims: Record<string, unknown> = {}, key: CryptoKey = own.privateKey) => {
    const now = Math.floor(Date.now() / 1_000)
    const usual = { iss: client.id, sub: client.id, aud: house.origin, jti: `j${count++}`, iat: now, exp: now + 60 }
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'c1' }).sign(key)
  }
  const withAssertion = (client_assertion: string) => ({
    client_assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  })
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const wrong: [string, Promise<string>][] = [
    ['the token endpoint as audience', assertion({ aud: `${house.origin}/oauth/token` })],
    ['several audiences', assertion({ aud: [house.origin, 'https://other.example'] })],
    ['a slash more', assertion({ aud: `${house.origin}/` })],
    ['ended', assertion({ exp: Math.floor(Date.now() / 1_000) - 60 })],
    ['no end', assertion({ exp: undefined })],
    ['no number', assertion({ jti: undefined })],
    ['another issuer', assertion({ iss: 'other' })],
    ['another key', assertion({}, strange.privateKey)],
  ]
  for (const [name, signed] of wrong) {
    assert.equal((await client.redeem(code, withAssertion(await signed))).error, 'invalid_client', name)
  }
  assert.equal((await client.redeem(code)).error, 'invalid_client')
  const good = withAssertion(await assertion())
  const tokens = await client.redeem(code, good)
  assert.equal(tokens.status, 200)
  const replays = await Promise.all(Array.from({ length: 5 }, () => client.refresh(tokens.refresh_token, good)))
  assert.ok(replays.every(({ error }) => error === 'invalid_client'))
  assert.equal((await client.refresh(tokens.refresh_token, withAssertion(await assertion()))).status, 200)
})

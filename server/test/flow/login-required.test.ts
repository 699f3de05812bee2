import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProtectedHeader, decodeJwt } from 'jose'
import { textOn } from '../operator.ts'
import { openProviderHouse } from '../provider-house.ts'

const secondsAgo = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds

test('what the configuration demands of a login is asked of the provider, and judged by its answer', async (t) => {
  const require = { acr: ['phr', 'phrh'], amr: ['mfa'], maxAgeSeconds: 600, claims: { tid: ['t-1'] } }
  const { idp, signIn } = await openProviderHouse(t, { require, prompt: 'login' })
  const good = { acr: 'phrh', amr: ['pwd', 'mfa'], auth_time: secondsAgo(60), tid: 't-1' }
  idp.knobs = { claims: good }
  assert.equal((await signIn()).status, 200)
  const asked = idp.journal.find(({ path }) => path === '/authorize')!.query
  assert.deepEqual([asked['acr_values'], asked['max_age'], asked['prompt']], ['phr phrh', '600', 'login'])

  const lacks: [what: string, claims: Record<string, unknown>, shown: RegExp][] = [
    ['another class', { acr: 'pwd' }, /second factor/],
    ['no class', { acr: undefined }, /second factor/],
    ['a class that is no text', { acr: ['phr'] }, /second factor/],
    ['fewer methods', { amr: ['pwd'] }, /second factor/],
    ['methods as one text', { amr: 'mfa' }, /second factor/],
    ['a login of long ago', { auth_time: secondsAgo(700) }, /too long ago/],
    ['no time', { auth_time: undefined }, /too long ago/],
    ['another tenant', { tid: 't-2' }, /an administrator can read in the log/],
    ['no tenant', { tid: undefined }, /an administrator can read in the log/],
  ]
  for (const [what, claims, said] of lacks) {
    idp.knobs = { claims: { ...good, ...claims } }
    const shown = await signIn()
    assert.equal(shown.status, 403, what)
    assert.match(textOn(shown), said, what)
  }
})

test('a client that signs proves itself by a key of its own, which is published and replaced with overlap', async (t) => {
  const { house, idp, signIn } = await openProviderHouse(t, { clientAuthentication: 'private_key_jwt' })
  idp.knobs = { signed: { keys: `${house.url}/sign-in/keys`, audience: idp.issuer } }
  assert.equal((await signIn()).status, 200)
  const assertions = () =>
    idp.journal.filter(({ path }) => path === '/token').map(({ body }) => body['client_assertion']!)
  const [first] = assertions()
  assert.equal(decodeProtectedHeader(first!).alg, 'ES256')
  assert.ok(decodeJwt(first!).jti !== undefined && idp.journal.every(({ body }) => body['client_secret'] === undefined))
  const published = await fetch(`${house.url}/sign-in/keys`)
  const text = await published.text()
  assert.match(published.headers.get('content-type')!, /jwk-set/)
  assert.doesNotMatch(text, /"d"/)

  house.clock.pass(91 * 86_400_000)
  assert.equal((await signIn()).status, 200)
  const kids = () => assertions().map((one) => decodeProtectedHeader(one).kid)
  assert.equal(kids()[1], kids()[0], 'the new key is published before it signs')
  house.clock.pass(11 * 60_000)
  assert.equal((await signIn()).status, 200)
  assert.notEqual(kids()[2], kids()[0])
  assert.equal((await house.changes('key.rotated')).length, 1)
  idp.knobs = { signed: { keys: `${house.url}/sign-in/keys`, audience: 'https://somebody.else' } }
  assert.equal((await signIn()).status, 502)
})

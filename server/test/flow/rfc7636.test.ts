import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { redirectUri } from '../browser.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { endsTold, openHouse } from '../house.ts'
import { race, tokenRequest } from '../oauth-client.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')

const methods: Record<string, string[]> = {
  S256: ['S256'],
  plain: ['plain'],
  'lower case': ['s256'],
  'a space behind': ['S256 '],
  'a method to come': ['S512'],
  none: ['none'],
  empty: [''],
  'no method': [],
  'S256 and plain': ['S256', 'plain'],
  'plain and S256': ['plain', 'S256'],
}
const good = challengeOf('v'.repeat(43))
const challenges: Record<string, string[]> = {
  good: [good],
  'no challenge': [],
  empty: [''],
  'a character less': [good.slice(1)],
  padding: [`${good}=`],
  'the alphabet of base64': [`+/${good.slice(2)}`],
  'a space': [`${good.slice(1)} `],
  'a letter that is not ASCII': [`ä${good.slice(1)}`],
  'more than 128 characters': ['x'.repeat(129)],
  'two that are equal': [good, good],
  'two that are not': [good, challengeOf('w'.repeat(43))],
}

test('no authorization begins without one S256 challenge, for confidential clients either, however it is asked for', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  for (const client of [
    await house.register(),
    await house.register({ token_endpoint_auth_method: 'client_secret_post' }),
  ]) {
    for (const [method, methodsGiven] of Object.entries(methods)) {
      house.clock.pass(60_000)
      for (const [challenge, given] of Object.entries(challenges)) {
        const url = client.authorizeUrl('mux', (params) => {
          for (const name of ['code_challenge', 'code_challenge_method']) params.delete(name)
          for (const one of given) params.append('code_challenge', one)
          for (const one of methodsGiven) params.append('code_challenge_method', one)
        })
        const answer = await fetch(url, { redirect: 'manual' })
        await answer.arrayBuffer()
        const to = new URL(answer.headers.get('location') ?? '', house.url)
        const what = `${method}, ${challenge}: ${to.href}`
        if (method === 'S256' && challenge === 'good') assert.match(to.pathname, /^\/consent\//, what)
        else {
          assert.deepEqual(
            [to.searchParams.get('error'), to.searchParams.get('iss')],
            ['invalid_request', house.origin],
            what,
          )
          assert.equal(`${to.origin}${to.pathname}`, redirectUri, what)
        }
      }
    }
  }
})

// What is malformed is told apart from what does not fit.
function refused({ status, error }: { status: number; error?: string }, what: string): void {
  assert.equal(status, 400, what)
  assert.ok(error === 'invalid_grant' || error === 'invalid_request', `${what}: ${error}`)
}

test('a code is worth nothing without its verifier, in whatever form another one comes', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const [client, other] = [await house.register(), await house.register()]
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const { verifier } = client
  const swapped = verifier.split('').map((one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()))
  const wrong: Record<string, string | undefined> = {
    none: undefined,
    empty: '',
    'another one': 'x'.repeat(43),
    'that of another client': other.verifier,
    'the challenge, as the method plain would have it': challengeOf(verifier),
    'its digest in hexadecimal': createHash('sha256').update(verifier).digest('hex'),
    'its first half': verifier.slice(0, 21),
    'a character less': verifier.slice(1),
    'a character more': `${verifier}x`,
    padding: `${verifier}=`,
    'the other case': swapped.join(''),
    'a space before it': ` ${verifier}`,
    'a line break behind it': `${verifier}\n`,
    'a null behind it': `${verifier}\0`,
    'more than 128 characters': verifier.repeat(4),
  }
  for (const [name, code_verifier] of Object.entries(wrong)) {
    const answer = await client.redeem(code, { code_verifier })
    refused(answer, name)
    // What the token request says of the method is not asked.
    const plain = await client.redeem(code, { code_verifier, code_challenge_method: 'plain' })
    refused(plain, name)
  }
  const twice = client.form({ grant_type: 'authorization_code', code: code!, redirect_uri: client.redirectUri })
  for (const one of [verifier, 'x'.repeat(43)]) twice.append('code_verifier', one)
  const both = await tokenRequest(house.url, twice)
  assert.deepEqual([both.status, both.body['error']], [400, 'invalid_request'])
  assert.equal((await client.redeem(code)).status, 200)
})

test('a verifier that the specification does not allow is refused, though its challenge fits', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  for (const verifier of [
    'x'.repeat(42),
    'x'.repeat(129),
    `${'x'.repeat(42)}+`,
    `${'x'.repeat(42)} `,
    `${'x'.repeat(42)}ä`,
  ]) {
    const url = client.authorizeUrl('mux', (params) => params.set('code_challenge', challengeOf(verifier)))
    const { url: back } = await client.answer(ana.browser, await ana.browser.open(url))
    const answer = await client.redeem(back.searchParams.get('code'), { code_verifier: verifier })
    refused(answer, verifier)
  }
})

test('a challenge that is used again opens only codes that were asked for with it', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const [ana, mallory] = [
    await house.person('Ana', ['mux/get_asset']),
    await house.person('Mallory', ['mux/get_asset']),
  ]
  const client = await house.register()
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  // Mallory puts a code of Ana's into a request of his own, and one of his own into hers.
  const url = client.authorizeUrl('mux', (params) => params.set('code_challenge', challengeOf('m'.repeat(43))))
  const his = (await client.answer(mallory.browser, await mallory.browser.open(url))).url.searchParams.get('code')
  assert.equal((await client.redeem(code, { code_verifier: 'm'.repeat(43) })).error, 'invalid_grant')
  assert.equal((await client.redeem(his)).error, 'invalid_grant')
  assert.equal((await client.redeem(code)).status, 200)
})

test('a code is good once: its second use ends everything that came of the first', async (t) => {
  const house = await openHouse(t)
  const told = endsTold(t, house)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const client = await house.register()
  const code = (await client.authorize(ana.browser, 'mux')).get('code')
  const first = await client.redeem(code)
  assert.equal(first.status, 200)
  assert.equal((await client.redeem(code)).error, 'invalid_grant')
  assert.equal((await client.refresh(first.refresh_token)).error, 'invalid_grant')
  const [grant] = await house.rooms.oauth.listGrants({})
  assert.ok(grant?.revokedAt)
  assert.deepEqual(told, [grant.id])
})

for (const engine of ['sqlite', 'postgres', 'two replicas'] as const) {
  test(`${engine}: of a hundred redemptions of one code at once one wins at most, and what it won does not last`, async (t) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-codes-'))
    t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    const databaseUrl = engine === 'sqlite' ? undefined : await postgres.createDatabase()
    const house = await openHouse(t, { dataDir, databaseUrl })
    const urls: [string, ...string[]] = [house.url]
    if (engine === 'two replicas') {
      const other = await openHouse(t, { dataDir, databaseUrl, origin: house.origin })
      urls.push(await openHostProxy(t, other))
    }
    await house.upstream('mux', ['get_asset'])
    const ana = await house.person('Ana', ['mux/get_asset'])
    const client = await house.register()
    const code = (await client.authorize(ana.browser, 'mux')).get('code') ?? ''
    const { redirectUri: redirect_uri, verifier: code_verifier } = client
    await race(client, { grant_type: 'authorization_code', code, redirect_uri, code_verifier }, urls)
    assert.ok((await house.rooms.oauth.listGrants({}))[0]?.revokedAt)
  })
}

test('a code is bound to its client, its redirect address and one minute', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/get_asset'])
  const [client, other] = [await house.register(), await house.register()]
  const code = () => client.authorize(ana.browser, 'mux').then((answer) => answer.get('code'))
  assert.equal((await other.redeem(await code(), { code_verifier: client.verifier })).error, 'invalid_grant')
  assert.equal((await client.redeem(await code(), { redirect_uri: `${redirectUri}/x` })).error, 'invalid_grant')
  assert.equal((await client.redeem(await code(), { redirect_uri: undefined })).error, 'invalid_request')
  const late = await code()
  house.clock.pass(61_000)
  assert.equal((await client.redeem(late)).error, 'invalid_grant')
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openHouse } from '../house.ts'
import { entitle } from '../machines.ts'
import { OAuthClient, offeredOn } from '../oauth-client.ts'

// What users of comparable gateways complain of around logins and tokens, each with the test that keeps it from coming here:
//
// | complaint                                            | here, or where it is tested                                           |
// |------------------------------------------------------|-----------------------------------------------------------------------|
// | tokens of upstreams are stored and never refreshed   | upstream-oauth.test.ts, "a token is renewed before it expires, …"      |
// | clients themselves fail to refresh                   | here; by the official SDK: sdk-client.test.ts, "an expired token …"    |
// | rotation: a wrong error code strands clients         | here; refresh-rotation.test.ts                                         |
// | rotation: overlap must be tolerated                  | of ours at upstreams: upstream-oauth.test.ts, "two replicas …"; of     |
// |                                                      | clients it is declined (decision 3): refresh-rotation.test.ts          |
// | a login loop after expiry                            | here                                                                   |
// | registration fails with particular clients           | clients-of-the-field.test.ts, rfc7591.test.ts                          |
// | resource metadata must match to the slash            | rfc9728.test.ts; clients-of-the-field.test.ts, "a slash at the end …"  |
// | the gateway must itself be an authorization server   | rfc8414.test.ts, independent-clients.slow.test.ts                      |
// | OAuth of an upstream for each person, delegation     | rfc7523-on-behalf.test.ts, id-jag-on-behalf.test.ts                    |
// | stored credentials must work on every replica        | upstream-oauth.test.ts, "two replicas …"; postgres.test.ts             |
// | holes of token stores, audience checks               | tokens.test.ts, rfc8707.test.ts; here                                  |
// | who left keeps what he had                           | here; revocation.test.ts, withdrawal-replicas.slow.test.ts             |

async function open(t: TestContext) {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset', 'update_asset'])
  const ana = await house.person('Ana', ['mux/*'])
  return { house, ana, client: await house.register() }
}

test('a client that never renews is told where to go with each 401, and its person chooses nothing anew', async (t) => {
  const { house } = await openFakeHouse(t)
  const ana = await house.person('Ana', ['desk/read_note', 'desk/write_note'])
  const client = await house.register()
  let agent = await ana.connect('desk', ['read_note', 'write_note'], { client })
  for (let round = 0; round < 3; round++) {
    house.clock.pass(301_000)
    const refused = await agent.rpc('tools/list', {})
    assert.equal(refused.status, 401)
    const challenge = refused.headers.get('www-authenticate') ?? ''
    assert.match(challenge, /error="invalid_token"/)
    assert.match(challenge, /resource_metadata="[^"]+\/\.well-known\/oauth-protected-resource\/mcp\/desk"/)
    const shown = await ana.browser.open(client.authorizeUrl('desk'))
    assert.deepEqual(offeredOn(shown).ticked.toSorted(), ['read_note', 'write_note'])
    agent = await ana.connect('desk', undefined, { client })
    assert.deepEqual((await agent.list()).toSorted(), ['read_note', 'write_note'])
  }
  // What it left behind does not pile up: each choice took the place of the one before.
  const standing = await house.rooms.oauth.listGrants({ clientId: client.id, activeAt: house.clock.now() })
  assert.equal(standing.length, 1)
})

test('whatever is wrong with a refresh token is `invalid_grant` and 400, so that no client throws its registration away', async (t) => {
  const { house, ana, client } = await open(t)
  const other = await house.register()
  const begin = () => client.connect(ana.browser, 'mux', (fields) => fields.delete('replace'))
  const last = async () => (await house.rooms.oauth.listGrants({ clientId: client.id }))[0]!
  const cases: [string, () => Promise<{ status: number; error?: string }>][] = [
    ['made up', () => client.refresh('x'.repeat(43))],
    ['empty of sense', () => client.refresh('é')],
    ['of another client', async () => other.refresh((await begin()).refresh_token)],
    [
      'used before',
      async () => {
        const { refresh_token: token } = await begin()
        await client.refresh(token)
        return client.refresh(token)
      },
    ],
    [
      'of a family that ended by that',
      async () => {
        const { refresh_token: token } = await begin()
        const { refresh_token: next } = await client.refresh(token)
        await client.refresh(token)
        return client.refresh(next)
      },
    ],
    [
      'of a revoked grant',
      async () => {
        const { refresh_token: token } = await begin()
        await house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: (await last()).id, reason: 'for this test' })
        return client.refresh(token)
      },
    ],
    [
      'of a grant that is over',
      async () => {
        const { refresh_token: token } = await begin()
        house.clock.pass((await last()).endsAt - house.clock.now() + 1_000)
        return client.refresh(token)
      },
    ],
  ]
  for (const [what, run] of cases) {
    if (what === 'of a grant that is over')
      ana.browser.plant((await house.signIn(ana)).browser.cookies('sallyport')[0]!)
    const { status, error } = await run()
    assert.deepEqual([status, error], [400, 'invalid_grant'], what)
  }
  // Only where the client itself is not known any more it is told so.
  await house.rooms.oauth.revokeClient({ by: ana.principal.id, id: client.id, reason: 'for this test' })
  assert.equal((await client.refresh('x'.repeat(43))).error, 'invalid_client')
  const gone = new OAuthClient(house, { id: 'never-registered' })
  assert.equal((await gone.refresh('x'.repeat(43))).error, 'invalid_client')
})

test('after everything has expired one sign-in and one consent lead back, and nobody goes in circles', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const browser = await administratorOf(house)
  const { principal } = (await whoIs(house, browser))!
  await entitle(house, principal.id, ['mux/get_asset'])
  const client = await house.register()
  for (let round = 0; round < 2; round++) {
    const from = browser.visited.length
    let page = await browser.open(client.authorizeUrl('mux'))
    if (round > 0) {
      assert.equal(page.url.pathname, '/sign-in')
      page = await browser.submit(page, { login: 'ana', password }, { to: '/sign-in' })
    }
    assert.match(page.url.pathname, /^\/consent\//)
    const answered = await client.answer(browser, page)
    const tokens = await client.redeem(answered.url.searchParams.get('code'))
    assert.equal(tokens.status, 200)
    const visited = browser.visited.slice(from)
    assert.equal(new Set(visited).size, visited.length, `went in circles: ${visited.join(', ')}`)
    assert.ok(visited.length <= 8, visited.join(', '))
    // The sign-in, the grant and its tokens are over.
    house.clock.pass(40 * 86_400_000)
    assert.equal((await client.refresh(tokens.refresh_token)).error, 'invalid_grant')
  }
})

test('who left has nothing: tokens, renewals, sign-ins, and a consent that was open', async (t) => {
  const { house, ana, client } = await open(t)
  const agent = await ana.connect('mux', 'all', { client })
  const shown = await ana.browser.open((await house.register()).authorizeUrl('mux'))
  assert.equal(shown.status, 200)
  const adam = await house.person('Adam', ['administer'])
  const by = adam.principal.id
  await house.rooms.identity.disablePrincipal({ by, id: ana.principal.id, reason: 'has left' })
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
  const answered = await client.answer(ana.browser, shown)
  assert.equal(answered.url.pathname, '/sign-in')
  assert.deepEqual(await house.rooms.oauth.listGrants({ activeAt: house.clock.now() }), [])
  // Back in the company, he begins anew: nothing comes back by itself.
  await house.rooms.identity.enablePrincipal({ by, id: ana.principal.id, reason: 'is back' })
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
})

test('what the store holds of tokens and clients is of no use to who reads it', async (t) => {
  const { house, ana } = await open(t)
  const secretive = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const tokens = await secretive.connect(ana.browser, 'mux')
  const secret = secretive.form({}).get('client_secret')!
  const files = readdirSync(house.dataDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  assert.ok(files.length > 0)
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(`${parentPath}/${name}`)
    for (const [what, value] of [
      ['the secret', secret],
      ['the access token', tokens.access_token],
      ['the refresh token', tokens.refresh_token],
    ] as const) {
      assert.equal(bytes.includes(value), false, `${what} is in ${name}`)
    }
  }
})

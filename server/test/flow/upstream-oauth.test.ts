import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUrlFor } from '../../src/model/connection.ts'
import { finishConnection } from '../comeback.ts'
import { openGuardedHouse, type GuardedHouse } from '../guarded-house.ts'
import { openHouse } from '../house.ts'
import { textOn } from '../operator.ts'

const made = ({ fake, server }: GuardedHouse) =>
  fake.journal.filter(
    ({ message, headers }) =>
      message?.method === 'tools/call' && server.isGood(headers.authorization?.slice('Bearer '.length) ?? ''),
  )

const refreshes = ({ server }: GuardedHouse) => server.asked.filter(({ grant_type: type }) => type === 'refresh_token')

test('an administrator connects an upstream to the authorization server that it names', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server, fake } = guarded
  guarded.asks.scope = 'notes:read'

  const begun = await guarded.begin()
  assert.match(textOn(begun), new RegExp(server.issuer))
  assert.match(textOn(begun), /notes:read/)
  const [client] = server.registered
  const redirectUri = redirectUrlFor(house.origin, server.issuer)
  assert.deepEqual([client!['redirect_uris'], client!['response_types']], [[redirectUri], ['code']])

  const shown = await guarded.comeBack(begun)
  assert.equal(server.asked.length, 0, 'coming back alone does nothing')
  await finishConnection(guarded.admin, shown)
  const [visit] = server.visits
  const [redeemed] = server.asked
  assert.equal(visit!.get('code_challenge_method'), 'S256')
  assert.equal(visit!.get('scope'), 'notes:read')
  assert.deepEqual([visit!.get('resource'), redeemed!['resource']], [fake.url, fake.url])
  assert.equal(redeemed!['redirect_uri'], redirectUri)
  assert.match(redeemed!.authorization!, /^Basic /)

  const agent = await guarded.agent()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  assert.equal(made(guarded).length, 1)

  const [change] = await house.changes('connection.put')
  assert.equal(change!.details!['issuer'], server.issuer)
  const token = fake.journal.at(-1)!.headers.authorization!.slice('Bearer '.length)
  const told = JSON.stringify([await house.entries('change'), await house.entries('intent'), house.log])
  const page = (await guarded.page()).text
  for (const secret of [token, 's3cr3t-of-the-client', redeemed!['code']!]) {
    assert.ok(!told.includes(secret) && !page.includes(secret), 'a secret of the connection is told')
  }
})

test('a token is renewed before it expires, once for all calls that wait for it', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.house.clock.pass(3_590_000)
  await agent.refresh()

  const held = Promise.withResolvers<void>()
  guarded.server.options.hold = held.promise
  const calls = Array.from({ length: 20 }, () => agent.call('echo', { text: 'x' }))
  setTimeout(held.resolve, 300)
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  assert.deepEqual(new Set(statuses), new Set([200]))
  assert.equal(refreshes(guarded).length, 1)
  assert.equal(refreshes(guarded)[0]!['resource'], guarded.fake.url)
})

test('a token that is refused is renewed, and the call is made once', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.house.clock.pass(60_000)
  guarded.server.expire()
  const answers = await Promise.all([1, 2, 3].map(() => agent.call('echo', { text: 'x' })))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.equal(made(guarded).length, 3)
  assert.equal(refreshes(guarded).length, 1)
})

test('two replicas that find the same token too old renew it once', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const { connections } = guarded.house.rooms.gateway
  const replicas = [connections.hold('vaulted'), connections.hold('vaulted')]
  const first = await Promise.all(replicas.map((one) => one.credential()))
  assert.deepEqual(first[0], first[1])
  guarded.house.clock.pass(3_590_000)
  const second = await Promise.all(replicas.map((one) => one.credential()))
  assert.deepEqual(second[0], second[1])
  assert.notDeepEqual(first[0], second[0])
  assert.equal(refreshes(guarded).length, 1)
})

test('when the authorization server ends it, calls are refused, it is not asked again, and the page says what to do', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.house.clock.pass(60_000)
  guarded.server.forget()
  for (let attempt = 0; attempt < 3; attempt++) {
    const { error } = await agent.call('echo', { text: 'x' })
    assert.equal(error?.data?.['fault'], 'gateway.upstream_refused')
  }
  assert.equal(refreshes(guarded).length, 1)
  assert.equal(made(guarded).length, 0)
  assert.match(textOn(await guarded.page()), /invalid_grant .*Connect it again/)
  assert.equal((await guarded.house.changes('connection.lapsed')).length, 1)

  await guarded.connect()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  assert.equal(guarded.server.registered.length, 1, 'the client is known there already')
})

test('an upstream cannot choose another authorization server later: only an administrator can', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const agent = await guarded.agent()
  const { other } = guarded
  guarded.asks.issuer = other.issuer
  guarded.house.clock.pass(3_590_000)
  await agent.refresh()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  assert.equal(refreshes(guarded).length, 1)
  assert.deepEqual([other.asked.length, other.registered.length], [0, 0])
})

test('an administrator who connects again is told that it is another one, which gets nothing of the first', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  guarded.asks.issuer = guarded.other.issuer
  guarded.server.forget()
  const begun = await guarded.begin()
  assert.match(textOn(begun), new RegExp(`Until now it was ${guarded.server.issuer}`))
  await finishConnection(guarded.admin, await guarded.comeBack(begun))
  const [first, second] = [guarded.server.registered[0]!, guarded.other.registered[0]!]
  assert.equal(guarded.other.visits[0]!.get('client_id'), second['client_id'])
  assert.ok(!JSON.stringify(guarded.other.asked).includes(String(first['client_id'])))
  assert.equal((await (await guarded.agent()).call('echo', { text: 'x' })).status, 200)
})

test('who answers as somebody else than was asked is not believed (RFC 9207)', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.server.options.iss = 'https://evil.example'
  const shown = await guarded.comeBack(await guarded.begin())
  assert.equal(shown.status, 502)
  assert.match(textOn(shown), /not from the authorization server that was asked/)
  assert.equal(guarded.server.asked.length, 0)
})

test('an authorization server that calls itself otherwise than it was called is refused', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.server.options.issuer = 'https://evil.example'
  assert.match(textOn(await guarded.begin()), /Cannot connect: the authorization could not begin/)
  assert.equal(guarded.server.registered.length, 0)
})

test('what was begun is finished once, by who began it, in the same browser, within ten minutes', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { admin, house, server } = guarded
  const begun = await guarded.begin()
  const other = await house.person('other', ['administer'])
  assert.equal((await guarded.comeBack(begun, other)).status, 404, 'another administrator')
  const elsewhere = await house.signIn(admin)
  assert.equal((await guarded.comeBack(begun, elsewhere)).status, 404, 'another browser of the same person')
  assert.equal((await admin.browser.open('/connect/x?state=x&code=y')).status, 404, 'a state that nobody gave out')
  assert.equal(server.asked.length, 0)

  const shown = await guarded.comeBack(begun)
  assert.equal((await finishConnection(admin, shown)).status, 200)
  assert.equal((await finishConnection(admin, shown)).status, 404, 'a second time')
  const late = await guarded.begin()
  house.clock.pass(10 * 60_000 + 1)
  assert.equal((await guarded.comeBack(late)).status, 404, 'too late')
})

test('an upstream that wants more says so on its page, and is given the union when an administrator connects it again', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.asks.scope = 'notes:read'
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.asks.forMore = 'notes:write'
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.upstream_refused')
  assert.match(textOn(await guarded.page()), /It asked for more: notes:write/)

  await guarded.connect()
  assert.deepEqual(
    guarded.server.visits.map((visit) => visit.get('scope')),
    ['notes:read', 'notes:read notes:write'],
  )
  // What was given and is refused all the same is not asked for again.
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.upstream_refused')
  assert.doesNotMatch(textOn(await guarded.page()), /It asked for more/)
})

const robot = { clientId: 'robot', clientSecret: 'of the robot', reason: 'nobody is there at night' }

test('an upstream that asks for ever more is not remembered for ever', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.asks.scope = 'notes:read'
  await guarded.connect()
  const agent = await guarded.agent()
  for (const more of ['notes:write', 'x'.repeat(3_000)]) {
    guarded.asks.forMore = more
    assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.upstream_refused')
  }
  const page = textOn(await guarded.page())
  assert.match(page, /It asked for more: notes:write/)
  assert.doesNotMatch(page, /xxx/)
})

test('what proves such a client goes to the authorization server that was named with it, whatever the upstream says', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { server, other, admin } = guarded
  const to = '/upstreams/vaulted/connect-unattended'
  guarded.asks.issuer = other.issuer
  const refused = await admin.browser.submit(await guarded.page(), { ...robot, issuer: server.issuer }, { to })
  assert.equal(refused.status, 502)
  assert.match(textOn(refused), /names another authorization server/)
  assert.deepEqual([other.asked.length, other.registered.length, server.asked.length], [0, 0, 0])
  assert.deepEqual(await guarded.house.changes('connection.put'), [])
})

test('a client that was registered for itself connects without anybody, and renews itself', async (t) => {
  const guarded = await openGuardedHouse(t)
  const values = { ...robot, issuer: guarded.server.issuer }
  const to = '/upstreams/vaulted/connect-unattended'
  const done = await guarded.admin.browser.submit(await guarded.page(), values, { to })
  assert.equal(done.status, 200, done.text)
  const agent = await guarded.agent()
  guarded.house.clock.pass(3_590_000)
  await agent.refresh()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const { asked } = guarded.server
  assert.deepEqual(
    asked.map((one) => [one['grant_type'], one['resource']]),
    Array.from({ length: 2 }, () => ['client_credentials', guarded.fake.url]),
  )
  const [, basic = ''] = asked[0]!.authorization!.split(' ')
  assert.match(Buffer.from(basic, 'base64').toString(), /^robot:of(%20|\+| )the(%20|\+| )robot$/)
})

test('a program begins it by the control API, and its administrator finishes it in a browser', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { admin, house } = guarded
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: admin.principal, label: 'test' })
  const answer = await fetch(`${house.url}/api/v1/upstreams/vaulted/connect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'set up by a script' }),
  })
  const begun = (await answer.json()) as { authorizationUrl: string; issuer: string }
  assert.equal(answer.status, 200, JSON.stringify(begun))
  assert.equal(begun.issuer, guarded.server.issuer)
  const back = (await fetch(begun.authorizationUrl, { redirect: 'manual' })).headers.get('location')!
  const other = await house.person('other', ['administer'])
  assert.equal((await other.browser.open(back)).status, 404)
  const shown = await admin.browser.open(back)
  assert.equal((await finishConnection(admin, shown)).status, 200)
  assert.equal((await (await guarded.agent()).call('echo', { text: 'x' })).status, 200)
})

test('an authorization server that says no is told to the administrator, and nothing is connected', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { admin, server } = guarded
  await guarded.comeBack(await guarded.begin())
  const state = server.visits[0]!.get('state')!
  const to = new URL(server.visits[0]!.get('redirect_uri')!).pathname
  const said = (iss: string) =>
    admin.browser.open(`${to}?${new URLSearchParams({ state, error: 'access_denied', iss }).toString()}`)
  assert.match(textOn(await said(server.issuer)), /said no: access_denied/)
  assert.doesNotMatch(textOn(await said('https://evil.example')), /access_denied/, 'of somebody else nothing is told')
  assert.equal(server.asked.length, 0)
})

test('only administrators connect', async (t) => {
  const guarded = await openGuardedHouse(t)
  const nobody = await guarded.house.person('nobody')
  assert.equal((await nobody.browser.open('/connect/x?state=x')).status, 404)
  const page = await nobody.browser.open('/you')
  const to = '/upstreams/vaulted/connect'
  const forced = { ...page, text: page.text.replace('action="/you/key"', `action="${to}"`) }
  assert.equal((await nobody.browser.submit(forced, { reason: 'for myself' }, { to })).status, 403)
  assert.equal(guarded.server.registered.length, 0)
})

test('the gateway is a client with a metadata document where its origin is https', async (t) => {
  const house = await openHouse(t, { origin: 'https://gate.example' })
  const answer = await fetch(`${house.url}/client-metadata.json`)
  const document = (await answer.json()) as Record<string, unknown>
  assert.equal(document['client_id'], 'https://gate.example/client-metadata.json')
  assert.deepEqual(document['redirect_uris'], ['https://gate.example/connect/document'])
})

test('where a client must be registered by hand, it is told with which address', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { server, house } = guarded
  server.options.registers = false
  const redirectUrl = redirectUrlFor(house.origin, server.issuer)
  const refused = await guarded.begin()
  assert.equal(refused.status, 502)
  assert.ok(textOn(refused).includes(`register the gateway there with the redirect address ${redirectUrl}`))

  server.registered.push({ client_id: 'by-hand', redirect_uris: [redirectUrl] })
  const begun = await guarded.begin({ clientId: 'by-hand', clientSecret: 's3cr3t-of-the-client' })
  assert.ok(textOn(begun).includes(`must have the redirect address ${redirectUrl}`))
  await finishConnection(guarded.admin, await guarded.comeBack(begun))
  assert.equal((await (await guarded.agent()).call('echo', { text: 'x' })).status, 200)
})

test('a connection from before, with another address, is renewed as ever, and its client is not used to connect again', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  const { house, server } = guarded
  const { vault, ledger } = house.rooms
  const stored = await vault.openCredential('vaulted')
  assert.ok(stored?.placement === 'oauth')
  const { details } = stored
  const secret = { ...(stored.secret as object), redirectUrl: `${house.origin}/connect` }
  const about = { kind: 'connection', id: 'vaulted' } as const
  await ledger.recordChange({ by: 'set-up', what: 'connection.put', about, reason: 'as it was' }, (tx) =>
    vault.renewable.put(tx, { upstream: 'vaulted', principalId: undefined, details, secret, createdBy: 'set-up' }),
  )
  const agent = await guarded.agent()
  house.clock.pass(3_590_000)
  await agent.refresh()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  assert.equal(refreshes(guarded).length, 1)

  await guarded.connect()
  const [first, second] = server.visits.map((visit) => visit.get('client_id'))
  assert.notEqual(second, first)
  assert.equal(server.registered.length, 2)
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import { finishConnection, leadBack } from '../comeback.ts'
import { openGuardedHouse, type GuardedHouse } from '../guarded-house.ts'
import { openOnBehalfHouse } from '../on-behalf-house.ts'

// Towards an upstream that takes them, the gateway has tokens that are bound to a key of the connection (RFC 9449).

type Said = NonNullable<GuardedHouse['asks']['proof']>['said']

async function open(t: TestContext, { said, nonces }: { said: Said; nonces: boolean }) {
  const guarded = await openGuardedHouse(t)
  guarded.asks.proof = { said, nonce: nonces ? 'of the upstream' : undefined, taken: [] }
  guarded.server.options.proofs = { nonce: nonces ? 'of the server' : undefined }
  return { ...guarded, proof: guarded.asks.proof }
}

/** What reached the upstream of calls, refused ones too. */
const calls = ({ fake }: Pick<GuardedHouse, 'fake'>) =>
  fake.journal.filter(({ message }) => message?.method === 'tools/call').map(({ headers }) => headers)

for (const said of ['in metadata', 'by challenge'] as const) {
  for (const nonces of [false, true]) {
    test(`where an upstream says ${said} that it takes them, tokens are bound and each request proved${nonces ? ', with the nonces of both servers' : ''}`, async (t) => {
      const guarded = await open(t, { said, nonces })
      const { server, house, proof } = guarded
      await guarded.connect()
      const agent = await guarded.agent()
      assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
      assert.equal((await agent.call('echo', { text: 'y' })).status, 200)
      const { token } = server.issued[0]!
      const jkt = server.boundTo(token)
      assert.notEqual(jkt, undefined)
      for (const headers of calls(guarded)) assert.equal(headers.authorization, `DPoP ${token}`)
      assert.equal(new Set(proof.taken).size, proof.taken.length, 'a proof for each request')
      assert.equal(calls(guarded).length, 2, 'the nonce is known by then')

      house.clock.pass(3_590_000)
      await agent.refresh()
      assert.equal((await agent.call('echo', { text: 'z' })).status, 200)
      const renewed = server.issued[1]!.token
      assert.equal(server.boundTo(renewed), jkt, 'the key stays')
      const last = calls(guarded).at(-1)!
      assert.equal(last.authorization, `DPoP ${renewed}`)
      const iat = decodeJwt(last['dpop'] as string).iat!
      assert.ok(Math.abs(iat * 1_000 - house.clock.now()) < 60_000, 'by the time of the house')
    })
  }
}

test('a nonce that the upstream changes costs one request more, and the call is made once', async (t) => {
  const guarded = await open(t, { said: 'in metadata', nonces: true })
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.proof.nonce = 'another one'
  const answers = await Promise.all([1, 2, 3].map(() => agent.call('echo', { text: 'x' })))
  assert.deepEqual(
    answers.map(({ status, error }) => [status, error]),
    Array.from({ length: 3 }, () => [200, undefined]),
  )
  const before = calls(guarded).length
  assert.equal((await agent.call('echo', { text: 'y' })).status, 200)
  assert.equal(calls(guarded).length, before + 1, 'it is remembered')
  assert.equal((await guarded.house.entries('intent')).length, 4)
})

test('an upstream that refuses every proof is asked twice at most', async (t) => {
  const guarded = await open(t, { said: 'in metadata', nonces: false })
  await guarded.connect()
  const agent = await guarded.agent()
  guarded.fake.options.intercept = (_heard, response) => {
    response
      .writeHead(401, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': String(Math.random()) })
      .end()
    return true
  }
  const before = calls(guarded).length
  const { error } = await agent.call('echo', { text: 'x' })
  assert.equal(error?.data?.['fault'], 'gateway.upstream_refused')
  assert.equal(calls(guarded).length, before + 2)
})

test('an upstream that says nothing of it gets bearer tokens, whatever its authorization server can do', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.server.options.proofs = { nonce: undefined }
  await guarded.connect()
  assert.equal((await (await guarded.agent()).call('echo', { text: 'x' })).status, 200)
  const [call] = calls(guarded)
  assert.match(call!.authorization!, /^Bearer /)
  assert.equal(call!['dpop'], undefined)
})

test('a server that gives a bearer token all the same is taken at its word', async (t) => {
  const guarded = await open(t, { said: 'in metadata', nonces: false })
  guarded.server.options.proofs = undefined
  await guarded.connect()
  delete guarded.asks.proof
  assert.equal((await (await guarded.agent()).call('echo', { text: 'x' })).status, 200)
  assert.match(calls(guarded)[0]!.authorization!, /^Bearer /)
})

test('a client that was registered for itself proves its key as well, and keeps it', async (t) => {
  const guarded = await open(t, { said: 'by challenge', nonces: true })
  const { server, house, admin } = guarded
  const values = { clientId: 'robot', clientSecret: 'of the robot', issuer: server.issuer, reason: 'nobody is there' }
  const to = '/upstreams/vaulted/connect-unattended'
  assert.equal((await admin.browser.submit(await guarded.page(), values, { to })).status, 200)
  const agent = await guarded.agent()
  house.clock.pass(3_590_000)
  await agent.refresh()
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const [first, second] = server.issued.map(({ token }) => server.boundTo(token))
  assert.notEqual(first, undefined)
  assert.equal(second, first)
})

test('the key is sealed with the tokens, and told nobody', async (t) => {
  const guarded = await open(t, { said: 'in metadata', nonces: false })
  await guarded.connect()
  const stored = await guarded.house.rooms.vault.openCredential('vaulted')
  assert.ok(stored?.placement === 'oauth')
  const { d } = (stored.secret as { proofKey: { d: string } }).proofKey
  const told = [
    JSON.stringify(await guarded.house.entries('change')),
    guarded.house.log.join(''),
    (await guarded.page()).text,
  ]
  for (const text of told) assert.ok(!text.includes(d))
})

test('a person’s own connection has a key of its own', async (t) => {
  const of = await openOnBehalfHouse(t, ({ fake, server }) => ({
    way: 'connection',
    url: fake.url,
    issuer: server.issuer,
  }))
  const { house, server } = of
  of.asks.proof = { said: 'in metadata', nonce: 'of the upstream', taken: [] }
  server.options.proofs = { nonce: undefined }
  const keys = new Set<string | undefined>()
  for (const name of ['ana', 'bo']) {
    const person = await of.person(name)
    const page = await person.browser.open('/connections/vaulted')
    const begun = await person.browser.submit(page, {}, { to: '/connections/vaulted/connect' })
    await finishConnection(person, await person.browser.open(await leadBack(begun, house.origin)))
    const { token } = server.issued.at(-1)!
    const agent = await person.connect('vaulted', 'all')
    const answer = await agent.call('echo', { text: 'x' })
    assert.deepEqual([answer.error, answer.result['isError']], [undefined, undefined])
    assert.equal(calls(of).at(-1)!.authorization, `DPoP ${token}`)
    keys.add(server.boundTo(token))
  }
  assert.equal(keys.size, 2)
  assert.ok(!keys.has(undefined))
})

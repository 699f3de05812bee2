import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import type { Agent } from '../agent.ts'
import { clientProof, openFakeIssuer } from '../fake/issuer.ts'
import type { GuardedUpstream } from '../guarded-house.ts'
import { agentWith, entitle } from '../machines.ts'
import { OAuthClient } from '../oauth-client.ts'
import { clientTokens, holderOf, openOnBehalfHouse, type OnBehalfHouse } from '../on-behalf-house.ts'

const asserting = ({ fake, server }: GuardedUpstream) => ({
  way: 'assertion',
  url: fake.url,
  issuer: server.issuer,
  client: { id: 'gateway', secretEnv: 'UPSTREAM_SECRET' },
  scope: 'notes:read',
})

const asked = ({ server }: OnBehalfHouse) =>
  server.asked.filter(({ grant_type: type }) => type?.endsWith(':jwt-bearer') || type?.endsWith(':token-exchange'))

test('the gateway says who calls by its own signature, and calls with the token that it gets for that', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const ana = await of.person('ana')
  const agent = await ana.connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)

  const [request] = asked(of)
  assert.equal(request!['grant_type'], 'urn:ietf:params:oauth:grant-type:jwt-bearer')
  assert.deepEqual([request!['resource'], request!['scope']], [of.fake.url, 'notes:read'])
  assert.match(request!.authorization ?? request!['client_secret']!, /^Basic |of the client at the upstream/)
  const keys = createRemoteJWKSet(new URL(`${of.house.url}/oauth/jwks`))
  const { payload, protectedHeader } = await jwtVerify(request!['assertion']!, keys, {
    issuer: of.house.origin,
    audience: of.server.issuer,
  })
  assert.equal(protectedHeader.typ, 'sallyport-assertion+jwt')
  assert.equal(payload.sub, ana.principal.id)
  assert.deepEqual(payload['act'], { iss: of.house.origin, sub: agent.client })
  assert.deepEqual(payload['sub_id'], { format: 'iss_sub', iss: 'test', sub: 'ana' })
  assert.ok(payload.exp! - payload.iat! <= 60)
  assert.equal(of.calls().at(-1)!.token, of.server.issued.at(-1)!.token)
})

test('without a secret it proves itself as the client by the same keys (private_key_jwt)', async (t) => {
  const of = await openOnBehalfHouse(t, (at) => ({ ...asserting(at), client: { id: 'gateway' } }))
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const [request] = asked(of)
  const keys = createRemoteJWKSet(new URL(`${of.house.url}/oauth/jwks`))
  const { payload } = await jwtVerify(request!['client_assertion']!, keys, { audience: of.server.issuer })
  assert.deepEqual([payload.iss, payload.sub], ['gateway', 'gateway'])
  assert.notEqual(payload.jti, decodeJwt(request!['assertion']!).jti)
})

test('RFC 8693: the same assertion is exchanged where the authorization server wants that', async (t) => {
  const of = await openOnBehalfHouse(t, (at) => ({ ...asserting(at), grant: 'token-exchange', audience: 'notes' }))
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const [request] = asked(of)
  assert.equal(request!['subject_token_type'], 'urn:ietf:params:oauth:token-type:jwt')
  assert.equal(request!['requested_token_type'], 'urn:ietf:params:oauth:token-type:access_token')
  assert.deepEqual([request!['audience'], request!['resource']], ['notes', of.fake.url])
})

test('each caller has a token of its own, whoever calls at once: never another person’s, another client’s, or the client’s', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const people = await Promise.all(['ana', 'bo', 'cy'].map((name) => of.person(name)))
  const agents = await Promise.all(
    [...people, people[0]!].map(async (person) => ({ person, agent: await person.connect('vaulted', 'all') })),
  )
  const calls = Array.from({ length: 5 }, () => agents).flat()
  const answers = await Promise.all(
    calls.map(({ person, agent }) => agent.call('echo', { text: `${person.principal.id} ${agent.client}` })),
  )
  assert.ok(answers.every(({ status }) => status === 200))
  for (const { token, text } of of.calls()) {
    const { sub, act } = holderOf(of, token) as { sub: string; act: { sub: string } }
    assert.equal(`${sub} ${act.sub}`, text)
  }
  assert.equal(asked(of).length, agents.length, 'one for each caller')
  const sent = JSON.stringify([of.fake.journal.map(({ headers }) => headers), of.server.asked])
  for (const token of clientTokens(...agents.map(({ agent }) => agent))) assert.ok(!sent.includes(token))
})

const company = 'https://agents.example'

/** An agent platform that may exchange tokens of its people, with a person who is entitled to `echo`. */
async function openPlatform(t: TestContext, more: object = {}) {
  const issuer = await openFakeIssuer(t)
  const { jwks, jwksUri } = issuer
  const from = [{ issuer: company, jwksUri, audience: 'agents' }]
  const platform = { id: 'agents', name: 'Agents', jwks, exchange: { from, actorsMax: 5 } }
  const of = await openOnBehalfHouse(t, (at) => ({ ...asserting(at), ...more }), {
    yaml: `clients: ${JSON.stringify({ preregistered: [platform] })}`,
    reach: [issuer.issuer],
  })
  const { house } = of
  const { id } = await house.rooms.identity.admitClaims(company, { sub: 'u-1' })
  await entitle(house, id, ['vaulted/echo'])
  const client = new OAuthClient(house, { id: 'agents' })
  /** What the platform gets for its person, where these act already and this agent acts for them. */
  const connect = async (agent?: string, act?: object) => {
    const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
    const answer = await client.token({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: await issuer.sign({ iss: company, aud: 'agents', act }),
      subject_token_type: type('id_token'),
      resource: client.resourceOf('vaulted'),
      ...(agent !== undefined && {
        actor_token: await issuer.sign({ iss: 'agents', sub: agent, aud: house.origin }),
        actor_token_type: type('jwt'),
      }),
      ...(await clientProof(issuer, { id: 'agents', origin: house.origin })),
    })
    assert.equal(answer.status, 200, JSON.stringify(answer))
    return agentWith(house, 'vaulted', answer)
  }
  return { of, connect, subject: id, client: { iss: house.origin, sub: 'agents' } }
}

for (const grant of ['jwt-bearer', 'token-exchange'] as const) {
  test(`the authorization server sees who acts by the client, and who before; none has the token of another (${grant})`, async (t) => {
    const { of, connect, subject, client } = await openPlatform(t, { grant })
    const before = { sub: 'router', iss: company }
    const chains: [agent: Agent, text: string, act: object][] = [
      [await connect(), 'itself', client],
      [await connect('planner'), 'planner', { ...client, act: { sub: 'planner', iss: 'agents' } }],
      [await connect('writer'), 'writer', { ...client, act: { sub: 'writer', iss: 'agents' } }],
      [await connect('planner', before), 'both', { ...client, act: { sub: 'planner', iss: 'agents', act: before } }],
      [await connect(undefined, before), 'router', { ...client, act: before }],
    ]
    const grants = new Set(chains.map(([agent]) => agent.grantId))
    assert.equal(grants.size, 1, 'all of them under one grant')
    const rounds = [...chains, ...chains.toReversed()]
    const answers = await Promise.all(rounds.map(([agent, text]) => agent.call('echo', { text })))
    assert.deepEqual(
      answers.map(({ status }) => status),
      rounds.map(() => 200),
    )
    const held = of.calls().map(({ token, text }) => [text, holderOf(of, token)?.['sub'], holderOf(of, token)?.['act']])
    for (const [, text, act] of chains)
      assert.deepEqual(
        held.filter(([said]) => said === text),
        [
          [text, subject, act],
          [text, subject, act],
        ],
        text,
      )
    assert.equal(asked(of).length, chains.length, 'one for each who acts')
    await of.house.rooms.oauth.revokeGrant({ by: subject, id: chains[0]![0].grantId, reason: 'enough' })
    for (const [agent] of chains) assert.equal((await agent.call('echo', { text: 'late' })).status, 401)
  })
}

test('more actors than a token tells of are not cut short: nobody is vouched for', async (t) => {
  const { of, connect } = await openPlatform(t)
  const chain = (names: string[]): object | undefined =>
    names.reduceRight<object | undefined>((act, sub) => ({ sub, iss: company, ...(act && { act }) }), undefined)
  const most = await connect('planner', chain(['b', 'c', 'd']))
  assert.equal((await most.call('echo', { text: 'x' })).status, 200)
  const more = await connect('planner', chain(['b', 'c', 'd', 'e']))
  const refused = await more.call('echo', { text: 'y' })
  assert.equal(refused.error?.data?.['fault'], 'gateway.exchange_failed')
  assert.match(refused.error?.message ?? '', /more act one for another/)
  assert.deepEqual(
    of.calls().map(({ text }) => text),
    ['x'],
  )
  assert.equal((await of.house.entries('denial')).at(-1)?.reason, 'gateway.exchange_failed')
})

test('a token is used until half a minute before its end, and then another is asked for', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  of.server.options.lifeSeconds = 300
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  for (const [passMs, times] of [
    [0, 1],
    [240_000, 1],
    [35_000, 2],
  ] as const) {
    of.house.clock.pass(passMs)
    assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
    assert.equal(asked(of).length, times, `after ${passMs} ms more`)
    await agent.refresh()
  }
})

test('a token that the upstream refuses is replaced once, and the call is made once', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  await agent.call('echo', { text: 'x' })
  of.house.clock.pass(60_000)
  of.server.expire()
  assert.equal((await agent.call('echo', { text: 'y' })).status, 200)
  assert.equal(asked(of).length, 2)
  assert.equal(of.calls().filter(({ token, text }) => text === 'y' && of.server.isGood(token)).length, 1)
})

test('no token, no call: the refusal is recorded, no approval is spent, and the upstream hears nothing', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  for (const [error, told] of [
    ['invalid_grant', /gave no token: invalid_grant$/],
    ['Say <this>', /gave no token$/],
  ] as const) {
    of.server.options.refuses = error
    const { error: refused } = await agent.call('echo', { text: 'x' })
    assert.equal(refused?.data?.['fault'], 'gateway.exchange_failed')
    assert.match(refused.message, told)
  }
  of.server.options.refuses = undefined
  of.server.options.tokenType = 'DPoP'
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  assert.deepEqual(of.calls(), [])
  assert.deepEqual(await of.house.entries('intent'), [])
  const reasons = (await of.house.entries('denial')).map(({ reason }) => reason)
  assert.deepEqual(
    reasons,
    Array.from({ length: 3 }, () => 'gateway.exchange_failed'),
  )
  of.server.options.tokenType = 'Bearer'
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
})

test('a grant, a person or a client that is withdrawn leaves no token behind', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const admin = await of.house.person('admin', ['administer'])
  const by = admin.principal.id
  const ana = await of.person('ana')
  const agent = await ana.connect('vaulted', 'all')
  await agent.call('echo', { text: 'x' })
  await of.house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: agent.grantId, reason: 'enough' })
  assert.equal((await agent.call('echo', { text: 'x' })).status, 401)
  const again = await ana.connect('vaulted', 'all')
  await again.call('echo', { text: 'x' })
  assert.equal(asked(of).length, 2, 'the new grant has a token of its own')
  await of.house.rooms.identity.disablePrincipal({ by, id: ana.principal.id, reason: 'left' })
  assert.equal((await again.call('echo', { text: 'x' })).status, 401)
  assert.equal(of.calls().length, 2)
})

test('nobody is vouched for only to end a session: it is ended by the token that is at hand, or lapses', async (t) => {
  const of = await openOnBehalfHouse(t, (at) => {
    Object.assign(at.fake.options, { era: 'legacy', sessions: true })
    return asserting(at)
  })
  of.server.options.lifeSeconds = 300
  const [ana, bo, cy] = [await of.person('ana'), await of.person('bo'), await of.person('cy')]
  const call = async (person: typeof ana) => {
    const agent = await person.connect('vaulted', 'all')
    assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
    return agent.grantId
  }
  await of.house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: await call(ana), reason: 'enough' })
  await call(bo)
  of.house.clock.pass(400_000)
  await call(cy)
  await of.house.rooms.gateway.close()
  assert.equal(asked(of).length, 3, 'one for each call')
  const ended = of.fake.journal.filter(({ method }) => method === 'DELETE').map(({ headers }) => headers.authorization)
  const [, , last] = of.calls()
  assert.ok(ended.includes(`Bearer ${last!.token}`))
  for (const { token } of of.calls().slice(0, 2)) assert.ok(!ended.includes(`Bearer ${token}`))
})

test('a grant that is revoked ends its own calls, and nobody else’s, and no other token is asked for', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const [ana, bo] = [await of.person('ana'), await of.person('bo')]
  const [first, other] = [await ana.connect('vaulted', 'all'), await bo.connect('vaulted', 'all')]
  for (const agent of [first, other]) assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  await of.house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: first.grantId, reason: 'enough' })
  assert.equal((await first.call('echo', { text: 'x' })).status, 401)
  assert.equal((await other.call('echo', { text: 'x' })).status, 200)
  assert.equal(asked(of).length, 2)
})

test('another authorization server under the same address, or one that calls itself otherwise, gets no assertion', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  of.server.options.issuer = of.other.issuer
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  assert.deepEqual([asked(of), of.other.asked], [[], []])
})

test('an upstream that is at another address than the configuration says is called in nobody’s name', async (t) => {
  const of = await openOnBehalfHouse(t, (at) => ({ ...asserting(at), url: 'https://notes.example/mcp' }))
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.launch_unknown')
  assert.deepEqual([asked(of), of.calls()], [[], []])
})

test('where people are known by a provider, who did not come by it is not vouched for', async (t) => {
  const of = await openOnBehalfHouse(t, (at) => ({ ...asserting(at), people: 'corp' }))
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  assert.deepEqual(asked(of), [])
  const bo = await of.arrive('b-17')
  assert.equal((await (await bo.connect('vaulted', 'all')).call('echo', { text: 'x' })).status, 200)
  assert.equal(decodeJwt(asked(of)[0]!['assertion']!).sub, 'b-17')
})

test('an assertion of the gateway opens nothing of the gateway itself', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const agent = await (await of.person('ana')).connect('vaulted', 'all')
  await agent.call('echo', { text: 'x' })
  const tokens = { ...agent.tokens, access_token: asked(of)[0]!['assertion']! }
  agent.tokens = tokens
  assert.equal((await agent.call('echo', { text: 'x' })).status, 401)
})

test('a call that comes by the address of a bundle has the token of its caller too', async (t) => {
  const of = await openOnBehalfHouse(t, asserting)
  const { inventory } = of.house.rooms
  const other = await of.house.person('other', ['administer'])
  await of.house.upstream('memory', ['read_graph'])
  const members = ['vaulted', 'memory'].map((upstream) => ({ upstream, prefix: upstream }))
  const of2 = { name: 'work', purpose: 'one address', members, by: other.principal.id, ownerId: other.principal.id }
  await inventory.makeBundle({ ...of2, reason: 'for a test' })
  const ana = await of.person('ana')
  const agent = await ana.connect('work', 'all')
  const [name] = (await agent.list()).filter((one) => one.includes('echo'))
  assert.equal((await agent.call(name!, { text: 'x' })).error, undefined)
  const { sub, act } = holderOf(of, of.calls()[0]!.token) as { sub: string; act: { sub: string } }
  assert.deepEqual([sub, act.sub], [ana.principal.id, agent.client])
})

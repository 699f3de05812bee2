import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { findKeptLogin, putKeptLogin } from '../../src/store/kept-logins.ts'
import type { Agent } from '../agent.ts'
import type { GuardedUpstream } from '../guarded-house.ts'
import { clientTokens, holderOf, openOnBehalfHouse, type OnBehalfHouse } from '../on-behalf-house.ts'

const byJag = ({ fake, server }: GuardedUpstream) => ({
  way: 'id-jag',
  url: fake.url,
  provider: 'corp',
  issuer: server.issuer,
  client: { id: 'gateway', secretEnv: 'UPSTREAM_SECRET' },
  scope: 'notes:read',
})
const byProvider = ({ fake }: GuardedUpstream) => ({
  way: 'provider',
  url: fake.url,
  provider: 'corp',
  audience: 'notes',
  scope: 'notes:read',
})

const exchanges = ({ idp }: OnBehalfHouse) =>
  idp.journal.filter(({ body }) => body['grant_type']?.endsWith(':token-exchange')).map(({ body }) => body)
const redeemed = ({ server }: OnBehalfHouse) => server.asked.filter(({ assertion }) => assertion !== undefined)

test('the company’s provider gives an assertion for the login of the person, and the upstream’s server a token for it', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const agent = await (await of.arrive('a-1')).connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)

  const [exchange] = exchanges(of)
  assert.deepEqual(
    [exchange!['requested_token_type'], exchange!['subject_token_type']],
    ['urn:ietf:params:oauth:token-type:id-jag', 'urn:ietf:params:oauth:token-type:id_token'],
  )
  assert.deepEqual(
    [exchange!['audience'], exchange!['resource'], exchange!['scope']],
    [of.server.issuer, of.fake.url, 'notes:read'],
  )
  const [request] = redeemed(of)
  assert.equal(request!['grant_type'], 'urn:ietf:params:oauth:grant-type:jwt-bearer')
  const { iss, sub, aud, resource } = decodeJwt(request!['assertion']!)
  assert.deepEqual([iss, sub, aud, resource], [of.idp.issuer, 'a-1', of.server.issuer, of.fake.url])
  assert.equal(holderOf(of, of.calls()[0]!.token)?.['sub'], 'a-1')

  await agent.call('echo', { text: 'y' })
  assert.equal(exchanges(of).length, 1, 'the token is kept until it ends')
})

test('two people’s tokens never meet, and neither the client’s nor what the login brought reaches the upstream or its server', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const agents: { sub: string; agent: Agent }[] = []
  for (const sub of ['a-1', 'b-2']) agents.push({ sub, agent: await (await of.arrive(sub)).connect('vaulted', 'all') })
  const calls = Array.from({ length: 5 }, () => agents).flat()
  await Promise.all(calls.map(({ sub, agent }) => agent.call('echo', { text: sub })))
  assert.equal(of.calls().length, 10)
  for (const { token, text } of of.calls()) assert.equal(holderOf(of, token)?.['sub'], text)

  const sent = JSON.stringify([of.fake.journal.map(({ headers }) => headers), of.server.asked])
  const brought = exchanges(of).map((body) => body['subject_token']!)
  for (const secret of [...brought, ...clientTokens(...agents.map(({ agent }) => agent))]) {
    assert.ok(!sent.includes(secret))
  }
  const told = JSON.stringify([await of.house.entries('login'), await of.house.entries('intent'), of.house.log])
  for (const secret of [...brought, ...of.server.issued.map(({ token }) => token)]) assert.ok(!told.includes(secret))
})

test('who did not come by the provider, or whose login there has ended, is told where to sign in, and nothing is sent', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const bo = await (await of.person('bo')).connect('vaulted', 'all')
  const told = await bo.call('echo', { text: 'x' })
  const [content] = told.result['content'] as { text: string }[]
  assert.match(content!.text, /sign in to this gateway through `Corp` again/)
  assert.ok(content!.text.includes(`${of.house.origin}/connections/vaulted`))
  assert.equal(told.result['isError'], true)

  const asked = await bo.modern(
    'tools/call',
    { name: 'echo', arguments: { text: 'x' } },
    { elicitation: { form: {}, url: {} } },
  )
  const requests = asked.result['inputRequests'] as Record<string, { params: Record<string, unknown> }>
  assert.equal(asked.result['resultType'], 'input_required')
  const { mode, url } = requests['sallyport-connection']!.params
  assert.deepEqual([mode, url], ['url', `${of.house.origin}/connections/vaulted`])
  const back = { 'sallyport-connection': { action: 'accept' } }
  const again = await bo.modern(
    'tools/call',
    { name: 'echo', arguments: { text: 'x' }, inputResponses: back },
    { elicitation: { form: {}, url: {} } },
  )
  assert.equal(again.result['isError'], true, 'no going round in circles')

  assert.deepEqual([exchanges(of), redeemed(of), of.calls(), await of.house.entries('intent')], [[], [], [], []])
  const denials = await of.house.entries('denial')
  assert.deepEqual(new Set(denials.map(({ reason }) => reason)), new Set(['gateway.not_connected']))
})

test('what the provider honours no more is forgotten, and the next login brings it again', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const agent = await (await of.arrive('a-1')).connect('vaulted', 'all')
  of.idp.knobs = { refusesExchange: 'invalid_grant' }
  for (let attempt = 0; attempt < 3; attempt++) {
    assert.equal((await agent.call('echo', { text: 'x' })).result['isError'], true)
  }
  assert.equal(exchanges(of).length, 1)
  of.idp.knobs = {}
  await of.arrive('a-1')
  assert.deepEqual((await agent.call('echo', { text: 'x' })).error, undefined)
  assert.equal(of.calls().length, 1)
})

test('an ID token serves until it ends, a refresh token after that, and only at the provider that gave it', async (t) => {
  const of = await openOnBehalfHouse(t, byJag, { scopes: ['openid', 'offline_access'] })
  const agent = await (await of.arrive('a-1')).connect('vaulted', 'all')
  of.house.clock.pass(120_000)
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const [exchange] = exchanges(of)
  assert.equal(exchange!['subject_token_type'], 'urn:ietf:params:oauth:token-type:refresh_token')
  assert.ok(!JSON.stringify([of.server.asked, of.fake.journal]).includes(exchange!['subject_token']!))

  const without = await openOnBehalfHouse(t, byJag)
  const other = await (await without.arrive('a-1')).connect('vaulted', 'all')
  without.house.clock.pass(120_000)
  assert.equal((await other.call('echo', { text: 'x' })).result['isError'], true)
  assert.equal(exchanges(without).length, 0)
})

test('signing out, and disabling the person, end what was kept; it opens for nobody else', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const { rooms, clock } = of.house
  const kept = async (principalId: string) =>
    findKeptLogin(rooms.store, { principalId, provider: 'corp', now: clock.now() })
  const ana = await of.arrive('a-1')
  const bo = await of.arrive('b-2')
  const [of1, of2] = [(await kept(ana.principal.id))!, (await kept(bo.principal.id))!]

  await putKeptLogin(rooms.store, { ...of2, sealed: of1.sealed })
  const agent = await bo.connect('vaulted', 'all')
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  assert.equal(exchanges(of).length, 0)

  const page = await ana.browser.open('/sign-out')
  await ana.browser.submit(page, {}, { to: '/sign-out' })
  assert.equal(await kept(ana.principal.id), undefined)
  const admin = await of.house.person('admin', ['administer'])
  await rooms.identity.disablePrincipal({ by: admin.principal.id, id: bo.principal.id, reason: 'left' })
  assert.equal(await kept(bo.principal.id), undefined)
})

test('an assertion that is for somebody else is carried to nobody', async (t) => {
  const of = await openOnBehalfHouse(t, byJag)
  const agent = await (await of.arrive('a-1')).connect('vaulted', 'all')
  of.idp.knobs = { assertion: { aud: of.other.issuer } }
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  assert.deepEqual([redeemed(of), of.calls()], [[], []])
})

test('RFC 8693: where the provider itself gives tokens for the upstream, it is asked for one', async (t) => {
  const of = await openOnBehalfHouse(t, byProvider)
  of.fake.options.intercept = undefined
  const [ana, bo] = [await of.arrive('a-1'), await of.arrive('b-2')]
  const agents = [await ana.connect('vaulted', 'all'), await bo.connect('vaulted', 'all')]
  for (const [at, agent] of agents.entries()) await agent.call('echo', { text: ['a-1', 'b-2'][at] })
  assert.deepEqual(
    of.calls().map(({ token, text }) => [token, text]),
    [
      ['of-a-1', 'a-1'],
      ['of-b-2', 'b-2'],
    ],
  )
  const [exchange] = exchanges(of)
  assert.equal(exchange!['requested_token_type'], 'urn:ietf:params:oauth:token-type:access_token')
  assert.deepEqual([exchange!['audience'], exchange!['resource']], ['notes', undefined])
})

test('nothing is kept of logins where no upstream is called by them', async (t) => {
  const of = await openOnBehalfHouse(t, ({ fake, server }) => ({
    way: 'assertion',
    url: fake.url,
    issuer: server.issuer,
    client: { id: 'gateway', secretEnv: 'UPSTREAM_SECRET' },
  }))
  const { principal } = await of.arrive('a-1')
  const place = { principalId: principal.id, provider: 'corp', now: of.house.clock.now() }
  assert.equal(await findKeptLogin(of.house.rooms.store, place), undefined)
})

test('an approval is not spent on a call that has no token', async (t) => {
  const of = await openOnBehalfHouse(t, byJag, { effect: 'destructive' })
  const agent = await (await of.arrive('a-1')).connect('vaulted', 'all')
  const held = await agent.call('echo', { text: 'x' })
  const { url } = (held.result['_meta'] as Record<string, { url: string }>)['sallyport/approval']!
  const approver = await of.house.person('approver', ['vaulted/echo:approve'])
  await approver.answer(url, true)
  of.server.options.refuses = 'invalid_grant'
  assert.equal((await agent.call('echo', { text: 'x' })).error?.data?.['fault'], 'gateway.exchange_failed')
  of.server.options.refuses = undefined
  assert.equal((await agent.call('echo', { text: 'x' })).error, undefined)
  assert.equal(of.calls().length, 1)
})

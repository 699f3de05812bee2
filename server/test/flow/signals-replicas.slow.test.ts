import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { about, caep, risc } from '../fake/transmitter.ts'
import { Agent } from '../agent.ts'
import { until } from '../patience.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openHouse } from '../house.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { issSub, push, signalOptions } from '../signal-house.ts'

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

test('an event that comes at two replicas at once, and again later, is taken once', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const databaseUrl = await postgres!.createDatabase()
  const env = { ...options.env, SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const one = await openHouse(t, { ...options, databaseUrl, env })
  const two = await openHouse(t, { ...options, databaseUrl, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  const urls = [one.url, await openHostProxy(t, two)]
  const ana = await one.person('ana')
  for (const event of [`${caep}session-revoked`, `${caep}credential-change`, `${risc}account-disabled`]) {
    const token = await transmitter.write(about(issSub('ana'), event))
    const answers = await Promise.all([...urls, ...urls, ...urls].map((url) => push({ url }, token)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  }
  for (const what of ['principal.signed_out', 'principal.sign_in_demanded', 'principal.disabled']) {
    assert.equal((await two.changes(what)).length, 1, what)
  }
  assert.equal((await two.rooms.identity.findPrincipal(ana.principal.id))?.state, 'disabled')
  const [shown] = await two.rooms.identity.signals.listTransmitters()
  assert.equal(shown?.signals.length, 3)
})

test('an event at one replica ends streams at the other, and what is called there', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_asset')] })
  t.after(() => upstream.close())
  const env = { ...options.env, SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const reach = [upstream.url, transmitter.issuer]
  const shared = { ...options, reach, databaseUrl: await postgres!.createDatabase() }
  const one = await openHouse(t, { ...shared, env })
  const two = await openHouse(t, { ...shared, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  await one.httpUpstream('mux', upstream.url)
  const other = await openHostProxy(t, two)
  for (const [event, reason] of [
    [`${caep}session-revoked`, 'grant.revoked'],
    [`${caep}device-compliance-change`, 'principal.must_sign_in'],
    [`${risc}account-disabled`, 'principal.disabled'],
  ] as const) {
    const person = await one.person(reason, ['mux/*'])
    const agent = await person.connect('mux', 'all')
    const there = new Agent({
      origin: other,
      upstream: agent.upstream,
      client: agent.client,
      resource: agent.resource,
      tokens: agent.tokens,
    })
    await until(async () => (await there.call('read_asset')).status === 200, 'the other replica serves')
    const headers = { authorization: `Bearer ${agent.tokens.access_token}`, accept: 'text/event-stream' }
    const stream = await fetch(`${other}/mcp/mux`, { headers })
    assert.equal(stream.status, 200)
    const before = upstream.calls.length
    const token = await transmitter.write(about(issSub(reason), event))
    assert.equal((await push(one, token)).status, 202)
    await stream.text().catch(() => undefined)
    const next = await there.call('read_asset')
    assert.deepEqual([next.status, next.error?.data?.['reason']], [401, reason])
    assert.equal(upstream.calls.length, before)
  }
})

test('a logout token that comes at two replicas at once counts once', async (t) => {
  const idp = await openFakeIdp({ id: 'sallyport', secret: 'unused' }, { sub: 'a-1' })
  t.after(() => idp.close())
  const oidc = [{ id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: 'sallyport' }]
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const databaseUrl = await postgres!.createDatabase()
  const shared = { yaml: `login: ${JSON.stringify({ oidc })}`, reach: [idp.issuer], databaseUrl, people: idp.issuer }
  const one = await openHouse(t, { ...shared, env })
  const two = await openHouse(t, { ...shared, env: { ...env, SALLYPORT_ORIGIN: one.origin } })
  const ana = await one.person('ana')
  const body = new URLSearchParams({ logout_token: await idp.writeLogout({ sub: 'ana' }) })
  const urls = [one.url, await openHostProxy(t, two)]
  const sent = [...urls, ...urls].map((url) =>
    fetch(`${url}/sign-in/backchannel-logout/okta`, { method: 'POST', body }),
  )
  const statuses = (await Promise.all(sent)).map(({ status }) => status)
  assert.deepEqual(
    statuses.toSorted((a, b) => a - b),
    [200, 400, 400, 400],
  )
  assert.match((await ana.browser.open('/you')).url.pathname, /^\/sign-in/)
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { redirectUri } from '../browser.ts'
import { until } from '../patience.ts'
import { openClientHost } from '../fake/client-host.ts'
import { openHouse, type House, type HouseOptions } from '../house.ts'
import { OAuthClient } from '../oauth-client.ts'
import { openCommandLine } from '../operator.ts'
import type { Person } from '../person.ts'

// Which clients may be used: all that come, those that an administrator admitted, or only those of the configuration.

const mode = (admission: string, more = '') => `clients: { admission: ${admission}${more} }`
const reason = 'the company uses it'

async function open(t: TestContext, options: HouseOptions = {}) {
  const host = await openClientHost(t)
  host.document = { client_name: 'Editor', redirect_uris: [redirectUri] }
  const house = await openHouse(t, { yaml: mode('reviewed'), reach: [host.id], ...options })
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['mux/*'])
  const adam = await house.person('Adam', ['administer'])
  return { host, house, ana, adam, described: new OAuthClient(house, { id: host.id }) }
}

async function act(adam: Person, client: OAuthClient, given: { to: string; ownerId?: string }) {
  const { to, ...values } = given
  const page = await adam.browser.open(`/clients/client?id=${encodeURIComponent(client.id)}`)
  return adam.browser.submit(page, { reason, ...values }, { to })
}

const stateOf = async (house: House, { id }: OAuthClient) => (await house.rooms.oauth.findClient(id))?.state

for (const kind of ['described', 'registered'] as const) {
  test(`a ${kind} client that nobody admitted gets nothing; its people see why, and ask`, async (t) => {
    const { house, ana, adam, described } = await open(t)
    const client = kind === 'described' ? described : await house.register()
    const shown = await ana.browser.open(client.authorizeUrl('mux'))
    assert.equal(shown.status, 200)
    assert.match(shown.text, /waits for admission/)
    assert.doesNotMatch(shown.text, /name="tool"/)
    const reference = /<code>((?:[0-9a-f]{4}-){2}[0-9a-f]{4})<\/code>/.exec(shown.text)?.[1]
    assert.ok(reference)

    // Nobody has to look at what nobody asked for.
    assert.doesNotMatch((await adam.browser.open('/')).text, /waits for admission/)
    const asked = await ana.browser.submit(shown, { answer: 'ask' })
    assert.match(asked.text, /has not answered yet/)
    assert.doesNotMatch(asked.text, /value="ask"/)
    assert.match((await adam.browser.open('/')).text, /waits for admission/)
    assert.match((await adam.browser.open('/clients')).text, /waiting/)
    const page = await adam.browser.open(`/clients/client?id=${encodeURIComponent(client.id)}`)
    assert.ok(page.text.includes(reference))
    assert.ok(page.text.includes(redirectUri))
    const [entry] = await house.changes('client.asked')
    assert.deepEqual([entry?.by, entry?.about.id], [ana.principal.id, client.id])

    const admitted = await act(adam, client, { to: '/clients/admit', ownerId: adam.principal.id })
    assert.match(admitted.text, /The client is admitted/)
    const record = (await house.rooms.oauth.findClient(client.id))!
    assert.deepEqual([record.state, record.ownerId, record.askedBy], ['active', adam.principal.id, ana.principal.id])
    const [admission] = await house.changes('client.admitted')
    assert.deepEqual([admission?.by, admission?.reason], [adam.principal.id, reason])
    assert.equal(admission?.details?.['ownerId'], adam.principal.id)

    // The page that waited is the consent page now.
    const again = await ana.browser.open(shown.url)
    assert.match(again.text, /name="tool"/)
    assert.match((await client.answer(ana.browser, again)).url.href, /code=/)
    assert.match((await adam.browser.open('/clients')).text, /admitted/)
  })
}

test('who goes back instead of asking leaves nothing, and the program is told no', async (t) => {
  const { house, ana, described } = await open(t)
  const shown = await ana.browser.open(described.authorizeUrl('mux'))
  const back = await ana.browser.submit(shown, { answer: 'refuse' })
  assert.equal(back.url.searchParams.get('error'), 'access_denied')
  assert.deepEqual(await house.rooms.oauth.listClients(), [])
})

test('a consent form that was made up gives nothing while the client waits, nor does one of another site ask', async (t) => {
  const { house, ana, described } = await open(t)
  const shown = await ana.browser.open(described.authorizeUrl('mux'))
  const form = { answer: 'accept', tool: 'get_asset', duration: '3600', shown: '0'.repeat(64) }
  const answered = await ana.browser.submit(shown, form)
  assert.match(answered.text, /waits for admission/)
  const csrf = /name="csrf" value="([^"]*)"/.exec(shown.text)![1]!
  const forged = await ana.browser.post(shown.url, new URLSearchParams({ csrf, answer: 'ask' }), {
    site: 'cross-site',
    origin: 'https://evil.example',
  })
  assert.equal(forged.status, 403)
  assert.deepEqual(await house.rooms.oauth.listGrants({}), [])
  assert.deepEqual(await house.rooms.oauth.listClients(), [])
})

test('a person asks for twenty clients at the most that nobody has answered for', async (t) => {
  const { house, ana } = await open(t)
  for (let at = 0; at < 21; at++) {
    const client = await house.register()
    const answer = await ana.browser.submit(await ana.browser.open(client.authorizeUrl('mux')), { answer: 'ask' })
    assert.equal(answer.status, at < 20 ? 200 : 429)
  }
})

test('a refusal ends every grant, and an admission after it brings none of them back', async (t) => {
  const { house, ana, adam, described } = await open(t)
  await ana.browser.submit(await ana.browser.open(described.authorizeUrl('mux')), { answer: 'ask' })
  await act(adam, described, { to: '/clients/admit' })
  const agent = await ana.connect('mux', 'all', { client: described })
  assert.deepEqual(await agent.list(), ['get_asset'])
  await act(adam, described, { to: '/clients/refuse' })
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
  const shown = await ana.browser.open(described.authorizeUrl('mux'))
  assert.match(shown.text, /may not be used here/)
  assert.doesNotMatch(shown.text, /value="ask"/)
  assert.equal((await house.changes('client.refused'))[0]?.about.id, described.id)
  await act(adam, described, { to: '/clients/admit' })
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.equal((await described.connect(ana.browser, 'mux')).status, 200)
})

test('where clients need no admission they are used at once, and an administrator takes charge of them or refuses', async (t) => {
  const { house, ana, adam, described } = await open(t, { yaml: '' })
  const agent = await ana.connect('mux', 'all', { client: described })
  assert.match((await adam.browser.open('/clients')).text, /not reviewed/)
  await act(adam, described, { to: '/clients/admit', ownerId: ana.principal.id })
  assert.equal((await house.rooms.oauth.findClient(described.id))?.ownerId, ana.principal.id)
  assert.deepEqual(await agent.list(), ['get_asset'])
  await act(adam, described, { to: '/clients/owner', ownerId: adam.principal.id })
  assert.equal((await house.rooms.oauth.findClient(described.id))?.ownerId, adam.principal.id)
  assert.equal((await house.changes('client.owner_set')).length, 1)
  await act(adam, described, { to: '/clients/refuse' })
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  assert.match((await ana.browser.open(described.authorizeUrl('mux'))).text, /may not be used here/)
})

test('where admission begins to be asked for, what was in use waits, and goes on once it is admitted', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-admission-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const first = await openHouse(t, { dataDir })
  await first.upstream('mux', ['get_asset'])
  const ana = await first.person('Ana', ['mux/*'])
  const client = await first.register()
  const agent = await ana.connect('mux', 'all', { client })
  const port = Number(new URL(first.url).port)
  await first.close()

  const later = await openHouse(t, { dataDir, port, yaml: mode('reviewed') })
  assert.equal(await stateOf(later, client), 'waiting')
  const denied = await agent.rpc('tools/list', {})
  assert.deepEqual([denied.status, denied.error?.data?.['reason']], [401, 'client.not_admitted'])
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
  const adam = await later.person('Adam', ['administer'])
  const by = adam.principal.id
  await later.rooms.oauth.admitClient({ by, id: client.id, ownerId: by, reason })
  assert.equal((await agent.refresh()).status, 200)
  assert.deepEqual(await agent.list(), ['get_asset'])
  await later.close()

  const closed = await openHouse(t, { dataDir, port, yaml: mode('preregistered') })
  assert.equal(await stateOf(closed, client), 'refused')
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  const admit = closed.rooms.oauth.admitClient({ by, id: client.id, ownerId: by, reason })
  await assert.rejects(admit, { code: 'oauth.bad_step' })
})

test('where only clients of the configuration may be used, no other can come, and these belong to the first administrator', async (t) => {
  const preregistered = [{ id: 'script', name: 'Script', redirectUris: [redirectUri] }]
  const yaml = mode('preregistered', `, preregistered: ${JSON.stringify(preregistered)}`)
  const { host, house, ana, adam, described } = await open(t, { yaml })
  assert.match((await ana.browser.open(described.authorizeUrl('mux'))).text, /invalid_client/)
  assert.equal(host.asked, 0)
  const register = await fetch(`${house.url}/oauth/register`, { method: 'POST', body: '{}' })
  assert.equal(register.status, 404)
  const metadata = await fetch(`${house.url}/.well-known/oauth-authorization-server`)
  const offered = (await metadata.json()) as Record<string, unknown>
  assert.equal('registration_endpoint' in offered, false)
  assert.notEqual(offered['client_id_metadata_document_supported'], true)
  const script = new OAuthClient(house, { id: 'script' })
  assert.equal((await script.connect(ana.browser, 'mux')).status, 200)

  // The set-up gives it to the first administrator at the next news of a principal.
  const bo = await house.person('Bo')
  await house.rooms.identity.disablePrincipal({ by: adam.principal.id, id: bo.principal.id, reason })
  await until(
    async () => (await house.rooms.oauth.findClient('script'))?.ownerId === adam.principal.id,
    'it has an owner',
  )
  assert.equal((await house.changes('client.owner_set'))[0]?.by, 'set-up')
})

test('what cannot be done with a client is refused and changes nothing', async (t) => {
  const preregistered = [{ id: 'script', name: 'Script', redirectUris: [redirectUri] }]
  const yaml = mode('reviewed', `, preregistered: ${JSON.stringify(preregistered)}`)
  const { house, ana, adam } = await open(t, { yaml })
  const { oauth, identity } = house.rooms
  const by = adam.principal.id
  const client = await house.register()
  const bad = { code: 'oauth.bad_step' }
  await assert.rejects(oauth.setClientOwner({ by, id: client.id, ownerId: by, reason }), bad, 'not admitted')
  await assert.rejects(oauth.admitClient({ by, id: 'nobody', ownerId: by, reason }), { code: 'oauth.client_unknown' })
  await assert.rejects(oauth.admitClient({ by, id: client.id, ownerId: 'nobody', reason }), bad, 'an owner of nowhere')
  await assert.rejects(oauth.admitClient({ by, id: client.id, ownerId: by, reason: '' }), { code: 'model.invalid' })
  await assert.rejects(oauth.refuseClient({ by, id: 'script', reason }), bad, 'of the configuration')
  await assert.rejects(oauth.admitClient({ by, id: 'script', ownerId: by, reason }), bad, 'of the configuration')
  await identity.disablePrincipal({ by, id: ana.principal.id, reason })
  await assert.rejects(oauth.admitClient({ by, id: client.id, ownerId: ana.principal.id, reason }), bad, 'disabled')
  assert.equal(await stateOf(house, client), 'waiting')
  await oauth.admitClient({ by, id: client.id, ownerId: by, reason })
  await assert.rejects(oauth.admitClient({ by, id: client.id, ownerId: by, reason }), bad, 'twice')
  await oauth.revokeClient({ by, id: client.id, reason })
  await assert.rejects(oauth.admitClient({ by, id: client.id, ownerId: by, reason }), bad, 'revoked')
  await assert.rejects(oauth.refuseClient({ by, id: client.id, reason }), bad, 'revoked')
  const changes = (await house.entries('change')).filter(({ about }) => about.id === client.id)
  assert.deepEqual(
    changes.map(({ what }) => what),
    ['client.registered', 'client.admitted', 'client.revoked'],
  )
})

test('clients are looked at, admitted, given away and refused by the API and on the command line, by administrators alone', async (t) => {
  const { house, ana, adam, described } = await open(t)
  await ana.browser.submit(await ana.browser.open(described.authorizeUrl('mux')), { answer: 'ask' })
  await house.register()
  const sallyport = await openCommandLine(house, adam)
  const run = async (...args: string[]) => {
    const ran = await sallyport(...args)
    assert.equal(ran.code, 0, ran.err)
    return ran.out
  }
  const waiting = await run('clients', '--waiting')
  assert.equal(waiting.trim().split('\n').length, 2)
  assert.ok(waiting.includes(described.id))
  assert.match(await run('status'), new RegExp(`clients that wait: +${described.id}`))
  await run('admit-client', described.id, '--reason', reason)
  await ana.connect('mux', 'all', { client: described })
  const listed = JSON.parse(await run('clients', '--json')) as { clients: Record<string, unknown>[] }
  const [record] = listed.clients.filter(({ id }) => id === described.id)
  const { state, ownerId, askedBy, grants, redirectUris } = record!
  assert.deepEqual([state, ownerId, askedBy, grants], ['active', adam.principal.id, ana.principal.id, 1])
  assert.deepEqual(redirectUris, [redirectUri])
  // Nothing is verified of an address that was not reached over TLS.
  assert.equal('publisher' in record!, false)
  await run('set-client-owner', described.id, '--owner', ana.principal.id, '--reason', reason)
  await run('refuse-client', described.id, '--reason', reason)
  assert.match(await run('clients'), /refused/)
  assert.deepEqual(await house.rooms.oauth.listGrants({ activeAt: house.clock.now() }), [])

  const anas = await openCommandLine(house, ana)
  for (const args of [['clients'], ['admit-client', described.id, '--reason', reason]]) {
    assert.match((await anas(...args)).err, /only an administrator may/)
  }
})

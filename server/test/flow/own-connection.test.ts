import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUrlFor } from '../../src/model/connection.ts'
import type { Page } from '../browser.ts'
import { finishConnection, leadBack } from '../comeback.ts'
import type { GuardedUpstream } from '../guarded-house.ts'
import { clientTokens, openOnBehalfHouse, type OnBehalfHouse } from '../on-behalf-house.ts'
import { textOn } from '../operator.ts'
import type { Person } from '../person.ts'

const byThemselves = ({ fake, server }: GuardedUpstream) => ({
  way: 'connection',
  url: fake.url,
  issuer: server.issuer,
  scope: 'notes:read',
})

/** As far as the page that leads to the authorization server. */
async function begin(person: Person): Promise<Page> {
  const page = await person.browser.open('/connections/vaulted')
  return person.browser.submit(page, {}, { to: '/connections/vaulted/connect' })
}

/** Where the authorization server sends the browser back to. */
const visit = (begun: Page) => leadBack(begun, new URL(begun.url).origin)

async function connect(person: Person): Promise<Page> {
  const shown = await person.browser.open(await visit(await begin(person)))
  return finishConnection(person, shown)
}

const refreshes = ({ server }: OnBehalfHouse) =>
  server.asked.filter(({ grant_type: type }) => type === 'refresh_token').length

/** The same page, its form led to another address of ours. */
function elsewhereTo(page: Page, from: string, to: string): Page {
  return { ...page, text: page.text.replace(`action="${from}"`, `action="${to}"`) }
}

/** For whose connection a token was given. */
const byCode = ({ server }: OnBehalfHouse, token: string) =>
  server.issued.find((one) => one.token === token)?.fields['grant_type']

test('who has not connected it is told where, connects it there as themselves, and calls with their own token', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const ana = await of.person('ana')
  const agent = await ana.connect('vaulted', 'all')
  const told = await agent.call('echo', { text: 'x' })
  assert.equal(told.result['isError'], true)
  const url = (told.result['_meta'] as Record<string, { url: string }>)['sallyport/connection']!.url
  assert.equal(url, `${of.house.origin}/connections/vaulted`)
  assert.deepEqual([of.calls(), await of.house.entries('intent')], [[], []])
  const [denial] = await of.house.entries('denial')
  assert.equal(denial!.reason, 'gateway.not_connected')

  const done = await connect(ana)
  assert.equal(done.status, 200)
  assert.match(textOn(done), /Connected\. Your calls go out with this authorization/)
  assert.equal(of.server.visits[0]!.get('scope'), 'notes:read')
  assert.equal(of.server.visits[0]!.get('resource'), of.fake.url)
  assert.equal((await agent.call('echo', { text: 'x' })).error, undefined)
  const { token } = of.calls()[0]!
  assert.equal(byCode(of, token), 'authorization_code')

  const [change] = (await of.house.changes('connection.put')).slice(-1)
  assert.deepEqual([change!.by, change!.about.id], [ana.principal.id, `vaulted/${ana.principal.id}`])
  const log = JSON.stringify([await of.house.entries('change'), of.house.log, done.text])
  const sent = JSON.stringify(of.fake.journal.map(({ headers }) => headers))
  assert.ok(!log.includes(token))
  for (const secret of clientTokens(agent)) assert.ok(!sent.includes(secret))
})

test('a modern client is led to the page by an elicitation, once', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const ana = await of.person('ana')
  const agent = await ana.connect('vaulted', 'all')
  const call = (more: object = {}) =>
    agent.modern('tools/call', { name: 'echo', arguments: { text: 'x' }, ...more }, { elicitation: { url: {} } })
  const asked = await call()
  const requests = asked.result['inputRequests'] as Record<string, { params: Record<string, unknown> }>
  const { mode, url } = requests['sallyport-connection']!.params
  assert.deepEqual([mode, url], ['url', `${of.house.origin}/connections/vaulted`])
  const inputResponses = { 'sallyport-connection': { action: 'accept' } }
  assert.equal((await call({ inputResponses })).result['isError'], true)
  await connect(ana)
  assert.equal((await call({ inputResponses })).result['resultType'], 'complete')
  assert.ok(!JSON.stringify(of.fake.journal).includes('sallyport-connection'), 'what is for us stays here')
})

test('no call of one person ever uses the connection of another, or the organisation’s', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const people = await Promise.all(['ana', 'bo', 'cy'].map((name) => of.person(name)))
  const tokenOf = new Map<string, string>()
  for (const person of people.slice(0, 2)) {
    await connect(person)
    tokenOf.set(person.principal.id, of.server.issued.at(-1)!.token)
  }
  const agents = await Promise.all(
    [...people, people[0]!].map(async (person) => ({ person, agent: await person.connect('vaulted', 'all') })),
  )
  const calls = Array.from({ length: 5 }, () => agents).flat()
  const answers = await Promise.all(calls.map(({ person, agent }) => agent.call('echo', { text: person.principal.id })))
  assert.equal(answers.filter(({ result }) => result['isError'] === true).length, 5, 'cy has none')
  assert.equal(of.calls().length, 15)
  for (const { token, text } of of.calls()) assert.equal(token, tokenOf.get(text as string))
})

test('a link that somebody else follows connects nothing of theirs to who began it, nor the other way round', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const [ana, mallory] = [await of.person('ana'), await of.person('mallory')]
  // Mallory begins, and has Ana consent at the authorization server with Ana's account there.
  const stolen = await visit(await begin(mallory))
  assert.equal((await ana.browser.open(stolen)).status, 404)
  // Mallory consents with her own account, and has Ana's browser finish it.
  const planted = await visit(await begin(mallory))
  const to = new URL(planted, of.house.origin).pathname
  const form = elsewhereTo(await ana.browser.open('/connections/vaulted'), '/connections/vaulted/connect', to)
  const fields = Object.fromEntries(new URL(planted, of.house.origin).searchParams)
  const forced = await ana.browser.submit(form, fields, { to })
  assert.equal(forced.status, 404)
  // Not even she, in another browser.
  const elsewhere = await of.house.signIn(mallory)
  assert.equal((await elsewhere.browser.open(planted)).status, 404)
  assert.equal(of.server.asked.filter(({ code }) => code !== undefined).length, 0, 'no code was redeemed')
  for (const person of [ana, mallory]) {
    const agent = await person.connect('vaulted', 'all')
    assert.equal((await agent.call('echo', { text: 'x' })).result['isError'], true)
  }
})

test('one’s own connection is not the organisation’s, whoever comes back', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const { rooms } = of.house
  const ana = await of.person('ana')
  await connect(ana)
  const { principalId } = (await rooms.vault.listConnectionsOf(ana.principal.id))[0]!
  assert.equal(principalId, ana.principal.id)
  const [organisation] = (await rooms.vault.listConnections('vaulted')).filter((one) => one.principalId === undefined)
  assert.equal(organisation!.details!.grant, 'client_credentials')

  const boss = await of.house.person('boss', ['administer'])
  const page = await boss.browser.open('/upstreams/vaulted')
  const begun = await boss.browser.submit(page, { reason: 'for all of us' }, { to: '/upstreams/vaulted/connect' })
  const back = await visit(begun)
  const { inventory } = rooms
  const right = (await inventory.listRights(boss.principal.id)).find((one) => one.right === 'administer')!
  const other = await of.house.person('other', ['administer'])
  await inventory.revokeEntitlement({ by: other.principal.id, id: right.id, reason: 'not any more' })
  assert.equal((await boss.browser.open(back)).status, 403, 'who administers no more finishes nothing for all')
})

test('an upstream that names another authorization server leads nobody there', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  of.asks.issuer = of.other.issuer
  const begun = await begin(await of.person('ana'))
  assert.equal(begun.status, 502)
  assert.match(textOn(begun), /names another authorization server/)
  assert.deepEqual([of.other.registered, of.other.visits], [[], []])
})

test('a token of a person is renewed, once for all that wait, and when it ends for good the person connects again', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const ana = await of.person('ana')
  await connect(ana)
  const agents = [await ana.connect('vaulted', 'all'), await ana.connect('vaulted', 'all')]
  of.house.clock.pass(3_590_000)
  for (const agent of agents) await agent.refresh()
  const answers = await Promise.all([...agents, ...agents].map((agent) => agent.call('echo', { text: 'x' })))
  assert.ok(answers.every(({ error }) => error === undefined))
  assert.equal(refreshes(of), 1)

  of.house.clock.pass(3_590_000)
  for (const agent of agents) await agent.refresh()
  of.server.forget()
  for (let attempt = 0; attempt < 3; attempt++) {
    const told = await agents[0]!.call('echo', { text: 'x' })
    assert.match(JSON.stringify(told.result['content']), /has ended: connect it again/)
  }
  assert.equal(refreshes(of), 2, 'what has ended is not asked for again')
  assert.match(textOn(await ana.browser.open('/connections')), /Your authorization has ended \( ?invalid_grant/)
  await connect(ana)
  assert.equal((await agents[0]!.call('echo', { text: 'x' })).error, undefined)
})

test('a person removes their connection: the next call has none, and nothing of anybody else is cut', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const [ana, bo] = [await of.person('ana'), await of.person('bo')]
  await connect(ana)
  await connect(bo)
  const [hers, his] = [await ana.connect('vaulted', 'all'), await bo.connect('vaulted', 'all')]
  for (const agent of [hers, his]) assert.equal((await agent.call('echo', { text: 'x' })).error, undefined)
  const page = await ana.browser.open('/connections')
  const done = await ana.browser.submit(page, {}, { to: '/connections/vaulted/remove' })
  assert.match(textOn(done), /Removed\. Calls in your name are refused/)
  assert.equal((await hers.call('echo', { text: 'x' })).result['isError'], true)
  assert.equal((await his.call('echo', { text: 'x' })).result['isError'], undefined)
  assert.deepEqual(await of.house.rooms.vault.listConnectionsOf(ana.principal.id), [])
})

test('connections end with the person, and with the upstream', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const { identity, inventory, vault } = of.house.rooms
  const [ana, bo] = [await of.person('ana'), await of.person('bo')]
  await connect(ana)
  await connect(bo)
  const by = (await of.house.person('boss', ['administer'])).principal.id
  await identity.disablePrincipal({ by, id: ana.principal.id, reason: 'left' })
  assert.deepEqual(await vault.listConnectionsOf(ana.principal.id), [])
  assert.equal((await vault.listConnectionsOf(bo.principal.id)).length, 1)
  await inventory.stepUpstream({ by, name: 'vaulted', to: 'retired', reason: 'gone' })
  assert.deepEqual(await vault.listConnections('vaulted'), [])
})

test('who may use nothing of it sees no such page, and connects nothing', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const nobody = await of.house.person('nobody')
  assert.equal((await nobody.browser.open('/connections/vaulted')).status, 404)
  assert.equal((await nobody.browser.open('/connections/nothing')).status, 404)
  const to = '/connections/vaulted/connect'
  const forced = await nobody.browser.submit(elsewhereTo(await nobody.browser.open('/you'), '/you/key', to), {}, { to })
  assert.equal(forced.status, 404)
  assert.equal(of.server.visits.length, 0)
})

test('whose right ends while they are at the authorization server finishes nothing', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const { inventory, vault } = of.house.rooms
  const [ana, bo] = [await of.person('ana'), await of.person('bo')]
  const back = await visit(await begin(ana))
  const shown = await ana.browser.open(back)
  assert.equal(shown.status, 200)
  const by = (await of.house.person('boss', ['administer'])).principal.id
  for (const { id } of await inventory.listRights(ana.principal.id)) {
    await inventory.revokeEntitlement({ by, id, reason: 'not any more' })
  }
  const redeemed = () => of.server.asked.filter(({ code }) => code !== undefined).length
  assert.equal((await ana.browser.open(back)).status, 404)
  assert.equal((await finishConnection(ana, shown)).status, 404)
  assert.equal(redeemed(), 0, 'no code was redeemed')
  assert.deepEqual(await vault.listConnectionsOf(ana.principal.id), [])
  // An upstream that serves no more is not connected either.
  const late = await bo.browser.open(await visit(await begin(bo)))
  await inventory.stepUpstream({ by, name: 'vaulted', to: 'suspended', reason: 'for now' })
  assert.equal((await finishConnection(bo, late)).status, 404)
  assert.equal(redeemed(), 0)
})

test('nobody begins more than twenty authorizations at once, and nobody else is kept from it', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const ana = await of.person('ana')
  for (let count = 0; count < 20; count++) assert.equal((await begin(ana)).status, 200)
  assert.equal((await begin(ana)).status, 429)
  assert.equal((await begin(await of.person('bo'))).status, 200)
  of.house.clock.pass(10 * 60_000 + 1)
  assert.equal((await begin(ana)).status, 200)
})

test('an administrator sees who has connected it, never a token, and revokes one; nobody else’s is touched', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const [ana, bo] = [await of.person('ana'), await of.person('bo')]
  await connect(ana)
  await connect(bo)
  const [hers, his] = [await ana.connect('vaulted', 'all'), await bo.connect('vaulted', 'all')]
  for (const agent of [hers, his]) assert.equal((await agent.call('echo', { text: 'x' })).result['isError'], undefined)
  const boss = await of.house.person('boss', ['administer'])
  const page = await boss.browser.open('/upstreams/vaulted')
  assert.match(textOn(page), /Calls go out in the name of who calls, by the connection of each person/)
  assert.match(textOn(page), /Connected by 2 people for themselves/)
  assert.ok(textOn(page).includes(redirectUrlFor(of.house.origin, of.server.issuer)), 'for who registers a client')
  for (const { token } of of.server.issued) assert.ok(!page.text.includes(token))
  const { id } = (await of.house.rooms.vault.listConnectionsOf(ana.principal.id))[0]!
  const done = await boss.browser.submit(
    page,
    { id, reason: 'lent to somebody' },
    { to: '/upstreams/vaulted/credential/revoke' },
  )
  assert.equal(done.status, 200)
  assert.equal((await hers.call('echo', { text: 'x' })).result['isError'], true)
  assert.equal((await his.call('echo', { text: 'x' })).result['isError'], undefined)
  const [revoked] = await of.house.changes('connection.revoked')
  assert.equal(revoked!.about.id, `vaulted/${ana.principal.id}`)
})

test('a call that was carried out is recorded so, though the grant ended before the upstream told it a nonce', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const ana = await of.person('ana')
  const agent = await ana.connect('vaulted', 'all')
  await connect(ana)
  assert.equal((await agent.call('echo', { text: 'x' })).status, 200)
  const grant = (await of.house.rooms.oauth.listGrants({ principalId: ana.principal.id }))[0]!
  of.fake.options.intercept = ({ message }, response) => {
    response.setHeader('dpop-nonce', 'n')
    if (message?.method === 'tools/call') of.house.clock.turn(grant.endsAt - of.house.clock.now())
    return false
  }
  const answer = await agent.call('echo', { text: 'y' })
  assert.deepEqual(of.calls().at(-1)?.text, 'y')
  const outcomes = await of.house.entries('outcome')
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['success', 'success'],
  )
  assert.equal(answer.error, undefined)
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import type { LoginDemand } from '../../src/model/login.ts'
import type { Agent, Answer } from '../agent.ts'
import { textOf } from '../agent.ts'
import type { Page } from '../browser.ts'
import { openCommandLine, sendForm, textOn } from '../operator.ts'
import type { Person } from '../person.ts'
import { hang } from '../fake-house.ts'
import { openProviderHouse } from '../provider-house.ts'

// Step-up: an entitlement demands a fresh or a strong login of who uses it.
// https://www.rfc-editor.org/rfc/rfc9470

const reason = 'for a test'
const nowSeconds = () => Math.floor(Date.now() / 1_000)

async function openDemanding(t: TestContext, demand: LoginDemand) {
  const opened = await openProviderHouse(t)
  const { house, idp, enter } = opened
  const ada = await house.person('Ada', ['administer'])
  const by = ada.principal.id
  const { inventory } = house.rooms
  idp.knobs = { claims: { auth_time: nowSeconds(), amr: ['pwd'] } }
  const ana = await enter()
  const give = { by, principalId: ana.principal.id, right: 'use', upstream: 'desk', reason } as const
  await inventory.entitle({ ...give, tools: ['read_note', 'write_note'] })
  const held = await inventory.listEntitlements({ principalId: ana.principal.id, tool: 'write_note' })
  const ids = held.map(({ id }) => id)
  await inventory.demandLogin({ by, principalId: ana.principal.id, ids, demand, reason })
  const agent = await ana.connect('desk', 'all')
  return { ...opened, ada, by, ana, agent, ids }
}

const write = (agent: Agent) => agent.call('write_note', { id: 'n1', text: 'x' })
const challengeOf = (answer: Answer) => answer.headers.get('www-authenticate') ?? ''
const linkIn = (answer: Answer) => (answer.result['_meta'] as Record<string, { url: string }>)['sallyport/login']!.url

/** Logs in again by the page of the grant, and lets the program go on. */
async function stepUp(person: Person, url: string) {
  const page = await person.browser.open(url)
  const [, again] = /href="(\/sign-in\?[^"]+)"/.exec(page.text)!
  const choose = await person.browser.follow(page, again!.replaceAll('&amp;', '&'))
  const [, onward] = /href="(\/sign-in\/with\/company\?[^"]+)"/.exec(choose.text)!
  const back = await person.browser.follow(choose, onward!.replaceAll('&amp;', '&'))
  return sendForm(person, back, { to: new URL(url).pathname })
}

test('a login that is too old is told by a challenge at the call; a login of now lets the same grant through', async (t) => {
  const { house, idp, ana, agent, fake } = await openDemanding(t, { maxAgeSeconds: 600 })
  assert.equal((await write(agent)).status, 200, 'fresh from the sign-in')
  house.clock.pass(601_000)
  await agent.refresh()
  const before = fake.calls.length
  assert.deepEqual(await agent.list(), ['read_note', 'write_note'], 'it is listed all the same')
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200, 'what demands nothing passes')
  const challenged = await write(agent)
  assert.equal(challenged.status, 401)
  assert.match(challengeOf(challenged), /error="insufficient_user_authentication".*max_age="600"/)
  assert.match(challengeOf(challenged), /resource_metadata="http/)
  assert.equal(challenged.error?.data?.['reason'], 'login.too_old')

  const told = await write(agent)
  assert.equal(told.status, 200)
  assert.equal(told.result['isError'], true)
  assert.match(textOf(told), /needs a fresher login/)
  assert.equal(fake.calls.length, before + 1)

  const early = await ana.browser.open(linkIn(told))
  assert.match(textOn(early), /a login of the last 10 minutes/)
  assert.doesNotMatch(early.text, /Let it go on/)
  idp.knobs = { claims: { auth_time: Math.floor(house.clock.now() / 1_000), amr: ['pwd'] } }
  const done = await stepUp(ana, linkIn(told))
  assert.match(textOn(done), /the program may go on/)
  const asked = idp.journal.filter(({ path }) => path === '/authorize').at(-1)!.query
  assert.equal(asked['max_age'], '0')
  assert.equal((await write(agent)).status, 200)
  assert.equal(fake.calls.length, before + 2)
  const [entry] = await house.changes('grant.login_renewed')
  assert.equal(entry!.by, ana.principal.id)
  const denials = (await house.entries('denial')).map((one) => one.reason)
  assert.deepEqual(denials.slice(-2), ['login.too_old', 'login.too_old'])
})

test('a login that is too weak is told with the classes that are strong enough, and the provider is asked for them', async (t) => {
  const { idp, ana, agent } = await openDemanding(t, { acr: ['phr', 'phrh'], amr: ['hwk'] })
  assert.match(challengeOf(await write(agent)), /acr_values="phr phrh"/)
  const told = await write(agent)
  idp.knobs = { claims: { auth_time: nowSeconds(), acr: 'phr', amr: ['pwd'] } }
  await assert.rejects(stepUp(ana, linkIn(told)), /no form/, 'the class alone is not enough')
  assert.equal(idp.journal.filter(({ path }) => path === '/authorize').at(-1)!.query['acr_values'], 'phr phrh')
  idp.knobs = { claims: { auth_time: nowSeconds(), acr: 'phr', amr: ['hwk', 'user'] } }
  await stepUp(ana, linkIn(told))
  assert.notEqual((await write(agent)).result['isError'], true)
})

test('a client that can step up asks for what the challenge says, and its new grant and token say so', async (t) => {
  const { house, idp, ana, agent } = await openDemanding(t, { maxAgeSeconds: 60, acr: ['phr'] })
  assert.equal((await write(agent)).status, 401)
  const client = await house.register({ client_name: 'one that can' })
  const url = new URL(client.authorizeUrl('desk'))
  url.searchParams.set('max_age', '60')
  url.searchParams.set('acr_values', 'phr')
  const asked = await ana.browser.open(url)
  assert.equal(asked.url.pathname, '/sign-in', asked.url.href)
  idp.knobs = { claims: { auth_time: nowSeconds(), acr: 'phr', amr: ['hwk'] } }
  const [, onward] = /href="(\/sign-in\/with\/company\?[^"]+)"/.exec(asked.text)!
  const consent = await ana.browser.follow(asked, onward!.replaceAll('&amp;', '&'))
  assert.match(consent.url.pathname, /^\/consent\//)
  const answered = await ana.consent(consent, 'all')
  const code = answered.url.searchParams.get('code')!
  const resource = client.resourceOf('desk')
  const tokens = await client.redeem(code, { resource })
  const said = decodeJwt(tokens.access_token)
  assert.deepEqual([said['acr'], said['amr']], ['phr', ['hwk']])
  assert.ok(Math.abs(Number(said['auth_time']) - nowSeconds()) < 60)
})

test('a client is told when the login cannot be what it asks for', async (t) => {
  const { house, ana } = await openDemanding(t, { acr: ['phr'] })
  const client = await house.register({ client_name: 'one that can' })
  const url = new URL(client.authorizeUrl('desk'))
  url.searchParams.set('acr_values', 'phr')
  const asked = await ana.browser.open(url)
  const [, onward] = /href="(\/sign-in\/with\/company\?[^"]+)"/.exec(asked.text)!
  const answered = await ana.browser.follow(asked, onward!.replaceAll('&amp;', '&'))
  assert.equal(answered.url.searchParams.get('error'), 'unmet_authentication_requirements')
})

test('a modern client that takes links is sent to the page, once', async (t) => {
  const { agent } = await openDemanding(t, { acr: ['phr'] })
  const params = { name: 'write_note', arguments: { id: 'n1' } }
  const capabilities = { elicitation: { url: {} } }
  assert.equal((await agent.modern('tools/call', params, capabilities)).status, 401)
  const sent = await agent.modern('tools/call', params, capabilities)
  assert.equal(sent.result['resultType'], 'input_required')
  assert.match(JSON.stringify(sent.result), /\/grants\/[^/]+\/login\?upstream=desk&tool=write_note/)
  const back = { ...params, inputResponses: { 'sallyport-login': { action: 'accept' } } }
  assert.equal((await agent.modern('tools/call', back, capabilities)).result['isError'], true)
})

test('nobody else can put his login behind a grant, whatever he may do', async (t) => {
  const { house, agent, ada, ana } = await openDemanding(t, { acr: ['phr'] })
  await write(agent)
  const path = `/grants/${agent.grantId}/login`
  const query = '?upstream=desk&tool=write_note'
  assert.equal((await ada.browser.open(path + query)).status, 404)
  const own = await ada.browser.open('/you')
  const forged = await ada.browser.post(
    new URL(path, house.origin),
    new URLSearchParams({
      csrf: /name="csrf" value="([^"]+)"/.exec(own.text)![1]!,
      upstream: 'desk',
      tool: 'write_note',
    }),
    { site: 'same-origin', origin: 'null' },
  )
  assert.equal(forged.status, 404)
  assert.equal((await ana.browser.open(`/grants/${agent.grantId}/login?upstream=desk&tool=read_note`)).status, 404)
  const page = await ana.browser.open('/you')
  const weak = await ana.browser.post(
    new URL(path, house.origin),
    new URLSearchParams({
      csrf: /name="csrf" value="([^"]+)"/.exec(page.text)![1]!,
      upstream: 'desk',
      tool: 'write_note',
    }),
    { site: 'same-origin', origin: 'null' },
  )
  assert.equal(weak.status, 400, 'a login that does not do is not put there')
})

test('a link opens no tool that the grant does not hold, and the page names every tool that the login opens', async (t) => {
  const { house, idp, by, ana, enter } = await openDemanding(t, { maxAgeSeconds: 600 })
  const { inventory } = house.rooms
  const give = { by, principalId: ana.principal.id, right: 'use', upstream: 'desk', reason } as const
  await inventory.entitle({ ...give, tools: ['hang'] })
  const demandOf = async (tool: string, demand: LoginDemand) => {
    const held = await inventory.listEntitlements({ principalId: ana.principal.id, tool })
    await inventory.demandLogin({ by, principalId: ana.principal.id, ids: held.map(({ id }) => id), demand, reason })
  }
  await demandOf('read_note', { maxAgeSeconds: 86_400 })
  await demandOf('hang', { acr: ['phr'] })
  const narrow = await ana.connect('desk', ['write_note'])
  const broad = await ana.connect('desk', 'all')
  house.clock.pass(601_000)
  await narrow.refresh()
  idp.knobs = { claims: { auth_time: Math.floor(house.clock.now() / 1_000), amr: ['pwd'] } }
  // A fresh login in the browser, for whatever reason; the link is written by the program.
  const { browser } = await enter()
  const linkTo = (grantId: string, tool: string) => `/grants/${grantId}/login?upstream=desk&tool=${tool}`
  assert.equal((await write(narrow)).status, 401)
  assert.equal((await browser.open(linkTo(narrow.grantId, 'read_note'))).status, 404)
  const own = await browser.open(linkTo(narrow.grantId, 'write_note'))
  assert.doesNotMatch(textOn(own), /all of these/, 'it holds one tool')
  const fields = { upstream: 'desk', tool: 'read_note' }
  const to = `/grants/${narrow.grantId}/login`
  assert.equal((await browser.submit(own, fields, { to })).status, 404)
  assert.equal((await write(narrow)).result['isError'], true)

  const text = textOn(await browser.open(linkTo(broad.grantId, 'read_note')))
  assert.match(text, /Your login in this browser opens all of these to it/)
  assert.match(text, /read_note with a login of the last 24 hours/)
  assert.match(text, /write_note with a login of the last 10 minutes/)
  assert.doesNotMatch(text, /hang/, 'it is not of that class')
  idp.knobs = { claims: { auth_time: 1, amr: ['pwd'] } }
  const weak = textOn(await (await enter()).browser.open(linkTo(broad.grantId, 'read_note')))
  assert.match(weak, /A new login can open all of these to it/)
  assert.match(weak, /hang with a login of the class phr/)
})

test('what is let go on is what the page showed: not other tools, nor by another login', async (t) => {
  const { house, by, ana, agent, enter, idp } = await openDemanding(t, { maxAgeSeconds: 600 })
  const { inventory } = house.rooms
  const demandOf = async (tool: string, demand: LoginDemand) => {
    const held = await inventory.listEntitlements({ principalId: ana.principal.id, tool })
    await inventory.demandLogin({ by, principalId: ana.principal.id, ids: held.map(({ id }) => id), demand, reason })
  }
  const to = `/grants/${agent.grantId}/login`
  const open = (tool = 'write_note') => ana.browser.open(`${to}?upstream=desk&tool=${tool}`)
  const refused = async (page: Page, fields: Record<string, string> = {}, browser = ana.browser) => {
    const answer = await browser.submit(page, fields, { to })
    assert.deepEqual([answer.status, /something changed while you were reading/.test(textOn(answer))], [400, true])
    assert.deepEqual(await house.changes('grant.login_renewed'), [])
  }
  const alone = await open()
  await demandOf('read_note', { maxAgeSeconds: 600 })
  await refused(alone)
  await refused(alone, { tool: 'read_note' })
  const both = await open()
  await demandOf('read_note', { maxAgeSeconds: 60 })
  await refused(both)
  const mine = await open()
  const csrf = (page: Page) => /name="csrf" value="([^"]+)"/.exec(page.text)![1]!
  idp.knobs = { claims: { auth_time: nowSeconds() - 5, amr: ['pwd', 'otp'] } }
  const other = await enter()
  await refused(mine, { csrf: csrf(await other.browser.open('/you')) }, other.browser)
  assert.equal((await ana.browser.submit(await open(), {}, { to })).status, 200)
  assert.equal((await house.changes('grant.login_renewed')).length, 1)
})

test('at a bundle the page names the tools of all its members', async (t) => {
  const { house, by, ana } = await openDemanding(t, { maxAgeSeconds: 600 })
  const { inventory } = house.rooms
  const held = await inventory.listEntitlements({ principalId: ana.principal.id, tool: 'read_note' })
  const ids = held.map(({ id }) => id)
  await inventory.demandLogin({ by, principalId: ana.principal.id, ids, demand: { maxAgeSeconds: 60 }, reason })
  const members = [{ upstream: 'desk', prefix: 'notes' }]
  await inventory.makeBundle({ by, ownerId: by, name: 'all', purpose: 'everything', members, reason })
  const { grantId } = await ana.connect('all', 'all')
  const page = textOn(await ana.browser.open(`/grants/${grantId}/login?upstream=desk&tool=write_note`))
  assert.match(page, /read_note of desk with a login of the last minute/)
  assert.match(page, /write_note of desk with a login of the last 10 minutes/)
  assert.equal((await ana.browser.open(`/grants/${grantId}/login?upstream=desk&tool=hang`)).status, 404)
})

test('a provider that does not say when somebody signed in cannot make him fresh', async (t) => {
  const { idp, enter, house } = await openDemanding(t, { maxAgeSeconds: 600 })
  idp.knobs = {}
  const person = await enter()
  const agent = await person.connect('desk', 'all')
  assert.equal((await write(agent)).status, 401)
  assert.equal((await house.rooms.oauth.findGrant(agent.grantId))!.login!.at, 0)
})

test('a call under way is not broken off because the login grows old, but when more is demanded of it', async (t) => {
  const { house, by, ana, fake } = await openDemanding(t, { maxAgeSeconds: 600 })
  const { inventory } = house.rooms
  const give = { by, principalId: ana.principal.id, right: 'use', upstream: 'desk', reason } as const
  await inventory.entitle({ ...give, tools: ['hang'] })
  const [right] = await inventory.listEntitlements({ principalId: ana.principal.id, tool: 'hang' })
  const demand = (of: LoginDemand) =>
    inventory.demandLogin({ by, principalId: ana.principal.id, ids: [right!.id], demand: of, reason })
  await demand({ maxAgeSeconds: 600 })
  const agent = await ana.connect('desk', 'all')
  const { ended } = await hang({ fake }, agent)
  let over = false
  void ended.finally(() => (over = true))
  house.clock.pass(601_000)
  await inventory.entitle({ ...give, tools: ['delete_note'] })
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(over, false)
  await demand({ acr: ['phr'] })
  assert.match(await ended, /withdrawn|broken off/)
})

test('an administrator demands a login on the page of a person and by the command line, and takes it back', async (t) => {
  const { house, ada, ana, ids } = await openDemanding(t, { acr: ['phr'] })
  const path = `/people/${ana.principal.id}`
  const page = await ada.browser.open(path)
  assert.match(textOn(page), /needs a login of the class phr/)
  const to = new URL(`${path}/demand-login`, house.origin)
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!
  const form = { csrf, entitlements: ids[0]!, reason }
  const ask = (fields: Record<string, string>) =>
    ada.browser.post(to, new URLSearchParams({ ...form, ...fields }), { site: 'same-origin', origin: 'null' })
  assert.match(page.text, new RegExp(`formaction="${path}/demand-login"`))
  const changed = await ask({ maxAgeMinutes: '5', amr: 'mfa, hwk' })
  assert.match(textOn(changed), /needs a login of the last 5 minutes, and a login by mfa and hwk/)
  assert.equal((await ask({ maxAgeMinutes: '99999' })).status, 400)
  const none = await ask({})
  assert.doesNotMatch(textOn(none), /needs a login/)
  const run = await openCommandLine(house, ada)
  const set = ['demand-login', ana.principal.id, '--upstream', 'desk', '--reason', reason]
  assert.match((await run(...set, '--tools', 'write_note', '--max-age', '120')).out, /changed 1 right/)
  const demands = async () =>
    (await house.rooms.inventory.listRights(ana.principal.id))
      .toSorted((a, b) => (a.tool < b.tool ? -1 : 1))
      .map(({ tool, login }) => [tool, login])
  assert.deepEqual(await demands(), [
    ['read_note', undefined],
    ['write_note', { maxAgeSeconds: 120 }],
  ])
  assert.match((await run(...set)).out, /changed 2 rights/)
  assert.deepEqual(
    (await demands()).map(([, login]) => login),
    [undefined, undefined],
  )
  assert.equal((await house.changes('entitlement.login_demanded')).length, 5)
})

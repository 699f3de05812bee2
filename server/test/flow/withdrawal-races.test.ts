import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import pg from 'pg'
import { whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { inTime, until } from '../patience.ts'
import { type FakeEnterprise, openFakeEnterprise } from '../fake/enterprise.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { audience, caep, openFakeTransmitter, risc } from '../fake/transmitter.ts'
import { holdTransaction } from '../held.ts'
import { openHouse } from '../house.ts'
import { entitle } from '../machines.ts'
import type { TokenAnswer } from '../oauth-client.ts'
import { Person } from '../person.ts'
import { authorization, issSub, pushEvent } from '../signal-house.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

// A withdrawal that meets somebody who is being let in at this moment: one comes after the other, and nothing is left.

let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

const client = { id: 'sallyport', secret: 'the client secret' }
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** A house with a provider that people sign in by, one that vouches for them to clients, and what both say has ended. */
async function openScene(t: TestContext, databaseUrl?: string, more: { peopleSignInHere?: boolean } = {}) {
  const idp = await openFakeIdp(client, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const company: FakeEnterprise = await openFakeEnterprise(t)
  const transmitter = await openFakeTransmitter(t)
  const reached = { issuer: idp.issuer, clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const oidc = [{ id: 'okta', name: 'Okta', ...reached, claims: { groups: 'groups' } }]
  const { issuer, jwksUri } = transmitter
  const push = { authorizationEnv: 'OKTA_PUSH' }
  const signals = [
    {
      id: 'okta',
      issuer,
      jwksUri,
      audience: audience,
      people: more.peopleSignInHere ? idp.issuer : company.issuer,
      push,
    },
  ]
  const enterprise = [{ issuer: company.issuer, jwksUri: company.jwksUri }]
  const parts = { login: { oidc }, signals, clients: { enterprise } }
  const yaml = Object.entries(parts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const house = await openHouse(t, {
    yaml: yaml.join('\n'),
    env: { IDP_SECRET: client.secret, OKTA_PUSH: authorization },
    reach: [idp.issuer, company.issuer, issuer],
    databaseUrl,
  })
  await house.upstream('mux', ['get_asset'])
  const logOut = async (of: Record<string, unknown> = { sub: 'a-1' }): Promise<number> => {
    const body = new URLSearchParams({ logout_token: await idp.writeLogout(of) })
    return (await fetch(`${house.url}/sign-in/backchannel-logout/okta`, { method: 'POST', body })).status
  }
  const signIn = async (browser: Browser) =>
    browser.follow(
      await browser.open(`${house.origin}/sign-in?return_to=/sign-out`),
      '/sign-in/with/okta?return_to=/sign-out',
    )
  return { house, idp, company, transmitter, logOut, signIn }
}

const stores = { SQLite: async () => undefined, PostgreSQL: () => postgres!.createDatabase() }

/** Resolves when a transaction of this database waits for a lock of another one. */
async function untilOneWaits(t: TestContext, databaseUrl: string): Promise<void> {
  const watching = new pg.Client({ connectionString: databaseUrl })
  await watching.connect()
  t.after(() => watching.end())
  await until(async () => {
    const { rows } = await watching.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  }, 'a transaction waits for another one')
}

for (const [name, createDatabase] of Object.entries(stores)) {
  test(`a login that was under way when the provider logged the person out does not come in, on ${name}`, async (t) => {
    const { house, logOut, signIn } = await openScene(t, await createDatabase())
    const [before, browser] = [house.browser(), house.browser()]
    await signIn(before)
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const landing = signIn(browser)
    await held.reached
    assert.equal(await inTime(logOut(), 'the logout is answered'), 200)
    held.go()
    const landed = await inTime(landing, 'the login has come back')
    assert.equal(landed.status, 401)
    assert.match(landed.text, /since it was begun, your provider has ended what you had/)
    assert.equal(await whoIs(house, browser), undefined)
    assert.equal(await whoIs(house, before), undefined)
    const logins = await house.entries('login')
    assert.deepEqual([logins.at(-1)?.status, logins.at(-1)?.reason], ['failure', 'identity.sign_in_failed'])
    assert.equal((await signIn(browser)).url.pathname, '/sign-out', 'a login of afterwards comes in')
    assert.ok(await whoIs(house, browser))
  })

  for (const [whose, of] of [
    ['of this session', { sid: 's-1' }],
    ['of a person', { sub: 'a-1' }],
  ] as const) {
    test(`a logout that meets the first login ${whose} wins, on ${name}`, async (t) => {
      const { house, idp, logOut, signIn } = await openScene(t, await createDatabase())
      idp.knobs = { claims: { sid: 's-1' } }
      const browser = house.browser()
      const held = holdTransaction(t, house.rooms.store, 'begin')
      const landing = signIn(browser)
      await held.reached
      assert.equal(await logOut(of), 200)
      held.go()
      const landed = await landing
      assert.equal(landed.status, 401)
      assert.match(landed.text, /since it was begun, your provider has ended what you had/)
      assert.equal(await whoIs(house, browser), undefined)
      assert.deepEqual(await house.rooms.identity.listPrincipals({ limit: 100 }), [], 'nobody was made')
      idp.knobs = { claims: { sid: 's-2' } }
      assert.equal((await signIn(browser)).url.pathname, '/sign-out', 'a login of afterwards comes in')
      assert.ok(await whoIs(house, browser))
    })
  }

  for (const out of [{ sid: 's-2' }, { sub: 'a-1' }])
    test(`a login that a logout by ${Object.keys(out)[0]} makes void gives no groups by its claims, on ${name}`, async (t) => {
      const { house, idp, logOut, signIn } = await openScene(t, await createDatabase())
      const { identity } = house.rooms
      const step = { by: 'set-up', reason: 'they may read' }
      const { id: groupId } = await identity.makeGroup({ ...step, name: 'Staff' })
      await identity.addGroupRule({ ...step, provider: 'okta', match: 'exact', value: 'staff', groupId })
      const browser = house.browser()
      await signIn(browser)
      const { id } = (await whoIs(house, browser))!.principal
      idp.knobs = { claims: { sid: 's-2', groups: ['staff'] } }
      const held = holdTransaction(t, house.rooms.store, 'begin')
      const landing = signIn(browser)
      await held.reached
      assert.equal(await logOut(out), 200)
      held.go()
      assert.equal((await landing).status, 401)
      assert.deepEqual(await identity.listMemberships({ memberId: id }), [])
      assert.deepEqual(await house.changes('group.refreshed'), [])
      assert.equal((await identity.lastClaimsOf(id))?.claims['groups'], undefined)
      assert.equal((await house.entries('login')).at(-1)?.reason, 'identity.sign_in_failed')
      idp.knobs = { claims: { sid: 's-3', groups: ['staff'] } }
      await signIn(browser)
      assert.equal((await identity.listMemberships({ memberId: id })).length, 1, 'a login of afterwards gives them')
      assert.deepEqual((await identity.lastClaimsOf(id))?.claims['groups'], ['staff'])
    })

  test(`an event about a session keeps its first login out, on ${name}`, async (t) => {
    const { house, idp, transmitter, signIn } = await openScene(t, await createDatabase(), { peopleSignInHere: true })
    idp.knobs = { claims: { sid: 's-1' } }
    const browser = house.browser()
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const landing = signIn(browser)
    await held.reached
    const session = { session: { format: 'opaque', id: 's-1' } }
    const event = `${caep}session-revoked`
    const told = await pushEvent(house, transmitter, {
      sub: 'a-1',
      event,
      claims: { sub_id: { format: 'complex', ...session } },
    })
    assert.equal(told.status, 202)
    held.go()
    assert.equal((await landing).status, 401)
    assert.equal(await whoIs(house, browser), undefined)
    assert.deepEqual(await house.rooms.identity.listPrincipals({ limit: 100 }), [])
  })

  for (const way of ['login', 'invitation'] as const)
    test(`who is disabled by an event while he joins by his first ${way} does not join, on ${name}`, async (t) => {
      const { house, idp, transmitter, signIn } = await openScene(t, await createDatabase(), { peopleSignInHere: true })
      const rights = [{ right: 'use' as const, upstream: 'mux', tool: 'get_asset' }]
      const { url } = await house.rooms.identity.invite({ by: 'set-up', name: 'Ana', rights })
      const join = async (browser: Browser) =>
        way === 'login'
          ? signIn(browser)
          : browser.follow(await browser.open(url), `${new URL(url).pathname}/with/okta`)
      const held = holdTransaction(t, house.rooms.store, 'begin')
      const landing = join(house.browser())
      await held.reached
      const claims = { sub_id: issSub('a-1', idp.issuer) }
      const told = await pushEvent(house, transmitter, { sub: 'a-1', event: `${risc}account-disabled`, claims })
      assert.equal(told.status, 202)
      held.go()
      assert.equal((await landing).status, 401)
      assert.deepEqual(await house.changes('principal.joined'), [])
      assert.deepEqual(await house.rooms.identity.listPrincipals({ limit: 100 }), [])
      const browser = house.browser()
      await join(browser)
      const { principal } = (await whoIs(house, browser))!
      const given = await house.rooms.inventory.listEntitlements({ principalId: principal.id })
      assert.equal(given.length, way === 'login' ? 0 : 1, 'the link was still good for a login of afterwards')
    })

  test(`who is disabled while he accepts an invitation gets nothing by it, on ${name}`, async (t) => {
    const { house, signIn } = await openScene(t, await createDatabase())
    const browser = house.browser()
    await signIn(browser)
    const { principal } = (await whoIs(house, browser))!
    const rights = [{ right: 'administer' as const, upstream: '*', tool: '*' }]
    const { url } = await house.rooms.identity.invite({ by: 'set-up', name: 'Ana', rights })
    const page = await browser.open(url)
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const landing = browser.follow(page, `${new URL(url).pathname}/with/okta`)
    await held.reached
    await house.rooms.identity.disablePrincipal({ by: 'system', id: principal.id, reason: 'left' })
    held.go()
    assert.equal((await landing).status, 403)
    assert.deepEqual(await house.rooms.inventory.listEntitlements({ principalId: principal.id }), [])
    assert.equal((await house.browser().open(url)).status, 200, 'the link is still open')
  })

  test(`an assertion about somebody new who is disabled meanwhile makes nobody, on ${name}`, async (t) => {
    const { house, company, transmitter } = await openScene(t, await createDatabase())
    const agent = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
    const claims = { aud: house.origin, client_id: agent.id, resource: agent.resourceOf('mux') }
    const assertion = await company.assert(claims)
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const answer = agent.token({ grant_type: grantType, assertion })
    await held.reached
    const about = { sub_id: issSub('u-1', company.issuer) }
    const told = await pushEvent(house, transmitter, { sub: 'u-1', event: `${risc}account-disabled`, claims: about })
    assert.equal(told.status, 202)
    held.go()
    assert.equal((await answer).error, 'invalid_grant')
    assert.deepEqual(await house.rooms.identity.listPrincipals({ limit: 100 }), [])
  })

  test(`an assertion that was being judged when an event ended all gives no grant, on ${name}`, async (t) => {
    const { house, company, transmitter } = await openScene(t, await createDatabase())
    const agent = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
    const claims = { aud: house.origin, client_id: agent.id, resource: agent.resourceOf('mux') }
    const present = async (): Promise<TokenAnswer> =>
      agent.token({ grant_type: grantType, assertion: await company.assert(claims) })
    assert.equal((await present()).error, 'invalid_grant', 'entitled to nothing yet')
    const all = await house.rooms.identity.listPrincipals({ limit: 100 })
    const { id } = all.find(({ subject }) => subject === 'u-1')!
    await entitle(house, id, ['mux/get_asset'])
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const answer = present()
    await held.reached
    const revoked = { ...issSub('u-1', company.issuer) }
    const event = `${caep}session-revoked`
    const pushed = pushEvent(house, transmitter, { sub: 'u-1', event, claims: { sub_id: revoked } })
    const told = await inTime(pushed, 'the event is answered')
    assert.equal(told.status, 202)
    held.go()
    assert.equal((await inTime(answer, 'the assertion is answered')).error, 'invalid_grant')
    assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: id }), [])
    assert.deepEqual(await house.changes('grant.given'), [])
  })

  test(`a vouched grant is not given when the person withdraws the one before it meanwhile, on ${name}`, async (t) => {
    const { house, company } = await openScene(t, await createDatabase())
    const agent = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
    const claims = { aud: house.origin, client_id: agent.id, resource: agent.resourceOf('mux') }
    const present = async (scope?: string): Promise<TokenAnswer> =>
      agent.token({ grant_type: grantType, assertion: await company.assert({ ...claims, ...(scope && { scope }) }) })
    assert.equal((await present()).error, 'invalid_grant', 'entitled to nothing yet')
    const all = await house.rooms.identity.listPrincipals({ limit: 100 })
    const { id } = all.find(({ subject }) => subject === 'u-1')!
    await entitle(house, id, ['mux/get_asset'])
    assert.equal((await present()).status, 200)
    const [grant] = await house.rooms.oauth.listGrants({ principalId: id })
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const answer = present('mux:read')
    await held.reached
    const revoked = house.rooms.oauth.revokeGrant({ by: id, id: grant!.id, reason: 'not any more' })
    await inTime(revoked, 'the grant is revoked')
    held.go()
    assert.equal((await inTime(answer, 'the assertion is answered')).error, 'invalid_grant')
    assert.equal((await house.rooms.oauth.listGrants({ principalId: id })).length, 1)
  })

  test(`an answer to the consent page is not taken when its sign-in ends meanwhile, on ${name}`, async (t) => {
    const { house, logOut, signIn } = await openScene(t, await createDatabase())
    const browser = house.browser()
    await signIn(browser)
    const { principal } = (await whoIs(house, browser))!
    await entitle(house, principal.id, ['mux/get_asset'])
    const agent = await house.register()
    const page = await browser.open(agent.authorizeUrl('mux'))
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const answered = new Person(house, principal, browser).consent(page, 'all')
    await held.reached
    assert.equal(await inTime(logOut(), 'the logout is answered'), 200)
    held.go()
    assert.match((await inTime(answered, 'the consent page is answered')).text, /your sign-in ended meanwhile/)
    assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: principal.id }), [])
  })
}

test('a logout whose transaction is at its end keeps a login waiting, and then out', async (t) => {
  const databaseUrl = await postgres!.createDatabase()
  const { house, logOut, signIn } = await openScene(t, databaseUrl)
  const browser = house.browser()
  await signIn(house.browser())
  const callback = holdTransaction(t, house.rooms.store, 'begin')
  const landing = signIn(browser)
  await callback.reached
  const logout = holdTransaction(t, house.rooms.store, 'end')
  const told = logOut()
  await logout.reached
  callback.go()
  await untilOneWaits(t, databaseUrl)
  logout.go()
  assert.equal(await inTime(told, 'the logout is answered'), 200)
  assert.equal((await inTime(landing, 'the login has come back')).status, 401)
  assert.equal(await whoIs(house, browser), undefined)
})

test('the first login of a session keeps a logout waiting that names the session alone, which then ends all', async (t) => {
  const databaseUrl = await postgres!.createDatabase()
  const { house, idp, logOut, signIn } = await openScene(t, databaseUrl)
  const earlier = house.browser()
  await signIn(earlier)
  const { principal } = (await whoIs(house, earlier))!
  await entitle(house, principal.id, ['mux/get_asset'])
  const agent = await new Person(house, principal, earlier).connect('mux', 'all')
  idp.knobs = { claims: { sid: 's-1' } }
  const browser = house.browser()
  const login = holdTransaction(t, house.rooms.store, 'end')
  const landing = signIn(browser)
  await login.reached
  const told = logOut({ sid: 's-1' })
  await untilOneWaits(t, databaseUrl)
  login.go()
  await landing
  assert.equal(await told, 200)
  assert.equal(await whoIs(house, browser), undefined)
  assert.ok(await whoIs(house, earlier), 'another session goes on')
  assert.ok((await house.rooms.oauth.findGrant(agent.grantId))?.revokedAt)
  const [entry] = await house.changes('principal.signed_out')
  assert.deepEqual(entry?.about, { kind: 'principal', id: principal.id })
})

test('a join whose transaction is at its end keeps an event waiting, which then disables who joined', async (t) => {
  const databaseUrl = await postgres!.createDatabase()
  const { house, idp, transmitter, signIn } = await openScene(t, databaseUrl, { peopleSignInHere: true })
  const browser = house.browser()
  const join = holdTransaction(t, house.rooms.store, 'end')
  const landing = signIn(browser)
  await join.reached
  const claims = { sub_id: issSub('a-1', idp.issuer) }
  const told = pushEvent(house, transmitter, { sub: 'a-1', event: `${risc}account-disabled`, claims })
  await untilOneWaits(t, databaseUrl)
  join.go()
  await landing
  assert.equal((await told).status, 202)
  assert.equal(await whoIs(house, browser), undefined)
  const [principal] = await house.rooms.identity.listPrincipals({ limit: 100 })
  assert.deepEqual([principal?.subject, principal?.state], ['a-1', 'disabled'])
})

test('a login whose transaction is at its end keeps a logout waiting, which then ends it', async (t) => {
  const databaseUrl = await postgres!.createDatabase()
  const { house, logOut, signIn } = await openScene(t, databaseUrl)
  const browser = house.browser()
  await signIn(house.browser())
  const login = holdTransaction(t, house.rooms.store, 'end')
  const landing = signIn(browser)
  await login.reached
  const told = logOut()
  await untilOneWaits(t, databaseUrl)
  login.go()
  await inTime(landing, 'the login has come back')
  assert.equal(await inTime(told, 'the logout is answered'), 200)
  assert.equal(await whoIs(house, browser), undefined)
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LoginRefused, vouch } from '@sallyport/guard/login'
import { whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { openHouse, type House } from '../house.ts'
import { entitle } from '../machines.ts'
import { claimsOf } from '../oauth-client.ts'
import { inTime } from '../patience.ts'

const secret = 'the-secret-of-the-backend-long-enough'
const ana = { id: 'u-17', name: 'Ana Lima', email: 'ana@example.com' }
/** Nobody listens there: these tests act for the application. */
const loginUrl = 'https://app.example.com/connect?tenant=one'

async function open(t: TestContext, at = loginUrl): Promise<House> {
  const bridges = ['app', 'other'].map((id) => ({ id, name: `The ${id}`, loginUrl: at, secretEnv: `${id}_SECRET` }))
  const yaml = `login: ${JSON.stringify({ bridge: bridges })}`
  return openHouse(t, { yaml, env: { app_SECRET: secret, other_SECRET: `${secret}-too` } })
}

/** Begins in a browser; returns what the application's page is opened with. */
async function begin(browser: Browser, id = 'app'): Promise<string> {
  const sent = await browser.peek(`/sign-in/with/${id}?return_to=/sign-out`)
  assert.equal(sent.status, 303, sent.text)
  const url = new URL(sent.headers.get('location')!)
  assert.deepEqual([url.origin, url.searchParams.get('tenant')], ['https://app.example.com', 'one'])
  return url.searchParams.get('external_auth_id')!
}

interface Told {
  id: string
  name: string
  email: string
  groups?: string[]
  auth_time?: number
  acr?: string
  amr?: string[]
}

function tell(house: House, externalAuthId: string, more: { user?: Told; id?: string; secret?: string } = {}) {
  const { user = ana, ...bridge } = more
  return vouch({ gateway: house.url, id: 'app', secret, ...bridge }, { externalAuthId, user })
}

const refused = (status: number) => (error: unknown) => error instanceof LoginRefused && error.status === status

async function signedIn(house: House, browser: Browser): Promise<string | undefined> {
  return (await whoIs(house, browser))?.principal.subject
}

test('a person whom the application knows is signed in, and is the same person the next time', async (t) => {
  const house = await open(t)
  const browser = house.browser()
  const landed = await browser.open(await tell(house, await begin(browser)))
  assert.equal(landed.url.pathname, '/sign-out')
  const { principal } = (await whoIs(house, browser))!
  assert.deepEqual(
    [principal.issuer, principal.subject, principal.name, principal.email],
    ['bridge:app', 'u-17', 'Ana Lima', 'ana@example.com'],
  )
  const again = house.browser()
  await again.open(await tell(house, await begin(again), { user: { ...ana, name: 'Ana New' } }))
  assert.equal((await whoIs(house, again))!.principal.id, principal.id)
  assert.equal((await whoIs(house, again))!.principal.name, 'Ana New')
  const logins = await house.entries('login')
  assert.deepEqual(
    logins.map(({ status, provider }) => [status, provider]),
    [
      ['success', 'app'],
      ['success', 'app'],
    ],
  )
})

test('a client connects through it: authorization, the application, consent, code', async (t) => {
  const house = await open(t)
  await house.upstream('mux', ['get_asset'])
  const browser = house.browser()
  await browser.open(await tell(house, await begin(browser)))
  const { principal } = (await whoIs(house, browser))!
  await entitle(house, principal.id, ['mux/get_asset'])
  const tokens = await (await house.register()).connect(browser, 'mux')
  assert.equal(tokens.status, 200)
})

test('the groups that the application names make a member where a rule leads there, until it names them no more', async (t) => {
  const house = await open(t)
  await house.upstream('mux', ['get_asset'])
  const by = (await house.person('Ada', ['administer'])).principal.id
  const { identity } = house.rooms
  const { id: staff } = await identity.makeGroup({ by, name: 'Staff', reason: 'for a test' })
  await entitle(house, staff, ['mux/get_asset'])
  const rule = { match: 'exact', value: 'staff', groupId: staff, reason: 'for a test' } as const
  await identity.addGroupRule({ by, provider: 'app', ...rule })
  const client = await house.register()
  const enter = async (groups?: string[], id = 'app') => {
    const browser = house.browser()
    const bridge = id === 'app' ? {} : { id, secret: `${secret}-too` }
    await browser.open(
      await tell(house, await begin(browser, id), { user: { ...ana, ...(groups && { groups }) }, ...bridge }),
    )
    const { principal } = (await whoIs(house, browser))!
    const held = (await identity.listMemberships({ memberId: principal.id })).map(({ groupId }) => groupId)
    return { browser, held }
  }
  assert.deepEqual((await enter(['Staff', 'staff-2'])).held, [])
  assert.deepEqual((await enter(['staff'], 'other')).held, [], 'the rule is of another application')
  const { browser, held } = await enter(['others', 'staff'])
  assert.deepEqual(held, [staff])
  assert.equal((await client.connect(browser, 'mux')).status, 200, 'by the right of the group')
  assert.deepEqual((await enter()).held, [staff], 'named none is not said to be none')
  assert.deepEqual((await enter([])).held, [])
})

test('when and how the application saw the person sign in reaches grant and token', async (t) => {
  const house = await open(t)
  await house.upstream('mux', ['get_asset'])
  const browser = house.browser()
  const at = Math.floor(house.clock.now() / 1_000) - 120
  const user = { ...ana, auth_time: at, acr: 'urn:acr:strong', amr: ['hwk'] }
  await browser.open(await tell(house, await begin(browser), { user }))
  const { principal } = (await whoIs(house, browser))!
  await entitle(house, principal.id, ['mux/get_asset'])
  const tokens = await (await house.register()).connect(browser, 'mux')
  const [grant] = await house.rooms.oauth.listGrants({ principalId: principal.id })
  assert.deepEqual(grant?.login, { at: at * 1_000, acr: 'urn:acr:strong', amr: ['hwk'] })
  const { auth_time, acr, amr } = claimsOf(tokens.access_token).payload
  assert.deepEqual([auth_time, acr, amr], [at, 'urn:acr:strong', ['hwk']])
})

test('a link with the login of an attacker signs nobody in: neither the one who opens it nor the attacker', async (t) => {
  const house = await open(t)
  const [attacker, victim] = [house.browser(), house.browser()]
  const externalAuthId = await begin(attacker)
  // The victim opens the link at the application, is signed in there, and is sent back.
  const callback = await tell(house, externalAuthId)
  const landed = await victim.open(callback)
  assert.equal(landed.status, 401)
  assert.equal(await signedIn(house, victim), undefined)
  // The code went to the victim; the attacker comes back without it.
  const state = new URL(callback).searchParams.get('state')!
  for (const rest of ['', '&code=guess']) {
    const page = await attacker.open(`/sign-in/callback/app?state=${state}${rest}`)
    assert.ok(page.status === 401 || page.status === 502, String(page.status))
  }
  assert.equal(await signedIn(house, attacker), undefined)
})

test('the browser that began gets in only when the application has said who it is, and with its code', async (t) => {
  const house = await open(t)
  for (const code of [undefined, 'x'.repeat(43), '']) {
    const browser = house.browser()
    const state = await begin(browser)
    if (code !== undefined) await tell(house, state)
    const query = new URLSearchParams({ state, ...(code !== undefined && { code }) })
    const page = await browser.open(`/sign-in/callback/app?${query.toString()}`)
    assert.equal(page.status, 502)
    assert.equal(await signedIn(house, browser), undefined)
  }
})

test('each login is completed once, by one naming, within ten minutes', async (t) => {
  const house = await open(t)
  const browser = house.browser()
  const state = await begin(browser)
  const named = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => tell(house, state, { user: { ...ana, id: `u-${at}` } })),
  )
  const won = named.filter((one) => one.status === 'fulfilled')
  assert.equal(won.length, 1)
  for (const one of named) if (one.status === 'rejected') assert.ok(refused(409)(one.reason), String(one.reason))
  await browser.open(won[0]!.value)
  const other = house.browser()
  other.plant({ name: 'sallyport-browser', value: browser.cookie('sallyport-browser')! })
  assert.equal((await other.open(won[0]!.value)).status, 401)
  await assert.rejects(tell(house, state), refused(404))

  const late = house.browser()
  const old = await begin(late)
  house.clock.pass(10 * 60_000 + 1)
  await assert.rejects(tell(house, old), refused(404))
})

test('only the application that the login went to can say who it is, and it must prove itself', async (t) => {
  const house = await open(t)
  const browser = house.browser()
  const state = await begin(browser)
  await assert.rejects(tell(house, state, { id: 'other', secret: `${secret}-too` }), refused(404))
  await assert.rejects(tell(house, state, { id: 'app', secret: 'guess' }), refused(401))
  await assert.rejects(tell(house, state, { id: 'other', secret }), refused(401))
  await assert.rejects(tell(house, state, { id: 'local', secret }), refused(404))
  const url = `${house.url}/sign-in/vouch/app`
  const body = JSON.stringify({ external_auth_id: state, user: ana })
  const headers = { 'content-type': 'application/json' }
  for (const authorization of ['', 'Bearer', 'Bearer ', `Basic ${secret}`, `Bearer ${secret} `, `Bearer ${secret}x`]) {
    const answer = await fetch(url, { method: 'POST', headers: { ...headers, authorization }, body })
    assert.equal(answer.status, authorization === `Bearer ${secret} ` ? 200 : 401, authorization)
    if (answer.status === 200) break
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
  }
})

test('guesses at the secret are limited, and are not told whether a login waits', async (t) => {
  const house = await open(t)
  const state = await begin(house.browser())
  for (let at = 0; at < 20; at++) {
    await assert.rejects(tell(house, at % 2 === 0 ? state : 'none', { id: 'app', secret: `${at}` }), refused(401))
  }
  await assert.rejects(tell(house, state), refused(429))
})

test('what cannot identify a person for ever is refused, and the login goes on waiting', async (t) => {
  const house = await open(t)
  const browser = house.browser()
  const state = await begin(browser)
  const bodies: unknown[] = [
    {},
    [],
    { external_auth_id: state },
    { external_auth_id: state, user: {} },
    { external_auth_id: state, user: { id: 17 } },
    { external_auth_id: state, user: { id: '' } },
    { external_auth_id: state, user: { id: 'ana lima' } },
    { external_auth_id: state, user: { id: 'ana\u202e' } },
    { external_auth_id: state, user: { id: 'x'.repeat(256) } },
    { external_auth_id: state, user: { ...ana, admin: true } },
    { external_auth_id: state, user: ana, groups: ['administrators'] },
  ]
  for (const body of bodies) {
    const answer = await fetch(`${house.url}/sign-in/vouch/app`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.equal(answer.status, 400, JSON.stringify(body))
  }
  await browser.open(await tell(house, state))
  assert.equal(await signedIn(house, browser), 'u-17')
})

test('people of the application and of other ways in are never joined by their e-mail', async (t) => {
  const house = await open(t)
  const [one, two] = [house.browser(), house.browser()]
  await one.open(await tell(house, await begin(one)))
  await two.open(await tell(house, await begin(two, 'other'), { id: 'other', secret: `${secret}-too` }))
  const [first, second] = [(await whoIs(house, one))!.principal, (await whoIs(house, two))!.principal]
  assert.deepEqual([first.email, first.subject], [second.email, second.subject])
  assert.notEqual(first.id, second.id)
})

test('the example application signs Ana in, asks her, and sends her on', async (t) => {
  const program = fileURLToPath(new URL('../../../examples/own-login/serve.js', import.meta.url))
  const seen = { url: '' }
  // The application must know the gateway and the gateway the application: its port is chosen first.
  const probe = spawn(process.execPath, [
    '-e',
    'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})',
  ])
  const [chunk] = (await inTime(once(probe.stdout, 'data'), 'a port is found')) as [Buffer]
  const port = chunk.toString().trim()
  const house = await open(t, `http://127.0.0.1:${port}/connect`)
  const env = {
    PATH: process.env['PATH'],
    APP_PASSWORD: 'her password',
    APP_BRIDGE_SECRET: secret,
    SALLYPORT_URL: house.url,
  }
  const app = spawn(process.execPath, [program, port], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => app.kill())
  seen.url = String(await inTime(once(app.stdout, 'data'), 'the application listens')).trim()
  assert.equal(seen.url, `http://127.0.0.1:${port}/connect`)

  const browser = house.browser()
  const asked = await browser.open('/sign-in/with/app?return_to=/sign-out')
  assert.match(asked.text, /Password of Ana Lima/)
  const wrong = await browser.submit(asked, { password: 'guess' })
  assert.equal(wrong.status, 401)
  const inside = await browser.submit(asked, { password: 'her password' })
  assert.match(inside.text, /Connect a program to your account, as Ana Lima\?/)
  const landed = await browser.submit(inside)
  assert.equal(landed.url.href, `${house.url}/sign-out`)
  assert.equal(await signedIn(house, browser), 'u-17')
})

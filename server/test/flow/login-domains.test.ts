import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { whoIs } from '../administrator.ts'
import type { Browser } from '../browser.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openHouse, type House } from '../house.ts'
import { textOn } from '../operator.ts'
import { client } from '../provider-house.ts'

const ana = { sub: 'a-1', name: 'Ana', email: 'ana@example.com' }

async function openTwo(t: TestContext) {
  const idps = [await openFakeIdp(client, ana), await openFakeIdp(client, ana)] as const
  for (const idp of idps) t.after(() => idp.close())
  const shared = { clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const oidc = [
    {
      id: 'north',
      name: 'North',
      issuer: idps[0].issuer,
      ...shared,
      domains: ['example.com', 'xn--bcher-kva.example'],
    },
    { id: 'south', name: 'South', issuer: idps[1].issuer, ...shared, domains: ['example.net'], button: false },
  ]
  const house = await openHouse(t, {
    yaml: `login: ${JSON.stringify({ oidc })}`,
    env: { IDP_SECRET: client.secret },
    reach: idps.map(({ issuer }) => issuer),
  })
  return { house, idps }
}

async function find(house: House, email: string, browser: Browser = house.browser()) {
  const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out`)
  const onward = await browser.submit(page, { email }, { to: '/sign-in/find' })
  const [, address] = /^0; url=(.+)$/.exec(onward.headers.get('refresh') ?? '') ?? []
  return address === undefined ? onward : browser.follow(onward, address)
}

test('an e-mail address leads to the provider of its domain, which is told it; a button leads there as well', async (t) => {
  const { house, idps } = await openTwo(t)
  const page = await house.browser().open(`${house.origin}/sign-in`)
  assert.match(page.text, /Continue with North/)
  assert.doesNotMatch(page.text, /South/)
  const browser = house.browser()
  const landed = await find(house, 'Bo.Berg@Example.NET', browser)
  assert.equal(landed.url.pathname, '/sign-out')
  assert.equal((await whoIs(house, browser))!.principal.issuer, idps[1].issuer)
  assert.equal(idps[1].journal.find(({ path }) => path === '/authorize')!.query['login_hint'], 'Bo.Berg@Example.NET')
  assert.equal((await find(house, 'ana@bücher.example')).url.pathname, '/sign-out')
})

test('what is answered depends on the domain alone: nobody learns who is known here', async (t) => {
  const { house } = await openTwo(t)
  await find(house, 'ana@example.com')
  await house.person('Bo')
  const shown = new Set<string>()
  for (const email of ['ana@elsewhere.example', 'nobody@elsewhere.example', 'bo@elsewhere.example']) {
    const page = await find(house, email)
    assert.equal(page.status, 404)
    shown.add(textOn(page).replaceAll(email, ''))
  }
  assert.equal(shown.size, 1)
  for (const email of ['ana@sub.example.com', 'ana@example.com.evil.example', '@example.com', 'example.com', 'a@b@']) {
    assert.equal((await find(house, email)).status, 404, email)
  }
})

test('who comes by the domain of an address is who the provider says, and is never joined by the address', async (t) => {
  const { house, idps } = await openTwo(t)
  const [one, two] = [house.browser(), house.browser()]
  await find(house, 'ana@example.com', one)
  idps[1].person = { ...ana }
  await find(house, 'ana@example.net', two)
  const [first, second] = [(await whoIs(house, one))!.principal, (await whoIs(house, two))!.principal]
  assert.equal(first.email, second.email)
  assert.notEqual(first.id, second.id)
})

test('who is to sign in anew is asked to prove it by that way too', async (t) => {
  const { house, idps } = await openTwo(t)
  const browser = house.browser()
  const page = await browser.open(`${house.origin}/sign-in?return_to=/sign-out&again&acr=phr`)
  const onward = await browser.submit(page, { email: 'ana@example.com' }, { to: '/sign-in/find' })
  await browser.follow(onward, /^0; url=(.+)$/.exec(onward.headers.get('refresh')!)![1]!)
  const [asked] = idps[0].journal.filter(({ path }) => path === '/authorize')
  assert.deepEqual([asked!.query['max_age'], asked!.query['acr_values']], ['0', 'phr'])
})

test('only a form of our own page, in the browser that got it, leads anywhere', async (t) => {
  const { house, idps } = await openTwo(t)
  const body = new URLSearchParams({ email: 'ana@example.com', csrf: 'made up', return_to: '/' })
  const answer = await fetch(`${house.origin}/sign-in/find`, { method: 'POST', body, redirect: 'manual' })
  assert.equal(answer.status, 403)
  assert.deepEqual([idps[0].journal, idps[1].journal], [[], []])
})

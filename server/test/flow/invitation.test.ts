import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listEntitlements } from '../../src/store/entitlements.ts'
import { Browser } from '../browser.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { openHouse, type House } from '../house.ts'

const bo = { name: 'Bo', login: 'bo', password }

async function join(link: string, fields: Record<string, string>, browser = new Browser(new URL(link).origin)) {
  const shown = await browser.submit(await browser.open(link), fields, { to: new URL(link).pathname })
  return { browser, shown }
}

async function rightsOf(house: House, principalId: string): Promise<string[]> {
  const found = await listEntitlements(house.rooms.store, { principalId })
  return found.map((item) => `${item.right} ${item.upstream}/${item.tool}`)
}

test('the first administrator’s link is offered while nobody administers, and is recorded', async (t) => {
  const house = await openHouse(t)
  const [one, two] = [
    await house.rooms.identity.firstAdministratorLink(),
    await house.rooms.identity.firstAdministratorLink(),
  ]
  assert.match(one!, /^http:\/\/127\.0\.0\.1:\d+\/join\/[A-Za-z0-9_-]{43}$/)
  const { browser } = await join(two!, { name: 'Ana', login: 'ana', password })
  const { principal } = (await whoIs(house, browser))!
  assert.deepEqual(await rightsOf(house, principal.id), ['administer */*'])
  assert.equal(principal.issuer, 'local')
  assert.notEqual(principal.subject, 'ana', 'the login may be given up and taken by another')
  assert.equal(await house.rooms.identity.firstAdministratorLink(), undefined)
  assert.equal((await house.browser().open(one!)).status, 404, 'the link of an earlier start is dead')
  assert.equal((await house.browser().open(two!)).status, 404)
  const changes = await house.entries('change')
  assert.deepEqual(
    changes.map((entry) => [entry.what, entry.by === principal.id ? 'ana' : entry.by]),
    [
      ['ledger.opened', 'system'],
      ['principal.invited', 'set-up'],
      ['principal.invited', 'set-up'],
      ['principal.joined', 'ana'],
    ],
  )
})

test('of two who become first administrator at once, one does', async (t) => {
  const house = await openHouse(t)
  const links = [
    await house.rooms.identity.firstAdministratorLink(),
    await house.rooms.identity.firstAdministratorLink(),
  ]
  const logins = ['ana', 'eve']
  const tries = await Promise.all(links.map((link, at) => join(link!, { name: 'A', login: logins[at]!, password })))
  const inside = await Promise.all(tries.map(({ browser }) => whoIs(house, browser)))
  assert.equal(inside.filter(Boolean).length, 1)
  assert.equal((await house.rooms.identity.listPrincipals()).length, 1)
})

test('the link to administer lasts a day', async (t) => {
  const house = await openHouse(t)
  const link = (await house.rooms.identity.firstAdministratorLink())!
  house.clock.pass((24 * 60 * 60 + 1) * 1_000)
  assert.equal((await house.browser().open(link)).status, 404)
})

test('one invitation makes a second person in one step, with the rights that were promised', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const rights = [
    { right: 'use', upstream: 'memory', tool: 'delete_entities' },
    { right: 'approve', upstream: 'memory', tool: 'delete_entities' },
  ] as const
  const { url } = await house.rooms.identity.invite({
    by: ana.id,
    name: 'Bo',
    email: 'bo@example.org',
    rights: [...rights],
  })
  const page = await house.browser().open(url)
  assert.match(page.text, /value="Bo"/)
  const { browser, shown } = await join(url, bo)
  assert.equal(shown.url.pathname, '/')
  const { principal } = (await whoIs(house, browser))!
  assert.notEqual(principal.id, ana.id)
  // Rights that are given in one moment have no order.
  assert.deepEqual(
    new Set(await rightsOf(house, principal.id)),
    new Set(['use memory/delete_entities', 'approve memory/delete_entities']),
  )
  const [entry] = (await house.entries('change')).slice(-1)
  assert.equal(entry!.what, 'principal.joined')
  assert.equal(entry!.details?.['invitedBy'], ana.id)
  assert.deepEqual(entry!.details?.['rights'], rights)
})

test('a link works once, for many at once too, and looking at it does not use it up', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  for (let look = 0; look < 3; look += 1) assert.equal((await house.browser().open(url)).status, 200)
  const tries = await Promise.all(['b1', 'b2', 'b3'].map((login) => join(url, { ...bo, login })))
  const inside = await Promise.all(tries.map(({ browser }) => whoIs(house, browser)))
  assert.equal(inside.filter(Boolean).length, 1)
  assert.equal((await house.rooms.identity.listPrincipals()).length, 2)
  const { status } = await house.browser().open(url)
  assert.equal(status, 404)
})

test('a link that was used, expired or made up is answered alike', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const used = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  await join(used.url, bo)
  const expired = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [], expiresInSeconds: 60 })
  house.clock.pass(61_000)
  const madeUp = `${house.origin}/join/${'A'.repeat(43)}`
  const pages = await Promise.all([used.url, expired.url, madeUp].map((url) => house.browser().open(url)))
  assert.deepEqual(new Set(pages.map((page) => `${page.status} ${page.text}`)).size, 1)
  assert.equal(pages[0]!.status, 404)
})

test('what cannot be accepted leaves the link open and says why', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  const wrong: [Record<string, string>, number, RegExp][] = [
    [{ ...bo, login: 'ana' }, 409, /somebody else has it/],
    [{ ...bo, login: 'Б о' }, 400, /the login must have/],
    [{ ...bo, name: ' ' }, 400, /give your name/],
    [{ ...bo, name: 'Bo\u202E' }, 400, /cannot be shown/],
    [{ ...bo, password: 'short' }, 400, /fewer than 12/],
    [{ ...bo, password: 'password1234' }, 400, /everybody tries first/],
    [{ ...bo, login: 'boris', password: 'boris-boris-boris' }, 400, /little more than the name/],
  ]
  for (const [fields, status, why] of wrong) {
    const { browser, shown } = await join(url, fields)
    assert.equal(shown.status, status)
    assert.match(shown.text, why)
    assert.doesNotMatch(shown.text, new RegExp(`value="${fields['password']}"`))
    assert.equal(await whoIs(house, browser), undefined)
  }
  assert.ok(await whoIs(house, (await join(url, bo)).browser))
})

test('only who administers invites, and what he promised lapses when he no longer does', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const toBo = await house.rooms.identity.invite({
    by: ana.id,
    name: 'Bo',
    rights: [{ right: 'administer', upstream: '*', tool: '*' }],
  })
  const { principal } = (await whoIs(house, (await join(toBo.url, bo)).browser))!
  const byBo = await house.rooms.identity.invite({ by: principal.id, name: 'Cy', rights: [] })
  await house.rooms.identity.disablePrincipal({ by: ana.id, id: principal.id, reason: 'left the company' })
  assert.equal((await house.browser().open(byBo.url)).status, 404)
  await house.rooms.identity.enablePrincipal({ by: ana.id, id: principal.id, reason: 'came back' })
  assert.equal((await house.browser().open(byBo.url)).status, 404, 'the link ended, it did not rest')

  const toCy = await house.rooms.identity.invite({ by: ana.id, name: 'Cy', rights: [] })
  const cy = (await whoIs(house, (await join(toCy.url, { ...bo, login: 'cy' })).browser))!.principal
  await assert.rejects(house.rooms.identity.invite({ by: cy.id, name: 'Eve', rights: [] }), {
    code: 'identity.not_allowed',
  })
})

test('an invitation that does not make sense is refused', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const wrong = [
    { name: '', rights: [] },
    { name: 'Bo', rights: [], expiresInSeconds: 59 },
    { name: 'Bo', rights: [], expiresInSeconds: 31 * 24 * 60 * 60 },
    { name: 'Bo', rights: [{ right: 'administer' as const, upstream: 'mux', tool: '*' }] },
    { name: 'Bo', rights: [{ right: 'own' as never, upstream: 'mux', tool: 'x' }] },
  ]
  for (const given of wrong) {
    await assert.rejects(house.rooms.identity.invite({ by: ana.id, ...given }), { code: 'identity.input_invalid' })
  }
})

test('the secret of a link is nowhere but in the link', async (t) => {
  const house = await openHouse(t)
  const ana = (await whoIs(house, await administratorOf(house)))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  await join(url, bo)
  const secret = new URL(url).pathname.split('/')[2]!
  const written = JSON.stringify(await house.rooms.ledger.listEntries({ limit: 100 })) + house.log.join('\n')
  assert.equal(written.includes(secret), false)
  assert.equal(written.includes(password), false)
})

test('who is signed in already is told that the link makes another principal', async (t) => {
  const house = await openHouse(t)
  const browser = await administratorOf(house)
  const ana = (await whoIs(house, browser))!.principal
  const { url } = await house.rooms.identity.invite({ by: ana.id, name: 'Bo', rights: [] })
  assert.match((await browser.open(url)).text, /signed in as <strong>Ana<\/strong>/)
  await join(url, bo, browser)
  assert.equal((await whoIs(house, browser))?.principal.name, 'Bo')
})

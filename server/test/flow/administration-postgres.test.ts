import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listAdministratorIds } from '../../src/store/principals.ts'
import { Browser } from '../browser.ts'
import { administratorOf, password, whoIs } from '../administrator.ts'
import { openHouse } from '../house.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

// On PostgreSQL transactions run side by side: what SQLite gives by having one writer must come from a lock here.
let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

async function join(link: string, login: string): Promise<Browser> {
  const browser = new Browser(new URL(link).origin)
  const page = await browser.open(link)
  if (page.status === 200) await browser.submit(page, { name: login, login, password }, { to: new URL(link).pathname })
  return browser
}

test('of many who become first administrator at once on PostgreSQL, one does', async (t) => {
  const house = await openHouse(t, { databaseUrl: await postgres!.createDatabase() })
  const links: string[] = []
  for (let at = 0; at < 4; at += 1) links.push((await house.rooms.identity.firstAdministratorLink())!)
  const browsers = await Promise.all(links.map((link, at) => join(link, `login-${at}`)))
  const inside = await Promise.all(browsers.map((browser) => whoIs(house, browser)))
  assert.equal(inside.filter(Boolean).length, 1)
  assert.equal((await listAdministratorIds(house.rooms.store, Date.now())).length, 1)
})

test('two administrators who disable each other at once on PostgreSQL leave one', async (t) => {
  const house = await openHouse(t, { databaseUrl: await postgres!.createDatabase() })
  const ana = (await whoIs(house, await administratorOf(house)))!.principal.id
  const rights = [{ right: 'administer' as const, upstream: '*', tool: '*' }]
  const { url } = await house.rooms.identity.invite({ by: ana, name: 'Bo', rights })
  const bo = (await whoIs(house, await join(url, 'bo')))!.principal.id
  const reason = 'a quarrel'
  const both = await Promise.allSettled([
    house.rooms.identity.disablePrincipal({ by: ana, id: bo, reason }),
    house.rooms.identity.disablePrincipal({ by: bo, id: ana, reason }),
  ])
  assert.deepEqual(both.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
  assert.equal((await listAdministratorIds(house.rooms.store, Date.now())).length, 1)
})

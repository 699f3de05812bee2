import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { linkOf, textOf, type Agent } from '../../agent.ts'
import { openHouse, type House } from '../../house.ts'
import { openFakeHouse } from '../../fake-house.ts'
import { openDesk } from './chromium.ts'
import { enterAs, join, openClient, reach } from './steps.ts'

/** The house with the genuine memory server, and its first administrator, who came by the link. */
async function memoryHouse(t: TestContext) {
  const house = await openHouse(t, { preload: ['memory'] })
  const desk = await openDesk(t)
  const ana = await desk.open()
  await join(ana.page, (await house.rooms.identity.firstAdministratorLink())!, { name: 'Ana Lima', login: 'ana' })
  await ana.page.goto(`${house.origin}/upstreams/memory`)
  await ana.page.getByRole('button', { name: 'Look now' }).click()
  await ana.page.getByRole('status').waitFor()
  return { house, desk, ana }
}

/** Connects a client in this tab, and gives it every tool that is offered. */
async function connect(t: TestContext, house: House, page: Page): Promise<Agent> {
  const client = await openClient(t, house)
  await page.goto(client.authorizeUrl('memory').href)
  for (const box of await page.locator('input[name=tool]').all()) await box.check()
  await page.getByRole('button', { name: 'Accept' }).click()
  return client.redeem('memory', (await client.answer()).get('code')!)
}

/** What the memory server keeps: the oracle of what really happened. */
function remembered(house: House): string[] {
  const file = joinPath(house.dataDir, 'upstreams/memory/memory.jsonl')
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter(Boolean).map((line) => (JSON.parse(line) as { name: string }).name)
}

test('an invited second person approves a deletion on its page; it happens once; revoking the grant ends it all', async (t) => {
  const { house, desk, ana } = await memoryHouse(t)
  const bo = await desk.open()

  await ana.page.goto(`${house.origin}/people`)
  await ana.page.getByText('Invite somebody').click()
  await ana.page.getByLabel('Name', { exact: true }).fill('Bo Berg')
  await ana.page.getByRole('checkbox', { name: /May approve destructive calls/ }).check()
  await ana.page.getByRole('button', { name: 'Make the link' }).click()
  const invitation = await ana.page.locator('pre').innerText()
  assert.ok(invitation.startsWith(`${house.origin}/join/`), invitation)
  await join(bo.page, invitation.trim(), { login: 'bo' })
  assert.equal(await bo.page.locator('header .who span').innerText(), 'Bo Berg')

  const agent = await connect(t, house, ana.page)
  const made = [{ name: 'Elba', entityType: 'island', observations: ['has bees'] }]
  assert.equal((await agent.call('create_entities', { entities: made })).result['isError'] ?? false, false)
  assert.deepEqual(remembered(house), ['Elba'])

  const deletion = () => agent.call('delete_entities', { entityNames: ['Elba'] })
  const held = await deletion()
  assert.equal(held.result['isError'], true)
  assert.deepEqual(remembered(house), ['Elba'])
  const link = linkOf(held)

  await ana.page.goto(link)
  await ana.page.getByRole('heading', { name: 'Your client asks for an approval' }).waitFor()
  assert.equal(await ana.page.getByRole('button', { name: /Approve/ }).count(), 0)

  await bo.page.goto(`${house.origin}/`)
  await bo.page.getByRole('link', { name: /delete_entities/ }).click()
  assert.equal(bo.page.url(), link)
  assert.match(await bo.page.locator('dl.facts').innerText(), /Ana Lima[\s\S]*Claude Code/)
  assert.match(await bo.page.locator('pre').innerText(), /"entityNames"[\s\S]*"Elba"/)
  await bo.page.getByLabel('Why?').fill('Elba was a test')
  await bo.page.getByRole('button', { name: 'Approve this one call' }).click()
  await bo.page.getByRole('status').waitFor()
  assert.deepEqual(remembered(house), ['Elba'], 'an approval carries nothing out')

  await ana.page.reload()
  assert.match(await ana.page.locator('main').innerText(), /Approved by Bo Berg[\s\S]*Elba was a test/)
  const passed = await deletion()
  assert.equal(passed.result['isError'] ?? false, false, textOf(passed))
  assert.deepEqual(remembered(house), [])
  assert.notEqual(linkOf(await deletion()), link, 'the second use asks again')

  await ana.page.goto(`${house.origin}/ledger`)
  await ana.page.getByRole('link', { name: 'its call' }).first().click()
  assert.match(await ana.page.locator('table').innerText(), /delete_entities/)

  await ana.page.goto(`${house.origin}/grants`)
  await ana.page.getByRole('button', { name: 'Revoke' }).click()
  await ana.page.getByRole('status').waitFor()
  const after = await agent.call('read_graph', {})
  assert.equal(after.status, 401)
  assert.equal((await agent.refresh()).body['error'], 'invalid_grant')
  await bo.page.goto(`${house.origin}/approvals`)
  assert.match(await bo.page.locator('main').innerText(), /Nothing waits for your answer/)
})

test('without JavaScript, and with the keyboard alone, a call is approved', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const desk = await openDesk(t)
  const ana = await house.person('ana', ['desk/*'])
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  const agent = await ana.connect('desk', 'all')
  const link = linkOf(await agent.call('delete_note', { id: 'n1', sure: true }))

  const window = await desk.open({ javaScriptEnabled: false })
  await enterAs(window, house, bo)
  const { page } = window
  await page.goto(link)
  await reach(page, 'input[name=reason]')
  await page.keyboard.type('the note is empty')
  await reach(page, 'button[value=approve]')
  await page.keyboard.press('Enter')
  await page.getByRole('status').waitFor()
  assert.deepEqual(fake.calls, [])
  assert.equal((await agent.call('delete_note', { id: 'n1', sure: true })).result['isError'] ?? false, false)
  assert.deepEqual(fake.calls, [{ name: 'delete_note', arguments: { id: 'n1', sure: true } }])
})

test('a denial is told to the client with its reason, and the call stays refused', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const desk = await openDesk(t)
  const ana = await house.person('ana', ['desk/*'])
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  const agent = await ana.connect('desk', 'all')
  const link = linkOf(await agent.call('delete_note', { id: 'n2' }))

  const window = await desk.open()
  await enterAs(window, house, bo)
  await window.page.goto(link)
  await window.page.getByRole('button', { name: 'Deny' }).click()
  assert.equal(new URL(window.page.url()).pathname, new URL(link).pathname, 'no answer without a reason')
  assert.equal(await window.page.getByRole('status').count(), 0)
  await window.page.getByLabel('Why?').fill('still needed')
  await window.page.getByRole('button', { name: 'Deny' }).click()
  await window.page.getByRole('status').waitFor()
  assert.match(await window.page.locator('main').innerText(), /Denied by bo[\s\S]*still needed/)
  const again = await agent.call('delete_note', { id: 'n2' })
  assert.equal(again.result['isError'], true)
  assert.match(textOf(again), /denied/)
  assert.deepEqual(fake.calls, [])
})

test('what hides in arguments is shown as what it is, and changes nothing of the page', async (t) => {
  const { house } = await openFakeHouse(t)
  const desk = await openDesk(t)
  const ana = await house.person('ana', ['desk/*'])
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  const agent = await ana.connect('desk', 'all')
  const text = '<script>document.title = "taken"</script> <img src="//evil.test/x"> \u202egnihton seteled'
  const link = linkOf(await agent.call('delete_note', { id: 'n3', text }))

  const window = await desk.open()
  await enterAs(window, house, bo)
  await window.page.goto(link)
  const shown = await window.page.locator('pre').innerText()
  assert.ok(shown.includes('<script>') && shown.includes('⟨U+202E⟩'), shown)
  assert.match(await window.page.title(), /^Approval of delete_note/)
  assert.equal(await window.page.locator('main img, script').count(), 0)
})

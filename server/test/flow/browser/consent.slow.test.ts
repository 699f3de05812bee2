import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { textOf } from '../../agent.ts'
import { openHouse } from '../../house.ts'
import { openDesk } from './chromium.ts'
import { enterAs, join, openClient, reach, signIn } from './steps.ts'

const reads = ['open_nodes', 'read_graph', 'search_nodes']
const destroys = ['delete_entities', 'delete_observations', 'delete_relations']

async function memoryHouse(t: TestContext) {
  const house = await openHouse(t, { preload: ['memory'] })
  await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('memory'))!)
  return { house, desk: await openDesk(t), client: await openClient(t, house) }
}

function ticked(page: Page): Promise<string[]> {
  return page.locator('input[name=tool]:checked').evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value')!))
}

test('a client leads to sign-in and consent; what only reads is ticked, what destroys is not; the code comes with iss', async (t) => {
  const { house, desk, client } = await memoryHouse(t)
  const { page } = await desk.open()
  await join(page, (await house.rooms.identity.firstAdministratorLink())!, { name: 'Ana Lima', login: 'ana' })
  await page.goto(`${house.origin}/sign-out`)
  await page.locator('main').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Signed out' }).waitFor()

  await page.goto(client.authorizeUrl('memory').href)
  assert.equal(new URL(page.url()).pathname, '/sign-in')
  await signIn(page, 'ana')
  await page.getByRole('heading', { name: 'Let “Claude Code” use memory?' }).waitFor()
  const facts = await page.locator('dl.facts').innerText()
  assert.match(facts, /registered itself/)
  assert.ok(facts.includes(new URL(client.redirectUri).host), facts)
  assert.match(facts, /Ana Lima/)

  assert.deepEqual(await ticked(page), [...reads, 'resource:memory://knowledge-graph'])
  const groups = await page.locator('fieldset legend .badge').allInnerTexts()
  assert.deepEqual(groups, ['Reads', 'Writes', 'Destroys', 'Resources'])
  for (const name of destroys) assert.equal(await page.getByRole('checkbox', { name }).isChecked(), false, name)

  await page.getByRole('checkbox', { name: 'create_entities' }).check()
  await page.getByRole('checkbox', { name: 'search_nodes' }).uncheck()
  await page.getByLabel('For how long').selectOption({ index: 0 })
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByRole('heading', { name: 'You may close this tab' }).waitFor()
  const answer = await client.answer()
  assert.equal(answer.get('iss'), house.origin)
  assert.equal(answer.get('state'), 'of-the-client')
  const agent = await client.redeem('memory', answer.get('code')!)
  assert.deepEqual((await agent.list()).toSorted(), ['create_entities', 'open_nodes', 'read_graph'])
})

test('a refusal goes back to the client as access_denied, and nothing is granted', async (t) => {
  const { house, desk, client } = await memoryHouse(t)
  const ana = await house.person('ana', ['memory/*'])
  const window = await desk.open()
  await enterAs(window, house, ana)
  await window.page.goto(client.authorizeUrl('memory').href)
  await window.page.getByRole('button', { name: 'Refuse' }).click()
  const answer = await client.answer()
  assert.equal(answer.get('error'), 'access_denied')
  assert.equal(answer.get('iss'), house.origin)
  assert.equal(answer.get('code'), null)
  assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: ana.principal.id }), [])
})

test('the traits of tools are shown where they are chosen, and a tool that returns secrets is not ticked', async (t) => {
  const house = await openHouse(t, { preload: ['mux'] })
  await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('mux'))!)
  const ana = await house.person('ana', ['mux/*'])
  const client = await openClient(t, house)
  const window = await (await openDesk(t)).open()
  await enterAs(window, house, ana)
  await window.page.goto(client.authorizeUrl('mux').href)
  const line = window.page.locator('li', { has: window.page.locator('input[value=create_system_signing_keys]') })
  assert.match(await line.innerText(), /returns secrets/)
  const chosen = await ticked(window.page)
  const tools = new Map((await house.rooms.inventory.listTools('mux')).map((tool) => [tool.name, tool]))
  assert.ok(chosen.length > 40, String(chosen.length))
  for (const name of chosen) {
    assert.equal(tools.get(name)?.effect, 'read', name)
    assert.ok(!tools.get(name)?.traits.includes('secret'), name)
  }
})

test('without JavaScript, and with the keyboard alone, tools are chosen and the grant is given', async (t) => {
  const { house, desk, client } = await memoryHouse(t)
  const ana = await house.person('ana', ['memory/*'])
  const window = await desk.open({ javaScriptEnabled: false })
  await enterAs(window, house, ana)
  const { page } = window
  await page.goto(client.authorizeUrl('memory').href)
  await reach(page, 'input[value=add_observations]')
  await page.keyboard.press('Space')
  await reach(page, 'input[value=open_nodes]', 'Shift+Tab')
  await page.keyboard.press('Space')
  await reach(page, 'button[value=accept]')
  await page.keyboard.press('Enter')
  const agent = await client.redeem('memory', (await client.answer()).get('code')!)
  assert.deepEqual((await agent.list()).toSorted(), ['add_observations', 'read_graph', 'search_nodes'])
  assert.match(textOf(await agent.call('read_graph', {})), /entities/)
})

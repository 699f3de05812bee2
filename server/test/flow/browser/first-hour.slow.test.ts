import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { linkOf, textOf } from '../../agent.ts'
import { freePort, openHouse, type House } from '../../house.ts'
import { openDesk } from './chromium.ts'
import { join, openClient } from './steps.ts'
import { inTime } from '../../patience.ts'

// docs/guide/first-hour.md, step by step: what it says is what happens here.

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const credential = 'the-notes-token-5b7e1c0d'

/** The MCP server of the example, in a process of its own. */
async function startNotes(t: TestContext): Promise<string> {
  const port = await freePort()
  const script = joinPath(root, 'examples/own-server/serve.js')
  const env = { ...process.env, NOTES_TOKEN: credential }
  const child = spawn(process.execPath, [script, String(port)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill())
  await inTime(once(child.stdout, 'data'), 'the notes listen')
  return `http://127.0.0.1:${port}/mcp`
}

/** `npx sallyport …` with an operator key. */
async function sallyport(house: House, key: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, SALLYPORT_URL: house.origin, SALLYPORT_KEY: key }
  const bin = joinPath(root, 'server/bin/sallyport.js')
  return (await promisify(execFile)(process.execPath, [bin, ...args], { env, cwd: house.dataDir })).stdout
}

/** Opens a fold of the page, fills in why, and presses its button. */
async function takeStep(page: Page, fold: string, why: string): Promise<void> {
  const details = page.locator('details', { has: page.locator('summary', { hasText: new RegExp(`^\\s*${fold}`) }) })
  await details.locator('summary').click()
  await details.getByLabel('Why?').fill(why)
  await details.locator('button').click()
  await page.getByRole('status').waitFor()
}

async function giveRight(page: Page, right: string, tools: string[] | 'all of them'): Promise<void> {
  const form = page.locator('form', { has: page.locator('input[name=upstream][value=notes]') })
  await page.locator('summary', { hasText: 'Tools of notes' }).click()
  await form.getByLabel('Right').selectOption({ label: right })
  if (tools === 'all of them') {
    await form.getByLabel('Which').selectOption({ label: tools })
  } else {
    await form.getByText('Choose one by one').click()
    for (const name of tools) await form.getByRole('checkbox', { name }).check()
  }
  await form.getByLabel('Why?').fill('the guide says so')
  await form.getByRole('button', { name: 'Give the chosen ones' }).click()
  await page.getByRole('status').waitFor()
}

async function makeKey(page: Page, origin: string): Promise<string> {
  await page.goto(`${origin}/you`)
  await page.getByLabel('What is it for?').fill('the guide')
  await page.getByRole('button', { name: 'Make the key' }).click()
  const shown = await page.locator('pre').first().innerText()
  return /SALLYPORT_KEY=(\S+)/.exec(shown)![1]!
}

/** Steps 3 and 4: proposed by the one, reviewed and accepted by the other, with rights for both. */
async function govern(of: { house: House; ana: Page; bo: Page; address: string }): Promise<void> {
  const { house, ana, bo, address } = of
  await ana.goto(`${house.origin}/upstreams`)
  await ana.getByRole('link', { name: 'Propose an upstream' }).click()
  await ana.getByLabel('Name').fill('notes')
  await ana.getByLabel('Address', { exact: true }).fill(address)
  await ana.getByLabel('What is it for?').fill('Notes of the team')
  await ana.getByLabel('Why is it proposed?').fill('we need notes')
  await ana.getByRole('button', { name: 'Propose' }).click()
  await ana.getByRole('status').waitFor()

  // Review: begin, give the credential, look, approve; who proposed cannot approve.
  await takeStep(ana, 'Begin the review', 'Bo looks at it')
  assert.equal(await ana.locator('summary', { hasText: 'Approve' }).count(), 0)
  await bo.goto(`${house.origin}/upstreams/notes`)
  await bo.getByText('Store a credential').click()
  await bo.getByLabel('Value').fill(`Bearer ${credential}`)
  await bo.locator('details', { hasText: 'Store a credential' }).getByLabel('Why?').fill('made for the gateway')
  await bo.getByRole('button', { name: 'Seal it' }).click()
  await bo.getByRole('status').waitFor()
  await bo.getByRole('button', { name: 'Look now' }).click()
  await bo.getByRole('heading', { name: /^Withheld: 3 tools/ }).waitFor()
  await takeStep(bo, 'Approve', 'read its source')

  // Accept the tools
  await bo.goto(`${house.origin}/upstreams/notes`)
  for (const box of await bo.locator('input[name=accept]').all()) await box.check()
  await bo.getByLabel('Why are they right?').fill('they do what they say')
  await bo.getByRole('button', { name: 'Accept the chosen ones' }).click()
  await bo.getByRole('status').waitFor()
  assert.equal(await bo.getByRole('heading', { name: /^Withheld/ }).count(), 0)

  // Give rights
  await bo.goto(`${house.origin}/people`)
  await bo.getByRole('link', { name: 'Ana Lima' }).click()
  await giveRight(bo, 'use: call these tools', 'all of them')
  await ana.goto(`${house.origin}/people`)
  await ana.locator('main').getByRole('link', { name: 'Bo Berg' }).click()
  await giveRight(ana, 'approve: decide calls that others ask for', ['delete_note'])
}

test('the first hour: a server of one’s own is proposed, reviewed, connected, asked, proven and withdrawn', async (t) => {
  const address = await startNotes(t)
  const house = await openHouse(t, { reach: [address] })
  const desk = await openDesk(t)
  const [{ page: ana }, { page: bo }] = [await desk.open(), await desk.open()]

  // Two people
  await join(ana, (await house.rooms.identity.firstAdministratorLink())!, { name: 'Ana Lima', login: 'ana' })
  await ana.goto(`${house.origin}/people`)
  await ana.getByText('Invite somebody').click()
  await ana.getByLabel('Name', { exact: true }).fill('Bo Berg')
  await ana.getByRole('checkbox', { name: /May administer/ }).check()
  await ana.getByRole('button', { name: 'Make the link' }).click()
  await join(bo, (await ana.locator('pre').innerText()).trim(), { login: 'bo' })

  await govern({ house, ana, bo, address })

  // Connect
  const client = await openClient(t, house)
  await ana.goto(client.authorizeUrl('notes').href)
  await ana.getByRole('checkbox', { name: 'delete_note' }).check()
  await ana.getByRole('button', { name: 'Accept' }).click()
  const agent = await client.redeem('notes', (await client.answer()).get('code')!)
  assert.deepEqual((await agent.list()).toSorted(), ['delete_note', 'list_notes'])
  assert.match(textOf(await agent.call('list_notes', {})), /Bees need water/)

  // Approve, from the command line this time
  const deletion = () => agent.call('delete_note', { note_id: '1' })
  const id = new URL(linkOf(await deletion())).pathname.split('/').at(-1)!
  const key = await makeKey(bo, house.origin)
  assert.match(await sallyport(house, key, 'approval', id), /delete_note[\s\S]*"note_id": "1"/)
  await sallyport(house, key, 'approve', id, '--reason', 'the note is old')
  assert.match(textOf(await deletion()), /deleted 1/)

  // Prove
  await sallyport(house, key, 'export', 'copy')
  const verified = await sallyport(house, key, 'verify', 'copy')
  assert.match(verified, /^The ledger holds/)
  const folder = joinPath(house.dataDir, 'copy/tile/entries/000.p')
  const bundle = joinPath(folder, readdirSync(folder)[0]!)
  assert.match(readFileSync(bundle, 'utf8'), /delete_note/)
  assert.ok(!readFileSync(bundle, 'utf8').includes(credential), 'the credential is in the ledger')

  // Withdraw
  const [grant] = JSON.parse(await sallyport(house, key, 'grants', '--all', '--json')).grants as { id: string }[]
  await sallyport(house, key, 'revoke', 'grant', grant!.id, '--reason', 'the hour is over')
  assert.equal((await agent.call('list_notes', {})).status, 401)

  // What was exported stays as it was, and one changed byte shows.
  const bytes = readFileSync(bundle)
  bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40)
  writeFileSync(bundle, bytes)
  await assert.rejects(sallyport(house, key, 'verify', 'copy'), { code: 1, stdout: /THE LEDGER DOES NOT HOLD/ })
})

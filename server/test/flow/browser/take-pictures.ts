import { fileURLToPath } from 'node:url'
import { linkOf } from '../../agent.ts'
import { openChromium } from './chromium.ts'
import { openFullHouse } from './full-house.ts'
import { openClient } from './steps.ts'

// Takes the pictures of the README anew: node_modules/.bin/node server/test/flow/browser/take-pictures.ts

const folder = fileURLToPath(new URL('../../../../docs/picture/', import.meta.url))
const closing: (() => unknown)[] = []
const full = await openFullHouse(undefined)
const { house, ana, bo } = full
const browser = await openChromium()
const client = await openClient({ after: (close: () => unknown) => void closing.push(close) }, house)

async function look(person: typeof ana, height: number, deviceScaleFactor: number) {
  const context = await browser.newContext({ viewport: { width: 900, height }, deviceScaleFactor })
  await context.addCookies([{ name: 'sallyport', value: person.browser.cookie('sallyport')!, url: house.origin }])
  return context.newPage()
}

const consent = await look(ana, 2_000, 1)
await consent.goto(client.authorizeUrl('memory').href)
await consent.getByRole('checkbox', { name: 'create_entities' }).check()
await consent.getByRole('checkbox', { name: 'delete_entities' }).check()
await consent.mouse.move(1, 1)
await consent.screenshot({ path: `${folder}consent.png`, clip: { x: 130, y: 70, width: 640, height: 1_880 } })
await consent.getByRole('button', { name: 'Accept' }).click()
const agent = await client.redeem('memory', (await client.answer()).get('code')!)
const held = await agent.call('delete_entities', { entityNames: ['Elba', 'Ana Lima'] })

const approval = await look(bo, 960, 1.25)
await approval.goto(linkOf(held))
await approval.getByLabel('Why?').fill('Both were tests; nothing refers to them.')
await approval.screenshot({ path: `${folder}approval.png` })

await browser.close()
for (const close of closing) await close()
await house.close()

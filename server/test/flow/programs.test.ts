import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openHouse } from '../house.ts'
import { textOn } from '../operator.ts'

const script = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-memory/dist/index.js'))
const memory = { command: process.execPath, args: [script] }

// How the program of an upstream runs is said where people look, and a change of it is in the ledger.

test('nobody switches a sandbox off in silence: the ledger, the page and the API say so', async (t) => {
  const house = await openHouse(t, {
    yaml: `stdio: ${JSON.stringify({ memory: { ...memory, sandbox: 'off', process: 'per_principal' } })}\n`,
    preload: ['memory'],
  })
  const { inventory, gateway } = house.rooms
  await gateway.look((await inventory.findUpstream('memory'))!)
  const runs = ['not confined: the configuration says `sandbox: off`', 'a process for each principal, 16 at most']
  const [seen] = (await house.changes('upstream.observed')).filter(({ details }) => details?.['runs'] !== undefined)
  assert.deepEqual(seen?.details?.['runs'], runs)

  const ada = await house.person('Ada', ['administer'])
  const page = textOn(await ada.browser.open('/upstreams/memory'))
  assert.match(page, /no sandbox\s+not confined: the configuration says/)
  const stranger = await house.person('Eve', ['memory/read_graph'])
  assert.doesNotMatch(textOn(await stranger.browser.open('/upstreams/memory')), /not confined/)
})

test('whether programs are confined on this machine is logged when the first one starts', async (t) => {
  const house = await openHouse(t, { preload: ['memory'] })
  const { inventory, gateway } = house.rooms
  await gateway.look((await inventory.findUpstream('memory'))!)
  const [said] = (await inventory.findUpstream('memory'))?.learnt?.runs ?? []
  const logged = house.log.join('\n')
  if (said === 'confined by bubblewrap, without the network') assert.match(logged, /confined by bubblewrap/)
  else {
    assert.match(said ?? '', /^not confined: bubblewrap/)
    assert.match(logged, /NO SANDBOX/)
  }
})

test('a program that cannot start says why to those who govern it, and how long it is left alone', async (t) => {
  const house = await openHouse(t, {
    yaml: 'stdio: { memory: { command: /bin/false, sandbox: "off" } }\n',
    preload: ['memory'],
  })
  const { inventory, gateway } = house.rooms
  for (let looks = 0; looks < 7; looks++) {
    house.clock.pass(60_000)
    await gateway.look((await inventory.findUpstream('memory'))!)
  }
  const { probeError } = (await inventory.findUpstream('memory'))!
  assert.match(probeError ?? '', /nothing was sent \(.*it exited with code 1/)
  const ada = await house.person('Ada', ['administer'])
  assert.match(textOn(await ada.browser.open('/upstreams/memory')), /it exited with code 1/)
})

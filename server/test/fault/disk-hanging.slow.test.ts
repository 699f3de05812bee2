import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { endure } from './outage.ts'
import { setUpRig } from './rig.ts'

const preload = fileURLToPath(new URL('./hanging-disk.ts', import.meta.url))

test('while the disk of SQLite hangs, calls are refused within two seconds and not sent, until it is back', async (t) => {
  const rig = await setUpRig(t)
  const hanging = join(rig.folder, 'hanging')
  t.after(() => rmSync(hanging, { force: true }))
  const gateway = rig.start(([node, ...args]) => [
    'env',
    `HANGING_DISK=${hanging}`,
    node!,
    '--import',
    preload,
    ...args,
  ])
  await gateway.ready
  // Past two seconds calls are given up, past five also the question to the thread.
  const outages = [2_500, 7_000].map((forMs, round) => ({
    name: `hanging ${round}`,
    begin: () => writeFileSync(hanging, ''),
    end: () => rmSync(hanging),
    forMs,
  }))
  const demand = { withinMs: 3_500, faults: ['ledger.unavailable'], atOnce: 40, backWithinMs: 15_000 }
  t.diagnostic(await endure(rig, gateway, { outages, demand }))
})

import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { readConfig } from '../../src/base/config.ts'
import { openLog } from '../../src/base/log.ts'
import { openSallyport } from '../../src/main.ts'

// The product in a process of its own. From time to time rights change that concern nobody, so that everything which is
// remembered of rights is forgotten in the midst of calls.
const [path] = process.argv.slice(2) as [string]
const config = readConfig({
  file: { path, text: readFileSync(path, 'utf8') },
  env: { DATABASE_URL: process.env['DATABASE_URL'] },
  cwd: process.cwd(),
})
const { rooms, url, close } = await openSallyport(config, {
  clock: systemClock,
  log: openLog({ level: config.log.level }),
  preload: [],
})

async function moveRights(): Promise<void> {
  const nobody = { by: 'set-up', principalId: 'nobody', upstream: 'modern', tools: ['read_0'] }
  await rooms.inventory.entitle({ ...nobody, right: 'use', reason: 'to move the revision' }).catch(() => undefined)
}

setInterval(() => void moveRights(), 10_000).unref()
process.on('message', () => void close().then(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
process.send!(url)

import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { readConfig } from '../../src/base/config.ts'
import { openLog } from '../../src/base/log.ts'
import { openSallyport } from '../../src/main.ts'

// The product without the upstreams that come with it: what is killed and starved here.
const [path] = process.argv.slice(2) as [string]
const config = readConfig({
  file: { path, text: readFileSync(path, 'utf8') },
  env: { DATABASE_URL: process.env['DATABASE_URL'] },
  cwd: process.cwd(),
})
const log = openLog({ level: config.log.level })
const sallyport = await openSallyport(config, { clock: systemClock, log, preload: [] })
process.once('SIGTERM', () => void sallyport.close().then(() => process.exit(0)))
process.stdout.write('ready\n')

import { readFileSync } from 'node:fs'
import { systemClock } from '../../server/src/base/clock.ts'
import { readConfig } from '../../server/src/base/config.ts'
import { openLog } from '../../server/src/base/log.ts'
import { openSallyport } from '../../server/src/main.ts'
import { serveUsage } from './serve-usage.ts'

// The product as it is, without the upstreams that come with it.
const [path] = process.argv.slice(2) as [string]
const config = readConfig({ file: { path, text: readFileSync(path, 'utf8') }, env: {}, cwd: process.cwd() })
const log = openLog({ level: config.log.level })
const sallyport = await openSallyport(config, { clock: systemClock, log, preload: [] })
serveUsage(sallyport.url, () => sallyport.close())

import { readFileSync } from 'node:fs'
import { systemClock } from '../../server/src/base/clock.ts'
import { readConfig } from '../../server/src/base/config.ts'
import { settleEngine } from '../../server/src/base/engine.ts'
import { openLog } from '../../server/src/base/log.ts'
import { openSallyport } from '../../server/src/main.ts'
import { serveUsage } from './serve-usage.ts'

// The product as it is, without the upstreams that come with it.
settleEngine()
const [path, databaseUrl] = process.argv.slice(2) as [string, string | undefined]
const env = databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }
const config = readConfig({ file: { path, text: readFileSync(path, 'utf8') }, env, cwd: process.cwd() })
const log = openLog({ level: config.log.level })
const sallyport = await openSallyport(config, { clock: systemClock, log, preload: [] })
const close = () => sallyport.close()
// With `--expose-gc` it says as well what it holds that somebody still needs.
serveUsage(sallyport.url, close, () => {
  globalThis.gc?.()
  return { heapBytes: globalThis.gc === undefined ? undefined : process.memoryUsage().heapUsed }
})

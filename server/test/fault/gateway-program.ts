import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
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

// How long it took to refuse, by the clock of this process: what a busy machine takes to bring a request here, and the
// answer back, is no matter of the gateway.
let slowestRefusalMs = 0
const begun = new WeakMap<IncomingMessage, number>()
subscribe('http.server.request.start', (message) => {
  begun.set((message as { request: IncomingMessage }).request, performance.now())
})
subscribe('http.server.response.finish', (message) => {
  const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
  if (response.statusCode === 503)
    slowestRefusalMs = Math.max(slowestRefusalMs, performance.now() - begun.get(request)!)
})
const end = async (): Promise<void> => {
  await sallyport.close()
  const path = process.env['SLOWEST_REFUSAL']
  if (path !== undefined) writeFileSync(path, String(slowestRefusalMs))
  process.exit(0)
}
process.once('SIGTERM', () => void end())
process.stdout.write('ready\n')

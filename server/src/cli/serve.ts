import { existsSync, readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import { readConfig, type Config } from '../base/config.ts'
import { settleEngine } from '../base/engine.ts'
import { Fault } from '../base/fault.ts'
import { type Log, openLog } from '../base/log.ts'
import { builtinLaunches } from '../gateway/builtin.ts'
import { openSallyport, type Sallyport } from '../main.ts'

const defaultFile = 'sallyport.yaml'

/**
 * Runs the product until it is told to stop: `sallyport serve`, and `npm start`.
 *
 * SIGINT and SIGTERM close it in order; a second one ends it at once.
 *
 * @param options `config`: path of the configuration file; else `SALLYPORT_CONFIG`, else `sallyport.yaml` if it is there.
 * @returns the exit code, when it has stopped.
 */
export async function serve(options: { config?: string | undefined }): Promise<number> {
  settleEngine()
  const startedAt = systemClock.monotonic()
  const stop = stopSignal()
  let config: Config
  let sallyport: Sallyport
  try {
    config = readConfiguration(options.config)
    const log = openLog({ level: config.log.level, pretty: process.stderr.isTTY })
    const preload = Object.keys(builtinLaunches)
    sallyport = await openSallyport(config, { clock: systemClock, log, preload })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    console.error(error.message)
    return 1
  }
  guardAgainstTheUnforeseen(sallyport, openLog({ level: 'error' }))
  const firstLink = await sallyport.rooms.identity.firstAdministratorLink()
  const seconds = ((systemClock.monotonic() - startedAt) / 1_000).toFixed(1)
  console.log(greeting(config, { seconds, firstLink, url: sallyport.url }))
  await stop
  console.log(
    `\nStopping: calls under way may finish (5 s at most)${atTerminal() ? '; Ctrl-C again ends at once' : ''}.`,
  )
  await sallyport.close()
  console.log('Stopped.')
  return 0
}

// What nobody caught leaves the house in a state that nobody thought of: it says so through the log, which hides what is
// secret, closes in order, and leaves the next start to whoever watches over it.
function guardAgainstTheUnforeseen(sallyport: Sallyport, log: Log): void {
  let seen = false
  const end = async (reason: unknown): Promise<void> => {
    log.error({ error: reason }, 'something failed that nobody foresaw; Sallyport stops')
    if (!seen) {
      seen = true
      await sallyport.close().catch(() => undefined)
    }
    process.exit(1)
  }
  // That nobody reads any more what we say is no reason to stop.
  process.stdout.on('error', () => undefined)
  process.on('uncaughtException', (reason) => void end(reason))
  process.on('unhandledRejection', (reason) => void end(reason))
}

function readConfiguration(given: string | undefined): Config {
  const { env } = process
  const named = given ?? env['SALLYPORT_CONFIG']
  const path = named ?? (existsSync(defaultFile) ? defaultFile : undefined)
  if (path === undefined) return readConfig({ env, cwd: process.cwd() })
  if (!existsSync(path))
    throw new Fault('config.invalid', `cannot read the configuration: there is no file \`${path}\``)
  return readConfig({ file: { path, text: readFileSync(path, 'utf8') }, env, cwd: process.cwd() })
}

function greeting(config: Config, at: { seconds: string; firstLink: string | undefined; url: string }): string {
  const lines = ['', `Sallyport is ready after ${at.seconds} s: ${config.origin}`]
  if (at.url !== config.origin) lines.push(`It listens on ${at.url}.`)
  if (at.firstLink === undefined) {
    lines.push('', `  Sign in:          ${config.origin}/`)
  } else {
    lines.push(
      '',
      'Nobody administers it yet. Open this link once, within 24 hours, to become the first administrator:',
      '',
      `  ${at.firstLink}`,
    )
  }
  lines.push(
    '',
    'Then connect a client, and sign in when the browser opens:',
    '',
    `  Claude Code:      claude mcp add --transport http memory ${config.origin}/mcp/memory`,
    `  Others:           ${config.origin}/mcp/memory  or  ${config.origin}/mcp/mux`,
    '',
    `Data is in ${config.databaseUrl === undefined ? config.dataDir : 'PostgreSQL, keys in ' + config.dataDir}. Ctrl-C stops.`,
  )
  return lines.join('\n')
}

// The listeners stay: a signal that nobody listens to would end the process at once, and without a terminal one signal may
// arrive twice, and late, from the group and from a wrapper. There it is never a second one, and whoever watches over us has
// SIGKILL. At a terminal what comes within a second is the same Ctrl-C.
function stopSignal(): Promise<void> {
  const stop = Promise.withResolvers<void>()
  let firstAt: number | undefined
  const hear = (): void => {
    const now = systemClock.monotonic()
    if (firstAt !== undefined && atTerminal() && now - firstAt > 1_000) process.exit(130)
    firstAt ??= now
    stop.resolve()
  }
  process.on('SIGINT', hear)
  process.on('SIGTERM', hear)
  return stop.promise
}

function atTerminal(): boolean {
  return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
}

import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Agent } from '../agent.ts'
import { freePort, type House, openHouse } from '../house.ts'
import { type Arrival, readLedger } from './oracle.ts'
import { inTime } from '../patience.ts'

const program = (name: string) => fileURLToPath(new URL(`./${name}-program.ts`, import.meta.url))

/** An upstream in a process of its own, with a journal on disk. */
export interface Outside {
  readonly url: string
  /** What reached it, in order. */
  journal(): Arrival[]
  /** Answers the slow calls that wait. */
  release(): void
}

/** Starts the upstream; it ends with the test. */
export async function startOutside(t: TestContext, folder: string): Promise<Outside> {
  const path = join(folder, 'journal')
  const child = fork(program('upstream'), [path])
  t.after(() => child.kill('SIGKILL'))
  const [url] = (await inTime(once(child, 'message'), 'the upstream listens')) as [string]
  return {
    url,
    journal: () => (existsSync(path) ? readLines(path).map((line) => JSON.parse(line) as Arrival) : []),
    release: () => void child.send('release'),
  }
}

// The last line may be half written while we read.
function readLines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

/** A gateway in a process of its own. */
export interface Running {
  readonly pid: number
  /** Resolves when it accepts connections. */
  readonly ready: Promise<void>
  /** Kills it without warning. */
  kill(): Promise<void>
  /** Lets it end in good order. */
  stop(): Promise<void>
}

/** What is tried: a gateway that can be started and killed, an upstream that remembers, and people between them. */
export interface Rig {
  readonly folder: string
  readonly dataDir: string
  readonly configPath: string
  readonly origin: string
  readonly outside: Outside
  /** Clients of different people; any of them may use every tool. */
  readonly agents: Agent[]
  /**
   * Starts the gateway.
   *
   * @param wrap the command that is run instead, given the one that would be.
   */
  start(wrap?: (command: string[]) => string[]): Running
  /** How long the slowest refusal with 503 took the gateway that was stopped last, by its own clock, in milliseconds. */
  slowestRefusalMs(): number
  /** The ledger, read beside the gateway: on SQLite only while it is down. */
  ledger(dataFolder?: string): ReturnType<typeof readLedger>
}

/** How the rig is set up. */
export interface RigOptions {
  databaseUrl?: string
  /** People with a client each; one when absent. */
  people?: number
  /** The folder for the gateway's data below that of the rig, when not `data`, where everything is set up. */
  dataName?: string
  /** Work on the open house, after people and upstreams are in and before it is closed for the first time. */
  prepare?(house: House, agents: Agent[]): Promise<void>
}

/** Sets everything up in a house of this process, closes that, and returns what starts it again elsewhere. */
export async function setUpRig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-fault-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const outside = await startOutside(t, folder)
  const [port, setUpDir] = [await freePort(), join(folder, 'data')]
  const dataDir = join(folder, options.dataName ?? 'data')
  const origin = `http://127.0.0.1:${port}`
  const env: Record<string, string> = options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }
  const house = await openHouse(undefined, { dataDir: setUpDir, port, reach: [outside.url], env })
  const agents: Agent[] = []
  try {
    await house.httpUpstream('notes', outside.url, {
      effects: { wipe_notes: 'destructive', wipe_slowly: 'destructive' },
    })
    for (let i = 0; i < (options.people ?? 1); i++) {
      const person = await house.person(`person ${i}`, ['notes/*'])
      agents.push(await person.connect('notes', 'all'))
    }
    await options.prepare?.(house, agents)
  } finally {
    await house.close()
  }
  const configPath = join(folder, 'sallyport.yaml')
  const egress = { upstreams: { notes: [new URL(outside.url).host] } }
  writeFileSync(configPath, JSON.stringify({ origin, data: dataDir, egress, log: { level: 'error' } }))
  return {
    folder,
    dataDir,
    configPath,
    origin,
    outside,
    agents,
    start: (wrap = (command) => command) => startGateway(t, { command: wrap, configPath, folder, env }),
    slowestRefusalMs: () => Number(readFileSync(join(folder, slowestRefusal), 'utf8')),
    ledger: (dataFolder = dataDir) => readLedger({ dataFolder, databaseUrl: options.databaseUrl }),
  }
}

const slowestRefusal = 'slowest-refusal'

/** Within this time, by the gateway's own clock, a call is refused that cannot be recorded. */
export const refusalMsMax = 2_000

interface Start {
  command: (command: string[]) => string[]
  configPath: string
  folder: string
  env: Record<string, string>
}

function startGateway(t: TestContext, { command, configPath, folder, env }: Start): Running {
  const [file, ...args] = command([process.execPath, program('gateway'), configPath]) as [string, ...string[]]
  const child = spawn(file, args, {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
      SLOWEST_REFUSAL: join(folder, slowestRefusal),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)))
  const ready = Promise.race([
    once(child.stdout, 'data').then(() => undefined),
    once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the gateway ended (${code ?? signal}) before it was ready: ${said}`)
    }),
  ])
  // Whoever kills it while it starts does not wait for it.
  ready.catch(() => undefined)
  return {
    pid: child.pid!,
    get ready() {
      return inTime(ready, 'the gateway is ready')
    },
    async kill() {
      await end(child, 'SIGKILL')
    },
    async stop() {
      assert.deepEqual(await end(child, 'SIGTERM'), [0, null], said)
    },
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown[]> {
  if (child.exitCode !== null || child.signalCode !== null) return [child.exitCode, child.signalCode]
  const ended = once(child, 'exit')
  child.kill(signal)
  return inTime(ended, `the gateway has ended by ${signal}`)
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listTools } from '../../server/test/golden/list-tools.ts'
import type { Agent } from '../../server/test/agent.ts'
import { freePort, openHouse } from '../../server/test/house.ts'
import type { Load, Loaded } from './load.ts'
import { openPostgres } from './postgres.ts'
import { type Program, startProgram } from './programs.ts'
import type { Usage } from './serve-usage.ts'

/** What people use today, to be compared with. */
type Other = 'sdk-server' | 'sdk-relay' | 'mcp-proxy'

/** One way to the upstream, and the process in the middle of it. */
export interface Way {
  name: 'direct' | 'bare proxy' | 'gateway' | 'on PostgreSQL' | Other
  url: string
  /** Headers of the clients; they may change when tokens are renewed. */
  headers(): Record<string, string>[]
  /** The process whose CPU is counted. */
  process: Program
  /** CPU beside it that is counted as well, in microseconds: that of the database's server. */
  besides?: () => number
}

/** Everything that a bench of the call path needs, each part in a process of its own. */
export interface Stage {
  folder: string
  ways: Way[]
  /** Lets clients call for a while, and measures. */
  measure(way: Way, load: Omit<Load, 'url' | 'headers'>): Promise<Measured>
  /** Renews the tokens: they last five minutes. */
  renew(): Promise<void>
  close(): Promise<void>
}

/** One measurement. */
export interface Measured extends Loaded {
  callsPerSecond: number
  cpuPerCall: number
  residentMegabytes: number
}

/** A call of the modern era: what the client sends is what the upstream hears, nothing is translated on the way. */
export function message(method: 'tools/call' | 'tools/list'): { message: string; headers: Record<string, string> } {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const call = {
    name: 'list_video_assets',
    arguments: { limit: 5, page: '$n', live_stream_id: 'aA02skpHXoLrbQm49qIzAG6' },
  }
  const params = { ...(method === 'tools/call' ? call : {}), _meta: meta }
  const headers = {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(method === 'tools/call' && { 'mcp-name': call.name }),
  }
  return { message: JSON.stringify({ jsonrpc: '2.0', id: '$n', method, params }), headers }
}

/** Four people: one may hold 64 calls open, and nobody works at the edge of that. */
const people = 4

/**
 * Sets the stage: the upstream with the tools of Mux, the bare proxy, and the gateway with everything on, its data on a
 * real disk and each call with a token, a decision, and a durable intent and outcome.
 *
 * @param options `profile`: a folder for the CPU profile of the gateway, written when the stage is closed.
 */
export async function openStage(options: {
  method: 'tools/call' | 'tools/list'
  data?: string | undefined
  profile?: string | undefined
  /** More ways, beside direct, bare proxy and gateway. */
  others?: readonly Other[]
  /** One way more: the gateway on a PostgreSQL, whose server's CPU is added to its own. */
  postgres?: boolean
}): Promise<Stage> {
  const folder = mkdtempSync(join(options.data ?? tmpdir(), 'sallyport-bench-'))
  const toolsPath = join(folder, 'tools.json')
  writeFileSync(toolsPath, JSON.stringify(await listTools('@mux/mcp/index.js', ['--tools=all'])))
  const upstream = await startProgram('upstream', [toolsPath])
  const proxy = await startProgram('bare-proxy', [upstream.first])
  const others = await Promise.all(
    (options.others ?? []).map(async (name) => ({
      name,
      program: await startProgram(name, [name === 'sdk-server' ? toolsPath : upstream.first]),
    })),
  )
  const { agents, configPath } = await setUp(folder, upstream.first)
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true })
  const profiling = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]
  const gateway = await startProgram('gateway', [configPath], profiling)
  const second = options.postgres === true ? await openSecond(folder, upstream.first, options.data) : undefined
  const load = await startProgram('load')
  const { headers } = message(options.method)
  const bearersOf = (of: Agent[]) => () =>
    of.map((one) => ({ ...headers, authorization: `Bearer ${one.tokens.access_token}` }))
  return {
    folder,
    ways: [
      { name: 'direct', url: upstream.first, headers: () => [headers], process: upstream },
      { name: 'bare proxy', url: proxy.first, headers: () => [headers], process: proxy },
      { name: 'gateway', url: `${gateway.first}/mcp/mux`, headers: bearersOf(agents), process: gateway },
      ...(second === undefined ? [] : [{ ...second.way, headers: bearersOf(second.agents) }]),
      ...others.map(({ name, program }) => ({
        name,
        url: program.first,
        headers: () => [headers],
        process: program,
      })),
    ],
    async measure(way, of) {
      const cpuNow = async () => (await way.process.ask<Usage>('usage')).cpuMicroseconds + (way.besides?.() ?? 0)
      const before = await cpuNow()
      const loaded = await load.ask<Loaded>({ ...of, url: way.url, headers: way.headers() })
      const spent = (await cpuNow()) - before
      const { residentBytes } = await way.process.ask<Usage>('usage')
      if (loaded.failures > 0) throw new Error(`${loaded.failures} of ${loaded.calls} calls failed: ${way.name}`)
      return {
        ...loaded,
        callsPerSecond: loaded.calls / loaded.seconds,
        cpuPerCall: spent / loaded.calls,
        residentMegabytes: residentBytes / 2 ** 20,
      }
    },
    async renew() {
      for (const agent of [...agents, ...(second?.agents ?? [])]) await agent.refresh()
    },
    async close() {
      await second?.close()
      for (const program of [load, gateway, proxy, ...others.map((one) => one.program), upstream]) await program.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openSecond(folder: string, url: string, data: string | undefined) {
  const postgres = await openPostgres(data)
  const place = join(folder, 'second')
  mkdirSync(place)
  const { agents, configPath } = await setUp(place, url, { databaseUrl: postgres.url })
  const gateway = await startProgram('gateway', [configPath, postgres.url])
  return {
    agents,
    way: {
      name: 'on PostgreSQL' as const,
      url: `${gateway.first}/mcp/mux`,
      process: gateway,
      besides: () => postgres.cpuMicroseconds(),
    },
    async close() {
      await gateway.stop()
      await postgres.stop()
    },
  }
}

/**
 * Makes people, rights and tokens in a house of this process, which is closed before the gateway starts on its data.
 *
 * @param of `count` of people; each has one client with all tools of the upstream `mux`. `replicas` share one PostgreSQL.
 * @returns their clients, the configuration to start each replica of the gateway with, and the key of an operator.
 */
export async function setUp(
  folder: string,
  url: string,
  of: { count?: number; databaseUrl?: string | undefined; replicas?: number } = {},
): Promise<{ agents: Agent[]; configPath: string; configPaths: string[]; key: string }> {
  const [port, dataDir] = [await freePort(), join(folder, 'data')]
  const { count = people, databaseUrl, replicas = 1 } = of
  const env: Record<string, string> = databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }
  const agents: Agent[] = []
  // From one address only so many consents are taken in a minute: these people sit at one each.
  const house = await openHouse(undefined, { dataDir, port, reach: [url], env, yaml: 'trustedProxies: [127.0.0.1]' })
  try {
    await house.httpUpstream('mux', url)
    const { principal } = await house.person('operator', ['administer'])
    const { key } = await house.rooms.identity.makeOperatorKey({ principal, label: 'bench' })
    const client = await house.register({ client_name: 'a client' })
    while (agents.length < count) {
      const person = await house.person(`person ${agents.length}`, ['mux/*'])
      person.browser.address = `203.0.${Math.floor(agents.length / 250)}.${agents.length % 250}`
      agents.push(await person.connect('mux', 'all', { client }))
    }
    const configPath = writeConfig(join(folder, 'sallyport.yaml'), { port, dataDir, url })
    const configPaths = [configPath]
    while (configPaths.length < replicas) {
      const name = `replica-${configPaths.length + 1}`
      const own = { listen: `127.0.0.1:${await freePort()}`, data: join(folder, name) }
      const shared = { masterKeyFile: join(dataDir, 'master.key') }
      configPaths.push(writeConfig(join(folder, `${name}.yaml`), { port, dataDir, url }, { ...shared, ...own }))
    }
    return { agents, configPath, configPaths, key }
  } finally {
    await house.close()
  }
}

function writeConfig(
  path: string,
  { port, dataDir, url }: { port: number; dataDir: string; url: string },
  more: Record<string, unknown> = {},
): string {
  const settings = {
    origin: `http://127.0.0.1:${port}`,
    data: dataDir,
    egress: { upstreams: { mux: [new URL(url).host] } },
    log: { level: 'warn' },
  }
  writeFileSync(path, JSON.stringify({ ...settings, ...more }))
  return path
}

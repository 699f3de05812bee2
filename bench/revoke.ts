import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { listTools } from '../server/test/golden/list-tools.ts'
import type { Lanes } from './call/lanes-program.ts'
import { openPostgres } from './call/postgres.ts'
import { startProgram } from './call/programs.ts'
import type { Usage } from './call/serve-usage.ts'
import { message, setUp } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How long does a right work after it was withdrawn? 64 clients call without pause, eight in the name of each of eight
// grants. An operator revokes grant after grant through the control API, in eight lanes at once, and the clients go on
// calling with what they have. The upstream notes when the last call of each grant arrived. With replicas, the clients
// are divided among them, each grant is used at all of them at once, and the operator speaks to the first.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    grants: { type: 'string', default: '200' },
    replicas: { type: 'string', default: '1' },
    data: { type: 'string' },
  },
})
const [grants, replicas] = [Number(values.grants), Number(values.replicas)]
const lanes = 8
const clientsEach = Math.floor(64 / lanes / replicas)

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const toolsPath = join(folder, 'tools.json')
writeFileSync(toolsPath, JSON.stringify(await listTools('@mux/mcp/index.js', ['--tools=all'])))
const upstream = await startProgram('upstream', [toolsPath, 'journal'])
const postgres = replicas > 1 ? await openPostgres(values.data) : undefined
const of = { count: grants + lanes, replicas, databaseUrl: postgres?.url }
const { agents, configPaths, key } = await setUp(folder, upstream.first, of)
const store = postgres === undefined ? [] : [postgres.url]
const gateways = await Promise.all(configPaths.map((path) => startProgram('gateway', [path, ...store])))
const loads = await Promise.all(gateways.map(() => startProgram('lanes')))
const origin = gateways[0]!.first

/** Microseconds that every process of the machine counts alike. */
const now = () => Number(process.hrtime.bigint() / 1_000n)
const revoked: { grant: number; askedAt: number; doneAt: number }[] = []

async function revoke(grant: number): Promise<void> {
  const askedAt = now()
  const answer = await fetch(`${origin}/api/v1/grants/${agents[grant]!.grantId}/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'for the bench' }),
  })
  const doneAt = now()
  if (!answer.ok) throw new Error(`not revoked: ${answer.status} ${await answer.text()}`)
  await answer.arrayBuffer()
  revoked.push({ grant, askedAt, doneAt })
}

let next = lanes
async function runLane(lane: number): Promise<void> {
  await sleep(lane * 50)
  for (let grant = lane; next < agents.length; grant = next++) {
    for (const load of loads) load.tell({ lane, grant })
    await sleep(300)
    await revoke(grant)
    // They go on calling: whatever is still served now arrives late.
    await sleep(300)
  }
}

/** What a call of this grant at this replica names at the upstream. */
const pageOf = (replica: number, grant: number) => replica * agents.length + grant

try {
  const { message: body, headers } = message('tools/call')
  const { host } = new URL(origin)
  const bearers = agents.map((one) => ({ ...headers, host, authorization: `Bearer ${one.tokens.access_token}` }))
  for (const [replica, load] of loads.entries()) {
    const url = `${gateways[replica]!.first}/mcp/mux`
    const first = pageOf(replica, 0)
    await load.ask({ url, headers: bearers, message: body, first, lanes, clientsEach } satisfies Lanes)
  }
  await sleep(3_000)
  const [counted, startedAt] = [await countAll(), performance.now()]
  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)))
  const [counts, seconds] = [await countAll(), (performance.now() - startedAt) / 1_000]
  const { journal } = await upstream.ask<Usage & { journal: [number, number][] }>('usage')
  report(new Map(journal), {
    served: counts.served - counted.served,
    refused: counts.refused - counted.refused,
    seconds,
  })
} finally {
  for (const program of [...loads, ...gateways, upstream]) await program.stop()
  await postgres?.stop()
  rmSync(folder, { recursive: true, force: true })
}

interface Counts {
  served: number
  refused: number
}

async function countAll(): Promise<Counts> {
  const counts = await Promise.all(loads.map((load) => load.ask<Counts>('counts')))
  const sum = (name: keyof Counts) => counts.reduce((total, one) => total + one[name], 0)
  return { served: sum('served'), refused: sum('refused') }
}

/** Milliseconds until the last call arrived: `late` after the answer to the revocation, `whole` after its request. */
interface Measured {
  late: number[]
  whole: number[]
}

function measure(lastAt: Map<number, number>, replica: number): Measured {
  const last = (grant: number) => lastAt.get(pageOf(replica, grant))
  // One that was never served says nothing.
  const measured = revoked.filter(({ grant }) => last(grant) !== undefined)
  return {
    late: measured.map(({ grant, doneAt }) => (last(grant)! - doneAt) / 1_000),
    whole: measured.map(({ grant, askedAt }) => (last(grant)! - askedAt) / 1_000),
  }
}

function report(lastAt: Map<number, number>, { served, refused, seconds }: Counts & { seconds: number }): void {
  const each = gateways.map((_, replica) => measure(lastAt, replica))
  const took = revoked.map(({ askedAt, doneAt }) => (doneAt - askedAt) / 1_000)
  const row = (name: string, samples: number[]) => [
    name,
    ...[percentile(samples, 0.5), percentile(samples, 0.99), Math.max(...samples)].map((one) => one.toFixed(1)),
    String(samples.length),
  ]
  const rate = (count: number) => (count / seconds).toFixed(0)
  const where = (replica: number) => (replicas === 1 ? '' : `, replica ${replica + 1}`)
  const load = `${rate(served)} calls/s were served and ${rate(refused)} refused`
  const on = postgres === undefined ? 'SQLite' : `PostgreSQL ${postgres.version}, replicas of the gateway: ${replicas}`
  console.log(
    `\nrevoke: ${revoked.length} grants revoked in ${seconds.toFixed(0)} s, while ${load}\n${machine}\non ${on}\n`,
  )
  console.log(
    formatTable(
      ['milliseconds', 'p50', 'p99', 'max', 'of'],
      [
        ...each.map(({ late }, replica) =>
          row(`from the answer to the revocation to the last call at the upstream${where(replica)}`, late),
        ),
        ...each.map(({ whole }, replica) =>
          row(`from the request to revoke to the last call at the upstream${where(replica)}`, whole),
        ),
        row('the revocation itself', took),
      ],
    ),
  )
  console.log('\nLess than nothing: the last call had arrived before the operator was answered.')
  if (replicas > 1) console.log('The operator speaks to replica 1; the others hear of it.')
  if (values.json) console.log(JSON.stringify({ bench: 'revoke', revocations: revoked.length, ...summary(each) }))
}

/** Of all replicas together, and of each where there are several. */
function summary(each: Measured[]): Record<string, unknown> {
  const figures = ({ late, whole }: Measured) => ({
    measured: late.length,
    lastCallP50Ms: round(percentile(late, 0.5), 1),
    lastCallP99Ms: round(percentile(late, 0.99), 1),
    lastCallMaxMs: round(Math.max(...late), 1),
    fromRequestP50Ms: round(percentile(whole, 0.5), 1),
    fromRequestP99Ms: round(percentile(whole, 0.99), 1),
    fromRequestMaxMs: round(Math.max(...whole), 1),
  })
  const all = { late: each.flatMap(({ late }) => late), whole: each.flatMap(({ whole }) => whole) }
  return { ...figures(all), ...(replicas > 1 && { replicas: each.map(figures) }) }
}

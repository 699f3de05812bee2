import { parseArgs } from 'node:util'
import { message, type Measured, openStage, type Stage, type Way } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { median, percentile, round } from './report/samples.ts'
import { callColumns, formatTable } from './report/table.ts'

// What does it cost to be governed? The same calls by three ways: straight to the upstream, through a proxy that only
// parses and forwards, and through the gateway with everything on. In rounds that take turns, so that a disturbance of
// the machine meets all three.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    data: { type: 'string' },
    profile: { type: 'string' },
    store: { type: 'string', default: 'sqlite' },
  },
})
const crowd = 64
const rounds = Number(values.rounds)
const milliseconds = Number(values.seconds) * 1_000
const call = message('tools/call').message

interface Series {
  crowded: Measured[]
  alone: Measured[]
}

async function measureAll(stage: Stage): Promise<Map<Way['name'], Series>> {
  const all = new Map<Way['name'], Series>(stage.ways.map(({ name }) => [name, { crowded: [], alone: [] }]))
  for (const way of stage.ways) await warmUp(stage, way)
  for (let i = 0; i < rounds; i++) {
    await stage.renew()
    const first = i % stage.ways.length
    const order = [...stage.ways.slice(first), ...stage.ways.slice(0, first)]
    for (const way of order) {
      all.get(way.name)!.crowded.push(await stage.measure(way, { message: call, clients: crowd, milliseconds }))
    }
    for (const way of order) {
      all.get(way.name)!.alone.push(await stage.measure(way, { message: call, clients: 1, milliseconds }))
    }
  }
  return all
}

/** The engine compiles what runs often; before that, numbers are about the engine. */
async function warmUp(stage: Stage, way: Way): Promise<void> {
  for (let calls = 0, turns = 0; calls < 30_000 && turns < 10; turns++) {
    calls += (await stage.measure(way, { message: call, clients: crowd, milliseconds: 2_000 })).calls
  }
}

function summarise({ crowded, alone }: Series) {
  const latencies = alone.flatMap((one) => one.latencies)
  const crowdedLatencies = crowded.flatMap((one) => one.latencies)
  return {
    callsPerSecond: median(crowded.map((one) => one.callsPerSecond)),
    cpu: median(crowded.map((one) => one.cpuPerCall)),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    crowdedP50: percentile(crowdedLatencies, 0.5),
    crowdedP99: percentile(crowdedLatencies, 0.99),
    megabytes: Math.max(...crowded.map((one) => one.residentMegabytes)),
  }
}

if (!['sqlite', 'postgres'].includes(values.store)) throw new Error('--store is sqlite, or postgres for both')
const stage = await openStage({
  method: 'tools/call',
  data: values.data,
  profile: values.profile,
  postgres: values.store === 'postgres',
})
const machine = describeMachine(stage.folder)
const series = await measureAll(stage).finally(() => stage.close())
type Summary = ReturnType<typeof summarise>
const summaries = stage.ways.map(({ name }) => summarise(series.get(name)!))
const [direct, bare, gateway, onPostgres] = summaries as [Summary, Summary, Summary, Summary | undefined]

console.log(`\ncall: one tool call, ${rounds} rounds of ${values.seconds} s for each way\n${machine}\n`)
console.log(
  formatTable(
    callColumns(crowd),
    stage.ways.map(({ name }, i) => {
      const one = summaries[i]!
      const numbers = [one.crowdedP50, one.crowdedP99, one.p50, one.p99].map((value) => value.toFixed(2))
      return [name, one.callsPerSecond.toFixed(0), one.cpu.toFixed(0), ...numbers, one.megabytes.toFixed(0)]
    }),
  ),
)
const result = {
  bench: 'call',
  cpuOverBare: round(gateway.cpu / bare.cpu, 2),
  throughputOverBare: round(gateway.callsPerSecond / bare.callsPerSecond, 2),
  p50AddedMs: round(gateway.p50 - direct.p50, 2),
  p99AddedMs: round(gateway.p99 - direct.p99, 2),
  ...(onPostgres !== undefined && {
    postgresCpuOverBare: round(onPostgres.cpu / bare.cpu, 2),
    postgresThroughputOverBare: round(onPostgres.callsPerSecond / bare.callsPerSecond, 2),
    postgresP50AddedMs: round(onPostgres.p50 - direct.p50, 2),
    postgresP99AddedMs: round(onPostgres.p99 - direct.p99, 2),
  }),
}
console.log(
  `\nThe gateway takes ${result.cpuOverBare} times the CPU of the bare proxy and has ${result.throughputOverBare} of its throughput;` +
    `\nit adds ${result.p50AddedMs} ms (p50) and ${result.p99AddedMs} ms (p99) to a call straight to the upstream.` +
    `\nCPU is that of the process in the middle (direct: of the upstream itself); a call there includes its token, its` +
    `\ndecision, and a durable intent and outcome. On PostgreSQL that of the server is added.`,
)
if (values.json) console.log(JSON.stringify(result))

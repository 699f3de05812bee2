import { parseArgs } from 'node:util'
import { message, type Measured, openStage } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { median, percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// What does a list of 98 tools cost, each of them decided for the one who asks? Beside it two upstreams that are asked
// directly and serve the same list to everybody: `direct` does as little as one can, it has the bytes in memory and sends
// them; `sdk-server` is what most upstreams are, written with the official SDK. In rounds that take turns; the first list,
// which decides and writes, is in the warming up, which is long enough for the engine to compile what every list runs.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    data: { type: 'string' },
    profile: { type: 'string' },
  },
})
const crowd = 16
const milliseconds = Number(values.seconds) * 1_000
const list = message('tools/list').message

const stage = await openStage({
  method: 'tools/list',
  data: values.data,
  profile: values.profile,
  others: ['sdk-server'],
})
const machine = describeMachine(stage.folder)
const series = stage.ways.map((way) => ({ way, crowded: [] as Measured[], alone: [] as Measured[] }))
try {
  for (const { way } of series) await stage.measure(way, { message: list, clients: crowd, milliseconds: 12_000 })
  for (let i = 0; i < Number(values.rounds); i++) {
    await stage.renew()
    for (const { way, crowded, alone } of [...series.slice(i % 4), ...series.slice(0, i % 4)]) {
      crowded.push(await stage.measure(way, { message: list, clients: crowd, milliseconds }))
      alone.push(await stage.measure(way, { message: list, clients: 1, milliseconds: milliseconds / 2 }))
    }
  }
} finally {
  await stage.close()
}
const rows = series.map(({ way, crowded, alone }) => ({
  name: way.name,
  listsPerSecond: median(crowded.map((one) => one.callsPerSecond)),
  cpu: median(crowded.map((one) => one.cpuPerCall)),
  latencies: alone.flatMap((one) => one.latencies),
}))
console.log(`\nlist: the 98 tools of Mux, ${values.rounds} rounds of ${values.seconds} s for each way\n${machine}\n`)
console.log(
  formatTable(
    ['', `lists/s, ${crowd} clients`, 'CPU µs a list', 'p50 ms, 1', 'p99 ms, 1'],
    rows.map((one) => [
      one.name,
      one.listsPerSecond.toFixed(0),
      one.cpu.toFixed(0),
      percentile(one.latencies, 0.5).toFixed(2),
      percentile(one.latencies, 0.99).toFixed(2),
    ]),
  ),
)
const { cpu } = rows.find(({ name }) => name === 'gateway')!
const over = (name: string) => round(cpu / rows.find((one) => one.name === name)!.cpu, 2)
const result = {
  bench: 'list',
  tools: 98,
  cpuOverDirect: over('direct'),
  cpuOverSdkServer: over('sdk-server'),
  cpuOverBare: over('bare proxy'),
  cpuMicroseconds: round(cpu, 0),
}
console.log(
  `\nA list by the gateway takes ${result.cpuOverDirect} times the CPU of an upstream that sends bytes from its memory, ${result.cpuOverSdkServer} times` +
    `\nthat of one written with the official SDK, and ${result.cpuOverBare} times that of the bare proxy.`,
)
if (values.json) console.log(JSON.stringify(result))

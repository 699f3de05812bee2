import { parseArgs } from 'node:util'
import { message, type Measured, openStage } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { median, percentile, round } from './report/samples.ts'
import { callColumns, formatTable } from './report/table.ts'

// What do people pay today? The same calls of the same clients to the same upstream, through the official SDK's server and
// client back to back, and through `mcp-proxy`, beside the ways that `call` measures. Those two know nobody, decide and
// record nothing. In rounds that take turns.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    data: { type: 'string' },
  },
})
const crowd = 64
const milliseconds = Number(values.seconds) * 1_000
const call = message('tools/call').message

const stage = await openStage({ method: 'tools/call', data: values.data, others: ['sdk-relay', 'mcp-proxy'] })
const machine = describeMachine(stage.folder)
const series = stage.ways.map((way) => ({ way, crowded: [] as Measured[], alone: [] as Measured[] }))
try {
  for (const { way } of series) {
    // The engine compiles what runs often; before that, numbers are about the engine.
    for (let calls = 0, turns = 0; calls < 10_000 && turns < 5; turns++) {
      calls += (await stage.measure(way, { message: call, clients: crowd, milliseconds: 2_000 })).calls
    }
  }
  for (let i = 0; i < Number(values.rounds); i++) {
    await stage.renew()
    for (const { way, crowded, alone } of [...series.slice(i), ...series.slice(0, i)]) {
      crowded.push(await stage.measure(way, { message: call, clients: crowd, milliseconds }))
      alone.push(await stage.measure(way, { message: call, clients: 1, milliseconds }))
    }
  }
} finally {
  await stage.close()
}
const rows = series.map(({ way, crowded, alone }) => ({
  name: way.name,
  callsPerSecond: median(crowded.map((one) => one.callsPerSecond)),
  cpu: median(crowded.map((one) => one.cpuPerCall)),
  alone: alone.flatMap((one) => one.latencies),
  crowded: crowded.flatMap((one) => one.latencies),
  megabytes: Math.max(...crowded.map((one) => one.residentMegabytes)),
}))
console.log(`\ncompare: one tool call, ${values.rounds} rounds of ${values.seconds} s for each way\n${machine}\n`)
console.log(
  formatTable(
    callColumns(crowd),
    rows.map((one) => [
      one.name,
      one.callsPerSecond.toFixed(0),
      one.cpu.toFixed(0),
      ...[one.crowded, one.alone].flatMap((all) => [0.5, 0.99].map((part) => percentile(all, part).toFixed(2))),
      one.megabytes.toFixed(0),
    ]),
  ),
)
const gateway = rows.find(({ name }) => name === 'gateway')!
const over = (name: string) => {
  const other = rows.find((one) => one.name === name)!
  return { cpu: round(gateway.cpu / other.cpu, 2), throughput: round(gateway.callsPerSecond / other.callsPerSecond, 2) }
}
const [sdkRelay, mcpProxy] = [over('sdk-relay'), over('mcp-proxy')]
console.log(
  `\nThe gateway takes ${sdkRelay.cpu} times the CPU of the SDK's relay and ${mcpProxy.cpu} times that of mcp-proxy, and has` +
    `\n${sdkRelay.throughput} and ${mcpProxy.throughput} times their throughput, with token, decision, and durable intent and outcome.`,
)
if (values.json) console.log(JSON.stringify({ bench: 'compare', gatewayOver: { sdkRelay, mcpProxy } }))

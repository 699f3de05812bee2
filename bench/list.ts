import { parseArgs } from 'node:util'
import { message, openStage } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { median, percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// What does a list of 98 tools cost, each of them decided for the one who asks?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    data: { type: 'string' },
  },
})
const crowd = 16
const milliseconds = Number(values.seconds) * 1_000
const list = message('tools/list').message

const stage = await openStage({ method: 'tools/list', data: values.data })
const machine = describeMachine(stage.folder)
const rows = []
try {
  for (const way of stage.ways) {
    await stage.measure(way, { message: list, clients: crowd, milliseconds: 3_000 })
    const [crowded, alone] = [[], []] as Awaited<ReturnType<typeof stage.measure>>[][]
    for (let i = 0; i < Number(values.rounds); i++) {
      crowded!.push(await stage.measure(way, { message: list, clients: crowd, milliseconds }))
      alone!.push(await stage.measure(way, { message: list, clients: 1, milliseconds }))
    }
    rows.push({
      name: way.name,
      listsPerSecond: median(crowded!.map((one) => one.callsPerSecond)),
      cpu: median(crowded!.map((one) => one.cpuPerCall)),
      p50: percentile(
        alone!.flatMap((one) => one.latencies),
        0.5,
      ),
    })
  }
} finally {
  await stage.close()
}
console.log(`\nlist: the 98 tools of Mux, ${values.rounds} rounds of ${values.seconds} s for each way\n${machine}\n`)
console.log(
  formatTable(
    ['', `lists/s, ${crowd} clients`, 'CPU µs a list', 'p50 ms, 1'],
    rows.map((one) => [one.name, one.listsPerSecond.toFixed(0), one.cpu.toFixed(0), one.p50.toFixed(2)]),
  ),
)
if (values.json) {
  const { cpu, p50 } = rows.at(-1)!
  console.log(JSON.stringify({ bench: 'list', tools: 98, cpuMicroseconds: round(cpu, 0), p50Ms: round(p50, 2) }))
}

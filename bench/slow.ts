import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { listTools } from '../server/test/golden/list-tools.ts'
import { openHouse } from '../server/test/house.ts'
import { startProgram } from './call/programs.ts'
import { describeMachine } from './report/machine.ts'
import { percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// Who waits when upstreams are slow? Each of several takes its time for its own list. A client asks for the lists of all
// of them at once, over and over, while the gateway looks at each of them every ten seconds.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    upstreams: { type: 'string', default: '5' },
    delay: { type: 'string', default: '1500' },
    seconds: { type: 'string', default: '30' },
    data: { type: 'string' },
  },
})
const delay = Number(values.delay)

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const toolsPath = join(folder, 'tools.json')
writeFileSync(toolsPath, JSON.stringify(await listTools('@mux/mcp/index.js', ['--tools=all'])))
const names = Array.from({ length: Number(values.upstreams) }, (_, i) => `slow-${i + 1}`)
const upstreams = await Promise.all(names.map(() => startProgram('upstream', [toolsPath, 'quiet', String(delay)])))
const house = await openHouse(undefined, { dataDir: join(folder, 'data'), reach: upstreams.map(({ first }) => first) })

const timed = async (ask: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now()
  await ask()
  return performance.now() - startedAt
}
const latencies: number[] = []
const direct: number[] = []
try {
  for (const [i, name] of names.entries()) await house.httpUpstream(name, upstreams[i]!.first)
  const ana = await house.person(
    'ana',
    names.map((name) => `${name}/*`),
  )
  const agents = []
  for (const name of names) agents.push(await ana.connect(name, 'all'))
  for (const { first } of upstreams) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
    direct.push(await timed(async () => (await fetch(first, { method: 'POST', body })).text()))
  }
  const until = performance.now() + Number(values.seconds) * 1_000
  while (performance.now() < until) {
    latencies.push(...(await Promise.all(agents.map((agent) => timed(() => agent.list())))))
    await sleep(100)
  }
} finally {
  await house.close()
  for (const upstream of upstreams) await upstream.stop()
  rmSync(folder, { recursive: true, force: true })
}
const row = (name: string, samples: number[]) => [
  name,
  String(samples.length),
  ...[percentile(samples, 0.5), percentile(samples, 0.99), Math.max(...samples)].map((one) => one.toFixed(0)),
]
console.log(`\nslow: ${names.length} upstreams that take ${delay} ms for their list, all asked at once\n${machine}\n`)
console.log(
  formatTable(['', 'lists', 'p50 ms', 'p99 ms', 'max ms'], [row('direct', direct), row('gateway', latencies)]),
)
if (values.json) {
  const [p99Ms, maxMs] = [percentile(latencies, 0.99), Math.max(...latencies)].map((one) => round(one, 0))
  console.log(JSON.stringify({ bench: 'slow', upstreams: names.length, delayMs: delay, p99Ms, maxMs }))
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Idle } from './call/idle-program.ts'
import type { Loaded } from './call/load.ts'
import { startProgram } from './call/programs.ts'
import type { Usage } from './call/serve-usage.ts'
import { message, setUp } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// Does anything stay behind? Calls are made and streams opened and cut off, step after step, and after each step it is
// counted what the gateway still holds once everything that nobody needs is swept up.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    steps: { type: 'string', default: '10' },
    streams: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
    data: { type: 'string' },
  },
})
const [steps, streams] = [Number(values.steps), Number(values.streams)]

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const toolsPath = join(folder, 'tools.json')
writeFileSync(toolsPath, JSON.stringify([{ name: 'list_video_assets', inputSchema: schema() }]))
const upstream = await startProgram('upstream', [toolsPath])
const { agents, configPath } = await setUp(folder, upstream.first)
const gateway = await startProgram('gateway', [configPath], ['--expose-gc'])
const [load, listeners] = [await startProgram('load'), await startProgram('idle')]
const rows: { calls: number; streams: number; heap: number; resident: number }[] = []

function schema(): object {
  const properties = { limit: { type: 'number' }, page: { type: 'number' }, live_stream_id: { type: 'string' } }
  return { type: 'object', properties }
}

try {
  const { message: body, headers } = message('tools/call')
  const url = `${gateway.first}/mcp/mux`
  let [calls, opened] = [0, 0]
  for (let step = 0; step <= steps; step++) {
    for (const agent of agents) await agent.refresh()
    const bearers = agents.map((one) => ({ authorization: `Bearer ${one.tokens.access_token}` }))
    const crowd = { url, headers: bearers.map((one) => ({ ...headers, ...one })), message: body, clients: 64 }
    const loaded = await load.ask<Loaded>({ ...crowd, milliseconds: Number(values.seconds) * 1_000 })
    if (loaded.failures > 0) throw new Error(`${loaded.failures} of ${loaded.calls} calls failed`)
    await listeners.ask({ url, headers: bearers, each: streams / bearers.length, cut: true } satisfies Idle)
    const { heapBytes, residentBytes } = await gateway.ask<Usage & { heapBytes: number }>('usage')
    ;[calls, opened] = [calls + loaded.calls, opened + streams]
    rows.push({ calls, streams: opened, heap: heapBytes / 2 ** 20, resident: residentBytes / 2 ** 20 })
  }
} finally {
  for (const program of [listeners, load, gateway, upstream]) await program.stop()
  rmSync(folder, { recursive: true, force: true })
}
console.log(`\nchurn: calls, and streams that are cut off\n${machine}\n`)
console.log(
  formatTable(
    ['calls so far', 'streams so far', 'MB of heap in use', 'MB resident'],
    rows.map((one) => [String(one.calls), String(one.streams), one.heap.toFixed(2), one.resident.toFixed(0)]),
  ),
)
// The first half fills what is meant to be filled: compiled code, caches with a bound.
const [middle, last] = [rows[Math.floor(rows.length / 2)]!, rows.at(-1)!]
const exchanges = last.calls + last.streams - middle.calls - middle.streams
const bytes = ((last.heap - middle.heap) * 2 ** 20) / exchanges
console.log(`\nThe last ${exchanges} calls and streams left ${bytes.toFixed(1)} bytes each behind.`)
if (values.json) {
  console.log(JSON.stringify({ bench: 'churn', exchanges: last.calls + last.streams, bytesLeftEach: round(bytes, 1) }))
}

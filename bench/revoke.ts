import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { listTools } from '../server/test/golden/list-tools.ts'
import type { Lanes } from './call/lanes-program.ts'
import { startProgram } from './call/programs.ts'
import type { Usage } from './call/serve-usage.ts'
import { message, setUp } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How long does a right work after it was withdrawn? 64 clients call without pause, eight in the name of each of eight
// grants. An operator revokes grant after grant through the control API, in eight lanes at once, and the clients go on
// calling with what they have. The upstream notes when the last call of each grant arrived.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    grants: { type: 'string', default: '200' },
    data: { type: 'string' },
  },
})
const grants = Number(values.grants)
const lanes = 8

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const toolsPath = join(folder, 'tools.json')
writeFileSync(toolsPath, JSON.stringify(await listTools('@mux/mcp/index.js', ['--tools=all'])))
const upstream = await startProgram('upstream', [toolsPath, 'journal'])
const { agents, configPath, key } = await setUp(folder, upstream.first, { count: grants + lanes })
const gateway = await startProgram('gateway', [configPath])
const load = await startProgram('lanes')

/** Microseconds that every process of the machine counts alike. */
const now = () => Number(process.hrtime.bigint() / 1_000n)
const revoked: { grant: number; askedAt: number; doneAt: number }[] = []

async function revoke(grant: number): Promise<void> {
  const askedAt = now()
  const answer = await fetch(`${gateway.first}/api/v1/grants/${agents[grant]!.grantId}/revoke`, {
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
    load.tell({ lane, grant })
    await sleep(300)
    await revoke(grant)
    // They go on calling: whatever is still served now arrives late.
    await sleep(300)
  }
}

try {
  const { message: body, headers } = message('tools/call')
  const bearers = agents.map((one) => ({ ...headers, authorization: `Bearer ${one.tokens.access_token}` }))
  const url = `${gateway.first}/mcp/mux`
  await load.ask({ url, headers: bearers, message: body, lanes, clientsEach: 64 / lanes } satisfies Lanes)
  await sleep(3_000)
  const [counted, startedAt] = [await load.ask<Counts>('counts'), performance.now()]
  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)))
  const [counts, seconds] = [await load.ask<Counts>('counts'), (performance.now() - startedAt) / 1_000]
  const { journal } = await upstream.ask<Usage & { journal: [number, number][] }>('usage')
  report(new Map(journal), {
    served: counts.served - counted.served,
    refused: counts.refused - counted.refused,
    seconds,
  })
} finally {
  for (const program of [load, gateway, upstream]) await program.stop()
  rmSync(folder, { recursive: true, force: true })
}

interface Counts {
  served: number
  refused: number
}

function report(lastAt: Map<number, number>, { served, refused, seconds }: Counts & { seconds: number }): void {
  // One that was never served says nothing.
  const measured = revoked.filter(({ grant }) => lastAt.has(grant))
  const late = measured.map(({ grant, doneAt }) => (lastAt.get(grant)! - doneAt) / 1_000)
  const whole = measured.map(({ grant, askedAt }) => (lastAt.get(grant)! - askedAt) / 1_000)
  const took = revoked.map(({ askedAt, doneAt }) => (doneAt - askedAt) / 1_000)
  const row = (name: string, samples: number[]) => [
    name,
    ...[percentile(samples, 0.5), percentile(samples, 0.99), Math.max(...samples)].map((one) => one.toFixed(1)),
  ]
  const rate = (count: number) => (count / seconds).toFixed(0)
  console.log(
    `\nrevoke: ${revoked.length} grants revoked in ${seconds.toFixed(0)} s, while ${rate(served)} calls/s were served and ${rate(refused)} refused\n${machine}\n`,
  )
  console.log(
    formatTable(
      ['milliseconds', 'p50', 'p99', 'max'],
      [
        row('from the answer to the revocation to the last call at the upstream', late),
        row('from the request to revoke to the last call at the upstream', whole),
        row('the revocation itself', took),
      ],
    ),
  )
  console.log('\nLess than nothing: the last call had arrived before the operator was answered.')
  if (values.json) {
    console.log(
      JSON.stringify({
        bench: 'revoke',
        revocations: late.length,
        lastCallP99Ms: round(percentile(late, 0.99), 1),
        lastCallMaxMs: round(Math.max(...late), 1),
        fromRequestP99Ms: round(percentile(whole, 0.99), 1),
      }),
    )
  }
}

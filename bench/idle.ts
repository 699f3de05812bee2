import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Idle } from './call/idle-program.ts'
import { startProgram } from './call/programs.ts'
import type { Usage } from './call/serve-usage.ts'
import { setUp } from './call/stage.ts'
import { describeMachine } from './report/machine.ts'
import { round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// What do clients cost that listen and do nothing? Ten thousand open streams on one gateway, each a connection of its own
// with a token; nothing happens but that each is told now and then that it is alive.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    people: { type: 'string', default: '200' },
    each: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '90' },
    data: { type: 'string' },
    profile: { type: 'string' },
  },
})
const [people, each, seconds] = [Number(values.people), Number(values.each), Number(values.seconds)]

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const toolsPath = join(folder, 'tools.json')
writeFileSync(toolsPath, JSON.stringify([{ name: 'read_note', inputSchema: { type: 'object' } }]))
const upstream = await startProgram('upstream', [toolsPath])
const { agents, configPath, key } = await setUp(folder, upstream.first, { count: people })
const profiling = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
const gateway = await startProgram('gateway', [configPath], profiling)
const load = await startProgram('idle')
const rows: { streams: number; megabytes: number; cpu: number; heard: number }[] = []

/** What the gateway takes while nothing happens. */
async function rest(streams: number, forSeconds: number): Promise<void> {
  // What the opening left behind is gone by then.
  await sleep(10_000)
  const [before, heardBefore] = [await gateway.ask<Usage>('usage'), await load.ask<{ heardBytes: number }>('heard')]
  await sleep(forSeconds * 1_000)
  const after = await gateway.ask<Usage>('usage')
  const { heardBytes, ended } = await load.ask<{ heardBytes: number; ended: number }>('heard')
  if (ended > 0) throw new Error(`${ended} streams ended`)
  rows.push({
    streams,
    megabytes: after.residentBytes / 2 ** 20,
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / (forSeconds * 1e6),
    heard: (heardBytes - heardBefore.heardBytes) / forSeconds,
  })
}

/** Revokes a grant while all these streams are open. @returns ms until the answer, and until its last stream ended. */
async function revokeOne(grantId: string, endedBefore: number): Promise<{ answered: number; ended: number }> {
  const startedAt = performance.now()
  const answer = await fetch(`${gateway.first}/api/v1/grants/${grantId}/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'for the bench' }),
  })
  if (!answer.ok) throw new Error(`not revoked: ${answer.status} ${await answer.text()}`)
  const answered = performance.now() - startedAt
  for (let ended = endedBefore; ended < endedBefore + each;) {
    if (performance.now() - startedAt > 60_000) throw new Error('streams of a revoked grant are still open')
    await sleep(5)
    ended = (await load.ask<{ ended: number }>('heard')).ended
  }
  return { answered, ended: performance.now() - startedAt }
}

const revoked: { answered: number; ended: number }[] = []
try {
  await rest(0, Math.min(20, seconds))
  const headers = agents.map((one) => ({ authorization: `Bearer ${one.tokens.access_token}` }))
  const { open } = await load.ask<{ open: number }>({ url: `${gateway.first}/mcp/mux`, headers, each } satisfies Idle)
  if (open !== people * each) throw new Error(`only ${open} streams could be opened`)
  await rest(open, seconds)
  for (const [i, agent] of agents.slice(0, 10).entries()) revoked.push(await revokeOne(agent.grantId, i * each))
} finally {
  for (const program of [load, gateway, upstream]) await program.stop()
  rmSync(folder, { recursive: true, force: true })
}
console.log(`\nidle: streams of ${people} people, ${each} each, watched for ${seconds} s\n${machine}\n`)
console.log(
  formatTable(
    ['streams', 'MB resident', '% of a core', 'kB a stream', 'bytes/s heard'],
    rows.map(({ streams, megabytes, cpu, heard }) => [
      String(streams),
      megabytes.toFixed(0),
      (cpu * 100).toFixed(2),
      streams === 0 ? '' : (((megabytes - rows[0]!.megabytes) * 1_024) / streams).toFixed(1),
      heard.toFixed(0),
    ]),
  ),
)
const worst = Math.max(...revoked.map(({ ended }) => ended))
const answered = Math.max(...revoked.map((one) => one.answered))
console.log(
  `\nOf ${revoked.length} grants revoked then, each with ${each} of the streams, the slowest was answered after ${answered.toFixed(0)} ms` +
    `\nand its last stream had ended after ${worst.toFixed(0)} ms.`,
)
if (values.json) {
  const { streams, megabytes, cpu } = rows.at(-1)!
  console.log(
    JSON.stringify({
      bench: 'idle',
      streams,
      residentMegabytes: round(megabytes, 0),
      percentOfACore: round(cpu * 100, 2),
      revokedStreamsEndedMaxMs: round(worst, 0),
    }),
  )
}

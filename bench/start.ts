import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort } from '../server/test/house.ts'
import { describeMachine } from './report/machine.ts'
import { median, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How long does it take from typing `npm start` until somebody can be served? On the same data each time, with all that
// comes with the product; the first start, which makes the data and warms the disk's cache, is shown apart.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    data: { type: 'string' },
  },
})
const checkout = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)

/** Seconds: until it said that it is ready, until it answered a request, and what it says itself. */
interface Start {
  said: number
  answered: number
  own: number
}

async function start(): Promise<Start> {
  const origin = `http://127.0.0.1:${await freePort()}`
  const env = {
    ...process.env,
    SALLYPORT_DATA: join(folder, 'data'),
    SALLYPORT_ORIGIN: origin,
    SALLYPORT_LOG_LEVEL: 'error',
  }
  const startedAt = performance.now()
  const seconds = () => (performance.now() - startedAt) / 1_000
  // In a group of its own, so that a signal reaches npm and what npm started, as from a terminal.
  const child = spawn('npm', ['start'], { cwd: checkout, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    const ready = Promise.withResolvers<string>()
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      const own = /is ready after ([\d.]+) s/.exec(out)?.[1]
      if (own !== undefined) ready.resolve(own)
    })
    child.once('exit', () => ready.reject(new Error(`it did not start: ${out}`)))
    const own = await ready.promise
    const said = seconds()
    const answer = await fetch(`${origin}/.well-known/oauth-authorization-server`)
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`answered with ${answer.status}`)
    return { said, answered: seconds(), own: Number(own) }
  } finally {
    process.kill(-child.pid!, 'SIGTERM')
    await ended
  }
}

const starts: Start[] = []
try {
  for (let i = 0; i <= Number(values.rounds); i++) starts.push(await start())
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const [first, ...warm] = starts as [Start, ...Start[]]
const of = (name: keyof Start) => {
  const all = warm.map((one) => one[name])
  return [median(all), Math.max(...all)].map((one) => one.toFixed(2))
}
console.log(`\nstart: npm start, ${warm.length} times warm\n${machine}\n`)
console.log(
  formatTable(
    ['seconds', 'first', 'warm, median', 'warm, longest'],
    [
      ['until it says that it is ready', first.said.toFixed(2), ...of('said')],
      ['until it has answered a request', first.answered.toFixed(2), ...of('answered')],
      ['as the product counts, from its first line on', first.own.toFixed(2), ...of('own')],
    ],
  ),
)
if (values.json) {
  const answered = warm.map((one) => one.answered)
  console.log(
    JSON.stringify({
      bench: 'start',
      warmSeconds: round(median(answered), 2),
      warmSecondsMax: round(Math.max(...answered), 2),
      firstSeconds: round(first.answered, 2),
    }),
  )
}

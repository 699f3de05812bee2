import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../server/src/base/clock.ts'
import { makeId } from '../server/src/base/ids.ts'
import type { Intent } from '../server/src/ledger/entry.ts'
import { openLedger } from '../server/src/ledger/ledger.ts'
import { redactArguments } from '../server/src/ledger/redact.ts'
import { openFeed } from '../server/src/store/feed.ts'
import { openStore } from '../server/src/store/store.ts'
import { makeSigner } from '../server/test/sample-ledger.ts'
import { describeMachine } from './report/machine.ts'
import { median, percentile, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How many entries does the ledger take, each durable before anybody goes on? Writers record an intent, then its outcome,
// then the next. Alone a writer waits for the disk; many share one flush.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    data: { type: 'string' },
  },
})
const crowds = [1, 16, 256]

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
const machine = describeMachine(folder)
const databaseUrl = process.env['DATABASE_URL']
const store = await openStore({ dataFolder: folder, databaseUrl })
const feed = await openFeed(store, systemClock)
const log = { warn: console.error, error: console.error }
const origin = 'bench.example/ledger'
const ledger = await openLedger({ store, feed, clock: systemClock, origin, signer: makeSigner('bench'), log })

function makeIntent(): Intent {
  return {
    callId: makeId(systemClock),
    principal: { id: 'p1', issuer: 'https://login.example.com', subject: '248289761001', name: 'Ana' },
    client: { id: 'https://client.example/metadata.json', name: 'A client' },
    grantId: 'g1',
    tokenId: 't1',
    upstream: 'mux',
    tool: 'list_video_assets',
    toolDigest: 'ab'.repeat(32),
    effect: 'read',
    argumentsDigest: 'cd'.repeat(32),
    arguments: redactArguments({ limit: 5, page: 7, live_stream_id: 'aA02skpHXoLrbQm49qIzAG6' }),
    revision: 1,
    entitlementId: 'e1',
  }
}

async function measure(writers: number) {
  const latencies: number[] = []
  const [cpu, startedAt] = [process.cpuUsage(), performance.now()]
  const until = startedAt + Number(values.seconds) * 1_000
  const write = async (): Promise<void> => {
    while (performance.now() < until) {
      const at = performance.now()
      const receipt = await ledger.recordIntent(makeIntent())
      latencies.push(performance.now() - at)
      await ledger.recordOutcome(receipt, { status: 'success', resultBytes: 812, resultDigest: 'ef'.repeat(32) })
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  const entries = latencies.length * 2
  const { user, system } = process.cpuUsage(cpu)
  return {
    entriesPerSecond: (entries / (performance.now() - startedAt)) * 1_000,
    cpu: (user + system) / entries,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  }
}

const rows: { writers: number; entriesPerSecond: number; cpu: number; p50: number; p99: number }[] = []
try {
  await measure(64)
  for (const writers of crowds) {
    const all: Awaited<ReturnType<typeof measure>>[] = []
    for (let i = 0; i < Number(values.rounds); i++) all.push(await measure(writers))
    const of = (name: keyof (typeof all)[number]) => median(all.map((one) => one[name]))
    rows.push({ writers, entriesPerSecond: of('entriesPerSecond'), cpu: of('cpu'), p50: of('p50'), p99: of('p99') })
  }
} finally {
  await ledger.close()
  await feed.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
}
console.log(`\nrecord: ${store.kind}, ${values.rounds} rounds of ${values.seconds} s\n${machine}\n`)
console.log(
  formatTable(
    ['writers', 'entries/s', 'CPU µs an entry', 'p50 ms an intent', 'p99 ms an intent'],
    rows.map(({ writers, ...one }) => [
      String(writers),
      one.entriesPerSecond.toFixed(0),
      one.cpu.toFixed(0),
      one.p50.toFixed(2),
      one.p99.toFixed(2),
    ]),
  ),
)
if (values.json) {
  const last = rows.at(-1)!
  console.log(
    JSON.stringify({
      bench: 'record',
      writers: last.writers,
      entriesPerSecond: round(last.entriesPerSecond, 0),
      cpuMicroseconds: round(last.cpu, 1),
    }),
  )
}

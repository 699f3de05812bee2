import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { verifyLedger } from '../server/src/ledger/verify.ts'
import { exportSample, keyLine, makeSample } from '../server/test/sample-ledger.ts'
import { describeMachine } from './report/machine.ts'
import { round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How long does it take to verify a whole ledger offline, every entry, tile and checkpoint of it?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    entries: { type: 'string', default: '100000' },
    data: { type: 'string' },
  },
})
const entries = Number(values.entries)
const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
try {
  const machine = describeMachine(folder)
  const target = join(folder, 'export')
  const sample = makeSample(entries, 1_000)
  await exportSample(target, sample)
  const key = keyLine(sample.signer)
  const [cpu, startedAt] = [process.cpuUsage(), performance.now()]
  const found = await verifyLedger(target, { keys: [key] })
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  if (found.problem !== undefined || found.size !== entries) throw new Error('the sample does not verify')
  console.log(`\nverify: an exported ledger with ${found.checkpoints} checkpoints\n${machine}\n`)
  console.log(
    formatTable(
      ['entries', 'seconds', 'entries/s', 'CPU µs an entry', 'MB'],
      [
        [
          String(entries),
          seconds.toFixed(1),
          (entries / seconds).toFixed(0),
          ((user + system) / entries).toFixed(1),
          (process.memoryUsage.rss() / 2 ** 20).toFixed(0),
        ],
      ],
    ),
  )
  if (values.json) {
    console.log(JSON.stringify({ bench: 'verify', entries, entriesPerSecond: round(entries / seconds, 0) }))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

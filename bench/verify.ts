import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { signCheckpoint } from '../server/src/ledger/checkpoint.ts'
import { writeEntry } from '../server/src/ledger/entry.ts'
import { writeExport } from '../server/src/ledger/export.ts'
import { Frontier, leafHash } from '../server/src/ledger/merkle.ts'
import { verifyLedger } from '../server/src/ledger/verify.ts'
import { keyLine, makeSigner, sampleEntry, sampleOrigin } from '../server/test/sample-ledger.ts'
import { describeMachine } from './report/machine.ts'
import { round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// How long does it take to verify a whole ledger offline, every entry, tile and checkpoint of it, with the key pinned?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    entries: { type: 'string', default: '1000000' },
    data: { type: 'string' },
  },
})
const entries = Number(values.entries)
const every = 1_000
const signer = makeSigner('bench')

/** A ledger of calls, denials, logins and changes, made as it is read. */
function* makeBatches(): Generator<string[]> {
  for (let from = 0; from < entries; from += every) {
    yield Array.from({ length: Math.min(every, entries - from) }, (_, i) => writeEntry(sampleEntry(from + i)))
  }
}

async function* signBatches(): AsyncGenerator<string> {
  const frontier = new Frontier()
  for (const batch of makeBatches()) {
    for (const text of batch) frontier.append(leafHash(Buffer.from(text)))
    yield await signCheckpoint({ origin: sampleOrigin, size: frontier.size, root: frontier.root() }, signer)
  }
}

const folder = mkdtempSync(join(values.data ?? tmpdir(), 'sallyport-bench-'))
try {
  const machine = describeMachine(folder)
  const target = join(folder, 'export')
  await writeExport(target, { keys: [keyLine(signer)], checkpoints: signBatches(), entries: makeBatches() })
  const [cpu, startedAt] = [process.cpuUsage(), performance.now()]
  let residentBytes = 0
  const found = await verifyLedger(target, { keys: [keyLine(signer)] }, () => {
    residentBytes = Math.max(residentBytes, process.memoryUsage.rss())
  })
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  if (found.problem !== undefined || found.size !== entries) throw new Error('the sample does not verify')
  const megabytes = residentBytes / 2 ** 20
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
          megabytes.toFixed(0),
        ],
      ],
    ),
  )
  if (values.json) {
    console.log(
      JSON.stringify({
        bench: 'verify',
        entries,
        seconds: round(seconds, 1),
        entriesPerSecond: round(entries / seconds, 0),
        residentMegabytes: round(megabytes, 0),
      }),
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

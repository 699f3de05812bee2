import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { verifyLedger } from '../../src/ledger/verify.ts'
import { openFeed } from '../../src/store/feed.ts'
import { openStore } from '../../src/store/store.ts'
import { leftOut } from '../left-out.ts'
import { makeSigner } from '../sample-ledger.ts'
import { canTrace, type FileEvent, ForgetfulDisk, traceWrites } from './lost-writes.ts'
import { readLedger } from './oracle.ts'

// What was acknowledged survives a loss of power: all that was not flushed at that moment is gone, or a part of it.

const program = fileURLToPath(new URL('./ledger-writer.ts', import.meta.url))
const losses = 200
const controlLosses = 25
/** Calls with an intent and an outcome each. */
const calls = 200
/** Of so many one is opened as a whole ledger, with recovery, export and verification. */
const verifiedEvery = 20
const skip = leftOut(canTrace(), 'strace is not here, or may not trace')

interface Recording {
  folder: string
  events: FileEvent[]
  /** What was acknowledged before each event: `intent …`, `outcome …`. */
  acknowledged: { before: number; line: string }[]
}

async function record(t: TestContext, of: { careless?: boolean; lyingDisk?: boolean } = {}): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-power-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const journal = join(folder, 'journal')
  const more = of.careless === true ? ['careless'] : []
  const events = await traceWrites([process.execPath, program, join(folder, 'data'), journal, String(calls), ...more], {
    file: join(folder, 'trace'),
    ...(of.lyingDisk && { lyingDisk: true }),
  })
  const acknowledged = events.flatMap((event, before) =>
    event.kind === 'write' && event.path === journal ? [{ before, line: event.bytes.toString().trim() }] : [],
  )
  assert.equal(acknowledged.length, 2 * calls)
  return { folder, events, acknowledged }
}

/** What the ledger says after the power was lost: which of the acknowledged entries are missing. */
type After = (dataFolder: string, acknowledged: string[]) => Promise<string[]>

/** Loses the power at random moments, in any of them with all or some of what was not flushed. @returns what each loss cost. */
async function losePower(
  { folder, events, acknowledged }: Recording,
  { losses, after }: { losses: number; after: After },
): Promise<string[][]> {
  const first = acknowledged[0]!.before
  const moments = Array.from({ length: losses }, () => first + Math.ceil(Math.random() * (events.length - first)))
  const disk = new ForgetfulDisk()
  const lost: string[][] = []
  let applied = 0
  for (const [i, moment] of moments.toSorted((a, b) => a - b).entries()) {
    for (; applied < moment; applied++) disk.apply(events[applied]!)
    const dataFolder = join(folder, `after ${i}`)
    mkdirSync(dataFolder)
    for (const name of ['sallyport.db', 'sallyport.db-wal', 'sallyport.db-journal']) {
      const bytes = disk.read(join(folder, 'data', name), () => i % 2 === 1 && Math.random() < 0.5)
      if (bytes !== undefined) writeFileSync(join(dataFolder, name), bytes)
    }
    const before = acknowledged.filter(({ before }) => before < moment).map(({ line }) => line)
    lost.push(await after(dataFolder, before))
    rmSync(dataFolder, { recursive: true })
  }
  return lost
}

const missing: After = async (dataFolder, acknowledged) => {
  const entries = await readLedger({ dataFolder })
  const there = new Set(entries.flatMap((entry) => ('callId' in entry ? [`${entry.kind} ${entry.callId}`] : [])))
  return acknowledged.filter((line) => !there.has(line))
}

/** The same, and a Sallyport opens on it: the ledger goes on and verifies. */
async function verifies(dataFolder: string): Promise<void> {
  const store = await openStore({ dataFolder })
  const feed = await openFeed(store, systemClock)
  const log = { warn: () => undefined, error: () => undefined }
  const origin = 'gateway.example/ledger'
  const ledger = await openLedger({ store, feed, clock: systemClock, origin, signer: makeSigner('house'), log })
  const target = join(dataFolder, 'export')
  await ledger.exportTo(target)
  const found = await verifyLedger(target, { keys: [ledger.key] })
  assert.equal(found.problem, undefined, basename(dataFolder))
  assert.equal(found.counts.outcome, found.counts.intent)
  await ledger.close()
  await feed.close()
  await store.close()
}

test('after 200 losses of power every acknowledged entry is there, and the ledger verifies', { skip }, async (t) => {
  const recording = await record(t)
  let opened = 0
  const lost = await losePower(recording, {
    losses,
    async after(dataFolder, acknowledged) {
      const gone = await missing(dataFolder, acknowledged)
      if (opened++ % verifiedEvery === 0) await verifies(dataFolder)
      return gone
    },
  })
  assert.deepEqual(lost.flat(), [])
  const flushes = recording.events.filter(({ kind }) => kind === 'flush-ends').length
  t.diagnostic(`${losses} losses in ${recording.events.length} writes and flushes, ${flushes} of them flushes`)
})

// The controls: were nothing lost here either, the test above would prove nothing.
const controls = {
  'the database does not wait for the disk (synchronous=OFF)': { careless: true },
  'the disk lies about its flushes': { lyingDisk: true },
}
for (const [why, of] of Object.entries(controls)) {
  test(`where ${why}, losses of power lose acknowledged entries, and this test sees it`, { skip }, async (t) => {
    const lost = await losePower(await record(t, of), {
      losses: controlLosses,
      // A database that cannot be opened has lost everything.
      after: (dataFolder, acknowledged) => missing(dataFolder, acknowledged).catch(() => acknowledged),
    })
    const costly = lost.filter((lines) => lines.length > 0).length
    t.diagnostic(`${costly} of ${controlLosses} losses cost acknowledged entries`)
    assert.ok(costly > controlLosses / 2, `only ${costly} of ${controlLosses} losses cost anything`)
  })
}

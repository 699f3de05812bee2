import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { openLedger, type LedgerTimes } from '../../src/ledger/ledger.ts'
import { verifyLedger } from '../../src/ledger/verify.ts'
import { openFeed } from '../../src/store/feed.ts'
import { openStore } from '../../src/store/store.ts'
import { until } from '../patience.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { makeSigner, sampleIntent } from '../sample-ledger.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

const signer = makeSigner('house')
const log = { warn: () => undefined, error: () => undefined }

async function openReplica(t: TestContext, databaseUrl: string, times: Partial<LedgerTimes> = {}) {
  const store = await openStore({ dataFolder: '', databaseUrl })
  const feed = await openFeed(store, systemClock)
  const ledger = await openLedger({
    store,
    feed,
    clock: systemClock,
    origin: 'gateway.example/ledger',
    signer,
    log,
    times: { beatMs: 50, silenceMs: 400, ...times },
  })
  let open = true
  const end = async (how: 'closed' | 'killed' = 'closed'): Promise<void> => {
    if (!open) return
    open = false
    if (how === 'closed') await ledger.close()
    await feed.close()
    await store.close()
  }
  t.after(() => end())
  return { ledger, store, end }
}

async function verifyAll(t: TestContext, ledger: Awaited<ReturnType<typeof openReplica>>['ledger']) {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await ledger.exportTo(folder)
  return verifyLedger(folder, { keys: [ledger.key] })
}

test('replicas that open at once write one ledger, which verifies', async (t) => {
  const url = await postgres.createDatabase()
  const replicas = await Promise.all([openReplica(t, url), openReplica(t, url), openReplica(t, url)])
  await Promise.all(
    replicas.map(async ({ ledger }) => {
      for (let i = 0; i < 10; i++) {
        const receipts = await Promise.all(Array.from({ length: 10 }, () => ledger.recordIntent(sampleIntent())))
        await Promise.all(receipts.map((receipt) => ledger.recordOutcome(receipt, { status: 'success' })))
        await ledger.recordChange({ by: 'p1', what: 'setting.set', about: { kind: 'setting' } }, async () => undefined)
        await ledger.checkpoint()
      }
    }),
  )
  const found = await verifyAll(t, replicas[0].ledger)
  assert.equal(found.problem, undefined)
  assert.deepEqual(found.counts, { intent: 300, outcome: 300, denial: 0, login: 0, change: 31 })
  assert.deepEqual(found.remarks, [])
})

test('the calls of a dead replica become unknown, those of a living one do not', async (t) => {
  const url = await postgres.createDatabase()
  const living = await openReplica(t, url)
  const dying = await openReplica(t, url, { beatMs: 1_000_000 })
  const kept = await living.ledger.recordIntent(sampleIntent())
  const lost = await dying.ledger.recordIntent(sampleIntent())
  const outcomes = (callId: string) => living.ledger.listEntries({ callId, kinds: ['outcome'], limit: 9 })
  // Two replicas look at once: one of them records it.
  await openReplica(t, url)
  await until(async () => (await outcomes(lost.callId)).length > 0, 'the call of the dead one has an outcome')
  const [unknown, ...more] = await outcomes(lost.callId)
  assert.equal(unknown?.entry.kind === 'outcome' && unknown.entry.status, 'unknown')
  assert.deepEqual(more, [])
  assert.deepEqual(await outcomes(kept.callId), [])

  // It was only slow: what it says now comes too late, and is not a second outcome.
  await dying.ledger.recordOutcome(lost, { status: 'success' })
  await living.ledger.recordOutcome(kept, { status: 'success' })
  assert.equal((await outcomes(lost.callId)).length, 1)
  const found = await verifyAll(t, living.ledger)
  assert.equal(found.problem, undefined)
  assert.deepEqual(found.remarks, [])
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../test/patience.ts'
import { makeSigner, sampleIntent } from '../../test/sample-ledger.ts'
import { systemClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { findSetting, insertSetting } from '../store/settings.ts'
import { openFeed } from '../store/feed.ts'
import { getSettled, insertEntries, listEntries, takePositions } from '../store/entries.ts'
import { openStore, type Store } from '../store/store.ts'
import { Receipt } from './intent.ts'
import { openLedger, type LedgerTimes } from './ledger.ts'
import { verifyLedger } from './verify.ts'

const quiet = { warn: () => undefined, error: () => undefined }
const signer = makeSigner('house')
const about = { kind: 'grant', id: 'g1' } as const

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function openHouse(t: TestContext, dataFolder = makeFolder(t), times: Partial<LedgerTimes> = {}) {
  const store = await openStore({ dataFolder })
  const feed = await openFeed(store, systemClock)
  const options = { store, feed, clock: systemClock, origin: 'gateway.example/ledger', signer, log: quiet }
  const ledger = await openLedger({ ...options, times })
  let open = true
  /** Ends the process in good order, or as if it had been killed. */
  const end = async (how: 'closed' | 'killed' = 'closed'): Promise<void> => {
    if (!open) return
    open = false
    if (how === 'closed') await ledger.close()
    await feed.close()
    await store.close()
  }
  t.after(() => end())
  return { store, feed, ledger, end, dataFolder, options }
}

const kinds = async (store: Store) => (await listEntries(store, { after: -1, limit: 1_000 })).map(({ kind }) => kind)

/** A store whose transactions wait until they are let go. */
function hang(store: Store): { let(): void } {
  const gate = Promise.withResolvers<void>()
  const { transaction, append } = store
  store.transaction = async (work) => {
    await gate.promise
    return transaction(work)
  }
  store.append = async (entries) => {
    await gate.promise
    return append(entries)
  }
  return {
    let() {
      Object.assign(store, { transaction, append })
      gate.resolve()
    },
  }
}

test('an intent is in the store when it resolves, and its receipt says where', async (t) => {
  const { ledger, store } = await openHouse(t)
  const intent = sampleIntent()
  const receipt = await ledger.recordIntent(intent)
  const [kept] = await listEntries(store, { callId: intent.callId, limit: 1 })
  assert.deepEqual([kept?.seq, kept?.kind, kept?.at], [receipt.seq, 'intent', receipt.at])
  assert.equal((await ledger.getEntry(receipt.seq))?.entry.kind, 'intent')
})

test('what is recorded in all kinds exports and verifies', async (t) => {
  const { ledger } = await openHouse(t)
  const receipt = await ledger.recordIntent(sampleIntent())
  await ledger.recordOutcome(receipt, { status: 'success', httpStatus: 200, durationMs: 3 })
  await ledger.recordDenial({ upstream: 'memory', tool: 'x', reason: 'tool.unknown', requestable: false })
  await ledger.recordLogin({ status: 'failure', provider: 'local', reason: 'identity.refused' })
  await ledger.recordChange({ by: 'p1', what: 'grant.revoked', about, reason: 'done' }, async () => undefined)
  const folder = join(makeFolder(t), 'export')
  await ledger.exportTo(folder)
  const found = await verifyLedger(folder, { keys: [ledger.key] })
  assert.equal(found.problem, undefined)
  assert.deepEqual(found.counts, { intent: 1, outcome: 1, denial: 1, login: 1, change: 2 })
  await assert.rejects(ledger.exportTo(folder), { code: 'ledger.folder_not_empty' })
})

test('many at once stand without gaps, each call once, and verify', async (t) => {
  const { ledger } = await openHouse(t)
  const receipts = await Promise.all(Array.from({ length: 1_500 }, () => ledger.recordIntent(sampleIntent())))
  await Promise.all(receipts.map((receipt) => ledger.recordOutcome(receipt, { status: 'success' })))
  assert.equal(new Set(receipts.map(({ seq }) => seq)).size, 1_500)
  assert.equal(await ledger.size(), 3_001)
  const folder = join(makeFolder(t), 'export')
  await ledger.exportTo(folder)
  assert.deepEqual((await verifyLedger(folder, { keys: [ledger.key] })).problem, undefined)
})

test('intents of calls made at once share transactions, and none has its receipt before the store says that it is durable', async (t) => {
  const { ledger, store } = await openHouse(t)
  const { append } = store
  const durable = Promise.withResolvers<void>()
  const batches: number[] = []
  store.append = async (entries) => {
    batches.push(entries.length)
    const appended = await append(entries)
    await durable.promise
    return appended
  }
  let receipts = 0
  const recorded = Array.from({ length: 64 }, () => ledger.recordIntent(sampleIntent()).then(() => receipts++))
  await until(() => batches.length > 0, 'the first transaction is under way')
  await until(async () => (await kinds(store)).includes('intent'), 'it is written')
  assert.equal(receipts, 0, 'written, and not yet said to be durable')
  durable.resolve()
  await Promise.all(recorded)
  assert.equal(
    batches.reduce((sum, size) => sum + size, 0),
    64,
  )
  assert.ok(batches.length <= 2, `${batches.length} transactions for 64 intents: ${batches.join()}`)
})

test('what commits alongside an intent commits with it or not at all, and disturbs nobody else', async (t) => {
  const { ledger, store } = await openHouse(t)
  const refusing = ledger.recordIntent(sampleIntent(), async (tx) => {
    await insertSetting(tx, 'spent', 'yes')
    throw new Fault('base.busy', 'spent already')
  })
  const others = Promise.all(Array.from({ length: 20 }, () => ledger.recordIntent(sampleIntent())))
  await assert.rejects(refusing, { code: 'base.busy' })
  assert.equal((await others).length, 20)
  assert.equal(await findSetting(store, 'spent'), undefined)
  await ledger.recordIntent(sampleIntent(), async (tx) => void (await insertSetting(tx, 'spent', 'yes')))
  assert.equal(await findSetting(store, 'spent'), 'yes')
  assert.equal(await ledger.size(), 22)
})

test('a change, its entry and the revision are one, and subscribers have heard when it resolves', async (t) => {
  const { ledger, feed, store } = await openHouse(t)
  const heard: unknown[] = []
  feed.subscribe((news) => heard.push(news))
  const result = await ledger.recordChange({ by: 'p1', what: 'grant.given', about }, async (tx) => {
    await insertSetting(tx, 'made', 'yes')
    return 42
  })
  assert.equal(result, 42)
  assert.deepEqual(heard, [about])
  const own = new Error('own error')
  const broken = ledger.recordChange({ by: 'p1', what: 'grant.given', about }, async (tx) => {
    await insertSetting(tx, 'broken', 'yes')
    throw own
  })
  await assert.rejects(broken, own)
  assert.equal(await findSetting(store, 'broken'), undefined)
  assert.deepEqual(await kinds(store), ['change', 'change'])
})

test('only the ledger makes receipts, and each takes one outcome', async (t) => {
  const { ledger } = await openHouse(t)
  assert.throws(() => new Receipt(Symbol('forged') as never, { callId: 'x', seq: 1, at: 1, revision: 0 }), TypeError)
  await assert.rejects(
    ledger.recordOutcome({ callId: 'x', seq: 1, at: 1, revision: 0 } as unknown as Receipt, { status: 'success' }),
    TypeError,
  )
  const receipt = await ledger.recordIntent(sampleIntent())
  await ledger.recordOutcome(receipt, { status: 'success' })
  await assert.rejects(ledger.recordOutcome(receipt, { status: 'failure' }), TypeError)
})

test('a store that hangs refuses the intent; if it lands later the ledger says that nothing was sent', async (t) => {
  const { ledger, store } = await openHouse(t, undefined, { recordMs: 50, beatMs: 20 })
  const hung = hang(store)
  const first = ledger.recordIntent(sampleIntent())
  await assert.rejects(first, { code: 'ledger.unavailable' })
  const waiting = ledger.recordIntent(sampleIntent())
  await assert.rejects(waiting, { code: 'ledger.unavailable' })
  hung.let()
  await until(async () => (await kinds(store)).length === 3, 'the late intent has its outcome')
  const [late] = await ledger.listEntries({ limit: 1 })
  assert.equal(late?.entry.kind === 'outcome' && late.entry.status, 'failure')
  // The one that had only waited never came to be.
  assert.deepEqual(await kinds(store), ['change', 'intent', 'outcome'])
})

test('an intent that was durable although the store said no has the outcome that nothing was sent, once', async (t) => {
  const { ledger, store } = await openHouse(t, undefined, { beatMs: 20 })
  const append = store.append.bind(store)
  store.append = (entries) => append(entries).then(() => Promise.reject(new Error('the answer was lost')))
  await assert.rejects(ledger.recordIntent(sampleIntent()), { code: 'ledger.unavailable' })
  store.append = append
  await until(async () => (await getSettled(store)) === 3, 'three entries are settled')
  assert.deepEqual(await kinds(store), ['change', 'intent', 'outcome'])
  const [last] = await ledger.listEntries({ limit: 1 })
  assert.equal(last?.entry.kind === 'outcome' && last.entry.status, 'failure')
})

test('what is given an outcome while the ledger closes gets it', async (t) => {
  const errors: unknown[] = []
  for (let waitMs = 0; waitMs < 12; waitMs++) {
    const { options, store, end } = await openHouse(t)
    const log = { ...quiet, error: (fields: { error?: Error }) => errors.push(fields.error?.message) }
    const ledger = await openLedger({ ...options, log, times: { beatMs: 3 } })
    const append = store.append.bind(store)
    store.append = (entries) => append(entries).then(() => Promise.reject(new Error('the answer was lost')))
    await assert.rejects(ledger.recordIntent(sampleIntent()), { code: 'ledger.unavailable' })
    store.append = append
    await sleep(waitMs % 4)
    await ledger.close()
    await end()
  }
  assert.deepEqual(errors, [])
})

test('an outcome that could not be recorded in time is recorded later, once', async (t) => {
  const { ledger, store } = await openHouse(t, undefined, { recordMs: 50, beatMs: 20 })
  const receipt = await ledger.recordIntent(sampleIntent())
  const hung = hang(store)
  await assert.rejects(ledger.recordOutcome(receipt, { status: 'success' }), { code: 'ledger.unavailable' })
  hung.let()
  await until(async () => (await getSettled(store)) === 3, 'three entries are settled')
  assert.deepEqual(await kinds(store), ['change', 'intent', 'outcome'])
})

test('a store that fails refuses at once, and works again when it does', async (t) => {
  const { ledger, store } = await openHouse(t)
  const { transaction, append } = store
  store.transaction = () => Promise.reject(new Error('disk full'))
  store.append = () => Promise.reject(new Error('disk full'))
  await assert.rejects(ledger.recordIntent(sampleIntent()), { code: 'ledger.unavailable' })
  await assert.rejects(
    ledger.recordIntent(sampleIntent(), async () => undefined),
    { code: 'ledger.unavailable' },
  )
  Object.assign(store, { transaction, append })
  assert.ok((await ledger.recordIntent(sampleIntent())).seq > 0)
})

test('beyond a bound, intents are refused instead of waiting', async (t) => {
  const { ledger, store } = await openHouse(t, undefined, { recordMs: 200 })
  const hung = hang(store)
  const all = await Promise.allSettled(Array.from({ length: 4_400 }, () => ledger.recordIntent(sampleIntent())))
  hung.let()
  const details = all.map((one) => (one.status === 'rejected' ? (one.reason as Fault).detail : undefined))
  assert.ok(details.some((detail) => detail?.includes('4096 entries are waiting')))
  assert.ok(details.every((detail) => detail !== undefined))
})

test('calls of a killed process have the outcome unknown when it starts again', async (t) => {
  const house = await openHouse(t)
  const done = await house.ledger.recordIntent(sampleIntent())
  const lost = await house.ledger.recordIntent(sampleIntent())
  await house.ledger.recordOutcome(done, { status: 'success' })
  await house.end('killed')
  const again = await openHouse(t, house.dataFolder)
  const [outcome] = await again.ledger.listEntries({ callId: lost.callId, kinds: ['outcome'], limit: 2 })
  assert.equal(outcome?.entry.kind === 'outcome' && outcome.entry.status, 'unknown')
  assert.equal((await again.ledger.listEntries({ callId: done.callId, kinds: ['outcome'], limit: 2 })).length, 1)
  assert.equal(await getSettled(again.store), await again.ledger.size())
  const folder = join(makeFolder(t), 'export')
  await again.ledger.exportTo(folder)
  assert.equal((await verifyLedger(folder, { keys: [again.ledger.key] })).problem, undefined)
})

test('what is altered in the database is not signed anew: the export shows where', async (t) => {
  const house = await openHouse(t)
  for (let i = 0; i < 10; i++)
    await house.ledger.recordDenial({ upstream: 'm', reason: 'tool.unknown', requestable: false })
  await house.end()
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(join(house.dataFolder, 'sallyport.db'))
  database.exec(`update entries set leaf = replace(leaf, 'tool.unknown', 'tool.withheld') where seq = 4`)
  database.close()
  const again = await openHouse(t, house.dataFolder)
  await again.ledger.recordDenial({ upstream: 'm', reason: 'tool.unknown', requestable: false })
  const folder = join(makeFolder(t), 'export')
  await again.ledger.exportTo(folder)
  const { problem } = await verifyLedger(folder, { keys: [again.ledger.key] })
  assert.equal(problem?.code, 'entry.changed')
  assert.ok(problem.entry! <= 4 && problem.upTo! >= 4)
})

test('a ledger keeps its name, and refuses to go on with another key or another edge', async (t) => {
  const house = await openHouse(t)
  await house.ledger.close()
  const renamed = await openLedger({ ...house.options, origin: 'elsewhere.example/ledger' })
  assert.equal(renamed.origin, 'gateway.example/ledger')
  await renamed.close()
  await assert.rejects(openLedger({ ...house.options, signer: makeSigner('intruder') }), { code: 'ledger.invalid' })
})

test('a thousand entries are signed without anybody asking, and nothing is signed twice', async (t) => {
  const { ledger } = await openHouse(t)
  const denial = { upstream: 'm', reason: 'tool.unknown', requestable: false } as const
  await Promise.all(Array.from({ length: 1_100 }, () => ledger.recordDenial(denial)))
  const one = await ledger.checkpoint()
  assert.equal(one.size, 1_101)
  assert.equal((await ledger.checkpoint()).note, one.note)
})

test('an entry that does not fit is refused before it reaches the others', async (t) => {
  const { ledger } = await openHouse(t)
  const [bad, good] = await Promise.allSettled([
    ledger.recordIntent(sampleIntent({ toolDigest: 'short' })),
    ledger.recordIntent(sampleIntent()),
  ])
  assert.deepEqual([bad.status, good.status], ['rejected', 'fulfilled'])
})

test('a closed ledger refuses', async (t) => {
  const { ledger, store } = await openHouse(t)
  const last = ledger.recordDenial({ upstream: 'm', reason: 'tool.unknown', requestable: false })
  await ledger.close()
  await last
  await assert.rejects(ledger.recordIntent(sampleIntent()), { code: 'ledger.unavailable' })
  assert.deepEqual(await kinds(store), ['change', 'denial'])
})

test('a hole in the positions stops the signing', async (t) => {
  const { ledger, store } = await openHouse(t)
  await store.transaction(async (tx) => {
    const seq = await takePositions(tx, 2)
    await insertEntries(tx, [{ seq: seq + 1, kind: 'denial', at: 1, callId: undefined, leaf: '{}' }])
  })
  await assert.rejects(ledger.checkpoint(), { code: 'ledger.invalid' })
})

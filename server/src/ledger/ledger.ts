import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { listCheckpoints } from '../store/checkpoints.ts'
import {
  countEntries,
  type EntryQuery,
  insertEntries,
  listEntries,
  listLeaves,
  takePositions,
} from '../store/entries.ts'
import type { Feed } from '../store/feed.ts'
import { insertSetting } from '../store/settings.ts'
import type { Handle, Store } from '../store/store.ts'
import { openAppender } from './append.ts'
import { type Change, recordChange } from './change.ts'
import { formatKey, noteKey, type SignedCheckpoint, type Signer } from './checkpoint.ts'
import { recordDenial, recordLogin } from './denial.ts'
import {
  type Denial,
  type Entry,
  entryVersion,
  type Intent,
  type Login,
  type Outcome,
  readEntry,
  writeEntry,
} from './entry.ts'
import { writeExport } from './export.ts'
import { type Head, openHead } from './head.ts'
import { recordIntent, type Receipt } from './intent.ts'
import { recordOutcome } from './outcome.ts'
import type { LedgerLog, LedgerParts, LedgerTimes } from './parts.ts'
import { openRecovery } from './recover.ts'

export type { Change } from './change.ts'
export type { LedgerLog, LedgerTimes } from './parts.ts'

/** So many entries are signed at once, whatever the time. */
const checkpointEntries = 1_000
const pageMax = 1_000

/** An entry and its position. */
export interface PlacedEntry {
  seq: number
  entry: Entry
}

/** The proof of all that was done, tried, refused and changed. Only ever added to. */
export interface Ledger {
  /** The name of this ledger, fixed when it was first opened. */
  readonly origin: string
  /** Its public key as one line: what a person pins. */
  readonly key: string
  /**
   * Records that a call is about to be made, before it is made.
   *
   * Resolves only when the entry is durable: it survives a crash and a loss of power. Callers MUST NOT contact the
   * upstream before this resolves.
   *
   * @param intent What is about to happen, and the decision that allows it.
   * @param alongside Work that commits with the entry or not at all, such as spending the approval. Runs at most once.
   * @returns The receipt that sending demands.
   * @throws {Fault} `ledger.unavailable` if durability is not confirmed within 1,800 ms. The entry may exist all the same;
   *   the call was not made, and the entry gets the outcome `failure`, or `unknown` by recovery.
   * @see spec/ledger.md, "Intent before effect"
   */
  recordIntent(intent: Intent, alongside?: (tx: Handle) => Promise<void>): Promise<Receipt>
  /** Records what came of a call, once. @throws {Fault} `ledger.unavailable`: recovery then records `unknown`. */
  recordOutcome(receipt: Receipt, outcome: Outcome): Promise<void>
  /** Records a call that was refused. */
  recordDenial(denial: Denial): Promise<void>
  /** Records that somebody signed in, or tried to. */
  recordLogin(login: Login): Promise<void>
  /**
   * Makes a change, its entry and the new revision of the policy state in one transaction.
   *
   * When it resolves, the change is durable and every subscriber of this process has been told. If `work` throws, nothing
   * of it remains and what it threw comes out unchanged.
   *
   * @throws {Fault} `ledger.unavailable` if that is not confirmed within 5,000 ms: it may have been made all the same.
   */
  recordChange<T>(change: Change, work: (tx: Handle) => Promise<T>): Promise<T>
  /** A page of entries: newest first, or upwards from `after`. */
  listEntries(query: EntryQuery): Promise<PlacedEntry[]>
  getEntry(seq: number): Promise<PlacedEntry | undefined>
  /** Entries so far. */
  size(): Promise<number>
  /** Signs the entries up to now, unless the last checkpoint covers them. */
  checkpoint(): Promise<SignedCheckpoint>
  /** Signs, and writes the whole ledger to an empty folder; see `writeExport`. */
  exportTo(folder: string, options?: { onProgress?: (done: number, all: number) => void }): Promise<void>
  /** Writes what waits, signs, and says that this process ended in good order. */
  close(): Promise<void>
}

/** What the ledger is opened with. */
export interface LedgerOptions {
  store: Store
  feed: Feed
  clock: Clock
  /** Name of a new ledger, such as `gateway.example/ledger`. A ledger that was opened before keeps its name. */
  origin: string
  signer: Omit<Signer, 'name'>
  log: LedgerLog
  times?: Partial<LedgerTimes>
}

const defaultTimes: LedgerTimes = {
  // Who calls hears within two seconds, of a busy process too.
  recordMs: 1_800,
  changeMs: 5_000,
  checkpointMs: 5_000,
  beatMs: 2_000,
  silenceMs: 6_000,
}

/**
 * Opens the ledger, and gives the calls that a killed process left behind their outcome.
 *
 * @throws {Fault} `ledger.invalid` if the last checkpoint is not signed by this key, or does not fit what is kept with it.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { store, feed, clock, log } = options
  const origin = await insertSetting(store, 'ledger.origin', options.origin)
  const signer: Signer = { ...options.signer, name: origin, sign: (bytes) => options.signer.sign(bytes) }
  const key = formatKey(noteKey(origin, signer.publicKey))
  const times = { ...defaultTimes, ...options.times }
  await recordOpening(store, clock, { origin, key })
  const head = await openHead({ store, clock, origin, signer })
  let unsigned = 0
  const signNow = (): void => {
    unsigned = 0
    head.sign().catch((error: unknown) => log.error({ error }, 'cannot sign the ledger'))
  }
  const appender = openAppender({
    store,
    onAppended(first, leaves) {
      head.hear(first, leaves)
      unsigned += leaves.length
      if (unsigned >= checkpointEntries) signNow()
    },
  })
  const parts: LedgerParts = {
    store,
    feed,
    clock,
    log,
    appender,
    instance: randomUUID(),
    owed: [],
    underWay: new Set(),
    times,
  }
  const recovery = openRecovery(parts)
  await recovery.sweep()
  await head.sign()
  const sweep = (): void =>
    void recovery
      .sweep()
      .catch((error: unknown) => log.error({ error }, 'cannot look for calls of processes that ended'))
  const timers = [setInterval(signNow, times.checkpointMs), setInterval(sweep, times.beatMs)]
  for (const timer of timers) timer.unref()

  return {
    origin,
    key,
    recordIntent: (intent, alongside) => recordIntent(parts, intent, alongside),
    recordOutcome: (receipt, outcome) => recordOutcome(parts, receipt, outcome),
    recordDenial: (denial) => recordDenial(parts, denial),
    recordLogin: (login) => recordLogin(parts, login),
    recordChange: (change, work) => recordChange(parts, change, work),
    listEntries: (query) => listPlaced(store, query),
    getEntry: async (seq) => (await listPlaced(store, { after: seq - 1, before: seq + 1, limit: 1 }))[0],
    size: () => countEntries(store),
    checkpoint: () => head.sign(),
    exportTo: (folder, { onProgress } = {}) => exportLedger({ store, head, key, folder, onProgress }),
    async close() {
      for (const timer of timers) clearInterval(timer)
      // What it gives is taken until then.
      await recovery.rest()
      await appender.close()
      await head.sign().catch((error: unknown) => log.error({ error }, 'cannot sign the ledger at its end'))
      await recovery.close()
    },
  }
}

/** The first entry of every ledger says its name and its key. */
async function recordOpening(store: Store, clock: Clock, details: { origin: string; key: string }): Promise<void> {
  if ((await countEntries(store)) > 0) return
  const at = clock.now()
  const about = { kind: 'setting', id: 'ledger' }
  const leaf = writeEntry({ v: entryVersion, kind: 'change', at, by: 'system', what: 'ledger.opened', about, details })
  await store.transaction(async (tx) => {
    const seq = await takePositions(tx, 1)
    if (seq === 0) await insertEntries(tx, [{ seq, kind: 'change', at, callId: undefined, leaf }])
    else await takePositions(tx, -1)
  })
}

async function listPlaced(store: Store, query: EntryQuery): Promise<PlacedEntry[]> {
  const rows = await listEntries(store, query)
  return rows.map(({ seq, leaf }) => ({ seq, entry: readEntry(Buffer.from(leaf)) }))
}

async function exportLedger(parts: {
  store: Store
  head: Head
  key: string
  folder: string
  onProgress: ((done: number, all: number) => void) | undefined
}): Promise<void> {
  const { store, head, key, folder, onProgress } = parts
  const { size } = await head.sign()

  async function* checkpoints(): AsyncGenerator<string> {
    for (let after = -1; ;) {
      const page = (await listCheckpoints(store, after)).filter((checkpoint) => checkpoint.size <= size)
      for (const { note } of page) yield note
      if (page.length < pageMax) return
      after = page.at(-1)!.size
    }
  }
  async function* entries(): AsyncGenerator<string[]> {
    for (let from = 0; from < size;) {
      const page = await listLeaves(store, from, pageMax)
      if (page.length === 0) return
      yield page
      from += page.length
    }
  }
  await writeExport(folder, { keys: [key], checkpoints: checkpoints(), entries: entries() }, onProgress)
}

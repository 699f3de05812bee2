import { setImmediate as nextTurn } from 'node:timers/promises'
import { Fault } from '../base/fault.ts'
import type { NewEntry } from '../store/append.ts'
import { insertEntries, takePositions } from '../store/entries.ts'
import { getRevision } from '../store/revisions.ts'
import type { Handle, Store } from '../store/store.ts'
import { type Entry, writeEntry } from './entry.ts'

/** Entries that share one transaction, and with it one flush to the disk. */
const batchMax = 256
/** Turns of the event loop for which a transaction waits at the most, while each brings more entries. */
const turnsMax = 8
/** Entries that may wait. At 2,000 calls a second these are two seconds: beyond that, waiting longer helps nobody. */
const waitingMax = 4_096

/** Where an entry came to stand. */
export interface Appended {
  seq: number
  /** Number of the policy state that all changes before this entry made, whichever replica made them. */
  revision: number
}

/** How one append is waited for. */
interface Waiting {
  /** Milliseconds after which it is given up; it may be written all the same. */
  withinMs: number
  /** An outcome that may be there already: then it is not written again. */
  again?: true
}

interface Item {
  readonly entry: NewEntry
  readonly resolve: (appended: Appended | undefined) => void
  readonly reject: (error: unknown) => void
  readonly patience: Patience
  givenUp: boolean
}

/** One timer for those who began to wait in the same turn of the event loop, for equally long. */
interface Patience {
  readonly withinMs: number
  readonly items: Item[]
  /** How many still wait. */
  left: number
  timer: NodeJS.Timeout | undefined
}

type OnAppended = (first: number, leaves: readonly string[]) => void

/** Writes entries at the end of the ledger: the only thing that does. */
export interface Appender {
  /**
   * Writes one entry, together with others that are waiting.
   *
   * @returns where it stands; undefined for an outcome of a call that has its outcome.
   * @throws {Fault} `ledger.unavailable` if that is not confirmed in time, or too many wait.
   */
  append(entry: Entry, waiting: Waiting): Promise<Appended | undefined>
  /**
   * Writes one entry in a transaction of its own with `work`: both or neither. What `work` throws comes out unchanged.
   *
   * @param after Runs last in the transaction, when the entry is in.
   */
  appendWith<T>(
    entry: Entry,
    steps: { work: (tx: Handle) => Promise<T>; after?: (tx: Handle) => Promise<unknown> },
    waiting: Waiting,
  ): Promise<Appended & { result: T }>
  /** Refuses what comes from now on, and resolves when all that waited is written or refused. */
  close(): Promise<void>
}

/**
 * Opens the one writer of this process.
 *
 * @param onAppended Told what was written and where, after each transaction.
 */
export function openAppender({ store, onAppended }: { store: Store; onAppended: OnAppended }): Appender {
  const queue: Item[] = []
  const running = new Set<Promise<unknown>>()
  let draining: Promise<void> | undefined
  let turn: Patience | undefined
  let closed = false

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      await gather(queue)
      const batch = queue.splice(0, batchMax).filter(({ givenUp }) => !givenUp)
      if (batch.length > 0) await writeBatch(store, batch, onAppended)
    }
    // At once, not when somebody hears of it: who comes in between must not wait for a drain that has ended.
    draining = undefined
  }

  function admit(): void {
    if (closed) throw unavailable('the ledger is closing')
    if (queue.length + running.size >= waitingMax) throw unavailable(`${waitingMax} entries are waiting`)
  }

  function wait(withinMs: number): Patience {
    // One that nobody of waits any more has no timer.
    if (turn?.withinMs !== withinMs || turn.left === 0) {
      const begun: Patience = { withinMs, items: [], left: 0, timer: undefined }
      begun.timer = setTimeout(giveUp, withinMs, begun)
      turn = begun
      setImmediate(() => {
        if (turn === begun) turn = undefined
      })
    }
    turn.left++
    return turn
  }

  return {
    append(entry, { withinMs, again = false }) {
      return new Promise((resolve, reject) => {
        admit()
        const item: Item = {
          entry: { ...toStored(entry), again },
          resolve,
          reject,
          patience: wait(withinMs),
          givenUp: false,
        }
        item.patience.items.push(item)
        queue.push(item)
        draining ??= drain()
      })
    },
    async appendWith(entry, { work, after }, waiting) {
      admit()
      const stored = toStored(entry)
      const written = store.transaction(async (tx) => {
        // First, though the lock is held for longer then: changes of all replicas happen one after the other, so that no
        // two that are each right alone can be wrong together (the last two administrators, a tool that two people set).
        const seq = await takePositions(tx, 1)
        const result = await work(tx)
        await insertEntries(tx, [{ ...stored, seq }])
        await after?.(tx)
        // Who holds the positions holds every change up: what is read here is the state that the entry follows.
        return { seq, revision: await getRevision(tx), result }
      })
      const tracked = written.then(
        ({ seq }) => onAppended(seq, [stored.leaf]),
        () => undefined,
      )
      running.add(tracked)
      void tracked.finally(() => running.delete(tracked))
      return inTime(written, waiting.withinMs)
    },
    async close() {
      closed = true
      while (draining !== undefined || running.size > 0) await Promise.allSettled([draining, ...running])
    },
  }
}

// Whoever arrives in this turn of the event loop shares the transaction, and whoever comes while it is written the next:
// whom its end set going, or who came while that was heard of, included. While turns bring more, it waits for the next: a
// flush costs the same for few. A full one waits for nobody.
async function gather(queue: readonly unknown[]): Promise<void> {
  for (let turns = 0, seen = 0; turns < turnsMax && seen < queue.length && queue.length < batchMax; turns++) {
    seen = queue.length
    await nextTurn()
  }
}

function toStored(entry: Entry): Omit<NewEntry, 'again'> {
  const callId = 'callId' in entry ? entry.callId : undefined
  return { kind: entry.kind, at: entry.at, callId, leaf: writeEntry(entry) }
}

async function writeBatch(store: Store, batch: Item[], onAppended: OnAppended): Promise<void> {
  const appended = await store.append(batch.map(({ entry }) => entry)).catch((error: unknown) => {
    const refusal = asUnavailable(error)
    for (const item of batch) settle(item).reject(refusal)
  })
  if (appended === undefined) return
  const { first, revision } = appended
  const left = new Set(appended.leftOut)
  const leaves: string[] = []
  for (const [i, item] of batch.entries()) {
    if (left.has(i)) settle(item).resolve(undefined)
    else settle(item).resolve({ seq: first + leaves.push(item.entry.leaf) - 1, revision })
  }
  onAppended(first, leaves)
}

// A promise hears the first word only: who was given up is told nothing more.
function settle(item: Item): Item {
  if (--item.patience.left === 0) clearTimeout(item.patience.timer)
  return item
}

// It may be written all the same, if it is on its way already. A promise that was kept hears nothing of this.
function giveUp({ items, withinMs }: Patience): void {
  for (const item of items) {
    item.givenUp = true
    item.reject(late(withinMs))
  }
}

function late(withinMs: number): Fault {
  return unavailable(`it was not durable within ${withinMs} ms`)
}

async function inTime<T>(written: Promise<T>, withinMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late(withinMs)), withinMs)
  try {
    return await Promise.race([written, promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Gives what a database throws the one name that callers know; faults stay what they are. */
export function asUnavailable(error: unknown): unknown {
  if (error instanceof Fault && error.code !== 'store.unavailable') return error
  return unavailable(String(error), error)
}

function unavailable(detail: string, cause?: unknown): Fault {
  return new Fault('ledger.unavailable', 'cannot record this in the ledger, so it is not done; try again later', {
    detail,
    cause,
  })
}

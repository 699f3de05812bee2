import type { Clock } from '../base/clock.ts'
import type { Feed } from '../store/feed.ts'
import type { Store } from '../store/store.ts'
import type { Appender } from './append.ts'
import type { Entry } from './entry.ts'

/** What the ledger writes its own troubles to. */
export interface LedgerLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The bounds of waiting, in milliseconds. */
export interface LedgerTimes {
  /** An entry that is not durable by then is refused. */
  recordMs: number
  /** A change, which does more, likewise. */
  changeMs: number
  /** Longest time between new entries and the checkpoint over them. */
  checkpointMs: number
  /** Between two signs of life, and between two looks for those of others. */
  beatMs: number
  /** A process that gave no sign for so long is taken for dead. */
  silenceMs: number
}

/** What the steps of the ledger work with. */
export interface LedgerParts {
  store: Store
  feed: Feed
  clock: Clock
  log: LedgerLog
  appender: Appender
  /** This process. */
  instance: string
  /** Outcomes that could not be recorded in time: tried again at each sweep. One at most for each call that was sent. */
  owed: (Entry & { kind: 'outcome' })[]
  /** Calls of this process that are being recorded, under way, or owed an outcome: any other intent of it was given up. */
  underWay: Set<string>
  times: LedgerTimes
}

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { type Appended, type NewEntry, readLines } from '../append.ts'

// What runs in the thread of SQLite: it owns the one connection, and answers questions in their order.

export type Question =
  | { ask: 'open'; file: string }
  | { ask: 'query'; sql: string; parameters: readonly unknown[] }
  /** A text of `writeLines`: one string crosses between threads for a fraction of what a list of them costs. */
  | { ask: 'append'; lines: string }
  | { ask: 'close' }

/** A failure keeps SQLite's own number, which an `Error` would lose on its way between threads. */
export type Reply = { value: unknown } | { failure: string; errcode: number | undefined }

export interface Rows {
  rows: unknown[]
  changes: number | bigint
}

// Statements are prepared once per text: preparing costs more than running. Query texts are few, the bound is against surprises.
const statementsMax = 512
const statements = new Map<string, { statement: StatementSync; reader: boolean }>()

let database: DatabaseSync
const port = parentPort!
port.on('message', (question: Question) => port.postMessage(answer(question)))

/**
 * `locking_mode=EXCLUSIVE` keeps the operating system's lock from the first write to the end of the process, so that a second
 * instance is refused and a killed one leaves nothing behind. It also spares the shared-memory index of the WAL.
 *
 * The ledger only grows, in small steps: large pages and a WAL of 16 MiB write less than the defaults do.
 */
function open(file: string): DatabaseSync {
  const opened = new DatabaseSync(file, { timeout: 0 })
  try {
    opened.exec('pragma page_size = 8192')
    opened.exec('pragma locking_mode = exclusive')
    opened.exec('pragma journal_mode = wal')
    opened.exec('pragma synchronous = full')
    opened.exec('pragma foreign_keys = on')
    opened.exec('pragma busy_timeout = 0')
    opened.exec('pragma wal_autocheckpoint = 2000')
    opened.exec('begin immediate; commit')
    return opened
  } catch (error) {
    opened.close()
    throw error
  }
}

function answer(question: Question): Reply {
  try {
    return { value: act(question) }
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number }
    return { failure: message, errcode }
  }
}

function act(question: Question): unknown {
  switch (question.ask) {
    case 'open':
      database = open(question.file)
      return undefined
    case 'query':
      return query(question.sql, question.parameters as SQLInputValue[])
    case 'append':
      return append(readLines(question.lines))
    case 'close':
      return database.close()
    default:
      throw new TypeError(`unknown question: ${String(question satisfies never)}`)
  }
}

function prepare(sql: string): { statement: StatementSync; reader: boolean } {
  let prepared = statements.get(sql)
  if (prepared === undefined) {
    if (statements.size >= statementsMax) statements.clear()
    const statement = database.prepare(sql)
    prepared = { statement, reader: statement.columns().length > 0 }
    statements.set(sql, prepared)
  }
  return prepared
}

function query(sql: string, parameters: SQLInputValue[]): Rows {
  const { statement, reader } = prepare(sql)
  if (reader) return { rows: statement.all(...parameters), changes: 0 }
  return { rows: [], changes: statement.run(...parameters).changes }
}

function get(sql: string, ...parameters: SQLInputValue[]): Record<string, unknown> | undefined {
  return prepare(sql).statement.get(...parameters)
}

/** A whole batch of the ledger in one transaction: see `Store.append`. */
function append(entries: NewEntry[]): Appended {
  query('begin immediate', [])
  try {
    const leftOut = entries.flatMap((entry, i) => (entry.again && hasOutcome(entry.callId!) ? [i] : []))
    const wanted = leftOut.length === 0 ? entries : entries.filter((_, i) => !leftOut.includes(i))
    const counter = get(`update counters set value = value + ? where name = 'entries' returning value`, wanted.length)
    const first = (counter!['value'] as number) - wanted.length
    insert(wanted, first)
    const revision = get(`select value from counters where name = 'revision'`)!['value'] as number
    query('commit', [])
    return { first, revision, leftOut }
  } catch (error) {
    if (database.isTransaction) query('rollback', [])
    throw error
  }
}

function hasOutcome(callId: string): boolean {
  return get(`select 1 from entries where call_id = ? and kind = 'outcome'`, callId) !== undefined
}

/** By powers of two: few statement texts, so that each is prepared once. */
function insert(entries: NewEntry[], first: number): void {
  for (let from = 0; from < entries.length;) {
    const count = 2 ** Math.floor(Math.log2(Math.min(entries.length - from, 64)))
    const values: SQLInputValue[] = []
    for (let at = from; at < from + count; at++) {
      const { kind, at: instant, callId, leaf } = entries[at]!
      values.push(first + at, kind, instant, callId ?? null, leaf)
    }
    query(insertText(count), values)
    from += count
  }
}

function insertText(count: number): string {
  return `insert into entries (seq, kind, at, call_id, leaf) values ${Array(count).fill('(?, ?, ?, ?, ?)').join(', ')}`
}

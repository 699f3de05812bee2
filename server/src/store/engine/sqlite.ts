import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { Fault } from '../../base/fault.ts'
import { type Append, type Appended, writeLines } from '../append.ts'
import type { Rows } from './sqlite-program.ts'
import { answerMsMax, SqliteThread } from './sqlite-thread.ts'
import { Turns } from './turns.ts'

/**
 * Opens SQLite in a thread of its own. Until `serve` is called a statement may take an hour: to bring a large ledger up to
 * date is one of them, and nobody is served yet who could wait.
 *
 * @throws {Fault} `store.locked` if another process uses the file; `store.unavailable` if it is no database.
 */
export async function openSqlite(file: string): Promise<{ dialect: Dialect; append: Append; serve(): void }> {
  const thread = await SqliteThread.open(file).catch((cause: unknown) => {
    throw (cause as { errcode?: number }).errcode === 5 ? locked(file, cause) : broken(file, cause)
  })
  thread.answerMsMax = migrationMsMax
  const connection = new Connection(thread)
  const dialect: Dialect = {
    createDriver: () => connection,
    createAdapter: () => new Adapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
  const serve = (): void => {
    thread.answerMsMax = answerMsMax
  }
  return { dialect, append: (entries) => connection.append(entries), serve }
}

const migrationMsMax = 60 * 60_000

/** Who comes next is settled by our own turns, which do not wait for ever. */
class Adapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }

  // It has, whatever its dialect says: a migration that is broken off leaves nothing behind.
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** The driver and its one connection. */
class Connection implements Driver, DatabaseConnection {
  readonly #thread: SqliteThread
  readonly #turns = new Turns()

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#turns.take()
    return this
  }

  // Whoever was refused an answer goes on at once; the next one comes when the thread has done what it was asked.
  async releaseConnection(): Promise<void> {
    void this.#thread.idle().then(() => this.#turns.pass())
  }

  // One that was answered too late has begun all the same, and whatever came next would be part of it.
  async beginTransaction(): Promise<void> {
    try {
      await this.executeQuery(CompiledQuery.raw('begin'))
    } catch (error) {
      await this.rollbackTransaction()
      throw error
    }
  }

  async commitTransaction(): Promise<void> {
    await this.executeQuery(CompiledQuery.raw('commit'))
  }

  // What threw before comes out, and not that there was nothing left to roll back.
  async rollbackTransaction(): Promise<void> {
    const done = this.executeQuery(CompiledQuery.raw('rollback')).catch(() => undefined)
    if (!this.#thread.stuck) await done
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, changes } = (await this.#thread.ask({ ask: 'query', sql, parameters })) as Rows
    return { rows: rows as Row[], numAffectedRows: BigInt(changes) }
  }

  streamQuery(): never {
    throw new TypeError('nothing is streamed here: it would keep everybody else from the connection')
  }

  append: Append = async (entries) => {
    await this.#turns.take()
    try {
      return (await this.#thread.ask({ ask: 'append', lines: writeLines(entries) })) as Appended
    } finally {
      void this.releaseConnection()
    }
  }

  async destroy(): Promise<void> {
    try {
      await this.#turns.take()
      await this.#thread.ask({ ask: 'close' })
    } finally {
      await this.#thread.terminate()
    }
  }
}

function locked(file: string, cause: unknown): Fault {
  return new Fault(
    'store.locked',
    `cannot open \`${file}\`: another Sallyport uses this data folder; stop it, or set \`data\` to another folder`,
    { cause, detail: String(cause) },
  )
}

function broken(file: string, cause: unknown): Fault {
  return new Fault('store.unavailable', `cannot open \`${file}\` as a database: ${String(cause)}`, { cause })
}

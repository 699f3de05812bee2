import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely'
import { Fault } from '../../base/fault.ts'

// Statements are prepared once per text: preparing costs more than running. Query texts are few, the bound is against surprises.
const statementsMax = 512

class Statement implements SqliteStatement {
  readonly reader: boolean
  readonly #statement: StatementSync

  constructor(statement: StatementSync) {
    this.#statement = statement
    this.reader = statement.columns().length > 0
  }
  all(parameters: ReadonlyArray<unknown>): unknown[] {
    return this.#statement.all(...(parameters as SQLInputValue[]))
  }
  run(parameters: ReadonlyArray<unknown>): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...(parameters as SQLInputValue[]))
  }
  iterate(parameters: ReadonlyArray<unknown>): IterableIterator<unknown> {
    return this.#statement.iterate(...(parameters as SQLInputValue[]))
  }
}

/**
 * `locking_mode=EXCLUSIVE` keeps the operating system's lock from the first write to the end of the process, so that a second
 * instance is refused and a killed one leaves nothing behind. It also spares the shared-memory index of the WAL.
 */
export function openSqlite(file: string): SqliteDialect {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('pragma locking_mode = exclusive')
    database.exec('pragma journal_mode = wal')
    database.exec('pragma synchronous = full')
    database.exec('pragma foreign_keys = on')
    database.exec('pragma busy_timeout = 0')
    database.exec('begin immediate; commit')
  } catch (cause) {
    database.close()
    throw isBusy(cause) ? locked(file, cause) : broken(file, cause)
  }
  const statements = new Map<string, Statement>()
  const shim: SqliteDatabase = {
    prepare(sql) {
      let statement = statements.get(sql)
      if (statement === undefined) {
        if (statements.size >= statementsMax) statements.clear()
        statement = new Statement(database.prepare(sql))
        statements.set(sql, statement)
      }
      return statement
    },
    close: () => database.close(),
  }
  return new SqliteDialect({ database: shim })
}

function isBusy(cause: unknown): boolean {
  return (cause as { errcode?: number }).errcode === 5
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

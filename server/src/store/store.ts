import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import type pg from 'pg'
import { Fault } from '../base/fault.ts'
import type { Append, Appended, NewEntry } from './append.ts'
import { hide, open } from './engine/handle.ts'
import { openPool, postgresAppend, postgresDialect } from './engine/postgres.ts'
import { openSqlite } from './engine/sqlite.ts'
import { migrations } from './migration/list.ts'
import type { Tables } from './tables.ts'

/**
 * Something that can be asked and told: the store itself, or one transaction of it. What it hides is known to this room only.
 */
export interface Handle {
  readonly kind: 'sqlite' | 'postgres'
}

/** The memory of one Sallyport. */
export interface Store extends Handle {
  /**
   * Runs `work` in one transaction and resolves with its result once that is durable (SQLite: `synchronous=FULL`;
   * PostgreSQL: its own `synchronous_commit`). If `work` throws, nothing of it remains.
   *
   * Inside `work` use only `tx`: on SQLite there is one connection, and asking the store itself would wait for ever.
   *
   * @throws {Fault} `store.unavailable` if the database cannot be reached.
   */
  transaction<T>(work: (tx: Handle) => Promise<T>): Promise<T>
  /**
   * Writes entries at the end of the ledger, in their order and in one transaction. Outcomes of calls that have theirs are
   * left out: always where another replica may have given it, else where the entry says that it may be there.
   *
   * It is what runs twice for each call, so each engine has its own way: SQLite gets the batch as one message to its
   * thread, PostgreSQL as one question.
   *
   * @returns when they are durable: where they stand, and the policy state that they follow.
   * @throws what the engine throws; {Fault} `store.unavailable` if it does not answer. They may be written all the same.
   */
  append(entries: readonly NewEntry[]): Promise<Appended>
  /** The connection pool of PostgreSQL for the feed's `LISTEN`; undefined on SQLite. */
  readonly listenPool: pg.Pool | undefined
  close(): Promise<void>
}

/**
 * Opens the store and brings its tables up to date. Several processes may do so at once on PostgreSQL; SQLite is guarded
 * against a second instance by the operating system's lock on the file.
 *
 * @param place `databaseUrl` names a PostgreSQL 16 or later; without it the store is one file in `dataFolder`.
 * @throws {Fault} `store.locked` if another process uses the data folder; `store.unavailable` if PostgreSQL does not answer.
 */
export async function openStore(place: { dataFolder: string; databaseUrl?: string | undefined }): Promise<Store> {
  if (place.databaseUrl !== undefined) {
    const pool = openPool(place.databaseUrl)
    const db = new Kysely<Tables>({ dialect: postgresDialect(pool) })
    return migrated({ kind: 'postgres', db, pool, append: postgresAppend(pool) })
  }
  mkdirSync(place.dataFolder, { recursive: true, mode: 0o700 })
  const { dialect, append, serve } = await openSqlite(join(place.dataFolder, 'sallyport.db'))
  const store = await migrated({ kind: 'sqlite', db: new Kysely<Tables>({ dialect }), pool: undefined, append })
  serve()
  return store
}

async function migrated(engine: {
  kind: Handle['kind']
  db: Kysely<Tables>
  pool: pg.Pool | undefined
  append: Append
}): Promise<Store> {
  const { kind, db, pool, append } = engine
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) {
    await db.destroy()
    throw new Fault('store.unavailable', 'cannot bring the database up to date', {
      detail: error instanceof Error ? error.message : JSON.stringify(error),
      cause: error,
    })
  }
  const store: Store = {
    kind,
    append,
    listenPool: pool,
    transaction: (work) => db.transaction().execute((tx) => work(hide({ kind }, tx))),
    close: () => db.destroy(),
  }
  return hide(store, db)
}

/** Whether the store answers, for the readiness probe. */
export async function pingStore(store: Handle): Promise<void> {
  await open(store).selectFrom('counters').select('value').where('name', '=', 'revision').executeTakeFirstOrThrow()
}

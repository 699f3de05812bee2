import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { openSqlite } from '../../src/store/engine/sqlite.ts'
import { listEntries } from '../../src/store/entries.ts'
import { migrations } from '../../src/store/migration/list.ts'
import { openStore } from '../../src/store/store.ts'
import type { Tables } from '../../src/store/tables.ts'

// A migration that is broken off leaves the data folder as it was: the next start begins it again.

const entries = Array.from({ length: 300 }, (_, at) => {
  return { kind: 'denial', at, callId: undefined, leaf: `{"entry":${at}}`, again: false }
})

const ours = '0017-entries-by-position'

/** A data folder as it was before this migration, in which a statement of it will fail. */
async function makeFolder(t: TestContext, trap: string[]): Promise<string> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-migration-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  const { dialect, append, serve } = await openSqlite(join(dataFolder, 'sallyport.db'))
  const db = new Kysely<Tables>({ dialect })
  const earlier = Object.entries(migrations).filter(([name]) => name < ours)
  assert.ok(ours in migrations && earlier.length > 0)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => Object.fromEntries(earlier) } })
  assert.equal((await migrator.migrateToLatest()).error, undefined)
  serve()
  await append(entries)
  await db.destroy()
  change(dataFolder, trap)
  return dataFolder
}

function change(dataFolder: string, statements: string[]): void {
  const database = new DatabaseSync(join(dataFolder, 'sallyport.db'))
  for (const statement of statements) database.exec(statement)
  database.close()
}

const traps: Record<string, [set: string[], lift: string]> = {
  'its first statement': [['create table entries_by_position (x)'], 'drop table entries_by_position'],
  'its last statement': [
    ['drop index entries_call_id', 'create table entries_call_id (x)'],
    'drop table entries_call_id',
  ],
}

for (const [where, [set, lift]] of Object.entries(traps)) {
  test(`a migration of the ledger that fails at ${where} loses nothing, and is made at the next start`, async (t) => {
    const dataFolder = await makeFolder(t, set)
    await assert.rejects(openStore({ dataFolder }), { code: 'store.unavailable' })
    change(dataFolder, [lift])
    const store = await openStore({ dataFolder })
    t.after(() => store.close())
    const kept = await listEntries(store, { after: -1, limit: 1_000 })
    assert.deepEqual(
      kept.map(({ seq, leaf }) => [seq, leaf]),
      entries.map(({ leaf }, seq) => [seq, leaf]),
    )
    assert.deepEqual((await store.append([entries[0]!])).first, entries.length)
  })
}

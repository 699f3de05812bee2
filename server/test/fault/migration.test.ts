import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { listEntries } from '../../src/store/entries.ts'
import { openStore } from '../../src/store/store.ts'

// A migration that is broken off leaves the data folder as it was: the next start begins it again.

const entries = Array.from({ length: 300 }, (_, at) => {
  return { kind: 'denial', at, callId: undefined, leaf: `{"entry":${at}}`, again: false }
})

/** A data folder of before migration 0017, in which a statement of it will fail. */
async function makeFolder(t: TestContext, trap: string): Promise<string> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-migration-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  const store = await openStore({ dataFolder })
  await store.append(entries)
  await store.close()
  change(dataFolder, [
    'alter table entries rename to newer',
    'drop index entries_call_id',
    'create table entries (seq bigint primary key not null, kind text not null, at bigint not null, call_id text, leaf text not null)',
    'insert into entries select * from newer',
    'drop table newer',
    'alter table operator_keys drop column strong',
    'drop table revoked_tokens',
    'alter table passkeys drop column counts_at',
    'alter table approvals drop column actor',
    'drop table api_documents',
    'alter table grants drop column told',
    `delete from kysely_migration where name >= '0017'`,
    trap,
  ])
  return dataFolder
}

function change(dataFolder: string, statements: string[]): void {
  const database = new DatabaseSync(join(dataFolder, 'sallyport.db'))
  for (const statement of statements) database.exec(statement)
  database.close()
}

const traps: Record<string, [set: string, lift: string]> = {
  'its first statement': ['create table entries_by_position (x)', 'drop table entries_by_position'],
  'its last statement': ['create table entries_call_id (x)', 'drop table entries_call_id'],
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

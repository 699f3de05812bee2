import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { isVoid, voidEarlierOf } from '../../src/identity/login/void.ts'
import { insertPrincipal } from '../../src/store/principals.ts'
import { spendLonger } from '../../src/store/spent.ts'
import { openStore } from '../../src/store/store.ts'
import { startPostgres } from '../postgres.ts'

// What a withdrawal made void before an upgrade is void after it.

const asBefore = `delete from kysely_migration where name >= '0023'`

interface Place {
  parts: { dataFolder: string; databaseUrl?: string }
  run(statement: string): Promise<void>
}

const places: Record<string, (t: TestContext, dataFolder: string) => Promise<Place>> = {
  SQLite: async (_t, dataFolder) => ({
    parts: { dataFolder },
    async run(statement) {
      const database = new DatabaseSync(join(dataFolder, 'sallyport.db'))
      database.exec(statement)
      database.close()
    },
  }),
  PostgreSQL: async (t, dataFolder) => {
    const postgres = await startPostgres()
    t.after(() => postgres.stop())
    const databaseUrl = await postgres.createDatabase()
    return {
      parts: { dataFolder, databaseUrl },
      async run(statement) {
        const client = new pg.Client({ connectionString: databaseUrl })
        await client.connect()
        await client.query(statement)
        await client.end()
      },
    }
  },
}

for (const [name, place] of Object.entries(places)) {
  test(`what was void under the id of a principal is void under his name, on ${name}`, async (t) => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-void-'))
    t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
    const { parts, run } = await place(t, dataFolder)
    const issuer = 'https://idp.example'
    const [now, hour] = [Date.now(), 3_600_000]
    const before = await openStore(parts)
    for (const subject of ['ana', 'bo', 'cy']) {
      const about = { kind: 'person', name: subject, email: undefined, state: 'active', createdAt: now } as const
      await insertPrincipal(before, { ...about, id: `id-of-${subject}`, issuer, subject })
    }
    const purpose = 'vouched-before'
    await spendLonger(before, { purpose, id: 'id-of-ana', until: now + 25 * hour })
    await spendLonger(before, { purpose, id: 'id-of-bo', until: now + 24 * hour })
    await voidEarlierOf(before, { issuer, subject: 'bo' }, now)
    await before.close()
    await run(asBefore)

    const after = await openStore(parts)
    t.after(() => after.close())
    const voidAt = (subject: string, at: number) => isVoid(after, { issuer, subject }, at)
    assert.deepEqual([await voidAt('ana', now), await voidAt('ana', now + 1)], [true, false])
    assert.deepEqual([await voidAt('bo', now), await voidAt('bo', now + 1)], [true, false], 'the later of both counts')
    assert.equal(await voidAt('cy', now - hour), false)
  })
}

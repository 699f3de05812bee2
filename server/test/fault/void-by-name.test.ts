import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isVoid, voidEarlierOf } from '../../src/identity/login/void.ts'
import { open } from '../../src/store/engine/handle.ts'
import { migrations } from '../../src/store/migration/list.ts'
import { insertPrincipal } from '../../src/store/principals.ts'
import { spendLonger } from '../../src/store/spent.ts'
import { openStore } from '../../src/store/store.ts'
import { startPostgres } from '../postgres.ts'

// What a withdrawal made void before an upgrade is void after it.

const databases: Record<string, (t: TestContext) => Promise<string | undefined>> = {
  SQLite: async () => undefined,
  PostgreSQL: async (t) => {
    const postgres = await startPostgres()
    t.after(() => postgres.stop())
    return postgres.createDatabase()
  },
}

for (const [name, makeDatabase] of Object.entries(databases)) {
  test(`what was void under the id of a principal is void under his name, on ${name}`, async (t) => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-void-'))
    t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
    const databaseUrl = await makeDatabase(t)
    const store = await openStore({ dataFolder, ...(databaseUrl !== undefined && { databaseUrl }) })
    t.after(() => store.close())
    const issuer = 'https://idp.example'
    const [now, hour] = [Date.now(), 3_600_000]
    for (const subject of ['ana', 'bo', 'cy']) {
      const about = { kind: 'person', name: subject, email: undefined, state: 'active', createdAt: now } as const
      await insertPrincipal(store, { ...about, id: `id-of-${subject}`, issuer, subject })
    }
    const purpose = 'vouched-before'
    await spendLonger(store, { purpose, id: 'id-of-ana', until: now + 25 * hour })
    await spendLonger(store, { purpose, id: 'id-of-bo', until: now + 24 * hour })
    await voidEarlierOf(store, { issuer, subject: 'bo' }, now)
    await migrations['0023-void-by-name']!.up(open(store))

    const voidAt = (subject: string, at: number) => isVoid(store, { issuer, subject }, at)
    assert.deepEqual([await voidAt('ana', now), await voidAt('ana', now + 1)], [true, false])
    assert.deepEqual([await voidAt('bo', now), await voidAt('bo', now + 1)], [true, false], 'the later of both counts')
    assert.equal(await voidAt('cy', now - hour), false)
  })
}

import { after, before, test } from 'node:test'
import pg from 'pg'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { endure } from './outage.ts'
import { setUpRig } from './rig.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

test('while somebody holds a lock on the ledger in PostgreSQL, calls are refused and not sent, until it is let go', async (t) => {
  const databaseUrl = await postgres.createDatabase()
  const rig = await setUpRig(t, { databaseUrl })
  const gateway = rig.start()
  await gateway.ready
  const holder = new pg.Client({ connectionString: databaseUrl })
  await holder.connect()
  t.after(() => holder.end().catch(() => undefined))
  const outage = (name: string, forMs: number) => ({
    name,
    forMs,
    begin: async () => void (await holder.query('begin; lock table entries in access exclusive mode')),
    end: async () => void (await holder.query('rollback')),
  })
  t.diagnostic(await endure(rig, gateway, { outages: [outage('locked', 2_500), outage('locked again', 8_000)] }))
  await holder.end()
})

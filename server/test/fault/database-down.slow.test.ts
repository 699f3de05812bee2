import { after, before, test } from 'node:test'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { endure } from './outage.ts'
import { setUpRig } from './rig.ts'

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

test('while PostgreSQL is gone, killed without warning, calls are refused and not sent, until it is started again', async (t) => {
  const databaseUrl = await postgres.createDatabase()
  const rig = await setUpRig(t, { databaseUrl })
  const gateway = rig.start()
  await gateway.ready
  const outage = (name: string, forMs: number) => ({
    name,
    forMs,
    begin: () => postgres.kill(),
    end: () => postgres.restart(),
  })
  t.diagnostic(await endure(rig, gateway, { outages: [outage('gone', 2_500), outage('gone again', 7_000)] }))
})

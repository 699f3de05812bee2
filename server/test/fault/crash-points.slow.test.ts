import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { crash, phases, tell } from './crash-points.ts'

// A bounded part; `npm run soak -- crash-points` goes through ten thousand on each store.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

for (const store of ['SQLite', 'PostgreSQL']) {
  test(`at a thousand crash points nothing happens without its intent and no approval is spent twice, on ${store}`, async (t) => {
    const databaseUrl = store === 'SQLite' ? undefined : await postgres.createDatabase()
    // Recovery is promised within ten seconds; the rest is for a busy machine.
    const report = await crash(t, { databaseUrl, points: 1_000, secondsMax: 45, patienceMs: 20_000 })
    t.diagnostic(tell(report))
    assert.ok(report.kills >= 2 && report.spent > 0 && report.unknown > 50, 'too little happened to prove anything')
    assert.ok(report.points.get(phases[2]!)! > 0, 'no call was caught at the upstream')
  })
}

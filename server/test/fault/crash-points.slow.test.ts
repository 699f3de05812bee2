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

const points = 1_000
/** A busy machine stops here, and then says how far it came, and fails. */
const secondsMax = 240

for (const store of ['SQLite', 'PostgreSQL']) {
  test(`at a thousand crash points nothing happens without its intent, no approval is spent twice, and what was open is unknown within ten seconds, on ${store}`, async (t) => {
    const databaseUrl = store === 'SQLite' ? undefined : await postgres.createDatabase()
    const report = await crash(t, { databaseUrl, points, secondsMax, patienceMs: 10_000 })
    t.diagnostic(tell(report))
    const reached = [...report.points.values()].reduce((all, one) => all + one, 0)
    assert.ok(reached >= points, `only ${reached} crash points in ${secondsMax} s`)
    assert.ok(report.kills >= 2 && report.spent > 0 && report.unknown > 50, 'too little happened to prove anything')
    assert.ok(report.points.get(phases[2]!)! > 0, 'no call was caught at the upstream')
  })
}

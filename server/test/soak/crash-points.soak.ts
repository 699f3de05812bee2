import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { crash, tell } from '../fault/crash-points.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { secondsEach } from './bounds.ts'

const points = 10_000

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

for (const store of ['SQLite', 'PostgreSQL']) {
  test(`ten thousand crash points on ${store}`, async (t) => {
    const databaseUrl = store === 'SQLite' ? undefined : await postgres.createDatabase()
    const report = await crash(t, { databaseUrl, points, secondsMax: secondsEach, patienceMs: 10_000 })
    t.diagnostic(tell(report))
    const reached = [...report.points.values()].reduce((all, one) => all + one, 0)
    assert.ok(reached >= points, `only ${reached} crash points in ${secondsEach} s`)
  })
}

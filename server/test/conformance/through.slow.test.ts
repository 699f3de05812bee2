import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFixture } from './fixture.ts'
import { govern } from './governed.ts'
import { expectedToFail, failing, runServerSuite, scored, worse } from './suite.ts'

for (const revision of ['2025-11-25', '2026-07-28'] as const) {
  test(`the gateway passes what ${revision} requires, and nothing else is worse than directly`, async (t) => {
    const fixture = await openFixture()
    t.after(() => fixture.close())
    const { shim } = await govern(t, fixture.url)
    const direct = await runServerSuite(fixture.url, revision)
    const through = await runServerSuite(shim.url, revision)
    const found = { ...worse(direct, through), ...failing(through, scored(revision, 'server')) }
    t.diagnostic(`${Object.keys(found).length} scenarios do not pass:\n${JSON.stringify(found, null, 2)}`)
    const unexpected = Object.entries(found).filter(
      ([scenario]) => !expectedToFail('server', revision).includes(scenario),
    )
    assert.deepEqual(Object.fromEntries(unexpected), {})
  })
}

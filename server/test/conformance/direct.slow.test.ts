import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFixture } from './fixture.ts'
import { failing, runServerSuite, scored, type Revision } from './suite.ts'

const expected: [Revision, number][] = [
  ['2025-11-25', 30],
  ['2026-07-28', 37],
]

for (const [revision, count] of expected) {
  test(`the fixture itself passes all ${count} server scenarios that ${revision} requires, and all others`, async (t) => {
    const fixture = await openFixture()
    t.after(() => fixture.close())
    const results = await runServerSuite(fixture.url, revision)
    assert.equal(scored(revision, 'server').length, count)
    // What is not scored passes too: only then does it say anything to compare it with a run through the gateway.
    assert.deepEqual(failing(results, [...scored(revision, 'server'), ...results.keys()], ['FAILURE', 'WARNING']), {})
  })
}

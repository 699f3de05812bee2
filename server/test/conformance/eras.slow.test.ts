import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFixture } from './fixture.ts'
import { govern } from './governed.ts'
import { expectedToFail, failing, runServerSuite, scored, type Revision } from './suite.ts'

/** What cannot pass where client and upstream are of two eras, and why; everything else that is required passes. */
const cannot: Record<'legacy' | 'modern', Record<string, string>> = {
  // A client of the handshake eras before an upstream that knows only 2026-07-28.
  modern: {},
  // A client of 2026-07-28 before an upstream that knows only the handshake eras.
  legacy: {
    'server-stateless':
      'a legacy upstream has no error for a capability that it lacks on one request: it says so in the result of the call',
    'input-required-result-basic-elicitation':
      'a legacy upstream gives its questions no keys, and the suite asks for one',
    'input-required-result-multiple-input-requests': 'a legacy upstream asks one question after the other',
    'input-required-result-capability-check':
      'the tool reads the capabilities of a request, which a legacy one has not',
  },
}

const pairs: [Revision, 'legacy' | 'modern'][] = [
  ['2025-11-25', 'modern'],
  ['2026-07-28', 'legacy'],
]

for (const [revision, era] of pairs) {
  test(`a client of ${revision} before a ${era} upstream passes all that can pass`, async (t) => {
    const fixture = await openFixture([era])
    t.after(() => fixture.close())
    const { shim } = await govern(t, fixture.url)
    const results = await runServerSuite(shim.url, revision)
    const found = failing(results, scored(revision, 'server'))
    t.diagnostic(JSON.stringify(found, null, 2))
    const known = [...Object.keys(cannot[era]), ...expectedToFail('server', revision)]
    const unexpected = Object.entries(found).filter(([scenario]) => !known.includes(scenario))
    assert.deepEqual(Object.fromEntries(unexpected), {})
    const passing = Object.keys(cannot[era]).filter((scenario) => !(scenario in found))
    assert.deepEqual(passing, [], 'these pass by now: they are not to be listed any more')
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isolate, tell } from '../isolation/isolate.ts'

// A bounded part; `npm run soak -- isolation` makes ten million calls.

const calls = 100_000
// Two quiet cores need forty seconds. A machine that is busy with other things stops here, and must have come so far:
const secondsMax = 70
const callsMin = 20_000

test('over a hundred thousand calls of a thousand clients with the same ids, nobody hears anything of another', async (t) => {
  const report = await isolate(t, { calls, secondsMax })
  t.diagnostic(tell(report))
  assert.ok(report.calls >= callsMin, `only ${report.calls} calls in ${report.seconds} s`)
  assert.ok(report.busy + report.reset < report.calls / 20, `${report.busy} refused as busy, ${report.reset} reset`)
})

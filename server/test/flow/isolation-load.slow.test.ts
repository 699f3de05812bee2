import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isolate, tell } from '../isolation/isolate.ts'

// A bounded part; `npm run soak -- isolation` makes ten million calls.

const calls = 100_000
// Two quiet cores need forty seconds. A machine that is busy with other things stops here, says how far it came, and fails.
const secondsMax = 220

test('over a hundred thousand calls of a thousand clients with the same ids, nobody hears anything of another', async (t) => {
  const report = await isolate(t, { calls, secondsMax })
  t.diagnostic(tell(report))
  const counted = report.calls - report.busy - report.reset
  assert.ok(counted >= calls, `only ${counted} calls in ${report.seconds} s`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isolate, tell } from '../isolation/isolate.ts'
import { secondsEach } from './bounds.ts'

const calls = 10_000_000
/** Calls on one house: its ledger is removed with it, so that no disk fills. */
const batch = 500_000

test('over ten million calls of a thousand clients with the same ids, nobody hears anything of another', async (t) => {
  const endsAt = performance.now() + secondsEach * 1_000
  let made = 0
  while (made < calls && performance.now() < endsAt) {
    await t.test(`after ${made} calls`, async (t) => {
      const secondsMax = (endsAt - performance.now()) / 1_000
      const report = await isolate(t, { calls: Math.min(batch, calls - made), secondsMax })
      made += report.calls
      t.diagnostic(tell(report))
    })
  }
  assert.ok(made >= calls, `only ${made} calls in ${secondsEach} s`)
})

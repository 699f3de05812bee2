import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Seen } from './seen.ts'

test('each id is new once, beyond every growth', () => {
  const seen = new Seen()
  for (let i = 0; i < 20_000; i++) assert.ok(seen.add(`id ${i}`))
  for (let i = 0; i < 20_000; i++) assert.ok(!seen.add(`id ${i}`))
  assert.ok(seen.add('another'))
})

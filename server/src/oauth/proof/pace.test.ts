import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/fault.ts'
import { openPace } from './pace.ts'

const tooMany = (error: unknown) => error instanceof Fault && error.code === 'oauth.too_many' && error.status === 429

test('each key has its own limit, and gets it back when the window is over', () => {
  let now = 0
  const admit = openPace({ monotonic: () => now }, { most: 2, ms: 1_000, keysMax: 3 })
  for (let turn = 0; turn < 2; turn++) admit('a')
  assert.throws(() => admit('a'), tooMany)
  admit('b')
  now = 999
  assert.throws(() => admit('a'), tooMany)
  now = 1_000
  admit('a')
})

test('no number of keys makes it grow, and the newest are counted', () => {
  const admit = openPace({ monotonic: () => 0 }, { most: 1, ms: 1_000, keysMax: 3 })
  for (const key of ['a', 'b', 'c', 'd']) admit(key)
  for (const key of ['b', 'c', 'd']) assert.throws(() => admit(key), tooMany)
  admit('a')
})

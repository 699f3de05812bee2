import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/fault.ts'
import { openLog } from '../base/log.ts'
import type { About } from '../store/revisions.ts'
import { openTokenKeys } from './token-keys.ts'

test('after news of the keys nothing is verified by old ones, even if the new ones cannot be read at first', async () => {
  const old = { keys: [{ kid: 'old' }], newestAt: 0, changesAt: Infinity }
  const answers = [async () => old]
  const used: (string | undefined)[] = []
  const told: ((about: About, revision: number) => void)[] = []
  const keys = await openTokenKeys(
    {
      secrets: { tokenKeys: () => answers.shift()!(), addTokenKey: () => Promise.reject(new TypeError('not asked')) },
      recorder: { recordChange: () => Promise.reject(new TypeError('not asked')) },
      feed: { subscribe: (listener) => (told.push(listener), () => undefined) },
      clock: { now: () => 1, monotonic: () => 1 },
      log: openLog({ level: 'error', write: () => undefined }),
      rotateAfterDays: 90,
    },
    async (found) => void used.push(found[0]!.kid),
  )
  assert.equal(keys.refresh(), undefined, 'nothing is due')
  const down = async () => {
    throw new Fault('store.unavailable', 'it is down')
  }
  answers.push(down, down, async () => ({ ...old, keys: [{ kid: 'new' }] }))
  for (const tell of told) tell({ kind: 'key' }, 1)
  await assert.rejects(async () => keys.refresh(), { code: 'store.unavailable' })
  await keys.refresh()
  assert.deepEqual(used, ['new'])
  assert.equal(keys.refresh(), undefined)
})

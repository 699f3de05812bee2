import assert from 'node:assert/strict'
import { findLastCheckpoint, insertCheckpoint, listCheckpoints } from '../../../src/store/checkpoints.ts'
import type { Store } from '../../../src/store/store.ts'

const made = (size: number, note = `note ${size}`) => ({ size, at: 5, note, frontier: 'ab' })

export const cases: [string, (store: Store) => Promise<void>][] = [
  [
    'the largest checkpoint is the last',
    async (store) => {
      assert.equal(await findLastCheckpoint(store), undefined)
      for (const size of [0, 9, 10, 100]) await insertCheckpoint(store, made(size))
      assert.deepEqual(await findLastCheckpoint(store), made(100))
      assert.deepEqual(await listCheckpoints(store, 9, 1), [{ size: 10, note: 'note 10' }])
      assert.equal((await listCheckpoints(store, -1)).length, 4)
    },
  ],
  [
    'of two checkpoints of one size the first stays',
    async (store) => {
      await insertCheckpoint(store, made(3))
      assert.deepEqual(await insertCheckpoint(store, made(3, 'another')), made(3))
    },
  ],
]

import assert from 'node:assert/strict'
import { deleteEndedSpent, isSpent, spend, spendLonger, spentUntil } from '../../../src/store/spent.ts'
import type { Store } from '../../../src/store/store.ts'

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'of many that spend the same at once one does, and others of other purposes are not touched',
    async (store) => {
      const of = { purpose: 'session', id: 'a', until: 2_000, now: 1_000 }
      assert.equal(await isSpent(store, 'session', 'a'), false)
      const won = await Promise.all([1, 2, 3, 4, 5].map(() => spend(store, of)))
      assert.deepEqual(won.filter(Boolean), [true])
      assert.equal(await isSpent(store, 'session', 'a'), true)
      assert.equal(await isSpent(store, 'state', 'a'), false)
      assert.equal(await spend(store, { ...of, purpose: 'state' }), true)
    },
  ],
  [
    'what has had its time can be spent anew, and is forgotten by the sweep',
    async (store) => {
      await spend(store, { purpose: 'session', id: 'old', until: 2_000, now: 1_000 })
      await spend(store, { purpose: 'session', id: 'new', until: 9_000, now: 3_000 })
      assert.equal(await spend(store, { purpose: 'session', id: 'old', until: 9_000, now: 2_000 }), false)
      assert.equal(await spend(store, { purpose: 'session', id: 'old', until: 4_000, now: 2_001 }), true)
      assert.equal(await spend(store, { purpose: 'session', id: 'old', until: 9_000, now: 2_001 }), false)
      await deleteEndedSpent(store, 5_000)
      assert.equal(await isSpent(store, 'session', 'old'), false)
      assert.equal(await isSpent(store, 'session', 'new'), true)
    },
  ],
  [
    'what is spent once more is spent until the later instant',
    async (store) => {
      const of = { purpose: 'withdrawn', id: 'ana' }
      assert.equal(await spentUntil(store, 'withdrawn', 'ana'), undefined)
      for (const until of [2_000, 5_000, 3_000]) await spendLonger(store, { ...of, until })
      assert.equal(await spentUntil(store, 'withdrawn', 'ana'), 5_000)
      assert.equal(await spentUntil(store, 'other', 'ana'), undefined)
    },
  ],
]

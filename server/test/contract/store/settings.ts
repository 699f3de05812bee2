import assert from 'node:assert/strict'
import { findSetting, insertSetting, updateSetting } from '../../../src/store/settings.ts'
import type { Store } from '../../../src/store/store.ts'

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'the first value that is inserted stays until it is updated',
    async (store) => {
      assert.equal(await findSetting(store, 'a'), undefined)
      assert.equal(await insertSetting(store, 'a', 'one'), 'one')
      assert.equal(await insertSetting(store, 'a', 'two'), 'one')
      await updateSetting(store, 'a', 'three')
      await updateSetting(store, 'b', 'new')
      assert.equal(await findSetting(store, 'a'), 'three')
      assert.equal(await findSetting(store, 'b'), 'new')
    },
  ],
  [
    'of many that insert at once all see the same value',
    async (store) => {
      const values = await Promise.all(['1', '2', '3', '4', '5'].map((value) => insertSetting(store, 'a', value)))
      assert.equal(new Set(values).size, 1)
    },
  ],
]

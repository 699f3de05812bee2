import assert from 'node:assert/strict'
import { beatInstance, deleteInstance, listInstances } from '../../../src/store/instances.ts'
import type { Store } from '../../../src/store/store.ts'

export const cases: [string, (store: Store) => Promise<void>][] = [
  [
    'a process that beats is listed with its last beat, until it is forgotten',
    async (store) => {
      await beatInstance(store, 'i1', 10)
      await beatInstance(store, 'i2', 20)
      await beatInstance(store, 'i1', 30)
      const listed = (await listInstances(store)).toSorted((a, b) => a.seenAt - b.seenAt)
      assert.deepEqual(listed, [
        { id: 'i2', seenAt: 20 },
        { id: 'i1', seenAt: 30 },
      ])
      await deleteInstance(store, 'i1')
      assert.deepEqual(await listInstances(store), [{ id: 'i2', seenAt: 20 }])
    },
  ],
]

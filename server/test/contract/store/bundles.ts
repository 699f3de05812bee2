import assert from 'node:assert/strict'
import type { Bundle } from '../../../src/model/bundle.ts'
import { findBundle, insertBundle, listBundles, updateBundle } from '../../../src/store/bundles.ts'
import type { Store } from '../../../src/store/store.ts'

const bundle = (change: Partial<Bundle> = {}): Bundle => ({
  name: 'office',
  purpose: 'all of the office',
  ownerId: 'ana',
  members: [
    { upstream: 'mail', prefix: 'mail' },
    { upstream: 'desk', prefix: 'tasks' },
  ],
  state: 'serving',
  createdAt: 1,
  changedAt: 1,
  ...change,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'what was stored comes back whole, its members in their order',
    async (store) => {
      assert.equal(await insertBundle(store, bundle()), true)
      assert.deepEqual(await findBundle(store, 'office'), bundle())
      assert.equal(await findBundle(store, 'other'), undefined)
      await insertBundle(store, bundle({ name: 'a-first', ownerId: undefined }))
      assert.deepEqual(
        (await listBundles(store)).map(({ name, ownerId }) => [name, ownerId]),
        [
          ['a-first', undefined],
          ['office', 'ana'],
        ],
      )
    },
  ],
  [
    'a name is taken once, by one of many that want it at once',
    async (store) => {
      const made = await Promise.all([1, 2, 3, 4].map((at) => insertBundle(store, bundle({ createdAt: at }))))
      assert.equal(made.filter(Boolean).length, 1)
    },
  ],
  [
    'what serves is changed, and what is retired is not, nor is its name free',
    async (store) => {
      await insertBundle(store, bundle())
      const members = [{ upstream: 'desk', prefix: 'tasks' }]
      assert.equal(await updateBundle(store, 'office', { members, changedAt: 2 }), true)
      assert.deepEqual(await findBundle(store, 'office'), bundle({ members, changedAt: 2 }))
      assert.equal(await updateBundle(store, 'office', { state: 'retired', changedAt: 3 }), true)
      assert.equal(await updateBundle(store, 'office', { state: 'serving', changedAt: 4 }), false)
      assert.equal(await insertBundle(store, bundle()), false)
      assert.deepEqual(await findBundle(store, 'office'), bundle({ members, state: 'retired', changedAt: 3 }))
    },
  ],
]

import assert from 'node:assert/strict'
import { findActiveOperatorKey, insertOperatorKey, revokeOperatorKeysOf } from '../../../src/store/operator-keys.ts'
import type { Store } from '../../../src/store/store.ts'

const key = (id: string, principalId: string) => ({
  id,
  principalId,
  label: 'laptop',
  createdAt: 1,
  expiresAt: 100,
  revokedAt: undefined,
  strong: id === 'one',
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a key is found until it expires or its principal’s keys are revoked',
    async (store) => {
      await insertOperatorKey(store, key('one', 'ana'))
      await insertOperatorKey(store, key('two', 'bo'))
      assert.deepEqual(await findActiveOperatorKey(store, 'one', 99), key('one', 'ana'))
      assert.equal(await findActiveOperatorKey(store, 'one', 100), undefined)
      await revokeOperatorKeysOf(store, 'ana', 50)
      assert.equal(await findActiveOperatorKey(store, 'one', 60), undefined)
      assert.ok(await findActiveOperatorKey(store, 'two', 60))
    },
  ],
]

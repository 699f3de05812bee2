import assert from 'node:assert/strict'
import {
  countConnectionAttempts,
  findConnectionAttempt,
  insertConnectionAttempt,
  takeConnectionAttempt,
  type ConnectionAttempt,
} from '../../../src/store/connection-attempts.ts'
import type { Store } from '../../../src/store/store.ts'

const attempt = (id: string, expiresAt = 100): ConnectionAttempt => ({
  id,
  upstream: 'mux',
  principalId: 'ana',
  browser: 'digest',
  payload: 'sealed',
  expiresAt,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'an attempt is found until it is taken, and taken once, even by many at once',
    async (store) => {
      await insertConnectionAttempt(store, attempt('one'), 0)
      assert.deepEqual(await findConnectionAttempt(store, 'one', 99), attempt('one'))
      const taken = await Promise.all([1, 2, 3, 4, 5].map(() => takeConnectionAttempt(store, 'one', 99)))
      assert.deepEqual(
        taken.filter((each) => each !== undefined),
        [attempt('one')],
      )
      assert.equal(await findConnectionAttempt(store, 'one', 99), undefined)
    },
  ],
  [
    'an expired attempt is neither found nor taken',
    async (store) => {
      await insertConnectionAttempt(store, { ...attempt('one'), browser: undefined }, 0)
      assert.equal(await findConnectionAttempt(store, 'one', 100), undefined)
      assert.equal(await takeConnectionAttempt(store, 'one', 100), undefined)
    },
  ],
  [
    'those of one principal that wait are counted',
    async (store) => {
      await insertConnectionAttempt(store, attempt('one'), 0)
      await insertConnectionAttempt(store, attempt('two', 50), 0)
      await insertConnectionAttempt(store, { ...attempt('three'), principalId: 'bo' }, 0)
      assert.equal(await countConnectionAttempts(store, 'ana', 49), 2)
      assert.equal(await countConnectionAttempts(store, 'ana', 50), 1)
      assert.equal(await countConnectionAttempts(store, 'cy', 0), 0)
    },
  ],
]

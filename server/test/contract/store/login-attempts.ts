import assert from 'node:assert/strict'
import {
  countLoginAttempts,
  deleteExpiredLoginAttempts,
  insertLoginAttempt,
  takeLoginAttempt,
} from '../../../src/store/login-attempts.ts'
import type { Store } from '../../../src/store/store.ts'

const attempt = (id: string, expiresAt = 100) => ({
  id,
  provider: 'work',
  browser: 'digest',
  payload: 'sealed',
  returnTo: '/approvals',
  expiresAt,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'an attempt is taken once, even by many at once',
    async (store) => {
      await insertLoginAttempt(store, attempt('one'))
      const taken = await Promise.all([1, 2, 3, 4, 5].map(() => takeLoginAttempt(store, 'one', 99)))
      assert.deepEqual(
        taken.filter((each) => each !== undefined),
        [attempt('one')],
      )
    },
  ],
  [
    'an expired attempt is not given out, and the expired are forgotten',
    async (store) => {
      await insertLoginAttempt(store, attempt('one'))
      assert.equal(await takeLoginAttempt(store, 'one', 100), undefined)
      await insertLoginAttempt(store, attempt('two'))
      await insertLoginAttempt(store, attempt('three', 200))
      assert.equal(await countLoginAttempts(store), 2)
      await deleteExpiredLoginAttempts(store, 100)
      assert.equal(await countLoginAttempts(store), 1)
      assert.ok(await takeLoginAttempt(store, 'three', 100))
    },
  ],
]

import assert from 'node:assert/strict'
import {
  deleteExpiredSignIns,
  deleteSignIn,
  deleteSignInsOf,
  findSignIn,
  insertSignIn,
} from '../../../src/store/sign-ins.ts'
import type { Store } from '../../../src/store/store.ts'

const signIn = (id: string, principalId = 'ana') => ({
  id,
  principalId,
  provider: 'local',
  createdAt: 1,
  expiresAt: 100,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a sign-in is found until it expires',
    async (store) => {
      await insertSignIn(store, signIn('one'))
      assert.deepEqual(await findSignIn(store, 'one', 99), signIn('one'))
      assert.equal(await findSignIn(store, 'one', 100), undefined)
      assert.equal(await findSignIn(store, 'two', 1), undefined)
      await deleteExpiredSignIns(store, 99)
      assert.ok(await findSignIn(store, 'one', 1))
      await deleteExpiredSignIns(store, 100)
      assert.equal(await findSignIn(store, 'one', 1), undefined)
    },
  ],
  [
    'ending one sign-in leaves the others, ending a principal’s leaves other principals’',
    async (store) => {
      for (const id of ['one', 'two', 'three']) await insertSignIn(store, signIn(id))
      await insertSignIn(store, signIn('bo’s', 'bo'))
      await deleteSignIn(store, 'one')
      assert.equal(await findSignIn(store, 'one', 1), undefined)
      assert.ok(await findSignIn(store, 'two', 1))
      await deleteSignInsOf(store, 'ana')
      assert.equal(await findSignIn(store, 'two', 1), undefined)
      assert.equal(await findSignIn(store, 'three', 1), undefined)
      assert.ok(await findSignIn(store, 'bo’s', 1))
    },
  ],
]

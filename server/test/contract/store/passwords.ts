import assert from 'node:assert/strict'
import { findPasswordByLogin, insertPassword, updatePasswordHash } from '../../../src/store/passwords.ts'
import type { Store } from '../../../src/store/store.ts'

const ana = { principalId: 'a', login: 'ana', hash: 'one', changedAt: 1, passkeyOnly: false }

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a login belongs to one principal, and a principal has one login',
    async (store) => {
      assert.equal(await insertPassword(store, ana), true)
      assert.equal(await insertPassword(store, { ...ana, principalId: 'b' }), false)
      assert.equal(await insertPassword(store, { ...ana, login: 'other' }), false)
      assert.deepEqual(await findPasswordByLogin(store, 'ana'), ana)
      assert.equal(await findPasswordByLogin(store, 'other'), undefined)
    },
  ],
  [
    'a hash is renewed only in the place of the one that was checked',
    async (store) => {
      await insertPassword(store, ana)
      await updatePasswordHash(store, 'a', { from: 'stale', to: 'two' })
      assert.equal((await findPasswordByLogin(store, 'ana'))?.hash, 'one')
      await updatePasswordHash(store, 'a', { from: 'one', to: 'two' })
      assert.equal((await findPasswordByLogin(store, 'ana'))?.hash, 'two')
    },
  ],
]

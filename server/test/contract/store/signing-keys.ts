import assert from 'node:assert/strict'
import {
  insertSigningKey,
  listSigningKeys,
  retireSigningKey,
  type SigningKey,
} from '../../../src/store/signing-keys.ts'
import type { Store } from '../../../src/store/store.ts'

const key = (id: string, createdAt: number): SigningKey => ({
  id,
  purpose: 'token',
  algorithm: 'ES256',
  publicKey: '{}',
  sealed: `sealed ${id}`,
  createdAt,
  retiredAt: undefined,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'keys come back as they went in, newest first, without the retired and those of other purposes',
    async (store) => {
      assert.equal(await insertSigningKey(store, key('a', 1)), true)
      assert.equal(await insertSigningKey(store, key('b', 2)), true)
      assert.equal(await insertSigningKey(store, { ...key('c', 3), purpose: 'checkpoint' }), true)
      assert.deepEqual(await listSigningKeys(store, 'token', 9), [key('b', 2), key('a', 1)])
      await retireSigningKey(store, 'b', 5)
      assert.deepEqual(await listSigningKeys(store, 'token', 9), [key('a', 1)])
    },
  ],
  [
    'a retirement may lie ahead, and can be brought forward but never put off',
    async (store) => {
      await insertSigningKey(store, key('a', 1))
      await retireSigningKey(store, 'a', 20)
      assert.deepEqual(await listSigningKeys(store, 'token', 19), [{ ...key('a', 1), retiredAt: 20 }])
      assert.deepEqual(await listSigningKeys(store, 'token', 20), [])
      await retireSigningKey(store, 'a', 30)
      assert.deepEqual(await listSigningKeys(store, 'token', 25), [])
      await retireSigningKey(store, 'a', 10)
      assert.deepEqual(await listSigningKeys(store, 'token', 15), [])
    },
  ],
  [
    'of many that insert one id at once exactly one wins',
    async (store) => {
      const won = await Promise.all([1, 2, 3, 4, 5].map((at) => insertSigningKey(store, key('a', at))))
      assert.equal(won.filter(Boolean).length, 1)
      assert.equal((await listSigningKeys(store, 'token', 9)).length, 1)
    },
  ],
]

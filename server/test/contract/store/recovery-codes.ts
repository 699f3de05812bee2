import assert from 'node:assert/strict'
import {
  countRecoveryCodes,
  findRecoveryHash,
  replaceRecoveryCodes,
  spendRecoveryCode,
} from '../../../src/store/recovery-codes.ts'
import type { Store } from '../../../src/store/store.ts'

const codes = ['a', 'b', 'c'].map((place) => ({ place, hash: `hash of ${place}` }))
const replace = (store: Store, whose: string, to = codes) =>
  store.transaction((tx) => replaceRecoveryCodes(tx, whose, to))

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a code is spent once, however many use it at once',
    async (store) => {
      await replace(store, 'ana')
      const spends = [1, 2, 3, 4].map((at) => spendRecoveryCode(store, 'ana', { ...codes[0]!, at }))
      assert.equal((await Promise.all(spends)).filter(Boolean).length, 1)
      assert.equal(await findRecoveryHash(store, 'ana', 'a'), undefined)
      assert.equal(await findRecoveryHash(store, 'ana', 'b'), 'hash of b')
      assert.equal(await countRecoveryCodes(store, 'ana'), 2)
    },
  ],
  [
    'a code is one person’s, and void once others took its place',
    async (store) => {
      await replace(store, 'ana')
      assert.equal(await findRecoveryHash(store, 'bo', 'a'), undefined)
      await replace(store, 'ana', [{ place: 'a', hash: 'another' }])
      assert.equal(await spendRecoveryCode(store, 'ana', { ...codes[0]!, at: 1 }), false)
      assert.equal(await countRecoveryCodes(store, 'ana'), 1)
      await replace(store, 'ana', [])
      assert.equal(await countRecoveryCodes(store, 'ana'), 0)
    },
  ],
]

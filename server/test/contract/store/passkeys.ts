import assert from 'node:assert/strict'
import {
  deletePasskey,
  deletePasskeysOf,
  findPasskey,
  insertPasskey,
  listPasskeys,
  type Passkey,
  usePasskey,
} from '../../../src/store/passkeys.ts'
import type { Store } from '../../../src/store/store.ts'

const key = (id: string, change: Partial<Passkey> = {}): Passkey => ({
  id,
  principalId: 'ana',
  name: 'laptop',
  publicKey: 'cose',
  counter: 0,
  synced: false,
  createdAt: 1,
  usedAt: undefined,
  countsAt: 0,
  ...change,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a passkey comes back as it was stored, and its id is one person’s',
    async (store) => {
      assert.equal(await insertPasskey(store, key('a', { synced: true })), true)
      assert.equal(await insertPasskey(store, key('a', { principalId: 'bo' })), false)
      assert.deepEqual(await findPasskey(store, 'a'), key('a', { synced: true }))
      assert.equal(await findPasskey(store, 'b'), undefined)
    },
  ],
  [
    'of several uses that were judged by the same counter one counts',
    async (store) => {
      await insertPasskey(store, key('a', { counter: 3 }))
      const uses = [4, 5, 4].map((to) => usePasskey(store, 'a', { from: 3, to, at: 9 }))
      assert.equal((await Promise.all(uses)).filter(Boolean).length, 1)
      assert.equal((await findPasskey(store, 'a'))?.usedAt, 9)
    },
  ],
  [
    'a person’s passkeys are listed oldest first, and removed by that person only',
    async (store) => {
      for (const at of [3, 1, 2]) await insertPasskey(store, key(`k${at}`, { createdAt: at }))
      await insertPasskey(store, key('bo', { principalId: 'bo' }))
      assert.deepEqual(
        (await listPasskeys(store, 'ana')).map(({ id }) => id),
        ['k1', 'k2', 'k3'],
      )
      assert.equal(await deletePasskey(store, 'bo', 'k1'), false)
      assert.equal(await deletePasskey(store, 'ana', 'k1'), true)
      assert.equal(await deletePasskeysOf(store, 'ana'), 2)
      assert.deepEqual(
        (await listPasskeys(store, 'bo')).map(({ id }) => id),
        ['bo'],
      )
    },
  ],
]

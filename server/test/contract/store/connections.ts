import assert from 'node:assert/strict'
import {
  findActiveConnection,
  insertConnection,
  listActiveConnections,
  revokeActiveConnections,
  revokeStoredConnection,
  type StoredConnection,
} from '../../../src/store/connections.ts'
import type { Store } from '../../../src/store/store.ts'

const connection = (id: string, principalId?: string): StoredConnection => ({
  id,
  upstream: 'mux',
  principalId,
  placement: 'env',
  names: ['A', 'B'],
  sealed: `sealed ${id}`,
  createdBy: 'ana',
  createdAt: 1,
  revokedAt: undefined,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a person’s connection and the organisation’s are told apart',
    async (store) => {
      await insertConnection(store, connection('org'))
      await insertConnection(store, connection('hers', 'ana'))
      assert.deepEqual(await findActiveConnection(store, 'mux', undefined), connection('org'))
      assert.deepEqual(await findActiveConnection(store, 'mux', 'ana'), connection('hers', 'ana'))
      assert.equal(await findActiveConnection(store, 'mux', 'bo'), undefined)
      assert.equal(await findActiveConnection(store, 'memory', undefined), undefined)
      assert.equal((await listActiveConnections(store, 'mux')).length, 2)
    },
  ],
  [
    'a revoked connection is found no more and its secret is gone; the second revocation says no',
    async (store) => {
      await insertConnection(store, connection('org'))
      assert.equal(await revokeStoredConnection(store, 'org', 5), true)
      assert.equal(await revokeStoredConnection(store, 'org', 6), false)
      assert.equal(await findActiveConnection(store, 'mux', undefined), undefined)
      assert.deepEqual(await listActiveConnections(store, 'mux'), [])
    },
  ],
  [
    'replacing touches only the same upstream and person',
    async (store) => {
      await insertConnection(store, connection('org'))
      await insertConnection(store, connection('hers', 'ana'))
      await revokeActiveConnections(store, { upstream: 'mux', principalId: undefined, at: 5 })
      assert.equal(await findActiveConnection(store, 'mux', undefined), undefined)
      assert.equal((await findActiveConnection(store, 'mux', 'ana'))?.id, 'hers')
      await revokeActiveConnections(store, { upstream: 'mux', principalId: 'ana', at: 5 })
      assert.equal(await findActiveConnection(store, 'mux', 'ana'), undefined)
    },
  ],
]

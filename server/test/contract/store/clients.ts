import assert from 'node:assert/strict'
import {
  findStoredClient,
  listStoredClients,
  revokeStoredClient,
  type StoredClient,
  touchClient,
  upsertClient,
} from '../../../src/store/clients.ts'
import type { Store } from '../../../src/store/store.ts'

const client = (id: string, createdAt: number): StoredClient => ({
  id,
  source: 'registration',
  name: `Client ${id}`,
  metadata: { redirect_uris: ['http://127.0.0.1/'], nested: { deep: [1, null] } },
  sealedSecret: 'sealed',
  state: 'active',
  createdAt,
  usedAt: undefined,
  checkedAt: undefined,
  freshUntil: undefined,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a client comes back as it was stored, and its use is noted',
    async (store) => {
      await upsertClient(store, client('a', 1))
      assert.deepEqual(await findStoredClient(store, 'a'), client('a', 1))
      assert.equal(await findStoredClient(store, 'b'), undefined)
      await touchClient(store, 'a', 9)
      assert.equal((await findStoredClient(store, 'a'))?.usedAt, 9)
    },
  ],
  [
    'a client that introduces itself anew is renewed, but keeps its state, secret and age',
    async (store) => {
      await upsertClient(store, client('a', 1))
      assert.equal(await revokeStoredClient(store, 'a'), true)
      assert.equal(await revokeStoredClient(store, 'a'), false)
      await upsertClient(store, { ...client('a', 5), name: 'Renamed', checkedAt: 5, freshUntil: 6 })
      assert.deepEqual(await findStoredClient(store, 'a'), {
        ...client('a', 1),
        name: 'Renamed',
        state: 'revoked',
        sealedSecret: undefined,
        checkedAt: 5,
        freshUntil: 6,
      })
    },
  ],
  [
    'clients are listed newest first and bounded',
    async (store) => {
      for (const at of [1, 3, 2]) await upsertClient(store, client(`c${at}`, at))
      assert.deepEqual(
        (await listStoredClients(store, 2)).map(({ id }) => id),
        ['c3', 'c2'],
      )
    },
  ],
]

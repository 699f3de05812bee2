import assert from 'node:assert/strict'
import {
  countAskedClients,
  deleteExpiredClients,
  findStoredClient,
  hashSealedSecret,
  listExpiredClients,
  listSealedSecrets,
  listStoredClients,
  noteUnchangedClient,
  revokeStoredClient,
  type StoredClient,
  touchClient,
  updateClient,
  upsertClient,
} from '../../../src/store/clients.ts'
import { open } from '../../../src/store/engine/handle.ts'
import { insertGrant } from '../../../src/store/grants.ts'
import type { Store } from '../../../src/store/store.ts'

const client = (id: string, createdAt: number): StoredClient => ({
  id,
  source: 'registration',
  name: `Client ${id}`,
  metadata: { redirect_uris: ['http://127.0.0.1/'], nested: { deep: [1, null] } },
  secretHash: 'a'.repeat(64),
  state: 'active',
  ownerId: undefined,
  askedBy: undefined,
  createdAt,
  firstUsedAt: undefined,
  usedAt: undefined,
  checkedAt: undefined,
  freshUntil: undefined,
  caching: undefined,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a client comes back as it was stored, and its use is noted',
    async (store) => {
      await upsertClient(store, client('a', 1))
      assert.deepEqual(await findStoredClient(store, 'a'), client('a', 1))
      assert.equal(await findStoredClient(store, 'b'), undefined)
      await touchClient(store, 'a', 9)
      await touchClient(store, 'a', 12)
      const { firstUsedAt, usedAt } = (await findStoredClient(store, 'a'))!
      assert.deepEqual([firstUsedAt, usedAt], [9, 12])
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
        secretHash: undefined,
        checkedAt: 5,
        freshUntil: 6,
      })
    },
  ],
  [
    'a document’s copy comes back with by what it is asked for again',
    async (store) => {
      const caching = { etag: '"1"', lastModified: 'Thu, 26 Nov 2026 00:00:00 GMT', staleForSeconds: 5 }
      await upsertClient(store, { ...client('a', 1), caching })
      assert.deepEqual((await findStoredClient(store, 'a'))?.caching, caching)
    },
  ],
  [
    'secrets that an earlier version kept sealed are found, and their digests take their place',
    async (store) => {
      await upsertClient(store, { ...client('a', 1), secretHash: undefined })
      await open(store).updateTable('clients').set({ sealed_secret: 'sealed' }).where('id', '=', 'a').execute()
      assert.deepEqual(await listSealedSecrets(store, 10), [{ id: 'a', sealed: 'sealed' }])
      await hashSealedSecret(store, 'a', 'digest')
      assert.deepEqual(await listSealedSecrets(store, 10), [])
      assert.equal((await findStoredClient(store, 'a'))?.secretHash, 'digest')
    },
  ],
  [
    'owner, state and who asked can change, until the client is revoked',
    async (store) => {
      await upsertClient(store, client('a', 1))
      assert.equal(await updateClient(store, 'a', { askedBy: 'ana' }), true)
      assert.equal(await countAskedClients(store, 'ana'), 1)
      assert.equal(await updateClient(store, 'a', { ownerId: 'bo', state: 'active' }), true)
      assert.equal(await countAskedClients(store, 'ana'), 0)
      const { ownerId, askedBy, state } = (await findStoredClient(store, 'a'))!
      assert.deepEqual([ownerId, askedBy, state], ['bo', 'ana', 'active'])
      assert.equal(await updateClient(store, 'a', { ownerId: null, state: 'refused' }), true)
      assert.equal((await findStoredClient(store, 'a'))?.ownerId, undefined)
      await revokeStoredClient(store, 'a')
      assert.equal(await updateClient(store, 'a', { ownerId: 'bo', state: 'active' }), false)
      assert.equal(await updateClient(store, 'nobody', { ownerId: 'bo' }), false)
    },
  ],
  [
    'clients that nobody uses are found and deleted, and no others',
    async (store) => {
      const all: StoredClient[] = [
        { ...client('never used', 10) },
        { ...client('young', 60) },
        { ...client('owned', 10), ownerId: 'bo' },
        { ...client('of the configuration', 1), source: 'configuration' },
        { ...client('used lately', 1), usedAt: 50 },
        { ...client('used long ago', 1), usedAt: 4 },
        { ...client('owned, used long ago', 1), usedAt: 4, ownerId: 'bo' },
        { ...client('owned, never used', 1), ownerId: 'bo' },
        { ...client('in use', 1), usedAt: 4 },
        { ...client('refused document', 1), source: 'metadata-document', state: 'refused' },
        { ...client('revoked document', 1), source: 'metadata-document', state: 'revoked', usedAt: 2 },
        { ...client('asked for', 10), source: 'metadata-document', askedBy: 'ana' },
        { ...client('revoked registration', 10), state: 'revoked' },
      ]
      for (const one of all) await upsertClient(store, one)
      const at = { principalId: 'ana', upstream: 'mux', createdAt: 4, revokedBecause: undefined, tools: new Map() }
      await store.transaction(async (tx) => {
        await insertGrant(tx, { ...at, id: 'g1', clientId: 'in use', endsAt: 200, revokedAt: undefined })
        await insertGrant(tx, { ...at, id: 'g2', clientId: 'used long ago', endsAt: 200, revokedAt: 6 })
        await insertGrant(tx, { ...at, id: 'g3', clientId: 'never used', endsAt: 99, revokedAt: undefined })
      })
      const expiry = { neverUsedBefore: 50, unusedBefore: 5, now: 100 }
      const found = await listExpiredClients(store, expiry, 100)
      assert.deepEqual(found.toSorted(), [
        'asked for',
        'never used',
        'owned, never used',
        'owned, used long ago',
        'revoked registration',
        'used long ago',
      ])
      assert.equal((await listExpiredClients(store, expiry, 2)).length, 2)
      await touchClient(store, 'used long ago', 99)
      const deleted = await store.transaction((tx) => deleteExpiredClients(tx, expiry, [...found, 'used lately']))
      assert.deepEqual(deleted.toSorted(), found.filter((id) => id !== 'used long ago').toSorted())
      assert.equal((await listStoredClients(store, 100)).length, all.length - deleted.length)
    },
  ],
  [
    'clients are listed newest first and bounded, those that mean something to somebody before the others',
    async (store) => {
      for (const at of [1, 3, 2]) await upsertClient(store, client(`c${at}`, at))
      const idsOf = async (limit: number) => (await listStoredClients(store, limit)).map(({ id }) => id)
      assert.deepEqual(await idsOf(2), ['c3', 'c2'])
      await upsertClient(store, { ...client('asked', 0), askedBy: 'ana' })
      await upsertClient(store, { ...client('owned', -1), ownerId: 'ana' })
      await upsertClient(store, { ...client('used', -2), usedAt: 1 })
      await upsertClient(store, { ...client('configured', -3), source: 'configuration' })
      assert.deepEqual(await idsOf(5), ['asked', 'owned', 'used', 'configured', 'c3'])
    },
  ],
  [
    'that a document was asked again changes nothing of what it said, and brings nothing back',
    async (store) => {
      await upsertClient(store, { ...client('a', 1), name: 'Newer' })
      const checked = { checkedAt: 7, freshUntil: 9, caching: { staleForSeconds: 1 } }
      await noteUnchangedClient(store, 'a', checked)
      assert.deepEqual(await findStoredClient(store, 'a'), { ...client('a', 1), name: 'Newer', ...checked })
      await noteUnchangedClient(store, 'gone', checked)
      assert.equal(await findStoredClient(store, 'gone'), undefined)
    },
  ],
]

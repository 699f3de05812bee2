import assert from 'node:assert/strict'
import {
  claimRenewal,
  claimRevokedTokens,
  deleteRevokedTokens,
  dropRenewal,
  findActiveConnection,
  insertConnection,
  listActiveConnections,
  listActiveConnectionsOf,
  revokeActiveConnections,
  revokeConnectionsOf,
  revokeStoredConnection,
  updateConnectionDetails,
  updateSealed,
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
    'the tokens of a removed connection are left to be claimed by one, for a time; of another credential, and of what is replaced, nothing is',
    async (store) => {
      const oauth = {
        placement: 'oauth',
        details: { issuer: 'x', clientId: 'us', grant: 'client_credentials' },
      } as const
      await insertConnection(store, { ...connection('org'), ...oauth })
      await insertConnection(store, { ...connection('hers', 'ana'), ...oauth })
      await insertConnection(store, { ...connection('plain', 'bo') })
      await insertConnection(store, { ...connection('former', 'cy'), ...oauth })
      await revokeActiveConnections(store, { upstream: 'mux', principalId: 'cy', at: 4 })
      const claim = (now: number) => claimRevokedTokens(store, { now, until: now + 20 })
      assert.equal(await claim(10), undefined)
      await revokeStoredConnection(store, 'org', 5)
      await revokeStoredConnection(store, 'org', 6)
      await revokeConnectionsOf(store, { upstream: 'mux' }, 7)
      const taken = await Promise.all(Array.from({ length: 6 }, () => claim(10)))
      const found = taken.filter((one) => one !== undefined).toSorted((a, b) => a.id.localeCompare(b.id))
      assert.deepEqual(found, [
        { id: 'hers', upstream: 'mux', principalId: 'ana', sealed: 'sealed hers' },
        { id: 'org', upstream: 'mux', principalId: undefined, sealed: 'sealed org' },
      ])
      assert.equal(await claim(29), undefined)
      await deleteRevokedTokens(store, 'org')
      assert.deepEqual(await claim(30), found[0], 'who claimed it is gone')
      assert.equal(await claim(30), undefined)
    },
  ],
  [
    'a renewal is claimed by one, for a time, and only of what is stored',
    async (store) => {
      const details = { issuer: 'https://as.example', clientId: 'us', grant: 'authorization_code' } as const
      await insertConnection(store, { ...connection('org'), placement: 'oauth', details })
      const claim = (at: number, sealed = 'sealed org') =>
        claimRenewal(store, { id: 'org', sealed, now: at, until: at + 20 })
      const claimed = await Promise.all([claim(100), claim(100), claim(100)])
      assert.equal(claimed.filter(Boolean).length, 1)
      assert.equal(await claim(119), false)
      assert.equal(await claim(120), true, 'who claimed it is gone')
      assert.equal(await updateSealed(store, { id: 'org', from: 'sealed org', to: 'renewed' }), true)
      assert.equal(await updateSealed(store, { id: 'org', from: 'sealed org', to: 'late' }), false)
      assert.equal(await claim(121), false, 'it is not what is stored any more')
      assert.equal(await claim(121, 'renewed'), true, 'a renewal ends the claim')
      await dropRenewal(store, 'org')
      assert.equal(await claim(122, 'renewed'), true)
      await updateConnectionDetails(store, 'org', { ...details, wanted: 'more' })
      const found = await findActiveConnection(store, 'mux', undefined)
      assert.deepEqual([found?.sealed, found?.details], ['renewed', { ...details, wanted: 'more' }])
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
  [
    'the connections of a person are listed, and end together; those of an upstream too, whoever owns them',
    async (store) => {
      await insertConnection(store, connection('org'))
      await insertConnection(store, connection('hers', 'ana'))
      await insertConnection(store, connection('his', 'bo'))
      await insertConnection(store, { ...connection('hers-too', 'ana'), upstream: 'memory' })
      const idsOf = async (principalId: string) =>
        (await listActiveConnectionsOf(store, principalId)).map(({ id }) => id).toSorted()
      assert.deepEqual(await idsOf('ana'), ['hers', 'hers-too'])
      await revokeConnectionsOf(store, { principalId: 'ana' }, 5)
      assert.deepEqual([await idsOf('ana'), await idsOf('bo')], [[], ['his']])
      await revokeConnectionsOf(store, { upstream: 'mux' }, 6)
      assert.deepEqual([await idsOf('bo'), await listActiveConnections(store, 'mux')], [[], []])
    },
  ],
]

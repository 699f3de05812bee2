import assert from 'node:assert/strict'
import type { Grant } from '../../../src/model/rights.ts'
import {
  findStoredGrant,
  insertGrant,
  listStoredGrants,
  revokeStoredGrants,
  widenStoredGrant,
} from '../../../src/store/grants.ts'
import type { Store } from '../../../src/store/store.ts'

const grant = (id: string, more: Partial<Grant> = {}): Grant => ({
  id,
  principalId: 'ana',
  clientId: 'editor',
  upstream: 'mux',
  createdAt: 1,
  endsAt: 100,
  revokedAt: undefined,
  revokedBecause: undefined,
  tools: new Map([
    ['list_assets', 'digest 1'],
    ['get_asset', 'digest 2'],
  ]),
  ...more,
})

async function insert(store: Store, ...grants: Grant[]): Promise<void> {
  await store.transaction(async (tx) => {
    for (const each of grants) await insertGrant(tx, each)
  })
}

const idsOf = (grants: Grant[]): string[] => grants.map(({ id }) => id)

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'grants that an issuer vouched for are told apart from those that a person gave, also when they end',
    async (store) => {
      const issuer = 'https://login.example'
      await insert(store, grant('a'), grant('b', { issuer }), grant('c', { issuer: 'https://other.example' }))
      assert.equal((await findStoredGrant(store, 'a'))?.issuer, undefined)
      assert.equal((await findStoredGrant(store, 'b'))?.issuer, issuer)
      const revoke = (which: { issuer: string | null }) =>
        store.transaction((tx) => revokeStoredGrants(tx, { principalId: 'ana', ...which }, { at: 5, because: 'x' }))
      assert.deepEqual(await revoke({ issuer }), ['b'])
      assert.deepEqual(await revoke({ issuer: null }), ['a'])
      assert.equal((await findStoredGrant(store, 'c'))?.revokedAt, undefined)
    },
  ],
  [
    'grants to a client end where they were not given to what it says of itself now',
    async (store) => {
      await insert(
        store,
        grant('a', { clientDigest: 'old' }),
        grant('b', { clientDigest: 'new' }),
        grant('c'),
        grant('d', { clientDigest: 'old', clientId: 'other' }),
      )
      assert.equal((await findStoredGrant(store, 'a'))?.clientDigest, 'old')
      const which = { clientId: 'editor', clientDigestOtherThan: 'new' }
      const ended = await store.transaction((tx) => revokeStoredGrants(tx, which, { at: 5, because: 'x' }))
      assert.deepEqual(ended.toSorted(), ['a', 'c'])
    },
  ],
  [
    'a grant comes back with exactly its tools and their digests',
    async (store) => {
      const many = new Map(Array.from({ length: 1_201 }, (_, at) => [`tool_${at}`, `digest ${at}`]))
      await insert(store, grant('a'), grant('b', { tools: many }), grant('c', { tools: new Map() }))
      assert.deepEqual((await findStoredGrant(store, 'a'))?.tools, grant('a').tools)
      assert.deepEqual(await findStoredGrant(store, 'a'), grant('a'))
      assert.equal((await findStoredGrant(store, 'b'))?.tools.size, 1_201)
      assert.equal((await findStoredGrant(store, 'c'))?.tools.size, 0)
      assert.equal(await findStoredGrant(store, 'd'), undefined)
    },
  ],
  [
    'what a client was told of a grant at first stays, however often more is added',
    async (store) => {
      await insert(store, grant('a', { scope: 'mux:read' }), grant('b'))
      const widen = (id: string, scope: string | undefined, tool: string) =>
        store.transaction((tx) => widenStoredGrant(tx, id, { tools: new Map([[tool, 'digest']]), scope, now: 5 }))
      assert.equal((await findStoredGrant(store, 'a'))?.told, undefined)
      for (const more of ['mux:read one', 'mux:read one two']) {
        assert.equal(await widen('a', more, more), true)
        const { told, scope } = (await findStoredGrant(store, 'a'))!
        assert.deepEqual([told, scope], ['mux:read', more])
      }
      await widen('b', undefined, 'one')
      assert.equal((await findStoredGrant(store, 'b'))?.told, undefined)
    },
  ],
  [
    'grants are listed by whose, to whom, where and whether they hold',
    async (store) => {
      await insert(
        store,
        grant('a', { createdAt: 1 }),
        grant('b', { createdAt: 2, principalId: 'bo' }),
        grant('c', { createdAt: 3, clientId: 'script' }),
        grant('d', { createdAt: 4, upstream: 'memory', endsAt: 5 }),
        grant('e', { createdAt: 5, revokedAt: 6, revokedBecause: 'over' }),
      )
      assert.deepEqual(idsOf(await listStoredGrants(store, {}, 10)), ['e', 'd', 'c', 'b', 'a'])
      assert.deepEqual(idsOf(await listStoredGrants(store, {}, 2)), ['e', 'd'])
      assert.deepEqual(idsOf(await listStoredGrants(store, { principalId: 'bo' }, 10)), ['b'])
      assert.deepEqual(idsOf(await listStoredGrants(store, { clientId: 'script' }, 10)), ['c'])
      assert.deepEqual(idsOf(await listStoredGrants(store, { upstream: 'memory' }, 10)), ['d'])
      assert.deepEqual(idsOf(await listStoredGrants(store, { activeAt: 5 }, 10)), ['c', 'b', 'a'])
    },
  ],
  [
    'a revocation touches exactly what it names, once, and says what it did',
    async (store) => {
      await insert(store, grant('a'), grant('b'), grant('c', { clientId: 'script' }), grant('d', { principalId: 'bo' }))
      const revocation = { at: 7, because: 'enough' }
      assert.deepEqual(await revokeStoredGrants(store, { id: 'a' }, revocation), ['a'])
      assert.deepEqual(await revokeStoredGrants(store, { id: 'a' }, { at: 8, because: 'again' }), [])
      const gone = await findStoredGrant(store, 'a')
      assert.deepEqual([gone?.revokedAt, gone?.revokedBecause], [7, 'enough'])
      assert.deepEqual(
        await revokeStoredGrants(store, { principalId: 'ana', clientId: 'editor', upstream: 'mux' }, revocation),
        ['b'],
      )
      assert.deepEqual(await revokeStoredGrants(store, { clientId: 'script' }, revocation), ['c'])
      assert.deepEqual(await revokeStoredGrants(store, { principalId: 'bo' }, revocation), ['d'])
      await assert.rejects(revokeStoredGrants(store, {}, revocation), TypeError)
    },
  ],
]

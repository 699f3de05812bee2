import assert from 'node:assert/strict'
import {
  countProvisioned,
  deleteProvisioned,
  findProvisioned,
  findProvisionedPrincipal,
  insertProvisioned,
  keepProvisionedIds,
  listProvisioned,
  type Provisioned,
  replaceProvisioned,
  touchProvisioned,
  updateProvisionedEnd,
} from '../../../src/store/provisioned.ts'
import {
  findActiveProvisionerKey,
  insertProvisionerKey,
  listActiveProvisionerKeys,
  revokeProvisionerKey,
} from '../../../src/store/provisioner-keys.ts'
import type { Store } from '../../../src/store/store.ts'

const of = { provider: 'company', kind: 'User' } as const

function made(id: string, more: Partial<Provisioned> = {}): Provisioned {
  const resource = { userName: id }
  const rest = { externalId: `x-${id}`, resource, active: true, ended: false, version: 1, createdAt: 1, changedAt: 1 }
  return { ...of, id, nameKey: id, ...rest, ...more }
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a name is taken once at each provider for each kind, and an id once at all',
    async (store) => {
      assert.equal(await insertProvisioned(store, made('ana')), true)
      assert.equal(await insertProvisioned(store, made('two', { nameKey: 'ana' })), false)
      assert.equal(await insertProvisioned(store, made('ana', { nameKey: 'other' })), false)
      assert.equal(await insertProvisioned(store, made('three', { nameKey: 'ana', kind: 'Group' })), true)
      assert.equal(await insertProvisioned(store, made('four', { nameKey: 'ana', provider: 'other' })), true)
      assert.equal(await insertProvisioned(store, made('ana', { provider: 'other', nameKey: 'x' })), false)
      assert.deepEqual(await findProvisioned(store, { ...of, id: 'ana' }), made('ana'))
      assert.equal(await findProvisioned(store, { provider: 'other', kind: 'User', id: 'ana' }), undefined)
      assert.equal(await countProvisioned(store, of), 1)
    },
  ],
  [
    'the next version takes the place of the one before it, and of no other',
    async (store) => {
      await insertProvisioned(store, made('ana', { ended: true }))
      await insertProvisioned(store, made('bo'))
      const next = made('ana', { version: 2, nameKey: 'anna', active: false })
      assert.equal(await replaceProvisioned(store, { ...next, nameKey: 'bo' }), 'taken')
      assert.equal(await replaceProvisioned(store, next), 'changed')
      assert.equal(await replaceProvisioned(store, next), 'overtaken')
      assert.deepEqual(await findProvisioned(store, { ...of, id: 'ana' }), { ...next, ended: true })
      await updateProvisionedEnd(store, 'ana', false)
      await touchProvisioned(store, ['ana', 'nobody'], 9)
      assert.deepEqual(await findProvisioned(store, { ...of, id: 'ana' }), { ...next, version: 3, changedAt: 9 })
    },
  ],
  [
    'what is deleted is found no more but as what it was, frees its name, and can be made anew',
    async (store) => {
      await insertProvisioned(store, made('ana', { ended: true }))
      assert.equal(await deleteProvisioned(store, made('ana', { version: 7 }), 5), false)
      assert.equal(await deleteProvisioned(store, made('ana'), 5), true)
      assert.equal(await deleteProvisioned(store, made('ana'), 5), false)
      assert.equal(await findProvisioned(store, { ...of, id: 'ana' }), undefined)
      assert.deepEqual(await listProvisioned(store, of, {}), [])
      const left = await findProvisionedPrincipal(store, 'ana')
      assert.deepEqual([left?.deleted, left?.ended, left?.active, left?.resource], [true, true, false, {}])
      assert.equal(await insertProvisioned(store, made('two', { nameKey: 'ana' })), true)
      assert.equal(await insertProvisioned(store, made('ana', { nameKey: 'new', provider: 'other' })), false)
      assert.equal(await insertProvisioned(store, made('ana', { nameKey: 'new' })), true)
      assert.equal((await findProvisionedPrincipal(store, 'ana'))?.deleted, false)
    },
  ],
  [
    'they are found by id, name and outer id, and listed by pages',
    async (store) => {
      for (const id of ['a', 'b', 'c']) await insertProvisioned(store, made(id))
      const ids = async (filter: Parameters<typeof listProvisioned>[2]) =>
        (await listProvisioned(store, of, filter)).map(({ id }) => id)
      assert.deepEqual(await ids({ limit: 2, offset: 1 }), ['b', 'c'])
      assert.deepEqual(await ids({ ids: ['c', 'x', 'a'] }), ['a', 'c'])
      assert.deepEqual(await ids({ ids: [] }), [])
      assert.deepEqual(await ids({ nameKey: 'b' }), ['b'])
      assert.deepEqual(await ids({ externalId: 'x-c' }), ['c'])
      const many = Array.from({ length: 1_200 }, (_, at) => `none-${at}`)
      assert.deepEqual([...(await keepProvisionedIds(store, of, [...many, 'b']))], ['b'])
    },
  ],
  [
    'a key lasts until its end, or until it is revoked, once',
    async (store) => {
      const key = { id: 'k', provider: 'company', label: 'a key', createdBy: 'ana', createdAt: 1, expiresAt: 10 }
      await insertProvisionerKey(store, { ...key, revokedAt: undefined })
      assert.equal((await findActiveProvisionerKey(store, 'k', 9))?.provider, 'company')
      assert.equal(await findActiveProvisionerKey(store, 'k', 10), undefined)
      assert.equal((await listActiveProvisionerKeys(store, 9)).length, 1)
      assert.equal(await revokeProvisionerKey(store, 'k', 5), true)
      assert.equal(await revokeProvisionerKey(store, 'k', 6), false)
      assert.deepEqual(await listActiveProvisionerKeys(store, 9), [])
    },
  ],
]

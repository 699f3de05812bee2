import assert from 'node:assert/strict'
import type { Entitlement } from '../../../src/model/rights.ts'
import {
  findEntitlement,
  insertEntitlement,
  listEntitlements,
  revokeEntitlement,
} from '../../../src/store/entitlements.ts'
import type { Store } from '../../../src/store/store.ts'

const given: Entitlement = {
  id: 'e1',
  principalId: 'ana',
  right: 'use',
  upstream: 'mux',
  tool: 'list_assets',
  grantedBy: 'bo',
  reason: 'weekly report',
  createdAt: 1,
  endsAt: 100,
  revokedAt: undefined,
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'an entitlement comes back as it was given',
    async (store) => {
      await insertEntitlement(store, given)
      assert.deepEqual(await findEntitlement(store, 'e1'), given)
      assert.equal(await findEntitlement(store, 'e2'), undefined)
    },
  ],
  [
    'only what is neither revoked nor past its end is in force',
    async (store) => {
      await insertEntitlement(store, given)
      await insertEntitlement(store, { ...given, id: 'e2', endsAt: undefined })
      const inForce = async (activeAt: number) => (await listEntitlements(store, { activeAt })).map((one) => one.id)
      assert.deepEqual(await inForce(99), ['e1', 'e2'])
      assert.deepEqual(await inForce(100), ['e2'])
      assert.equal(await revokeEntitlement(store, 'e2', 50), true)
      assert.equal(await revokeEntitlement(store, 'e2', 60), false)
      assert.deepEqual(await inForce(99), ['e1'])
      assert.equal((await findEntitlement(store, 'e2'))?.revokedAt, 50)
    },
  ],
  [
    'every condition of a filter must hold',
    async (store) => {
      await insertEntitlement(store, given)
      await insertEntitlement(store, { ...given, id: 'e2', right: 'approve' })
      await insertEntitlement(store, { ...given, id: 'e3', principalId: 'bo', tool: 'other' })
      const ids = async (filter: Parameters<typeof listEntitlements>[1]) =>
        (await listEntitlements(store, filter)).map((one) => one.id)
      assert.deepEqual(await ids({ principalId: 'ana' }), ['e1', 'e2'])
      assert.deepEqual(await ids({ principalId: 'ana', right: 'approve' }), ['e2'])
      assert.deepEqual(await ids({ upstream: 'mux', tool: 'other' }), ['e3'])
      assert.deepEqual(await ids({ upstream: 'memory' }), [])
    },
  ],
]

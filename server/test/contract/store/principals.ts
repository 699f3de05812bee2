import assert from 'node:assert/strict'
import type { Principal } from '../../../src/model/principal.ts'
import { open } from '../../../src/store/engine/handle.ts'
import {
  countGroupsByHand,
  demandSignIn,
  findPrincipal,
  findPrincipalBySubject,
  fulfilSignIn,
  insertPrincipal,
  listAdministratorIds,
  listGroups,
  listPrincipals,
  listWorkloads,
  updatePrincipalDisplay,
  updatePrincipalOwner,
  updatePrincipalState,
} from '../../../src/store/principals.ts'
import type { Store } from '../../../src/store/store.ts'

const principal = (id: string, more: Partial<Principal> = {}): Principal => ({
  id,
  issuer: 'local',
  subject: id,
  kind: 'person',
  name: `The person ${id}`,
  email: undefined,
  state: 'active',
  createdAt: 1,
  ...more,
})

async function entitle(store: Store, principalId: string, more: { ends_at?: number; revoked_at?: number } = {}) {
  await open(store)
    .insertInto('entitlements')
    .values({
      id: `entitlement of ${principalId}`,
      principal_id: principalId,
      right: 'administer',
      upstream: '*',
      tool: '*',
      granted_by: null,
      reason: 'a test',
      created_at: 1,
      ends_at: null,
      revoked_at: null,
      ...more,
    })
    .execute()
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a principal comes back as it went in',
    async (store) => {
      const ana = principal('a', { email: 'ana@example.org', issuer: 'https://idp.example', subject: '42' })
      assert.equal(await insertPrincipal(store, ana), true)
      assert.deepEqual(await findPrincipal(store, 'a'), ana)
      assert.deepEqual(await findPrincipalBySubject(store, 'https://idp.example', '42'), ana)
      assert.equal(await findPrincipal(store, 'b'), undefined)
    },
  ],
  [
    'issuer and subject make one principal, whatever else is alike',
    async (store) => {
      const email = 'ana@example.org'
      await insertPrincipal(store, principal('a', { issuer: 'one', subject: 's', email }))
      assert.equal(await insertPrincipal(store, principal('b', { issuer: 'one', subject: 's' })), false)
      assert.equal(await insertPrincipal(store, principal('c', { issuer: 'two', subject: 's', email })), true)
      assert.equal(await insertPrincipal(store, principal('d', { issuer: 'one', subject: 'S', email })), true)
      assert.equal((await findPrincipalBySubject(store, 'one', 's'))?.id, 'a')
      assert.equal((await findPrincipalBySubject(store, 'one', 'S'))?.id, 'd')
      assert.equal(await findPrincipalBySubject(store, 'ONE', 's'), undefined)
    },
  ],
  [
    'principals are listed in pages',
    async (store) => {
      for (const id of ['c', 'a', 'b']) await insertPrincipal(store, principal(id))
      assert.deepEqual(
        (await listPrincipals(store, { limit: 2 })).map(({ id }) => id),
        ['a', 'b'],
      )
      assert.deepEqual(
        (await listPrincipals(store, { after: 'b', limit: 2 })).map(({ id }) => id),
        ['c'],
      )
    },
  ],
  [
    'groups are listed and counted without those that are retired, however many and old these are',
    async (store) => {
      const group = (id: string, subject = id) => principal(id, { issuer: 'group', subject, kind: 'group' })
      for (const id of ['a', 'b', 'd', 'e']) await insertPrincipal(store, group(id))
      await insertPrincipal(store, group('c', 'scim:company:c'))
      await insertPrincipal(store, principal('p'))
      for (const id of ['a', 'b']) await updatePrincipalState(store, id, { state: 'disabled', at: 5 })
      const ids = async (page: { after?: string; limit: number }) => (await listGroups(store, page)).map(({ id }) => id)
      assert.deepEqual(await ids({ limit: 2 }), ['c', 'd'])
      assert.deepEqual(await ids({ after: 'd', limit: 2 }), ['e'])
      assert.equal(await countGroupsByHand(store), 2, 'what a provider keeps is not made by hand')
    },
  ],
  [
    'disabling and enabling say whether they changed anything; names for display are renewed',
    async (store) => {
      await insertPrincipal(store, principal('a'))
      assert.equal(await updatePrincipalState(store, 'a', { state: 'disabled', at: 5 }), true)
      assert.equal(await updatePrincipalState(store, 'a', { state: 'disabled', at: 6 }), false)
      assert.equal((await findPrincipal(store, 'a'))?.state, 'disabled')
      assert.equal(await updatePrincipalState(store, 'a', { state: 'active', at: 7 }), true)
      assert.equal(await updatePrincipalState(store, 'nobody', { state: 'active', at: 7 }), false)
      await updatePrincipalDisplay(store, 'a', { name: 'Ana', email: 'a@example.org' })
      assert.deepEqual(await findPrincipal(store, 'a'), principal('a', { name: 'Ana', email: 'a@example.org' }))
    },
  ],
  [
    'administrators are the active principals with a right that neither ended nor was revoked',
    async (store) => {
      for (const id of ['a', 'disabled', 'ended', 'revoked', 'lasting', 'plain']) {
        await insertPrincipal(store, principal(id))
      }
      await updatePrincipalState(store, 'disabled', { state: 'disabled', at: 5 })
      assert.deepEqual(await listAdministratorIds(store, 100), [])
      await entitle(store, 'a')
      await entitle(store, 'disabled')
      await entitle(store, 'ended', { ends_at: 100 })
      await entitle(store, 'lasting', { ends_at: 101 })
      await entitle(store, 'revoked', { revoked_at: 50 })
      assert.deepEqual(await listAdministratorIds(store, 100), ['a', 'lasting'])
    },
  ],
  [
    'a workload has an owner, and is listed apart too',
    async (store) => {
      const machine = (id: string) => principal(id, { kind: 'workload', ownerId: 'a' })
      for (const one of [principal('a'), machine('m1'), machine('m2')]) await insertPrincipal(store, one)
      assert.equal((await findPrincipal(store, 'a'))?.ownerId, undefined)
      assert.deepEqual(await listWorkloads(store, 10), [machine('m1'), machine('m2')])
      assert.deepEqual(await listWorkloads(store, 1), [machine('m1')])
      await updatePrincipalOwner(store, 'm1', 'b')
      assert.equal((await findPrincipal(store, 'm1'))?.ownerId, 'b')
      assert.equal((await findPrincipal(store, 'm2'))?.ownerId, 'a')
    },
  ],
  [
    'who must sign in anew is neither active nor disabled, until he has done so later than the last demand',
    async (store) => {
      await insertPrincipal(store, principal('a'))
      const stateOf = async () => (await findPrincipal(store, 'a'))?.state
      await demandSignIn(store, 'a', 1_000)
      await demandSignIn(store, 'a', 900)
      assert.equal(await stateOf(), 'must_sign_in')
      assert.equal(await fulfilSignIn(store, 'a', 1_000), false)
      assert.equal(await stateOf(), 'must_sign_in')
      await updatePrincipalState(store, 'a', { state: 'disabled', at: 5 })
      assert.equal(await stateOf(), 'disabled')
      await updatePrincipalState(store, 'a', { state: 'active', at: 6 })
      assert.equal(await stateOf(), 'must_sign_in')
      assert.equal(await fulfilSignIn(store, 'a', 1_001), true)
      assert.equal(await stateOf(), 'active')
      assert.equal(await fulfilSignIn(store, 'a', 2_000), false)
    },
  ],
]

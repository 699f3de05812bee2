import assert from 'node:assert/strict'
import { insertEntitlement, listEntitlements, listHeldEntitlements } from '../../../src/store/entitlements.ts'
import {
  deleteMemberships,
  groupDepthMax,
  insertMembership,
  listGroupIdsOf,
  listMemberships,
} from '../../../src/store/memberships.ts'
import { insertPrincipal, listGroups, listPrincipals, updatePrincipalState } from '../../../src/store/principals.ts'
import type { Principal } from '../../../src/model/principal.ts'
import type { Store } from '../../../src/store/store.ts'

async function addPrincipal(store: Store, id: string, kind: Principal['kind']): Promise<void> {
  const issuer = kind === 'group' ? 'group' : 'local'
  const shown = { name: id, email: undefined, state: 'active', createdAt: 1 } as const
  await insertPrincipal(store, { id, issuer, subject: id, kind, ...shown })
}

async function addChain(store: Store, ids: readonly string[]): Promise<void> {
  await addPrincipal(store, 'ana', 'person')
  for (const id of ids) await addPrincipal(store, id, 'group')
  const members = ['ana', ...ids]
  for (const [at, groupId] of ids.entries()) {
    await insertMembership(store, { groupId, memberId: members[at]!, source: 'hand', createdAt: at })
  }
}

const right = {
  right: 'use' as const,
  upstream: 'mux',
  tool: 'list_assets',
  grantedBy: 'bo',
  reason: 'weekly report',
  createdAt: 1,
  endsAt: undefined,
  revokedAt: undefined,
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a membership stands once for each source, and ends for the sources that are meant',
    async (store) => {
      await addChain(store, ['staff'])
      const again = { groupId: 'staff', memberId: 'ana', createdAt: 5 }
      assert.equal(await insertMembership(store, { ...again, source: 'hand' }), false)
      assert.equal(await insertMembership(store, { ...again, source: 'company' }), true)
      assert.equal((await listMemberships(store, { groupId: 'staff' })).length, 2)
      const ended = await deleteMemberships(store, { memberId: 'ana', source: 'company' })
      assert.deepEqual(ended, [{ ...again, source: 'company' }])
      assert.deepEqual(await listGroupIdsOf(store, 'ana'), ['staff'])
      await deleteMemberships(store, { groupId: 'staff' })
      assert.deepEqual(await listGroupIdsOf(store, 'ana'), [])
      await assert.rejects(deleteMemberships(store, {}), TypeError)
    },
  ],
  [
    'a group in a group gives what the outer one has, as deep as is allowed and no deeper',
    async (store) => {
      const chain = Array.from({ length: groupDepthMax + 2 }, (_, at) => `g${String(at).padStart(2, '0')}`)
      await addChain(store, chain)
      assert.deepEqual(await listGroupIdsOf(store, 'ana'), chain.slice(0, groupDepthMax))
      assert.deepEqual(await listGroupIdsOf(store, 'g00'), chain.slice(1, groupDepthMax + 1))
    },
  ],
  [
    'a circle of groups ends the question, and a disabled group leads nowhere',
    async (store) => {
      await addChain(store, ['inner', 'outer'])
      await insertMembership(store, { groupId: 'inner', memberId: 'outer', source: 'hand', createdAt: 9 })
      assert.deepEqual(await listGroupIdsOf(store, 'ana'), ['inner', 'outer'])
      await updatePrincipalState(store, 'inner', { state: 'disabled', at: 10 })
      assert.deepEqual(await listGroupIdsOf(store, 'ana'), [])
    },
  ],
  [
    'rights of a group are held by its members, and told as theirs through it',
    async (store) => {
      await addChain(store, ['staff', 'everybody'])
      await insertEntitlement(store, { ...right, id: 'e1', principalId: 'ana' })
      await insertEntitlement(store, { ...right, id: 'e2', principalId: 'everybody', tool: 'other' })
      const held = await listHeldEntitlements(store, { principalId: 'ana' })
      assert.deepEqual(
        held.map(({ id, principalId, through }) => [id, principalId, through]),
        [
          ['e1', 'ana', undefined],
          ['e2', 'ana', 'everybody'],
        ],
      )
      assert.deepEqual(
        (await listEntitlements(store, { principalId: 'ana' })).map(({ id }) => id),
        ['e1'],
      )
      assert.deepEqual(await listHeldEntitlements(store, { principalId: 'bo' }), [])
      assert.deepEqual(await listHeldEntitlements(store, { principalId: 'ana', tool: 'nothing' }), [])
    },
  ],
  [
    'groups are listed apart from people',
    async (store) => {
      await addChain(store, ['staff'])
      assert.deepEqual(
        (await listPrincipals(store, { limit: 9 })).map(({ id }) => id),
        ['ana'],
      )
      assert.deepEqual(
        (await listGroups(store, { limit: 9 })).map(({ id }) => id),
        ['staff'],
      )
    },
  ],
]

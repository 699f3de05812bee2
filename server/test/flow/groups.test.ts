import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { groupDepthMax, insertMemberships } from '../../src/store/memberships.ts'
import { linkOf } from '../agent.ts'
import { hang, openFakeHouse } from '../fake-house.ts'
import { openCommandLine, sendForm, textOn } from '../operator.ts'
import type { Person } from '../person.ts'

const reason = 'for a test'

async function openStaff(t: TestContext) {
  const opened = await openFakeHouse(t)
  const { house } = opened
  const ada = await house.person('Ada', ['administer'])
  const bo = await house.person('Bo')
  const by = ada.principal.id
  const staff = await house.rooms.identity.makeGroup({ by, name: 'Staff', reason })
  const give = (principalId: string, ...tools: string[]) =>
    house.rooms.inventory.entitle({ by, principalId, right: 'use', upstream: 'desk', tools, reason })
  const put = (group: string, member: string) => house.rooms.identity.addMember({ by, group, member, reason })
  const take = (group: string, member: string) => house.rooms.identity.removeMember({ by, group, member, reason })
  return { ...opened, ada, bo, by, staff, give, put, take }
}

const refusedAs = (code: string) => (error: unknown) => error instanceof Fault && error.code === code

test('who is in a group may use what the group may use, for as long as he is in it', async (t) => {
  const { bo, staff, give, put, take, fake } = await openStaff(t)
  await give(staff.id, 'read_note')
  await put(staff.id, bo.principal.id)
  const agent = await bo.connect('desk', 'all')
  assert.deepEqual(await agent.list(), ['read_note'])
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  await take(staff.id, bo.principal.id)
  const before = fake.calls.length
  assert.deepEqual(await agent.list(), [])
  assert.notEqual((await agent.call('read_note', { id: 'n1' })).error, undefined)
  assert.equal(fake.calls.length, before)
})

test('who is in a group within a group has what the outer one has, and a right of the group ends for all at once', async (t) => {
  const { house, bo, by, staff, give, put } = await openStaff(t)
  const everybody = await house.rooms.identity.makeGroup({ by, name: 'Everybody', reason })
  await give(everybody.id, 'read_note', 'write_note')
  await put(everybody.id, staff.id)
  await put(staff.id, bo.principal.id)
  const agent = await bo.connect('desk', 'all')
  assert.deepEqual(await agent.list(), ['read_note', 'write_note'])
  const [right] = await house.rooms.inventory.listEntitlements({ principalId: everybody.id, tool: 'write_note' })
  await house.rooms.inventory.revokeEntitlement({ by, id: right!.id, reason })
  assert.deepEqual(await agent.list(), ['read_note'])
  await house.rooms.identity.retireGroup({ by, group: everybody.id, reason })
  assert.deepEqual(await agent.list(), [])
  assert.deepEqual(
    (await house.rooms.identity.listGroups()).map(({ name }) => name),
    ['Staff'],
  )
})

test('a call under way, whose right was held through a group, is broken off when the membership ends', async (t) => {
  const { bo, staff, give, put, take, fake } = await openStaff(t)
  await give(staff.id, 'hang')
  await put(staff.id, bo.principal.id)
  const agent = await bo.connect('desk', 'all')
  const { ended } = await hang({ fake }, agent)
  await take(staff.id, bo.principal.id)
  assert.match(await ended, /withdrawn|broken off/)
})

test('an approval that was asked for with the right of a group ends with the membership', async (t) => {
  const { house, bo, staff, give, put, take } = await openStaff(t)
  await give(staff.id, 'delete_note')
  await put(staff.id, bo.principal.id)
  const agent = await bo.connect('desk', 'all')
  const asked = await agent.call('delete_note', { id: 'n1' })
  const id = linkOf(asked).split('/').at(-1)!
  await take(staff.id, bo.principal.id)
  const mine = await house.rooms.approvals.list({ forPrincipal: bo.principal.id })
  assert.deepEqual(
    mine.filter((one) => one.id === id).map(({ state }) => state),
    ['cancelled'],
  )
})

test('who leaves with a group in a group loses its approvals too, behind however many others', async (t) => {
  const { house, bo, by, staff, give, put, take } = await openStaff(t)
  const make = async (name: string) => (await house.rooms.identity.makeGroup({ by, name, reason })).id
  const [crew, shift] = [await make('Crew'), await make('Shift')]
  await give(staff.id, 'delete_note')
  await put(staff.id, crew)
  await put(crew, shift)
  const memberIds = Array.from({ length: 10_000 }, (_, at) => `person-${at}`)
  for (const groupId of [crew, shift])
    await house.rooms.store.transaction((tx) =>
      insertMemberships(tx, { groupId, source: 'scim', memberIds, createdAt: 1 }),
    )
  await put(shift, bo.principal.id)
  const agent = await bo.connect('desk', 'all')
  const states = async () =>
    (await house.rooms.approvals.list({ forPrincipal: bo.principal.id })).map(({ state }) => state)
  await agent.call('delete_note', { id: 'n1' })
  assert.deepEqual(await states(), ['pending'])
  await take(staff.id, crew)
  assert.deepEqual(await states(), ['cancelled'])
  await put(staff.id, crew)
  await agent.call('delete_note', { id: 'n1' })
  assert.deepEqual((await states()).toSorted(), ['cancelled', 'pending'])
  const asked = t.mock.method(house.rooms.approvals, 'cancelFor')
  await house.rooms.identity.retireGroup({ by, group: shift, reason })
  assert.deepEqual(await states(), ['cancelled', 'cancelled'])
  assert.equal(asked.mock.callCount(), 1, 'all who leave are asked about at once')
})

test('groups may not contain one another, nor lie deeper than is looked through', async (t) => {
  const { house, by, staff, put } = await openStaff(t)
  const make = async (name: string) => (await house.rooms.identity.makeGroup({ by, name, reason })).id
  const outer = await make('Outer')
  await put(outer, staff.id)
  await assert.rejects(put(staff.id, outer), refusedAs('identity.input_invalid'))
  await assert.rejects(put(staff.id, staff.id), refusedAs('identity.input_invalid'))
  let inner = staff.id
  for (let depth = 2; depth < groupDepthMax; depth++) {
    const next = await make(`Inner ${depth}`)
    await put(inner, next)
    inner = next
  }
  await assert.rejects(put(inner, await make('Too deep')), refusedAs('identity.input_invalid'))
  const tower = await make('Tower')
  await assert.rejects(put(tower, outer), refusedAs('identity.input_invalid'))
})

test('a group that came into another behind ten thousand people is counted among the levels', async (t) => {
  const { house, by, staff, put } = await openStaff(t)
  const make = async (name: string) => (await house.rooms.identity.makeGroup({ by, name, reason })).id
  const memberIds = Array.from({ length: 10_000 }, (_, at) => `person-${at}`)
  await house.rooms.store.transaction((tx) =>
    insertMemberships(tx, { groupId: staff.id, source: 'scim', memberIds, createdAt: 1 }),
  )
  let outer = staff.id
  for (let depth = 2; depth <= groupDepthMax; depth++) {
    const next = await make(`Inner ${depth}`)
    await put(outer, next)
    outer = next
  }
  await assert.rejects(put(await make('Everybody'), staff.id), refusedAs('identity.input_invalid'))
})

test('no group may administer, be disabled as a person is, or bear the name of another', async (t) => {
  const { house, bo, by, staff, put, take } = await openStaff(t)
  const { identity, inventory } = house.rooms
  const right = { right: 'administer', upstream: '*', tools: ['*'] } as const
  const everything = { by, principalId: staff.id, ...right, tools: ['*'], reason }
  await assert.rejects(inventory.entitle(everything), refusedAs('inventory.unknown'))
  await assert.rejects(identity.disablePrincipal({ by, id: staff.id, reason }), refusedAs('identity.not_found'))
  await assert.rejects(identity.makeGroup({ by, name: ' staff ', reason }), refusedAs('identity.input_invalid'))
  await assert.rejects(identity.makeGroup({ by, name: 'a\u202eb', reason }), refusedAs('identity.input_invalid'))
  await assert.rejects(
    identity.makeGroup({ by: bo.principal.id, name: 'Mine', reason }),
    refusedAs('identity.not_allowed'),
  )
  await assert.rejects(take(staff.id, bo.principal.id), refusedAs('identity.not_found'))
  await assert.rejects(put('nobody', bo.principal.id), refusedAs('identity.not_found'))
  await assert.rejects(put(bo.principal.id, by), refusedAs('identity.not_found'))
})

test('an administrator makes a group, gives it rights and fills it on pages; the ledger says who and why', async (t) => {
  const { house, ada, bo } = await openStaff(t)
  const listed = await ada.browser.open('/groups')
  assert.match(textOn(listed), /Staff 0 members/)
  const made = await sendForm(ada, listed, { to: '/groups', name: 'Night shift', reason })
  const path = made.url.pathname
  const id = path.split('/').at(-1)!
  assert.match(textOn(made), /Night shift group/)
  await sendForm(ada, made, { to: `${path}/entitle`, right: 'use', tools: ['read_note'], reason })
  const filled = await sendForm(ada, await ada.browser.open(path), {
    to: `/groups/${id}/add`,
    member: bo.principal.id,
    reason: 'works at night',
  })
  assert.match(textOn(filled), /Bo put in by hand/)
  const person = await ada.browser.open(`/people/${bo.principal.id}`)
  assert.match(textOn(person), /through Night shift/)
  assert.match(textOn(person), /Change it at the group/)
  const [entry] = await house.changes('group.joined')
  assert.deepEqual([entry!.by, entry!.reason], [ada.principal.id, 'works at night'])
  const emptied = await sendForm(ada, filled, {
    to: `/groups/${id}/remove`,
    member: bo.principal.id,
    source: 'hand',
    reason,
  })
  assert.match(textOn(emptied), /Members Nobody/)
  const left = await sendForm(ada, emptied, { to: `/groups/${id}/retire`, reason })
  assert.equal(left.url.pathname, '/groups')
  assert.doesNotMatch(textOn(left), /Night shift/)
})

test('the command line makes, fills, empties and retires groups', async (t) => {
  const { house, ada, bo } = await openStaff(t)
  const run = await openCommandLine(house, ada as Person)
  const group = (await run('make-group', 'Editors', '--reason', reason)).out.trim()
  assert.match((await run('groups')).out, /Editors/)
  assert.equal((await run('add-member', group, bo.principal.id, '--reason', reason)).code, 0)
  assert.match((await run('members', group)).out, new RegExp(`${bo.principal.id} +hand`))
  assert.equal((await run('remove-member', group, bo.principal.id, '--reason', reason)).code, 0)
  assert.equal((await run('remove-member', group, bo.principal.id, '--reason', reason)).code, 1)
  assert.equal((await run('retire-group', group, '--reason', reason)).code, 0)
  assert.doesNotMatch((await run('groups')).out, /Editors/)
})

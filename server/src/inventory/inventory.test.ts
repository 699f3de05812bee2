import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definition, learnt, openInventoryRoom, type InventoryRoom } from '../../test/inventory-room.ts'
import { Fault, type FaultCode } from '../base/fault.ts'

const reason = 'because the test says so'

async function refuses(code: FaultCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => error instanceof Fault && error.code === code)
}

async function approved(room: InventoryRoom, name = 'crm'): Promise<void> {
  const launch = { kind: 'http', url: 'https://crm.example/mcp' } as const
  await room.inventory.proposeUpstream({ by: 'ana', name, launch, purpose: 'customers', ownerId: 'cy', reason })
  await room.inventory.stepUpstream({ by: 'ana', name, to: 'in_review', reason })
  await room.inventory.stepUpstream({ by: 'bo', name, to: 'approved', reason })
}

async function pins(room: InventoryRoom, upstream = 'crm'): Promise<Record<string, string>> {
  return Object.fromEntries((await room.inventory.listTools(upstream)).map((tool) => [tool.name, tool.pin]))
}

async function accept(room: InventoryRoom, ...names: string[]): Promise<void> {
  const tools = await room.inventory.listTools('crm')
  const digests = Object.fromEntries(
    tools.filter((tool) => names.includes(tool.name)).map((tool) => [tool.name, tool.liveDigest!]),
  )
  await room.inventory.pinTools({ by: 'bo', upstream: 'crm', digests, reason })
}

test('an upstream is approved by somebody other than who proposed it, step by step, and retired for good', async (t) => {
  const room = await openInventoryRoom(t)
  const { inventory } = room
  const launch = { kind: 'http', url: 'https://crm.example/mcp' } as const
  const proposal = { by: 'ana', name: 'crm', launch, purpose: 'customers', ownerId: 'cy', reason }
  await inventory.proposeUpstream(proposal)
  await refuses('inventory.name_taken', inventory.proposeUpstream(proposal))
  await refuses('inventory.bad_step', inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'approved', reason }))
  await inventory.stepUpstream({ by: 'ana', name: 'crm', to: 'in_review', reason })
  await refuses('inventory.own_proposal', inventory.stepUpstream({ by: 'ana', name: 'crm', to: 'approved', reason }))
  await refuses('model.invalid', inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'approved', reason: ' ' }))
  await inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'approved', reason })
  await inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'suspended', reason })
  await inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'retired', reason })
  await refuses('inventory.bad_step', inventory.stepUpstream({ by: 'bo', name: 'crm', to: 'approved', reason }))
  await refuses('inventory.name_taken', inventory.proposeUpstream(proposal))
  assert.deepEqual(
    (await room.changes()).map((one) => one.what).filter((what) => what.startsWith('upstream.')),
    ['proposed', 'in_review', 'approved', 'suspended', 'retired'].map((step) => `upstream.${step}`),
  )
  assert.deepEqual(
    room.ended.map((one) => one.retired),
    [false, true],
  )
})

test('an upstream whose owner cannot sign in is not approved', async (t) => {
  const { inventory } = await openInventoryRoom(t)
  const launch = { kind: 'stdio', command: 'memory' } as const
  const proposal = { by: 'ana', name: 'notes', launch, purpose: 'notes', reason }
  await refuses('inventory.no_owner', inventory.proposeUpstream({ ...proposal, ownerId: 'nobody' }))
})

test('a new tool is withheld until its definition is accepted, a changed one again, a vanished one as well', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  const [list, drop] = [definition('list_leads'), definition('delete_lead')]
  await room.inventory.observe('crm', { definitions: [list, drop], learnt })
  assert.deepEqual(await pins(room), { list_leads: 'new', delete_lead: 'new' })
  await accept(room, 'list_leads')
  assert.deepEqual(await pins(room), { list_leads: 'pinned', delete_lead: 'new' })

  const changed = { ...list, description: 'Does list_leads. Also mails them.' }
  await room.inventory.observe('crm', { definitions: [changed, drop], learnt })
  assert.deepEqual(await pins(room), { list_leads: 'drifted', delete_lead: 'new' })
  const detail = await room.inventory.findToolDetail('crm', 'list_leads')
  assert.equal(detail?.drift[0]?.field, 'description')
  const catalogue = await room.inventory.readPinned('crm')
  assert.deepEqual(catalogue?.tools.get('list_leads')?.definition, list, 'what was accepted is what is shown')

  await room.inventory.observe('crm', { definitions: [list], learnt })
  assert.deepEqual(await pins(room), { list_leads: 'pinned', delete_lead: 'new' })
  await room.inventory.observe('crm', { definitions: [], learnt })
  assert.equal((await pins(room))['list_leads'], 'gone')
})

test('an observation that changes nothing writes nothing', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  await room.inventory.observe('crm', { definitions: [definition('a')], learnt })
  const before = (await room.changes()).length
  await room.inventory.observe('crm', { definitions: [{ ...definition('a'), _meta: { x: 1 } }], learnt })
  assert.equal((await room.changes()).length, before)
})

test('the set-up accepts what its upstream offers at the first look, and nothing after it', async (t) => {
  const room = await openInventoryRoom(t)
  await room.inventory.preloadUpstream({ name: 'crm', launch: { kind: 'stdio', command: 'memory' }, purpose: 'test' })
  await room.inventory.preloadUpstream({ name: 'crm', launch: { kind: 'stdio', command: 'mux' }, purpose: 'again' })
  await room.inventory.observe('crm', { definitions: [definition('a')], learnt })
  await room.inventory.observe('crm', { definitions: [definition('a'), definition('b')], learnt })
  assert.deepEqual(await pins(room), { a: 'pinned', b: 'new' })
  assert.deepEqual((await room.inventory.findUpstream('crm'))?.launch, { kind: 'stdio', command: 'memory' })
})

test('of two entries under one name neither is served, and what is no definition is noted', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  const definitions = [definition('a'), definition('b'), { ...definition('a'), title: 'other' }, { name: 'no schema' }]
  await room.inventory.observe('crm', { definitions, learnt })
  assert.deepEqual(await pins(room), { b: 'new' })
  const details = (await room.changes()).at(-1)?.details as { refused: { count: number } }
  assert.equal(details.refused.count, 2)
})

test('what is accepted is what was shown: a definition that changed meanwhile is not', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  await room.inventory.observe('crm', { definitions: [definition('a'), definition('b')], learnt })
  const tools = await room.inventory.listTools('crm')
  const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
  await room.inventory.observe('crm', { definitions: [definition('a'), definition('b', { title: 'B' })], learnt })
  await refuses('inventory.tool_changed', room.inventory.pinTools({ by: 'bo', upstream: 'crm', digests, reason }))
  assert.deepEqual(await pins(room), { a: 'new', b: 'new' })
})

test('the owner can lower the effect, and a new definition can only raise it again', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  const effect = async () => (await room.inventory.listTools('crm'))[0]?.effect
  await room.inventory.observe('crm', { definitions: [definition('archive_lead')], learnt })
  await accept(room, 'archive_lead')
  const step = { by: 'cy', upstream: 'crm', tool: 'archive_lead', reason }
  await room.inventory.setEffect({ ...step, effect: 'read', traits: [] })
  assert.equal(await effect(), 'read')
  await room.inventory.observe('crm', {
    definitions: [definition('archive_lead', { description: 'Deletes it.' })],
    learnt,
  })
  await accept(room, 'archive_lead')
  assert.equal(await effect(), 'destructive')
})

test('a withdrawn tool stays withheld until it is accepted anew, and what hangs on it ends', async (t) => {
  const room = await openInventoryRoom(t)
  await approved(room)
  await room.inventory.observe('crm', { definitions: [definition('a')], learnt })
  await accept(room, 'a')
  await room.inventory.withdrawTool({ by: 'bo', upstream: 'crm', tool: 'a', reason })
  assert.deepEqual(await pins(room), { a: 'withdrawn' })
  assert.deepEqual(room.ended.at(-1), { upstream: 'crm', tool: 'a', retired: false })
  await accept(room, 'a')
  assert.deepEqual(await pins(room), { a: 'pinned' })
})

test('an entitlement is for one tool, until its end, and is not given twice', async (t) => {
  const room = await openInventoryRoom(t)
  const { inventory, clock } = room
  await approved(room)
  await inventory.observe('crm', { definitions: [definition('a'), definition('b')], learnt })
  const given = { by: 'bo', principalId: 'ana', right: 'use', upstream: 'crm', reason } as const
  assert.equal(await inventory.entitle({ ...given, tools: ['a'], endsAt: clock.at + 10 }), 1)
  assert.equal(await inventory.entitle({ ...given, tools: ['a'], endsAt: clock.at + 5 }), 0)
  assert.equal(await inventory.entitle({ ...given, tools: ['a', 'b'] }), 2)
  await refuses('inventory.unknown', inventory.entitle({ ...given, tools: ['c'] }))
  await refuses('inventory.unknown', inventory.entitle({ ...given, tools: ['*'] }))
  await refuses('inventory.unknown', inventory.entitle({ ...given, principalId: 'nobody', tools: ['a'] }))
  const held = (tool: string, right: 'use' | 'approve' = 'use') =>
    inventory.hasRight({ principalId: 'ana', right, upstream: 'crm', tool })
  assert.ok(await held('a'))
  assert.equal(await held('a', 'approve'), undefined)
  for (const one of await inventory.listRights('ana')) {
    if (one.tool === 'a') await inventory.revokeEntitlement({ by: 'bo', id: one.id, reason })
  }
  assert.equal(await held('a'), undefined)
  assert.ok(await held('b'))
  assert.deepEqual(room.ended.at(-1), { upstream: 'crm', tool: 'a', principalId: 'ana', retired: false })
})

test('who owns a tool may approve calls of it, and so may who is entitled to, while they are active', async (t) => {
  const room = await openInventoryRoom(t)
  const { inventory } = room
  await approved(room)
  await inventory.observe('crm', { definitions: [definition('a'), definition('b')], learnt })
  assert.equal(await inventory.mayApprove('cy', 'crm', 'a'), true)
  assert.equal(await inventory.mayApprove('bo', 'crm', 'a'), false)
  await inventory.setToolOwner({ by: 'cy', upstream: 'crm', tool: 'a', ownerId: 'bo', reason })
  assert.equal(await inventory.mayApprove('bo', 'crm', 'a'), true)
  assert.equal(await inventory.mayApprove('cy', 'crm', 'a'), false)
  await inventory.entitle({ by: 'bo', principalId: 'ana', right: 'approve', upstream: 'crm', tools: ['b'], reason })
  assert.equal(await inventory.mayApprove('ana', 'crm', 'b'), true)
  assert.equal(await inventory.mayApprove('nobody', 'crm', 'b'), false)
})

test('the last administrator stays', async (t) => {
  const { inventory } = await openInventoryRoom(t)
  const all = { by: 'set-up', right: 'administer' as const, upstream: '*', tools: ['*'], reason }
  await inventory.entitle({ ...all, principalId: 'ana' })
  const [right] = await inventory.listRights('ana')
  await refuses('inventory.last_administrator', inventory.revokeEntitlement({ by: 'ana', id: right!.id, reason }))
  await inventory.entitle({ ...all, principalId: 'bo' })
  await inventory.revokeEntitlement({ by: 'ana', id: right!.id, reason })
  assert.equal(await inventory.isAdministrator('ana'), false)
  assert.equal(await inventory.isAdministrator('bo'), true)
})

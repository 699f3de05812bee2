import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type ApprovalRoom, asking, openApprovalRoom } from '../../test/approval-room.ts'
import { goodFacts } from '../../test/golden/decision-facts.ts'
import { Fault, type FaultCode } from '../base/fault.ts'
import { canonicalJson } from '../base/json.ts'
import type { Approval } from '../model/rights.ts'
import { decide } from '../policy/decide.ts'
import type { Facts } from '../policy/facts.ts'
import type { Approvals } from './approvals.ts'
import { approvedForMs, deniedForMs, pendingForMs, pendingMax, requestsMax, requestsWindowMs } from './lifetimes.ts'
import type { ApprovalRequest } from './request.ts'
import { shownBytesMax } from './show.ts'

/** The room on a SQLite of its own. */
async function openRoom(t: TestContext): Promise<ApprovalRoom> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-approval-'))
  t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
  return openApprovalRoom(t, { dataFolder })
}

const code = (expected: FaultCode) => (error: unknown) => error instanceof Fault && error.code === expected

async function approve(room: ApprovalRoom, asked: Approval, by = 'bo'): Promise<Approval> {
  return room.approvals.answer({ by, id: asked.id, approve: true, reason: 'as agreed' })
}

/** What the gateway does when the call is made: facts from the newest approval, and the decision on them. */
async function callWith(room: ApprovalRoom, call: ApprovalRequest): Promise<string> {
  const approval = await room.approvals.findFor(call)
  const good = goodFacts()
  const facts: Facts = {
    ...good,
    now: room.clock.at,
    principal: { id: call.principalId, state: 'active' },
    client: { id: call.clientId, state: 'active' },
    upstream: { ...good.upstream!, name: call.upstream },
    tool: { ...good.tool!, upstream: call.upstream, name: call.tool, digest: call.toolDigest },
    entitlement: {
      ...good.entitlement!,
      principalId: call.principalId,
      upstream: call.upstream,
      tool: call.tool,
      endsAt: undefined,
    },
    grant: {
      ...good.grant!,
      id: call.grantId,
      principalId: call.principalId,
      clientId: call.clientId,
      upstream: call.upstream,
      endsAt: Infinity,
      toolDigest: call.toolDigest,
    },
    call: { argumentsDigest: call.argumentsDigest },
    approval: approval && {
      ...approval,
      approverMay: room.rights.has(`${approval.answeredBy} ${approval.upstream}/${approval.tool}`),
    },
  }
  const decision = decide(facts)
  if (!decision.allow) return decision.reason
  await room.store.transaction((tx) => room.approvals.spend(tx, decision.approvalId!, { ...call, callId: 'c1' }))
  return 'allowed'
}

test('an approval admits exactly the call that was shown, once', async (t) => {
  const room = await openRoom(t)
  assert.equal(await callWith(room, asking()), 'approval.required')
  const asked = await room.approvals.request(asking())
  assert.equal(await callWith(room, asking()), 'approval.pending')
  const answered = await approve(room, asked)
  assert.equal(answered.state, 'approved')
  assert.equal(await callWith(room, asking({ arguments: { id: 'x2' } })), 'approval.required')
  assert.equal(await callWith(room, asking()), 'allowed')
  assert.equal(await callWith(room, asking()), 'approval.required')
})

test('a change of any bound field after the approval is a call that needs its own', async (t) => {
  const room = await openRoom(t)
  await approve(room, await room.approvals.request(asking()))
  const fields = ['principalId', 'clientId', 'grantId', 'upstream', 'tool', 'toolDigest', 'argumentsDigest'] as const
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...fields), fc.string({ minLength: 1 }), async (field, text) => {
      const good = asking()
      const changed = fc.stringify(text) // any text at all, told apart from the good value by its quotes
      assert.equal(await callWith(room, { ...good, [field]: changed }), 'approval.required')
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (args) => {
      fc.pre(canonicalJson(args) !== canonicalJson({ id: 'x1' }))
      assert.equal(await callWith(room, asking({ arguments: args })), 'approval.required')
    }),
  )
  assert.equal(await callWith(room, asking()), 'allowed')
})

test('the same call asked for again gets the same request, even at the same time', async (t) => {
  const room = await openRoom(t)
  const asked = await Promise.all(Array.from({ length: 6 }, () => room.approvals.request(asking())))
  assert.equal(new Set(asked.map(({ id }) => id)).size, 1)
  assert.deepEqual(
    (await room.changes()).map(({ what, by, about }) => ({ what, by, about })),
    [{ what: 'approval.requested', by: 'ana', about: { kind: 'approval', id: asked[0]!.id } }],
  )
  const other = await room.approvals.request(asking({ toolDigest: 'd2' }))
  assert.notEqual(other.id, asked[0]!.id)
})

test('nobody answers their own request, and who may not approve the tool learns nothing of it', async (t) => {
  const room = await openRoom(t)
  const { id } = await room.approvals.request(asking())
  const answer = (by: string, which = id) =>
    room.approvals.answer({ by, id: which, approve: true, reason: 'as agreed' })
  await assert.rejects(answer('ana'), code('approval.own_request'))
  const refused = await answer('mallory').catch((error: unknown) => error as Fault)
  const absent = await answer('mallory', 'no such id').catch((error: unknown) => error as Fault)
  assert.ok(refused instanceof Fault && absent instanceof Fault)
  assert.deepEqual([refused.code, refused.message], ['approval.not_found', absent.message])
  assert.equal((await room.approvals.get(id)).state, 'pending')
  assert.equal((await room.changes()).length, 1)
})

test('an approver who loses the right afterwards has approved nothing', async (t) => {
  const room = await openRoom(t)
  await approve(room, await room.approvals.request(asking()))
  room.rights.delete('bo mux/delete_asset')
  assert.equal(await callWith(room, asking()), 'approval.required')
  const again = await room.approvals.request(asking())
  assert.equal(again.state, 'pending')
  assert.equal(await callWith(room, asking()), 'approval.pending')
  room.rights.add('bo mux/delete_asset')
  assert.equal(await callWith(room, asking()), 'approval.pending')
  await approve(room, again, 'cy')
  assert.equal(await callWith(room, asking()), 'allowed')
})

test('a call that is approved and not yet made is not asked for again', async (t) => {
  const room = await openRoom(t)
  const approved = await approve(room, await room.approvals.request(asking()))
  assert.deepEqual(await room.approvals.request(asking()), approved)
  assert.equal(await callWith(room, asking()), 'allowed')
  assert.equal((await room.approvals.request(asking())).state, 'pending')
})

test('of two approvers at once one wins, and only that answer is recorded', async (t) => {
  const room = await openRoom(t)
  const { id } = await room.approvals.request(asking())
  const results = await Promise.allSettled([
    room.approvals.answer({ by: 'bo', id, approve: true, reason: 'as agreed' }),
    room.approvals.answer({ by: 'cy', id, approve: false, reason: 'not now' }),
  ])
  const [won, lost] = results[0].status === 'fulfilled' ? results : [results[1], results[0]]
  assert.ok(won.status === 'fulfilled' && lost.status === 'rejected')
  assert.ok(code('approval.already_answered')(lost.reason))
  const stands = await room.approvals.get(id)
  assert.equal(stands.answeredBy, won.value.answeredBy)
  assert.deepEqual(
    (await room.changes()).slice(1).map(({ what, by }) => [what, by]),
    [[`approval.${stands.state}`, stands.answeredBy]],
  )
})

test('an answer needs a reason, which is recorded without what surrounds it', async (t) => {
  const room = await openRoom(t)
  const { id } = await room.approvals.request(asking())
  for (const reason of ['', '  x ', 'y'.repeat(501)]) {
    await assert.rejects(room.approvals.answer({ by: 'bo', id, approve: true, reason }), code('model.invalid'))
  }
  await room.approvals.answer({ by: 'bo', id, approve: false, reason: '  the asset is still used ' })
  assert.equal((await room.changes()).at(-1)?.reason, 'the asset is still used')
  assert.equal((await room.approvals.get(id)).reason, 'the asset is still used')
})

test('a denial stands against the same bytes for its time, and a new request is possible after it', async (t) => {
  const room = await openRoom(t)
  const asked = await room.approvals.request(asking())
  await room.approvals.answer({ by: 'bo', id: asked.id, approve: false, reason: 'not now' })
  assert.equal(await callWith(room, asking()), 'approval.denied')
  const again = await room.approvals.request(asking())
  assert.deepEqual([again.id, again.state], [asked.id, 'denied'])
  room.clock.at += deniedForMs
  assert.equal(await callWith(room, asking()), 'approval.required')
  assert.equal((await room.approvals.request(asking())).state, 'pending')
})

test('a request that waited too long is expired: it cannot be answered, and the call can be asked for anew', async (t) => {
  const room = await openRoom(t)
  const asked = await room.approvals.request(asking())
  room.clock.at += pendingForMs - 1
  assert.equal((await room.approvals.get(asked.id)).state, 'pending')
  room.clock.at += 1
  assert.equal((await room.approvals.get(asked.id)).state, 'expired')
  await assert.rejects(approve(room, asked), code('approval.already_answered'))
  assert.equal(await callWith(room, asking()), 'approval.required')
  const again = await room.approvals.request(asking())
  assert.notEqual(again.id, asked.id)
})

test('an approval that was not used in its time carries nothing', async (t) => {
  const room = await openRoom(t)
  const asked = await room.approvals.request(asking())
  await approve(room, asked)
  room.clock.at += approvedForMs
  assert.equal(await callWith(room, asking()), 'approval.required')
  const spend = room.store.transaction((tx) => room.approvals.spend(tx, asked.id, { ...asking(), callId: 'c1' }))
  await assert.rejects(spend, code('approval.spent'))
})

test('what is cancelled can be neither answered nor spent', async (t) => {
  const room = await openRoom(t)
  const pending = await room.approvals.request(asking())
  const approved = await approve(room, await room.approvals.request(asking({ arguments: { id: 'x2' } })))
  assert.equal(await room.store.transaction((tx) => room.approvals.cancelFor(tx, { grantId: 'g1' })), 2)
  await assert.rejects(approve(room, pending), code('approval.already_answered'))
  const spend = room.store.transaction((tx) => room.approvals.spend(tx, approved.id, { ...approved, callId: 'c1' }))
  await assert.rejects(spend, code('approval.spent'))
  assert.equal(await callWith(room, asking()), 'approval.required')
})

test('the arguments are sealed in the store, shown to who asked and who may decide, and to nobody else', async (t) => {
  const room = await openRoom(t)
  const { id } = await room.approvals.request(asking({ arguments: { id: 'canary-4711' } }))
  const { findSealedArguments } = await import('../store/approvals.ts')
  assert.doesNotMatch((await findSealedArguments(room.store, id))!, /canary/)
  assert.doesNotMatch(JSON.stringify(await room.changes()), /canary/)
  for (const [viewer, as] of [
    ['ana', 'requester'],
    ['bo', 'approver'],
  ] as const) {
    const view = await room.approvals.view(id, viewer)
    assert.equal(view.as, as)
    assert.ok(view.shown.complete)
    assert.deepEqual(view.shown.lines, ['{', '  "id": "canary-4711"', '}'])
  }
  await assert.rejects(room.approvals.view(id, 'mallory'), code('approval.not_found'))
  await assert.rejects(room.approvals.view('no such id', 'bo'), code('approval.not_found'))
  assert.equal(room.approvals.urlOf(id), `https://gate.example/approvals/${id}`)
})

test('arguments too long to be shown in full are not asked about, nor is a digest of other arguments', async (t) => {
  const room = await openRoom(t)
  const long = asking({ arguments: { text: 'x'.repeat(shownBytesMax) } })
  await assert.rejects(room.approvals.request(long), code('approval.too_large'))
  await assert.rejects(
    room.approvals.request({ ...asking(), argumentsText: '{"id":"x2"}' }),
    code('approval.digest_mismatch'),
  )
  assert.deepEqual(await room.changes(), [])
})

test('one principal cannot flood the approvers', async (t) => {
  const room = await openRoom(t)
  let made = 0
  const ask = (principalId = 'ana') => {
    made += 1
    return room.approvals.request(asking({ principalId, arguments: { id: made } }))
  }
  for (let at = 0; at < pendingMax; at += 1) await ask()
  await assert.rejects(ask(), code('approval.too_many'))
  assert.equal((await ask('dora')).state, 'pending')
  // Those that expire make room, until the hour's number is reached.
  for (let at = pendingMax; at < requestsMax; at += 1) {
    if (at % pendingMax === 0) room.clock.at += pendingForMs
    await ask()
  }
  room.clock.at += pendingForMs - 1
  await assert.rejects(ask(), code('approval.too_many'))
  room.clock.at += requestsWindowMs
  assert.equal((await ask()).state, 'pending')
})

test('lists are mine, or mine to decide', async (t) => {
  const room = await openRoom(t)
  const hers = await room.approvals.request(asking())
  const his = await room.approvals.request(asking({ principalId: 'bo' }))
  const other = await room.approvals.request(asking({ tool: 'delete_space' }))
  const ids = async (which: Parameters<Approvals['list']>[0]) =>
    (await room.approvals.list(which)).map(({ id }) => id).sort()
  assert.deepEqual(await ids({ forPrincipal: 'ana' }), [hers.id, other.id].sort())
  assert.deepEqual(await ids({ decidableBy: 'bo' }), [hers.id])
  assert.deepEqual(await ids({ decidableBy: 'ana' }), [his.id])
  assert.deepEqual(await ids({ decidableBy: 'mallory' }), [])
  room.clock.at += pendingForMs
  assert.deepEqual(await ids({ decidableBy: 'bo' }), [])
  assert.deepEqual(await ids({ forPrincipal: 'bo', states: ['pending'] }), [])
  assert.deepEqual(await ids({ forPrincipal: 'bo', states: ['expired'] }), [his.id])
})

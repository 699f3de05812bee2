import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { makeId } from '../../src/base/ids.ts'
import type { Intent } from '../../src/ledger/entry.ts'
import { redactArguments } from '../../src/ledger/redact.ts'
import { type ApprovalRoom, asking, openApprovalRoom } from '../approval-room.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

// What must hold whichever engine is below, and however many do it at once.

const times = 8
let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

const both = (name: string, run: (room: ApprovalRoom) => Promise<void>): void => {
  test(`sqlite: ${name}`, async (t) => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-approval-'))
    t.after(() => rmSync(dataFolder, { recursive: true, force: true }))
    await run(await openApprovalRoom(t, { dataFolder }))
  })
  test(`postgres: ${name}`, async (t) => {
    await run(await openApprovalRoom(t, { dataFolder: '', databaseUrl: await postgres!.createDatabase() }))
  })
}

const many = <T>(work: (at: number) => Promise<T>): Promise<PromiseSettledResult<T>[]> =>
  Promise.allSettled(Array.from({ length: times }, (_, at) => work(at)))

function codesOf(results: PromiseSettledResult<unknown>[]): string[] {
  const codes = results.map((result) => {
    if (result.status === 'fulfilled') return 'done'
    return result.reason instanceof Fault ? result.reason.code : String(result.reason)
  })
  return codes.sort()
}

function intentOf(room: ApprovalRoom, approvalId: string): Intent {
  const { grantId, upstream, tool, argumentsDigest } = asking()
  return {
    callId: makeId({ now: () => room.clock.at, monotonic: () => 0 }),
    principal: { id: 'ana', issuer: 'local', subject: 'ana', name: 'Ana' },
    client: { id: 'claude', name: 'Claude' },
    grantId,
    upstream,
    tool,
    toolDigest: 'ab'.repeat(32),
    effect: 'destructive',
    argumentsDigest,
    arguments: redactArguments({ id: 'x1' }),
    revision: 1,
    entitlementId: 'e1',
    approvalId,
  }
}

both('of many requests for one call, one is made and recorded, and all get it', async (room) => {
  const results = await many(() => room.approvals.request(asking()))
  const ids = results.map((result) => (result.status === 'fulfilled' ? result.value.id : String(result.reason)))
  assert.equal(new Set(ids).size, 1)
  assert.deepEqual(
    (await room.changes()).map(({ what, about }) => [what, about.id]),
    [['approval.requested', ids[0]]],
  )
})

both('of many answers one stands, and only that one is recorded', async (room) => {
  const { id } = await room.approvals.request(asking())
  const results = await many((at) =>
    room.approvals.answer({ by: at % 2 ? 'bo' : 'cy', id, approve: at % 3 > 0, reason: `answer ${at}` }),
  )
  assert.deepEqual(codesOf(results), [...Array<string>(times - 1).fill('approval.already_answered'), 'done'])
  const stands = await room.approvals.get(id)
  assert.deepEqual(
    (await room.changes()).slice(1).map(({ what, by, reason }) => [what, by, reason]),
    [[`approval.${stands.state}`, stands.answeredBy, stands.reason]],
  )
})

both('of many calls with one approval one has an intent, and no other is recorded', async (room) => {
  const { id, argumentsDigest } = await room.approvals.request(asking())
  await room.approvals.answer({ by: 'bo', id, approve: true, reason: 'as agreed' })
  const results = await many(() =>
    room.ledger.recordIntent(intentOf(room, id), (tx) => room.approvals.spend(tx, id, { argumentsDigest, callId: id })),
  )
  assert.deepEqual(codesOf(results), [...Array<string>(times - 1).fill('approval.spent'), 'done'])
  const entries = await room.ledger.listEntries({ after: -1, limit: 100 })
  assert.equal(entries.filter(({ entry }) => entry.kind === 'intent').length, 1)
  assert.equal((await room.approvals.get(id)).state, 'spent')
})

both(
  'a grant that is withdrawn at the moment of the call takes the approval, or comes after the intent',
  async (room) => {
    const { id, argumentsDigest } = await room.approvals.request(asking())
    await room.approvals.answer({ by: 'bo', id, approve: true, reason: 'as agreed' })
    const [called, withdrawn] = await Promise.allSettled([
      room.ledger.recordIntent(intentOf(room, id), (tx) =>
        room.approvals.spend(tx, id, { argumentsDigest, callId: id }),
      ),
      room.ledger.recordChange({ by: 'ana', what: 'grant.revoked', about: { kind: 'grant', id: 'g1' } }, (tx) =>
        room.approvals.cancelFor(tx, { grantId: 'g1' }),
      ),
    ])
    assert.ok(withdrawn.status === 'fulfilled')
    assert.equal(withdrawn.value, called.status === 'fulfilled' ? 0 : 1)
    assert.equal((await room.approvals.get(id)).state, called.status === 'fulfilled' ? 'spent' : 'cancelled')
  },
)

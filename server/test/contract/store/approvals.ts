import assert from 'node:assert/strict'
import {
  answerApproval,
  type ApprovalScope,
  cancelApprovals,
  countApprovals,
  expireApproval,
  findApproval,
  findNewestApproval,
  findPendingApproval,
  findSealedArguments,
  insertApproval,
  listApprovals,
  type NewApproval,
  spendApproval,
  supersedeApprovals,
} from '../../../src/store/approvals.ts'
import { insertMembership } from '../../../src/store/memberships.ts'
import type { Store } from '../../../src/store/store.ts'

const asked = (id: string, change: Partial<NewApproval> = {}): NewApproval => ({
  id,
  principalId: 'ana',
  clientId: 'claude',
  grantId: 'g1',
  upstream: 'mux',
  tool: 'delete_asset',
  toolDigest: 'd1',
  argumentsDigest: 'a1',
  requestedAt: 100,
  expiresAt: 200,
  argumentsSealed: 'sealed',
  pendingKey: `key of ${id}`,
  ...change,
})

const yes = { state: 'approved', answeredBy: 'bo', answeredAt: 150, expiresAt: 300, reason: 'as agreed' } as const
const no = { ...yes, state: 'denied', answeredBy: 'cy' } as const

async function approved(store: Store, id: string, change: Partial<NewApproval> = {}): Promise<void> {
  await insertApproval(store, asked(id, change))
  assert.equal(await answerApproval(store, id, yes), true)
}

const winners = (results: boolean[]): number => results.filter(Boolean).length

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'an approval comes back as it was asked for, pending and unanswered',
    async (store) => {
      assert.equal(await insertApproval(store, asked('p1')), true)
      const { argumentsSealed, pendingKey, ...rest } = asked('p1')
      const expected = {
        ...rest,
        state: 'pending',
        answeredBy: undefined,
        answeredAt: undefined,
        reason: undefined,
        spentAt: undefined,
        callId: undefined,
      }
      assert.deepEqual(await findApproval(store, 'p1'), expected)
      assert.deepEqual(await findPendingApproval(store, pendingKey), expected)
      assert.equal(await findSealedArguments(store, 'p1'), argumentsSealed)
      assert.equal(await findApproval(store, 'p2'), undefined)
      assert.equal(await findSealedArguments(store, 'p2'), undefined)
    },
  ],
  [
    'of one call there is one pending approval, however many ask at once',
    async (store) => {
      const ids = Array.from({ length: 8 }, (_, at) => `p${at}`)
      const made = await Promise.all(
        ids.map((id) => store.transaction((tx) => insertApproval(tx, asked(id, { pendingKey: 'same' })))),
      )
      assert.equal(winners(made), 1)
      assert.equal((await listApprovals(store, { limit: 10 })).length, 1)
    },
  ],
  [
    'a pending approval past its end makes room for the next, one before it does not',
    async (store) => {
      await insertApproval(store, asked('p1', { pendingKey: 'same' }))
      await expireApproval(store, 'same', 199)
      assert.equal(await insertApproval(store, asked('p2', { pendingKey: 'same' })), false)
      await expireApproval(store, 'same', 200)
      assert.equal(await insertApproval(store, asked('p2', { pendingKey: 'same' })), true)
      assert.equal((await findApproval(store, 'p1'))?.state, 'expired')
    },
  ],
  [
    'an answer is written with who, when, why and until when',
    async (store) => {
      await approved(store, 'p1')
      const found = await findApproval(store, 'p1')
      assert.deepEqual(
        [found?.state, found?.answeredBy, found?.answeredAt, found?.expiresAt, found?.reason],
        ['approved', 'bo', 150, 300, 'as agreed'],
      )
      assert.equal(await findPendingApproval(store, 'key of p1'), undefined)
    },
  ],
  [
    'of several answers at once one wins, and the loser changes nothing',
    async (store) => {
      await insertApproval(store, asked('p1'))
      const answers = [yes, no, { ...yes, answeredBy: 'di' }, { ...no, answeredBy: 'ed' }]
      const results = await Promise.all(
        answers.map((answer) => store.transaction((tx) => answerApproval(tx, 'p1', answer))),
      )
      assert.equal(winners(results), 1)
      const winner = answers[results.indexOf(true)]!
      const found = await findApproval(store, 'p1')
      assert.deepEqual([found?.state, found?.answeredBy], [winner.state, winner.answeredBy])
    },
  ],
  [
    'what is past its end cannot be answered',
    async (store) => {
      await insertApproval(store, asked('p1'))
      assert.equal(await answerApproval(store, 'p1', { ...yes, answeredAt: 200 }), false)
      assert.equal((await findApproval(store, 'p1'))?.state, 'pending')
    },
  ],
  [
    'an approval is spent once, however many use it at once',
    async (store) => {
      await approved(store, 'p1')
      const results = await Promise.all(
        Array.from({ length: 8 }, () =>
          store.transaction((tx) => spendApproval(tx, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 160 })),
        ),
      )
      assert.equal(winners(results), 1)
      const found = await findApproval(store, 'p1')
      assert.deepEqual([found?.state, found?.spentAt], ['spent', 160])
    },
  ],
  [
    'an approval that is pending, of other bytes or past its end is not spent',
    async (store) => {
      await insertApproval(store, asked('p1'))
      assert.equal(await spendApproval(store, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 160 }), false)
      await answerApproval(store, 'p1', yes)
      assert.equal(await spendApproval(store, { id: 'p1', argumentsDigest: 'a2', callId: 'c1', now: 160 }), false)
      assert.equal(await spendApproval(store, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 300 }), false)
      assert.equal(await spendApproval(store, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 299 }), true)
    },
  ],
  [
    'what is spent in a transaction that fails is not spent',
    async (store) => {
      await approved(store, 'p1')
      await assert.rejects(
        store.transaction(async (tx) => {
          assert.equal(await spendApproval(tx, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 160 }), true)
          throw new Error('the intent could not be written')
        }),
        /could not be written/,
      )
      assert.equal(await spendApproval(store, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 160 }), true)
    },
  ],
  [
    'of spending and cancelling at once one wins',
    async (store) => {
      await approved(store, 'p1')
      const [spent, cancelled] = await Promise.all([
        store.transaction((tx) => spendApproval(tx, { id: 'p1', argumentsDigest: 'a1', callId: 'c1', now: 160 })),
        store.transaction((tx) => cancelApprovals(tx, { grantId: 'g1' })),
      ])
      assert.equal(spent, cancelled.length === 0)
      assert.equal((await findApproval(store, 'p1'))?.state, spent ? 'spent' : 'cancelled')
    },
  ],
  [
    'cancelling takes what is pending or approved in the scope, and nothing else',
    async (store) => {
      await insertApproval(store, asked('pending'))
      await approved(store, 'approved')
      await approved(store, 'spent')
      await spendApproval(store, { id: 'spent', argumentsDigest: 'a1', callId: 'c1', now: 160 })
      await insertApproval(store, asked('denied'))
      await answerApproval(store, 'denied', no)
      await insertApproval(store, asked('other tool', { tool: 'delete_all' }))
      await insertApproval(store, asked('other grant', { grantId: 'g2', clientId: 'code' }))
      const scope = { upstream: 'mux', tool: 'delete_asset', grantId: 'g1', principalId: 'ana', clientId: 'claude' }
      const cancelled = await store.transaction((tx) => cancelApprovals(tx, scope))
      assert.deepEqual(cancelled.sort(), ['approved', 'pending'])
      assert.deepEqual(await store.transaction((tx) => cancelApprovals(tx, { clientId: 'code' })), ['other grant'])
      const rest = (await listApprovals(store, { limit: 10, pendingAt: 150 })).map(({ id }) => id)
      assert.deepEqual(rest, ['other tool'])
    },
  ],
  [
    'cancelling for the members of groups takes theirs, by one source or by any, and for a list of people theirs',
    async (store) => {
      for (const principalId of ['ana', 'cy', 'di', 'eve'])
        await insertApproval(store, asked(`of ${principalId}`, { principalId }))
      const member = (groupId: string, memberId: string, source: string) =>
        insertMembership(store, { groupId, memberId, source, createdAt: 1 })
      await member('staff', 'ana', 'okta')
      await member('staff', 'cy', 'hand')
      await member('crew', 'di', 'hand')
      const cancel = (scope: ApprovalScope) => store.transaction((tx) => cancelApprovals(tx, scope))
      assert.deepEqual(await cancel({ membersOf: { groupIds: ['staff'], source: 'okta' } }), ['of ana'])
      assert.deepEqual(await cancel({ membersOf: { groupIds: ['staff', 'crew'] } }), ['of cy', 'of di'])
      const many = Array.from({ length: 10_000 }, (_, at) => (at === 9_999 ? 'eve' : `person-${at}`))
      assert.deepEqual(await cancel({ principalIds: many }), ['of eve'])
    },
  ],
  [
    'cancelling two overlapping scopes at once ends, and takes each approval once',
    async (store) => {
      for (let at = 0; at < 12; at += 1) await insertApproval(store, asked(`p${at}`, { grantId: `g${at % 2}` }))
      const done = await Promise.all(
        [{ upstream: 'mux' }, { grantId: 'g0' }, { principalId: 'ana' }, { grantId: 'g1' }].map((scope) =>
          store.transaction((tx) => cancelApprovals(tx, scope)),
        ),
      )
      assert.equal(done.flat().length, 12)
      assert.equal(new Set(done.flat()).size, 12)
    },
  ],
  [
    'a scope without a member cancels nothing and is an error',
    async (store) => {
      await insertApproval(store, asked('p1'))
      await assert.rejects(cancelApprovals(store, {}), /without a scope/)
      await assert.rejects(cancelApprovals(store, { tool: undefined } as object), /without a scope/)
      assert.equal((await findApproval(store, 'p1'))?.state, 'pending')
    },
  ],
  [
    'of a call the approval that is live is found, else the newest',
    async (store) => {
      await approved(store, 'old')
      await spendApproval(store, { id: 'old', argumentsDigest: 'a1', callId: 'c1', now: 160 })
      await insertApproval(store, asked('new', { requestedAt: 170 }))
      await insertApproval(store, asked('other bytes', { requestedAt: 180, argumentsDigest: 'a2' }))
      await insertApproval(store, asked('other grant', { requestedAt: 180, grantId: 'g2' }))
      await insertApproval(store, asked('other upstream', { requestedAt: 180, upstream: 'other' }))
      const call = { grantId: 'g1', upstream: 'mux', tool: 'delete_asset', argumentsDigest: 'a1' }
      assert.equal((await findNewestApproval(store, call, 170))?.id, 'new')
      assert.equal(await findNewestApproval(store, { ...call, tool: 'x' }, 170), undefined)
      await insertApproval(store, asked('live, by a clock that was set back', { requestedAt: 50, expiresAt: 400 }))
      assert.equal((await findNewestApproval(store, call, 250))?.id, 'live, by a clock that was set back')
      assert.equal((await findNewestApproval(store, call, 400))?.id, 'new')
    },
  ],
  [
    'what is approved of a call and not used is superseded, nothing else is',
    async (store) => {
      const call = { grantId: 'g1', upstream: 'mux', tool: 'delete_asset', argumentsDigest: 'a1' }
      await approved(store, 'approved')
      await approved(store, 'other bytes', { argumentsDigest: 'a2' })
      await insertApproval(store, asked('pending'))
      await supersedeApprovals(store, call, 300)
      assert.equal((await findApproval(store, 'approved'))?.state, 'approved')
      await supersedeApprovals(store, call, 299)
      const states = (await listApprovals(store, { limit: 10 })).map(({ id, state }) => `${id}: ${state}`)
      assert.deepEqual(states.sort(), ['approved: cancelled', 'other bytes: approved', 'pending: pending'])
    },
  ],
  [
    'lists tell mine from those of others, newest first, and what still waits',
    async (store) => {
      await insertApproval(store, asked('p1', { requestedAt: 100 }))
      await insertApproval(store, asked('p2', { requestedAt: 101, principalId: 'bo' }))
      await insertApproval(store, asked('p3', { requestedAt: 102 }))
      await insertApproval(store, asked('p4', { requestedAt: 103, expiresAt: 110 }))
      const ids = async (query: Parameters<typeof listApprovals>[1]) =>
        (await listApprovals(store, query)).map(({ id }) => id)
      assert.deepEqual(await ids({ limit: 10 }), ['p4', 'p3', 'p2', 'p1'])
      assert.deepEqual(await ids({ limit: 2 }), ['p4', 'p3'])
      assert.deepEqual(await ids({ limit: 10, principalId: 'ana' }), ['p4', 'p3', 'p1'])
      assert.deepEqual(await ids({ limit: 10, notPrincipalId: 'ana' }), ['p2'])
      assert.deepEqual(await ids({ limit: 10, notPrincipalId: 'bo', pendingAt: 110 }), ['p3', 'p1'])
    },
  ],
  [
    'counts are of one principal: what is pending now, and what was asked for lately',
    async (store) => {
      await insertApproval(store, asked('p1', { requestedAt: 10 }))
      await insertApproval(store, asked('p2', { requestedAt: 90 }))
      await insertApproval(store, asked('p3', { requestedAt: 95, expiresAt: 99 }))
      await insertApproval(store, asked('p4', { principalId: 'bo' }))
      assert.deepEqual(await countApprovals(store, 'ana', { now: 99, since: 10 }), { pending: 2, recent: 2 })
      assert.deepEqual(await countApprovals(store, 'nobody', { now: 99, since: 10 }), { pending: 0, recent: 0 })
    },
  ],
]

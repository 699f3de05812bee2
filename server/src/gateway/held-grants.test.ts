import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeldGrants } from './held-grants.ts'

function open() {
  const ended = new Set<string>()
  let asked = 0
  const grants = new HeldGrants(async (_upstream, grantId) => {
    asked++
    if (ended.has(grantId)) throw new Error('it has ended')
    return { grantId, principalId: `p of ${grantId}`, clientId: 'c' }
  })
  return { grants, ended, asked: () => asked }
}

test('news of a grant that has ended end what was begun under it, at every upstream, and nothing else', async () => {
  const { grants, ended } = open()
  const [here, there, other] = [
    grants.hold('a', { grantId: 'g1' }),
    grants.hold('b', { grantId: 'g1' }),
    grants.hold('a', { grantId: 'g2' }),
  ]
  ended.add('g1')
  await grants.hear({ kind: 'grant', id: 'g1' })
  assert.deepEqual([here.gone.aborted, there.gone.aborted, other.gone.aborted], [true, true, false])
  await assert.rejects(here.caller(), { code: 'gateway.exchange_failed' })
  assert.equal((await other.caller()).grantId, 'g2')
})

test('news of a grant that goes on cut nothing, and those of others are not looked at', async () => {
  const { grants, asked } = open()
  const held = grants.hold('a', { grantId: 'g1' })
  await grants.hear({ kind: 'grant', id: 'g1' })
  await grants.hear({ kind: 'grant', id: 'g2' })
  await grants.hear({ kind: 'tool', id: 'a/echo' })
  assert.deepEqual([held.gone.aborted, asked()], [false, 1])
})

test('who calls is asked each time: a grant that ended is noticed without news', async () => {
  const { grants, ended } = open()
  const held = grants.hold('a', { grantId: 'g1' })
  assert.equal((await held.caller()).principalId, 'p of g1')
  ended.add('g1')
  await assert.rejects(held.caller(), /it has ended/)
})

test('news of a person or client, and news that name nobody, end what has ended with them', async () => {
  for (const about of [{ kind: 'principal', id: 'p of g1' }, { kind: 'client', id: 'c' }, { kind: 'grant' }] as const) {
    const { grants, ended } = open()
    const [held, other] = [grants.hold('a', { grantId: 'g1' }), grants.hold('a', { grantId: 'g2' })]
    await Promise.all([held.caller(), other.caller()])
    ended.add('g1')
    await grants.hear(about)
    assert.deepEqual([held.gone.aborted, other.gone.aborted], [true, false], about.kind)
  }
})

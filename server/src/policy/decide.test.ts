import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { goodFacts, now } from '../../test/golden/decision-facts.ts'
import type { Login, LoginDemand } from '../model/login.ts'
import { approvalStates, rights } from '../model/rights.ts'
import { upstreamStates } from '../model/upstream.ts'
import { checks } from './checks.ts'
import { decide } from './decide.ts'
import { denialReasons } from './decision.ts'
import type { Facts } from './facts.ts'

const id = fc.constantFrom('ana', 'bo', 'claude', 'g1', 'mux', 'delete_asset', 'd1', 'a1', 'other')
const instant = fc.constantFrom(now - 1, now, now + 1)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 8 })

/** Most values are the good one, so that a fair share of these facts allow. */
const near = <T>(good: T, other: fc.Arbitrary<T>) => fc.oneof({ weight: 30, arbitrary: fc.constant(good) }, other)
const actor = near<string | undefined>(undefined, fc.option(fc.constantFrom('x', 'y'), { nil: undefined }))

const strong: Login = { at: now - 1_000, acr: 'phr', amr: ['hwk', 'mfa'] }
const weak: Login = { at: now - 1_000, amr: ['pwd'] }
const old: Login = { ...strong, at: 0 }
const demand: fc.Arbitrary<LoginDemand> = fc.constantFrom(
  { maxAgeSeconds: 60 },
  { acr: ['phr', 'phrh'] },
  { amr: ['mfa'], maxAgeSeconds: 60 },
)

const anyFacts: fc.Arbitrary<Facts> = fc.record({
  now: fc.constant(now),
  revision: fc.nat(),
  principal: maybe(
    fc.record({ id: near('ana', id), state: near('active', fc.constantFrom('disabled', 'must_sign_in')) }),
  ),
  client: maybe(fc.record({ id: near('claude', id), state: near('active', fc.constant('revoked')) })),
  upstream: maybe(
    fc.record({
      name: near('mux', id),
      state: near('approved', fc.constantFrom(...upstreamStates)),
      ceiling: near('destructive', fc.constantFrom('read', 'write')),
      proof: near('optional', fc.constant('required')),
    }),
  ),
  proven: fc.boolean(),
  reached: near(true, fc.constant(false)),
  tool: maybe(
    fc.record({
      upstream: near('mux', id),
      name: near('delete_asset', id),
      pin: near('pinned', fc.constantFrom('new', 'drifted', 'gone', 'withdrawn')),
      digest: near<string | undefined>('d1', fc.option(id, { nil: undefined })),
      effect: fc.constantFrom('read', 'write', 'destructive', 'destructive'),
    }),
  ),
  entitlement: maybe(
    fc.record({
      id: fc.constant('e1'),
      principalId: near('ana', id),
      right: near('use', fc.constantFrom(...rights)),
      upstream: near('mux', id),
      tool: near('delete_asset', id),
      endsAt: near<number | undefined>(now + 1, fc.option(instant, { nil: undefined })),
      revokedAt: near<number | undefined>(undefined, instant),
      login: near<LoginDemand | undefined>(undefined, demand),
    }),
  ),
  grant: maybe(
    fc.record({
      id: near('g1', id),
      principalId: near('ana', id),
      clientId: near('claude', id),
      upstream: near('mux', id),
      endsAt: near(now + 1, instant),
      revokedAt: near<number | undefined>(undefined, instant),
      login: near<Login | undefined>(strong, fc.option(fc.constantFrom(weak, old), { nil: undefined })),
      toolDigest: near<string | undefined>('d1', fc.option(id, { nil: undefined })),
    }),
  ),
  call: maybe(fc.record({ argumentsDigest: near('a1', id), actor })),
  approval: maybe(
    fc.record({
      id: fc.constant('p1'),
      state: near('approved', fc.constantFrom(...approvalStates)),
      expiresAt: near(now + 1, instant),
      principalId: near('ana', id),
      clientId: near('claude', id),
      grantId: near('g1', id),
      upstream: near('mux', id),
      tool: near('delete_asset', id),
      toolDigest: near('d1', id),
      argumentsDigest: near('a1', id),
      answeredBy: near<string | undefined>('bo', fc.option(id, { nil: undefined })),
      actor,
      approverMay: near(true, fc.constant(false)),
    }),
  ),
})

/** What takes a right away, or makes one less than it was. None of them may ever turn a deny into an allow. */
const weakenings: Record<string, (facts: Facts) => Facts> = {
  'no principal': (f) => ({ ...f, principal: undefined }),
  'the principal is disabled': (f) => ({ ...f, principal: f.principal && { ...f.principal, state: 'disabled' } }),
  'the principal must sign in anew': (f) => ({
    ...f,
    principal: f.principal && { ...f.principal, state: 'must_sign_in' },
  }),
  'another principal': (f) => ({ ...f, principal: f.principal && { ...f.principal, id: 'mallory' } }),
  'no client': (f) => ({ ...f, client: undefined }),
  'the client is revoked': (f) => ({ ...f, client: f.client && { ...f.client, state: 'revoked' } }),
  'another client': (f) => ({ ...f, client: f.client && { ...f.client, id: 'mallory' } }),
  'no upstream': (f) => ({ ...f, upstream: undefined }),
  'the upstream is suspended': (f) => ({ ...f, upstream: f.upstream && { ...f.upstream, state: 'suspended' } }),
  'another upstream': (f) => ({ ...f, upstream: f.upstream && { ...f.upstream, name: 'mu' } }),
  'no tool': (f) => ({ ...f, tool: undefined }),
  'the tool drifts': (f) => ({ ...f, tool: f.tool && { ...f.tool, pin: 'drifted' } }),
  'the tool is withdrawn': (f) => ({ ...f, tool: f.tool && { ...f.tool, pin: 'withdrawn' } }),
  'the tool has another definition': (f) => ({ ...f, tool: f.tool && { ...f.tool, digest: 'd2' } }),
  'the tool has no accepted definition': (f) => ({ ...f, tool: f.tool && { ...f.tool, digest: undefined } }),
  'another tool': (f) => ({ ...f, tool: f.tool && { ...f.tool, name: 'delete_all' } }),
  'the token does not reach it': (f) => ({ ...f, reached: false }),
  'no entitlement': (f) => ({ ...f, entitlement: undefined }),
  'the entitlement is revoked': (f) => ({ ...f, entitlement: f.entitlement && { ...f.entitlement, revokedAt: now } }),
  'the entitlement ends': (f) => ({ ...f, entitlement: f.entitlement && { ...f.entitlement, endsAt: now } }),
  'the entitlement is to approve': (f) => ({
    ...f,
    entitlement: f.entitlement && { ...f.entitlement, right: 'approve' },
  }),
  'the entitlement is to administer': (f) => ({
    ...f,
    entitlement: f.entitlement && { ...f.entitlement, right: 'administer', upstream: '*', tool: '*' },
  }),
  'the right wants a login of another class': (f) => ({
    ...f,
    entitlement: f.entitlement && { ...f.entitlement, login: { acr: ['none that there is'] } },
  }),
  'the right wants a login of now': (f) => ({
    ...f,
    entitlement: f.entitlement && { ...f.entitlement, login: { maxAgeSeconds: 0 } },
  }),
  'no grant': (f) => ({ ...f, grant: undefined }),
  'the grant is revoked': (f) => ({ ...f, grant: f.grant && { ...f.grant, revokedAt: now } }),
  'the grant ends': (f) => ({ ...f, grant: f.grant && { ...f.grant, endsAt: now } }),
  'the tool was not chosen': (f) => ({ ...f, grant: f.grant && { ...f.grant, toolDigest: undefined } }),
  'the clock cannot be read': (f) => ({ ...f, now: Number.NaN }),
}

/** The same for the approval, which only a destructive call needs. */
const approvalWeakenings: Record<string, (facts: Facts) => Facts> = {
  'no approval': (f) => ({ ...f, approval: undefined }),
  'other bytes': (f) => ({ ...f, call: f.call && { ...f.call, argumentsDigest: 'a2' } }),
  'another actor': (f) => ({ ...f, call: f.call && { ...f.call, actor: 'somebody else' } }),
  'answered by nobody': (f) => ({ ...f, approval: f.approval && { ...f.approval, answeredBy: undefined } }),
  'answered by the requester': (f) => ({
    ...f,
    approval: f.approval && { ...f.approval, answeredBy: f.approval.principalId },
  }),
  'the approver lost the right': (f) => ({ ...f, approval: f.approval && { ...f.approval, approverMay: false } }),
  'the approval ends': (f) => ({ ...f, approval: f.approval && { ...f.approval, expiresAt: now } }),
  ...Object.fromEntries(
    approvalStates
      .filter((state) => state !== 'approved')
      .map((state) => [
        `the approval is ${state}`,
        (f: Facts): Facts => ({ ...f, approval: f.approval && { ...f.approval, state } }),
      ]),
  ),
}

test('decide() allows a destructive call when all givers have said yes, and names what carried it', () => {
  assert.deepEqual(decide(goodFacts()), {
    allow: true,
    revision: 7,
    entitlementId: 'e1',
    grantId: 'g1',
    approvalId: 'p1',
    argumentsDigest: 'a1',
    obligations: [],
  })
})

test('decide() lists a destructive tool without an approval, and that allow carries no call', () => {
  const decision = decide({ ...goodFacts(), call: undefined, approval: undefined })
  assert.equal(decision.allow, true)
  assert.equal(decision.allow && decision.argumentsDigest, undefined)
  assert.equal(decision.allow && decision.approvalId, undefined)
})

test('decide() spends no approval on a call that needs none', () => {
  const facts = goodFacts()
  const decision = decide({ ...facts, tool: { ...facts.tool!, effect: 'write' } })
  assert.equal(decision.allow && decision.approvalId, undefined)
})

for (const [what, weaken] of Object.entries({ ...weakenings, ...approvalWeakenings })) {
  test(`decide() denies a destructive call when ${what}`, () => {
    assert.equal(decide(goodFacts()).allow, true)
    assert.equal(decide(weaken(goodFacts())).allow, false)
  })
}

test('an allow means that every single right is held', () => {
  let allows = 0
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decide(facts)
      if (!decision.allow) return
      allows += 1
      const { principal, client, upstream, tool, entitlement, grant } = facts
      assert.deepEqual([principal?.state, client?.state, upstream?.state], ['active', 'active', 'approved'])
      assert.equal(tool?.pin, 'pinned')
      assert.deepEqual([tool.upstream, entitlement?.upstream, grant?.upstream], Array(3).fill(upstream?.name))
      assert.deepEqual([entitlement?.right, entitlement?.tool], ['use', tool.name])
      assert.deepEqual([entitlement?.principalId, grant?.principalId], [principal?.id, principal?.id])
      assert.equal(grant?.clientId, client?.id)
      assert.deepEqual([entitlement?.revokedAt, grant?.revokedAt], [undefined, undefined])
      assert.ok((entitlement?.endsAt ?? Infinity) > now && grant!.endsAt > now)
      assert.ok(tool.digest !== undefined && tool.digest === grant?.toolDigest)
      const wanted = facts.call === undefined ? undefined : entitlement?.login
      if (wanted?.maxAgeSeconds !== undefined) assert.ok(now - grant!.login!.at <= wanted.maxAgeSeconds * 1_000)
      if (wanted?.acr !== undefined) assert.ok(wanted.acr.includes(grant!.login!.acr!))
      if (wanted?.amr !== undefined) assert.ok(wanted.amr.every((one) => grant!.login!.amr.includes(one)))
      assert.ok(upstream?.proof === 'optional' || facts.proven)
      assert.ok(upstream?.ceiling === 'destructive' || tool.effect === 'read' || tool.effect === upstream?.ceiling)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(allows > 500, `only ${allows} of the facts allowed: the property says little`)
})

test('an allowed destructive call has an approval of exactly this call by somebody else', () => {
  let allows = 0
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const decision = decide(facts)
      if (!decision.allow || facts.call === undefined || facts.tool?.effect !== 'destructive') return
      allows += 1
      const { approval } = facts
      assert.equal(decision.approvalId, approval?.id)
      assert.equal(decision.argumentsDigest, approval?.argumentsDigest)
      assert.equal(approval?.state, 'approved')
      assert.ok(approval.expiresAt > now && approval.approverMay)
      assert.ok(approval.answeredBy !== undefined && approval.answeredBy !== facts.principal?.id)
      assert.deepEqual(
        [approval.principalId, approval.clientId, approval.grantId, approval.upstream, approval.tool],
        [facts.principal?.id, facts.client?.id, facts.grant?.id, facts.upstream?.name, facts.tool.name],
      )
      assert.deepEqual([approval.toolDigest, approval.argumentsDigest], [facts.tool.digest, facts.call.argumentsDigest])
      assert.equal(approval.actor, facts.call.actor)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(allows > 200, `only ${allows} of the facts allowed: the property says little`)
})

test('no fact of less right gives more', () => {
  fc.assert(
    fc.property(anyFacts, fc.constantFrom(...Object.keys({ ...weakenings, ...approvalWeakenings })), (facts, name) => {
      const weaken = { ...weakenings, ...approvalWeakenings }[name]!
      const weaker = decide(weaken(facts))
      assert.ok(!weaker.allow || decide(facts).allow, name)
    }),
    { numRuns: 20_000 },
  )
})

test('a call is allowed only if the tool is listed, and a listed tool can at least be asked for', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const listed = decide({ ...facts, call: undefined })
      const called = decide({ ...facts, call: facts.call ?? { argumentsDigest: 'a1' } })
      if (called.allow || called.requestable) assert.equal(listed.allow, true)
      if (listed.allow && !called.allow) assert.match(called.reason, /^(approval|login)\./)
    }),
    { numRuns: 20_000 },
  )
})

test('time alone never turns a deny into an allow', () => {
  fc.assert(
    fc.property(anyFacts, fc.nat(10), (facts, later) => {
      if (decide({ ...facts, now: facts.now + later }).allow) assert.equal(decide(facts).allow, true)
    }),
    { numRuns: 10_000 },
  )
})

test('decide() is pure: frozen facts, the same answer twice', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      for (const fact of Object.values(facts)) Object.freeze(fact)
      assert.deepEqual(decide(Object.freeze(facts)), decide(facts))
    }),
  )
})

test('a check that throws denies', () => {
  const facts = goodFacts()
  const broken = Object.defineProperty({ ...facts }, 'entitlement', {
    get: () => {
      throw new Error('the entitlements cannot be read')
    },
  })
  const decision = decide(broken)
  assert.equal(decision.allow, false)
  assert.equal(!decision.allow && decision.reason, 'check.failed')
  assert.equal(!decision.allow && decision.requestable, false)
  assert.match((!decision.allow && decision.findings[0]?.detail) || '', /^entitlement: .*cannot be read/)
})

test('words that the model does not know deny', () => {
  const facts = goodFacts()
  const unknown: Facts[] = [
    { ...facts, principal: { id: 'ana', state: 'ACTIVE' as 'active' } },
    { ...facts, client: { id: 'claude', state: '' as 'active' } },
    { ...facts, upstream: { ...facts.upstream!, state: 'active' as 'approved' } },
    { ...facts, upstream: { ...facts.upstream!, ceiling: 'none' as 'read' } },
    { ...facts, tool: { ...facts.tool!, pin: 'fresh' as 'pinned' } },
    { ...facts, tool: { ...facts.tool!, effect: 'harmless' as 'read' } },
    { ...facts, approval: { ...facts.approval, state: 'granted' as 'approved' } },
  ]
  for (const each of unknown) assert.equal(decide(each).allow, false)
  for (const each of unknown.slice(0, -1)) assert.equal(decide({ ...each, call: undefined }).allow, false)
})

test('who is not entitled cannot tell a withheld tool from one that does not exist', () => {
  const facts = goodFacts()
  const absent = decide({ ...facts, tool: undefined, entitlement: undefined })
  assert.equal(absent.allow, false)
  for (const pin of ['pinned', 'new', 'drifted', 'gone', 'withdrawn'] as const) {
    const decision = decide({ ...facts, tool: { ...facts.tool!, pin }, entitlement: undefined })
    assert.equal(decision.allow, false)
    assert.ok(!decision.allow && !absent.allow)
    assert.deepEqual(
      [decision.hidden, decision.message, decision.requestable, decision.approvalId],
      [true, absent.message, absent.requestable, absent.approvalId],
    )
  }
})

test('a pending or denied approval is named, so that the same link can be told again', () => {
  const facts = goodFacts()
  for (const state of ['pending', 'denied'] as const) {
    const decision = decide({ ...facts, approval: { ...facts.approval, state, answeredBy: undefined } })
    assert.ok(!decision.allow)
    assert.deepEqual([decision.reason, decision.approvalId], [`approval.${state}`, 'p1'])
    assert.equal(decision.requestable, state === 'pending')
  }
})

test('the checks give all reasons of the closed set, in its order', () => {
  assert.deepEqual([...checks.flatMap(({ reasons }) => reasons), 'check.failed'].sort(), [...denialReasons].sort())
  const firsts = checks.map(({ reasons }) => denialReasons.indexOf(reasons[0]!))
  assert.deepEqual(
    firsts,
    [...firsts].sort((a, b) => a - b),
  )
})

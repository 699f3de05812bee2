import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeLimits, findBeyond, limitsSchema } from './limits.ts'

test('an argument is within its limit, or the call is beyond it; one that is missing is beyond', () => {
  const limits = limitsSchema.parse({
    region: { enum: ['eu', 'us'] },
    count: { minimum: 1, maximum: 5 },
    sure: { const: true },
  })
  const within = { region: 'eu', count: 5, sure: true, other: { of: ['anything'] } }
  assert.equal(findBeyond(limits, within), undefined)
  for (const [change, beyond] of [
    [{ region: 'cn' }, 'region'],
    [{ region: ['eu'] }, 'region'],
    [{ count: 6 }, 'count'],
    [{ count: 0 }, 'count'],
    [{ count: '5' }, 'count'],
    [{ count: NaN }, 'count'],
    [{ sure: 'true' }, 'sure'],
    [{ sure: null }, 'sure'],
    [{ count: undefined }, 'count'],
  ] as const) {
    assert.equal(findBeyond(limits, { ...within, ...change }), beyond)
  }
  assert.equal(findBeyond(limits, undefined), 'region')
  assert.equal(findBeyond(limits, Object.create(within) as Record<string, unknown>), 'region', 'inherited is not there')
  assert.equal(findBeyond({}, undefined), undefined)
})

test('what is not known here is no limit, and is refused', () => {
  for (const wrong of [
    { a: { pattern: '.*' } },
    { a: { const: 1, multipleOf: 2 } },
    { a: {} },
    { a: { enum: [] } },
    { a: { enum: [['eu']] } },
    { a: { const: null } },
    { a: { maximum: '5' } },
    { a: 5 },
    { '': { const: 1 } },
    Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`a${at}`, { const: 1 }])),
  ]) {
    assert.equal(limitsSchema.safeParse(wrong).success, false, JSON.stringify(wrong))
  }
})

test('limits are told in words', () => {
  assert.deepEqual(describeLimits({ count: { minimum: 1, maximum: 5 }, region: { enum: ['eu', 'us'] } }), [
    'count is at least 1 and is at most 5',
    'region is one of "eu", "us"',
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../base/json.ts'
import { entrySchema } from '../entry.ts'
import { writePlain } from './plain.ts'

const digest = fc.stringMatching(/^[0-9a-f]{64}$/)
const odd = fc.constantFrom<unknown>(
  '',
  '\ud800',
  'x'.repeat(501),
  'x'.repeat(2_049),
  -1,
  -0,
  1.5,
  null,
  true,
  {},
  [],
  2 ** 53,
)
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const callId = fc.uuid()
const count = fc.nat()
const status = fc.constantFrom('success', 'failure', 'unknown')
const effect = fc.constantFrom('read', 'write', 'destructive')

const outcome = {
  v: fc.constant(1),
  at: count,
  kind: fc.constant('outcome'),
  callId,
  intent: count,
  status,
}
const outcomeMore = {
  httpStatus: fc.integer({ min: 100, max: 599 }),
  rpcCode: fc.integer(),
  toolError: fc.constant(true),
  reason: text,
  durationMs: count,
  resultBytes: count,
  resultDigest: digest,
}
const intent = {
  v: fc.constant(1),
  at: count,
  kind: fc.constant('intent'),
  instance: text,
  callId,
  principal: fc.record({ id: text, issuer: text, subject: text, name: text }),
  client: fc.record({ id: text, name: text }),
  grantId: text,
  upstream: text,
  tool: text,
  toolDigest: digest,
  effect,
  argumentsDigest: digest,
  arguments: text,
  revision: count,
  entitlementId: text,
}
const intentMore = {
  actor: text,
  bundle: text,
  scope: text,
  tokenId: text,
  approvalId: text,
  connectionId: text,
  traceId: fc.stringMatching(/^[0-9a-f]{32}$/),
}

type Fields = Record<string, fc.Arbitrary<unknown>>

function anyOf(needed: Fields, more: Fields): fc.Arbitrary<Record<string, unknown>> {
  return fc.record({ ...needed, ...more }, { requiredKeys: Object.keys(needed) }) as fc.Arbitrary<
    Record<string, unknown>
  >
}

const entries = fc.oneof(anyOf(intent, intentMore), anyOf(outcome, outcomeMore))
/** One member, at the top or one below, is made strange, taken away or added. */
const broken = fc.tuple(entries, fc.nat(), odd, fc.boolean()).map(([entry, at, strange, below]) => {
  const names = [...Object.keys(entry), 'more']
  const name = names[at % names.length]!
  const inner = entry[name]
  if (!below || typeof inner !== 'object' || inner === null) return { ...entry, [name]: strange }
  const under = [...Object.keys(inner), 'more']
  return { ...entry, [name]: { ...inner, [under[at % under.length]!]: strange } }
})

test('what is written plainly fits the schema, and is its canonical form', () => {
  let plain = 0
  fc.assert(
    fc.property(fc.oneof(entries, broken), (entry) => {
      const written = writePlain(entry)
      if (written === undefined) return
      plain++
      assert.equal(entrySchema.safeParse(entry).success, true)
      assert.equal(written, canonicalJson(entry))
    }),
    { numRuns: 20_000 },
  )
  assert.ok(plain > 5_000, `only ${plain} were written plainly: the property says little`)
})

test('every intent is written plainly, and every outcome that no error of the upstream is told of', () => {
  fc.assert(
    fc.property(fc.oneof(anyOf(intent, intentMore), anyOf(outcome, outcomeMore)), (entry) => {
      const told = 'httpStatus' in entry || 'rpcCode' in entry
      assert.equal(writePlain(entry) === undefined, told)
    }),
  )
})

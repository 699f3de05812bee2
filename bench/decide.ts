import { parseArgs } from 'node:util'
import { decide } from '../server/src/policy/decide.ts'
import type { Facts } from '../server/src/policy/facts.ts'
import { goodFacts } from '../server/test/golden/decision-facts.ts'
import { describeMachine } from './report/machine.ts'
import { median, round } from './report/samples.ts'
import { formatTable } from './report/table.ts'

// What does one decision cost? It is made twice for each call, and once for each tool of a list.

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '7' } },
})
const decisions = 100_000

const good = goodFacts()
const questions: Record<string, Facts> = {
  'read, allowed': { ...good, tool: { ...good.tool!, effect: 'read' }, approval: undefined },
  'destructive, approved': good,
  'destructive, to be approved': { ...good, approval: undefined },
  'no entitlement': { ...good, entitlement: undefined },
}

/** Microseconds a decision, in each round. */
function measure(facts: Facts): number {
  let allowed = 0
  const startedAt = performance.now()
  for (let i = 0; i < decisions; i++) if (decide({ ...facts, revision: i }).allow) allowed++
  const microseconds = ((performance.now() - startedAt) * 1_000) / decisions
  if (allowed !== 0 && allowed !== decisions) throw new Error('the same facts were decided differently')
  return microseconds
}

const results = Object.entries(questions).map(([name, facts]) => {
  measure(facts)
  return [name, median(Array.from({ length: Number(values.rounds) }, () => measure(facts)))] as const
})
console.log(`\ndecide: ${decisions} decisions a round\n${describeMachine('.')}\n`)
console.log(
  formatTable(
    ['', 'µs a decision'],
    results.map(([name, one]) => [name, one.toFixed(2)]),
  ),
)
if (values.json) {
  console.log(JSON.stringify({ bench: 'decide', microseconds: round(results[0]![1], 2) }))
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decide } from '../server/src/policy/decide.ts'
import type { Facts } from '../server/src/policy/facts.ts'
import { insertEntitlement, listEntitlements } from '../server/src/store/entitlements.ts'
import { openStore } from '../server/src/store/store.ts'
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

interface Gathered {
  entitlements: number
  /** Reading all that one caller may look at, once for each revision. */
  viewMicroseconds: number
  /** Gathering the facts of one call from that, and deciding. */
  microseconds: number
}

/** The same decision in a store of so many entitlements: half of them the caller's own, elsewhere, half of others. */
async function gather(entitlements: number): Promise<Gathered> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  const store = await openStore({ dataFolder: folder })
  try {
    const principal = good.principal!
    const one = { ...good.entitlement!, reason: 'bench', grantedBy: undefined, createdAt: 1 }
    await store.transaction(async (tx) => {
      for (let i = 0; i < entitlements; i++) {
        const own = i % 2 === 0
        const more = { id: `more ${i}`, principalId: own ? principal.id : `p${i}`, upstream: own ? `u${i}` : 'mux' }
        await insertEntitlement(tx, { ...one, ...more })
      }
      await insertEntitlement(tx, one)
    })
    const { upstream } = good.entitlement!
    const read = () => listEntitlements(store, { principalId: principal.id, upstream })
    const views: number[] = []
    for (let i = 0; i < 200; i++) {
      const startedAt = performance.now()
      if ((await read()).length !== 1) throw new Error('the entitlements of another are read')
      views.push((performance.now() - startedAt) * 1_000)
    }
    const byTool = Map.groupBy(await read(), (one) => one.tool)
    const facts = (): Facts => ({ ...good, entitlement: byTool.get(good.tool!.name)?.[0] })
    const microseconds = median(Array.from({ length: Number(values.rounds) }, () => measure(facts())))
    return { entitlements, viewMicroseconds: median(views), microseconds }
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const gathered = [await gather(10), await gather(100_000)]
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
console.log(
  `\n${formatTable(
    ['entitlements', 'µs a decision', 'µs to read those of one caller'],
    gathered.map((one) => [String(one.entitlements), one.microseconds.toFixed(2), one.viewMicroseconds.toFixed(0)]),
  )}`,
)
if (values.json) {
  console.log(JSON.stringify({ bench: 'decide', microseconds: round(results[0]![1], 2), gathered }))
}

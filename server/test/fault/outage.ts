import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from '../agent.ts'
import { findContradictions, storiesAbout } from './oracle.ts'
import { refusalMsMax, type Rig, type Running } from './rig.ts'
import { until } from '../patience.ts'

/** What is demanded of each refusal and of the end of an outage, and how many calls ask at once. */
export interface Demand {
  /** How long the client waits: two seconds of the gateway, and what a busy machine takes on the way there and back. */
  withinMs: number
  faults: readonly string[]
  atOnce: number
  /** How long it may take until calls pass again. */
  backWithinMs: number
}

const usual: Demand = {
  withinMs: 4_000,
  faults: ['ledger.unavailable', 'base.busy', 'store.unavailable'],
  atOnce: 20,
  backWithinMs: 30_000,
}
const grownMegabytesMax = 100

/** A time in which the ledger cannot record. */
export interface Outage {
  name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
  forMs: number
}

/**
 * Lets calls go through an outage, and demands what is promised of it: refused with 503 in time, not sent, no memory taken,
 * service by itself when it is over, and a ledger that agrees with what happened.
 *
 * @returns one line about it.
 */
export async function endure(
  rig: Rig,
  gateway: Running,
  { outages, demand = usual }: { outages: readonly Outage[]; demand?: Demand },
): Promise<string> {
  const [agent] = rig.agents as [Agent]
  const underWay = agent.call('wait_note', { note: 'under way' })
  await until(() => rig.outside.journal().length === 1, 'the call is at the upstream')
  let release: NodeJS.Timeout | undefined
  const answered = ['under way']
  const refused: string[] = []
  let slowestMs = 0
  let grown = 0
  for (const { name, begin, end, forMs } of outages) {
    assert.equal((await agent.call('put_note', { note: `before ${name}` })).status, 200)
    answered.push(`before ${name}`)
    await begin()
    // It is answered in the midst of the first outage, and its outcome is owed.
    release ??= setTimeout(() => rig.outside.release(), 1_000)
    const before = residentMegabytes(gateway.pid)
    const beganAt = performance.now()
    try {
      for (let i = 0; performance.now() - beganAt < forMs; i++) {
        const notes = Array.from({ length: demand.atOnce }, (_, k) => `${name} ${i} ${k}`)
        const times = await Promise.all(notes.map((note) => refusedInTime(agent, note, demand)))
        refused.push(...notes)
        slowestMs = Math.max(slowestMs, ...times)
        await sleep(20)
      }
      grown = Math.max(grown, residentMegabytes(gateway.pid) - before)
    } finally {
      await end()
    }
    // By itself: nobody restarts anything.
    await passesAgain(agent, `after ${name}`, demand)
    answered.push(`after ${name}`)
  }
  assert.equal((await underWay).status, 200)
  assert.ok(grown < grownMegabytesMax, `refusing takes memory: ${grown} MB`)
  const journal = rig.outside.journal()
  const arrived = new Set(journal.map(({ note }) => note))
  assert.deepEqual(
    refused.filter((note) => arrived.has(note)),
    [],
  )
  // What was left open is settled while it runs, not only by the next one.
  await sleep(10_000)
  await gateway.stop()
  const itsOwnMs = rig.slowestRefusalMs()
  assert.ok(itsOwnMs > 0 && itsOwnMs <= refusalMsMax, `refused after ${itsOwnMs} ms of the gateway`)
  const entries = await rig.ledger()
  assert.deepEqual(findContradictions({ journal, entries, answered, settled: true }), [])
  assert.equal(storiesAbout(entries, 'under way')[0]?.outcomes[0]?.status, 'success')
  return `${refused.length} calls refused, the slowest after ${itsOwnMs.toFixed(0)} ms of the gateway and ${slowestMs.toFixed(0)} ms of the client; ${grown.toFixed(0)} MB taken by it`
}

async function refusedInTime(agent: Agent, note: string, { withinMs, faults }: Demand): Promise<number> {
  const params = { name: 'put_note', arguments: { note } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: note, method: 'tools/call', params })
  const askedAt = performance.now()
  const answer = await agent.post(body, { signal: AbortSignal.timeout(withinMs) })
  assert.equal(answer.status, 503, JSON.stringify(answer.message))
  const fault = String(answer.error?.data?.['fault'])
  assert.ok(faults.includes(fault), fault)
  return performance.now() - askedAt
}

async function passesAgain(agent: Agent, note: string, { backWithinMs }: Demand): Promise<void> {
  for (let waitedMs = 0; waitedMs < backWithinMs; waitedMs += 250) {
    if ((await agent.call('put_note', { note })).status === 200) return
    await sleep(250)
  }
  assert.fail('the gateway does not recover')
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

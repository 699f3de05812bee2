import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Agent } from '../agent.ts'
import { findContradictions, storiesAbout } from './oracle.ts'
import { setUpRig } from './rig.ts'

const preload = fileURLToPath(new URL('./hanging-disk.ts', import.meta.url))

/** The promise is two seconds; the rest is for a busy machine. */
const answerMsMax = 3_500

async function refusedInTime(agent: Agent, note: string): Promise<void> {
  const params = { name: 'put_note', arguments: { note } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: note, method: 'tools/call', params })
  const answer = await agent.post(body, { signal: AbortSignal.timeout(answerMsMax) })
  assert.equal(answer.status, 503, JSON.stringify(answer.message))
  assert.equal(answer.error?.data?.['fault'], 'ledger.unavailable')
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

async function passesAgain(agent: Agent, note: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 250) {
    if ((await agent.call('put_note', { note })).status === 200) return
    await sleep(250)
  }
  assert.fail('the gateway does not recover')
}

test('while the disk of SQLite hangs, calls are refused within two seconds and not sent, until it is back', async (t) => {
  const rig = await setUpRig(t)
  const hanging = join(rig.folder, 'hanging')
  t.after(() => rmSync(hanging, { force: true }))
  const gateway = rig.start(([node, ...args]) => [
    'env',
    `HANGING_DISK=${hanging}`,
    node!,
    '--import',
    preload,
    ...args,
  ])
  await gateway.ready
  const [agent] = rig.agents as [Agent]
  const underWay = agent.call('wait_note', { note: 'under way' })
  while (rig.outside.journal().length < 1) await sleep(5)
  setTimeout(() => rig.outside.release(), 1_000).unref()

  const answered = ['under way']
  const refused: string[] = []
  // Past two seconds calls are given up, past five also the question to the thread.
  for (const [round, forMs] of [2_500, 7_000].entries()) {
    assert.equal((await agent.call('put_note', { note: `before ${round}` })).status, 200)
    answered.push(`before ${round}`)
    writeFileSync(hanging, '')
    const stoppedAt = performance.now()
    const before = residentMegabytes(gateway.pid)
    for (let i = 0; performance.now() - stoppedAt < forMs; i++) {
      const notes = Array.from({ length: 40 }, (_, k) => `hanging ${round} ${i} ${k}`)
      await Promise.all(notes.map((note) => refusedInTime(agent, note)))
      refused.push(...notes)
    }
    const grown = residentMegabytes(gateway.pid) - before
    assert.ok(grown < 100, `refusing takes memory: ${grown} MB`)
    rmSync(hanging)
    // By itself: nobody restarts anything.
    await passesAgain(agent, `after ${round}`)
    answered.push(`after ${round}`)
  }
  assert.equal((await underWay).status, 200)
  const journal = rig.outside.journal()
  const arrived = new Set(journal.map(({ note }) => note))
  assert.deepEqual(
    refused.filter((note) => arrived.has(note)),
    [],
  )
  // What was left open is settled while it runs, not only by the next one.
  await sleep(10_000)
  await gateway.stop()
  const entries = await rig.ledger()
  assert.deepEqual(findContradictions({ journal, entries, answered, settled: true }), [])
  assert.equal(storiesAbout(entries, 'under way')[0]?.outcomes[0]?.status, 'success')
  t.diagnostic(`${answered.length} calls answered, ${refused.length} refused`)
})

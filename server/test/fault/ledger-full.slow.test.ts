import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Answer } from '../agent.ts'
import { findContradictions, storiesAbout } from './oracle.ts'
import { refusalMsMax, setUpRig } from './rig.ts'
import { canMount, openSmallDisk } from './small-disk.ts'
import { leftOut } from '../left-out.ts'
import { until } from '../patience.ts'

/** How long the client waits: two seconds of the gateway, and what a busy machine takes on the way there and back. */
const answerMsMax = 3_000

/** Makes a call and demands that it is answered in time, with a result or with the refusal of a ledger that cannot record. */
async function callInTime(agent: Agent, note: string): Promise<Answer> {
  const signal = AbortSignal.timeout(answerMsMax)
  const params = { name: 'put_note', arguments: { note } }
  const answer = await agent.post(JSON.stringify({ jsonrpc: '2.0', id: note, method: 'tools/call', params }), {
    signal,
  })
  if (answer.status !== 200) {
    assert.equal(answer.status, 503, JSON.stringify(answer.message))
    assert.equal(answer.error?.data?.['fault'], 'ledger.unavailable')
  }
  return answer
}

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

const skip = leftOut(canMount(), 'this system does not let us mount a small disk')

test(
  'when the disk is full, calls are refused within two seconds and not sent, until there is space',
  { skip },
  async (t) => {
    const rig = await setUpRig(t, { dataName: 'disk' })
    const content = join(rig.folder, 'data')
    const disk = await openSmallDisk(t, { folder: rig.dataDir, content, size: '32m' })
    const gateway = rig.start((command) => disk.enter(command))
    await gateway.ready
    const [agent] = rig.agents as [Agent]
    assert.equal((await callInTime(agent, 'before')).status, 200)

    // A call is under way when the disk fills: it is answered, and its outcome is owed.
    const underWay = agent.call('wait_note', { note: 'under way' })
    await until(() => rig.outside.journal().length === 2, 'the call is at the upstream')
    disk.fill()
    const passed: string[] = []
    const refused: string[] = []
    // What the database has reserved holds some entries more.
    for (let i = 0; refused.length < 200; i++) {
      assert.ok(i < 20_000, 'the disk is not full')
      const notes = Array.from({ length: 16 }, (_, k) => `full ${i} ${k}`)
      const answers = await Promise.all(notes.map((note) => callInTime(agent, note)))
      for (const [k, { status }] of answers.entries()) (status === 200 ? passed : refused).push(notes[k]!)
    }
    rig.outside.release()
    assert.equal((await underWay).status, 200)

    const before = residentMegabytes(gateway.pid)
    for (let i = 0; i < 150; i++) {
      await Promise.all(Array.from({ length: 16 }, (_, k) => callInTime(agent, `more ${i} ${k}`)))
    }
    const grown = residentMegabytes(gateway.pid) - before
    t.diagnostic(
      `${passed.length} calls passed before the disk was full; 2,400 refused ones took ${grown.toFixed(0)} MB`,
    )
    assert.ok(grown < 100, `refusing takes memory: ${grown} MB`)

    disk.free()
    // By itself: nobody restarts anything.
    assert.equal((await callInTime(agent, 'after')).status, 200)
    const journal = rig.outside.journal()
    const arrived = new Set(journal.map(({ note }) => note))
    assert.deepEqual(
      refused.filter((note) => arrived.has(note)),
      [],
    )
    await sleep(3_000)
    await gateway.stop()
    const itsOwnMs = rig.slowestRefusalMs()
    t.diagnostic(`the slowest refusal took the gateway ${itsOwnMs.toFixed(0)} ms`)
    assert.ok(itsOwnMs > 0 && itsOwnMs <= refusalMsMax, `refused after ${itsOwnMs} ms of the gateway`)
    disk.copyTo(content)
    const entries = await rig.ledger(content)
    const answered = ['before', 'under way', 'after', ...passed]
    assert.deepEqual(findContradictions({ journal, entries, answered, settled: true }), [])
    assert.equal(storiesAbout(entries, 'under way')[0]?.outcomes[0]?.status, 'success')
  },
)

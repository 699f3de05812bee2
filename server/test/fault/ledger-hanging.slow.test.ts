import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Agent } from '../agent.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { findContradictions, storiesAbout } from './oracle.ts'
import { refusalMsMax, setUpRig } from './rig.ts'
import { until } from '../patience.ts'

// PostgreSQL. What a disk that hangs does to SQLite is in disk-hanging.slow.test.ts.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

/** Stops the server and all its processes, and returns them: the server first, so that it makes no new ones. */
async function stopDatabase(databaseUrl: string): Promise<number[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const server = parentOf(String(rows[0]!.pid))
  await client.end()
  signalAll([server], 'SIGSTOP')
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === server)
  signalAll(children.map(Number), 'SIGSTOP')
  return [server, ...children.map(Number)]
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return 0
  }
}

function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      // It has ended since.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** How long the client waits: two seconds of the gateway, and what a busy machine takes on the way there and back. */
const answerMsMax = 3_000

async function refusedInTime(agent: Agent, note: string): Promise<string> {
  const params = { name: 'put_note', arguments: { note } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: note, method: 'tools/call', params })
  const answer = await agent.post(body, { signal: AbortSignal.timeout(answerMsMax) })
  assert.equal(answer.status, 503, JSON.stringify(answer.message))
  return String(answer.error?.data?.['fault'])
}

/** Calls without pause, so that the database stops in the midst of something. */
class Crowd {
  readonly answered: string[] = []
  readonly refused: string[] = []
  readonly #running: Promise<void>[]
  #leaving = false

  constructor(agent: Agent, name: string) {
    this.#running = Array.from({ length: 8 }, (_, i) => this.#call(agent, `${name} ${i}`))
  }

  async #call(agent: Agent, name: string): Promise<void> {
    for (let i = 0; !this.#leaving; i++) {
      const note = `${name} ${i}`
      const { status, message } = await agent.call('put_note', { note })
      if (status === 200) this.answered.push(note)
      else assert.equal(status, 503, JSON.stringify(message))
      if (status !== 200) this.refused.push(note)
    }
  }

  async leave(): Promise<void> {
    this.#leaving = true
    await Promise.all(this.#running)
  }
}

/** Stops the database in the midst of calls, for so long; demands that new calls are refused meanwhile. */
async function hang(of: { databaseUrl: string; agent: Agent; name: string; forMs: number }): Promise<Crowd> {
  const { databaseUrl, agent, name, forMs } = of
  const crowd = new Crowd(agent, name)
  await until(() => crowd.answered.length >= 40, 'the crowd got forty answers')
  await sleep(Math.random() * 20)
  const pids = await stopDatabase(databaseUrl)
  const stoppedAt = performance.now()
  const leaving = crowd.leave()
  try {
    for (let i = 0; performance.now() - stoppedAt < forMs; i++) {
      const notes = Array.from({ length: 8 }, (_, k) => `${name} hanging ${i} ${k}`)
      const faults = await Promise.all(notes.map((note) => refusedInTime(agent, note)))
      if (i === 0) assert.deepEqual([...new Set(faults)], ['ledger.unavailable'])
      assert.deepEqual(
        faults.filter((fault) => fault !== 'ledger.unavailable' && fault !== 'base.busy'),
        [],
      )
      crowd.refused.push(...notes)
      await sleep(100)
    }
  } finally {
    signalAll(pids, 'SIGCONT')
  }
  await leaving
  return crowd
}

async function passesAgain(agent: Agent, note: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 250) {
    if ((await agent.call('put_note', { note })).status === 200) return
    await sleep(250)
  }
  assert.fail('the gateway does not recover')
}

test('while the database hangs, calls are refused within two seconds and not sent, until it is back', async (t) => {
  const databaseUrl = await postgres.createDatabase()
  const rig = await setUpRig(t, { databaseUrl })
  const gateway = rig.start()
  await gateway.ready
  const [agent] = rig.agents as [Agent]
  const underWay = agent.call('wait_note', { note: 'under way' })
  await until(() => rig.outside.journal().length === 1, 'the call is at the upstream')
  setTimeout(() => rig.outside.release(), 1_000).unref()

  const answered = ['under way']
  const refused: string[] = []
  // Past two seconds calls are given up, past five also queries and the lease: whatever is in which state then.
  for (const [i, forMs] of [2_500, 7_000].entries()) {
    const crowd = await hang({ databaseUrl, agent, name: `crowd ${i}`, forMs })
    // By itself: nobody restarts anything.
    await passesAgain(agent, `after ${i}`)
    answered.push(`after ${i}`, ...crowd.answered)
    refused.push(...crowd.refused)
  }
  assert.equal((await underWay).status, 200)
  const arrived = new Set(rig.outside.journal().map(({ note }) => note))
  assert.deepEqual(
    refused.filter((note) => arrived.has(note)),
    [],
  )
  // What was left open is settled while it runs, not only by the next one.
  await sleep(10_000)
  const entries = await rig.ledger()
  assert.deepEqual(findContradictions({ journal: rig.outside.journal(), entries, answered, settled: true }), [])
  assert.equal(storiesAbout(entries, 'under way')[0]?.outcomes[0]?.status, 'success')
  t.diagnostic(`${answered.length} calls answered, ${refused.length} refused`)
  await gateway.stop()
  const itsOwnMs = rig.slowestRefusalMs()
  t.diagnostic(`the slowest refusal took the gateway ${itsOwnMs.toFixed(0)} ms`)
  assert.ok(itsOwnMs > 0 && itsOwnMs <= refusalMsMax, `refused after ${itsOwnMs} ms of the gateway`)
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyLedger } from '../../src/ledger/verify.ts'
import { linkOf, type Agent } from '../agent.ts'
import { openHouse, type House } from '../house.ts'
import { digestOfNote, findContradictions, type Story, storiesOf } from './oracle.ts'
import { type Rig, setUpRig } from './rig.ts'
import { until } from '../patience.ts'

// A crash point is one call that a kill -9 catches on its way. With 120 calls under way a kill makes about 120 of them,
// each where it happens to be; where that was is told by the ledger and the upstream's journal afterwards.

/** Where a call was when its gateway was killed. */
export const phases = ['before the intent', 'between intent and send', 'between send and outcome', 'after the outcome']
export type Phase = (typeof phases)[number]

/** What a run came to. */
export interface CrashReport {
  kills: number
  /** Calls under way when they were killed, by phase. */
  points: Map<Phase, number>
  /** Calls that the upstream saw. */
  arrived: number
  unknown: number
  /** Approvals that were spent. */
  spent: number
  /** The longest time between a gateway being ready and an outcome `unknown` that it gave. */
  recoveryMsMax: number
}

/** One life of a gateway. */
interface Life {
  startedAt: number
  readyAt: number
  endedAt: number
}

const callsPerPerson = 60
const wipesMax = 50
/** By then after a restart every intent has its outcome. */
const recoveryMs = 10_000
/** Access tokens live for five minutes. */
const renewMs = 120_000

/**
 * Kills a gateway under load again and again, until so many calls were caught, and holds ledger and journal against each
 * other.
 *
 * @param of `secondsMax`: no new round begins after that.
 * @throws {AssertionError} with every broken promise.
 */
export async function crash(
  t: TestContext,
  of: { databaseUrl?: string | undefined; points: number; secondsMax: number; patienceMs: number },
): Promise<CrashReport> {
  const run = await CrashRun.open(t, of.databaseUrl)
  const endsAt = performance.now() + of.secondsMax * 1_000
  while (run.caught < of.points && performance.now() < endsAt) await run.round()
  return run.judge(t, of.patienceMs)
}

class CrashRun {
  readonly #rig: Rig
  readonly #databaseUrl: string | undefined
  readonly #wipes: string[]
  readonly #answered = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #wiped: string[] = []
  /** The calls that were caught: their notes. */
  readonly #caught: string[] = []
  readonly #lives: Life[] = []
  #rounds = 0
  #renewedAt = performance.now()

  private constructor(rig: Rig, databaseUrl: string | undefined, wipes: string[]) {
    this.#rig = rig
    this.#databaseUrl = databaseUrl
    this.#wipes = wipes
  }

  static async open(t: TestContext, databaseUrl: string | undefined): Promise<CrashRun> {
    const wipes = Array.from({ length: wipesMax }, (_, round) => `wipe ${round}`)
    const prepare = (house: House, [agent]: Agent[]) => approve(house, agent!, wipes)
    const rig = await setUpRig(t, { people: 2, prepare, ...(databaseUrl && { databaseUrl }) })
    return new CrashRun(rig, databaseUrl, wipes)
  }

  get caught(): number {
    return this.#caught.length
  }

  /** One life of the gateway under load, and its end at a random moment. */
  async round(): Promise<void> {
    const round = this.#rounds++
    const startedAt = Date.now()
    const gateway = this.#rig.start()
    // Some die while they start, perhaps in the midst of recovering what the one before left behind.
    if (round % 8 === 7) {
      await sleep(200 + Math.random() * 800)
      return gateway.kill()
    }
    await gateway.ready
    const readyAt = Date.now()
    // Several replicas could be alive: only who is silent for seconds is taken for dead. Some lives are long enough for it.
    if (this.#databaseUrl !== undefined && round % 10 === 9) await sleep(recoveryMs + 500)
    await this.#renew()
    const pending = new Set<string>()
    const done = this.#answered.size + this.#refused.size
    const work = this.#rig.agents.flatMap((agent, who) =>
      Array.from({ length: callsPerPerson }, (_, i) => this.#callUntilGone(agent, `${round} ${who} ${i}`, pending)),
    )
    // Approved once, tried from two sides at once, and again after the crash.
    for (const note of this.#wipes.slice(Math.max(0, round - 1), round + 1))
      work.push(this.#wipe(note), this.#wipe(note))
    // By what was done, not by the clock: a slow machine is killed in the midst of work too.
    const enough = done + Math.floor(Math.random() * 300)
    await until(() => this.#answered.size + this.#refused.size >= enough, `${enough} calls were answered`)
    await sleep(Math.random() * 30)
    await gateway.kill()
    await Promise.all(work)
    this.#caught.push(...pending)
    this.#lives.push({ startedAt, readyAt, endedAt: Date.now() })
  }

  async #renew(): Promise<void> {
    if (performance.now() - this.#renewedAt < renewMs) return
    for (const agent of this.#rig.agents) assert.equal((await agent.refresh()).status, 200)
    this.#renewedAt = performance.now()
  }

  /** What is left in `pending` was not answered when the gateway was gone. */
  async #callUntilGone(agent: Agent, name: string, pending: Set<string>): Promise<void> {
    for (let i = 0; ; i++) {
      const note = `${name} ${i}`
      pending.add(note)
      const answer = await agent.call('put_note', { note }).catch(() => undefined)
      if (answer === undefined) return
      pending.delete(note)
      // A machine that cannot keep up refuses; what was refused must not have been sent.
      assert.ok(answer.status === 200 || answer.status === 503, JSON.stringify(answer.message))
      if (answer.status === 200) this.#answered.add(note)
      else this.#refused.add(note)
    }
  }

  async #wipe(note: string): Promise<void> {
    const answer = await this.#rig.agents[0]!.call('wipe_notes', { note }).catch(() => undefined)
    if (answer?.status === 200 && answer.result['isError'] !== true) this.#wiped.push(note)
  }

  /** Starts the gateway for the last time, and says what is true then. */
  async judge(t: TestContext, patienceMs: number): Promise<CrashReport> {
    const startedAt = Date.now()
    const gateway = this.#rig.start()
    await gateway.ready
    const readyAt = Date.now()
    if (this.#databaseUrl !== undefined) await this.#settled(readyAt + patienceMs)
    await gateway.stop()
    this.#lives.push({ startedAt, readyAt, endedAt: Date.now() })

    const entries = await this.#rig.ledger()
    const journal = this.#rig.outside.journal()
    const answered = [...this.#answered, ...this.#wiped]
    assert.deepEqual(findContradictions({ journal, entries, answered, settled: true }), [])
    assert.deepEqual(
      journal.filter(({ note }) => this.#refused.has(note)),
      [],
      'refused with 503, and sent',
    )
    const erased = journal.filter(({ tool }) => tool === 'wipe_notes').map(({ note }) => note)
    assert.deepEqual(erased, [...new Set(erased)], 'a destructive call happened twice')
    assert.deepEqual(this.#wiped, [...new Set(this.#wiped)], 'a destructive call was answered twice')
    const stories = storiesOf(entries)
    const unknown = stories.filter(({ outcomes }) => outcomes[0]?.status === 'unknown')
    const late = unknown.filter((story) => this.#isLate(story, patienceMs))
    const latest = Math.max(0, ...late.map((story) => this.#recoveryMs(story)))
    assert.equal(late.length, 0, `open for more than ${patienceMs} ms after a restart, the last for ${latest} ms`)
    await this.#verify(t)
    return {
      kills: this.#rounds,
      points: this.#byPhase(stories, new Set(journal.map(({ note }) => note))),
      arrived: journal.length,
      unknown: unknown.length,
      spent: erased.length,
      recoveryMsMax: Math.max(0, ...unknown.map((story) => this.#recoveryMs(story))),
    }
  }

  async #settled(until: number): Promise<void> {
    for (;;) {
      const open = storiesOf(await this.#rig.ledger()).filter(({ outcomes }) => outcomes.length === 0)
      if (open.length === 0) return
      assert.ok(Date.now() < until, `${open.length} intents without outcome`)
      await sleep(200)
    }
  }

  /** Whether a gateway lived long enough to give an outcome, and it came later. */
  #isLate({ intent, outcomes }: Story, patienceMs: number): boolean {
    const heirs = this.#lives.filter(({ startedAt }) => startedAt > intent.at)
    return heirs.some(({ readyAt, endedAt }) => {
      const until = readyAt + patienceMs
      return endedAt > until && outcomes[0]!.at > until
    })
  }

  #recoveryMs({ outcomes }: Story): number {
    const life = this.#lives.findLast(({ startedAt }) => startedAt <= outcomes[0]!.at)
    return life === undefined ? 0 : outcomes[0]!.at - life.readyAt
  }

  #byPhase(stories: Story[], arrived: ReadonlySet<string>): Map<Phase, number> {
    const known = new Map(stories.map((story) => [story.intent.argumentsDigest, story]))
    const points = new Map<Phase, number>(phases.map((phase) => [phase, 0]))
    for (const note of this.#caught) {
      const story = known.get(digestOfNote(note))
      const at = story === undefined ? 0 : story.outcomes[0]?.status === 'success' ? 3 : arrived.has(note) ? 2 : 1
      points.set(phases[at]!, points.get(phases[at]!)! + 1)
    }
    return points
  }

  /** The whole ledger verifies, people and rights of the house included. */
  async #verify(t: TestContext): Promise<void> {
    const house = await openHouse(t, {
      dataDir: this.#rig.dataDir,
      port: Number(new URL(this.#rig.origin).port),
      databaseUrl: this.#databaseUrl,
    })
    await house.rooms.ledger.exportTo(join(this.#rig.folder, 'export'))
    const found = await verifyLedger(join(this.#rig.folder, 'export'), { keys: [house.rooms.ledger.key] })
    assert.equal(found.problem, undefined)
    await house.close()
  }
}

/** Has destructive calls approved, one for each round. */
async function approve(house: House, agent: Agent, notes: string[]): Promise<void> {
  const bo = await house.person('bo', ['notes/wipe_notes:approve'])
  for (const note of notes) {
    const id = new URL(linkOf(await agent.call('wipe_notes', { note }))).pathname.split('/').at(-1)!
    await house.rooms.approvals.answer({ by: bo.principal.id, id, approve: true, reason: 'looked at it' })
  }
}

/** A report as one line. */
export function tell({ kills, points, arrived, unknown, spent, recoveryMsMax }: CrashReport): string {
  const sum = [...points.values()].reduce((all, one) => all + one, 0)
  const each = [...points].map(([phase, count]) => `${count} ${phase}`).join(', ')
  return `${sum} crash points by ${kills} kills (${each}); ${arrived} calls arrived, ${unknown} unknown, the last of them ${recoveryMsMax} ms after its gateway was ready; ${spent} approvals spent`
}

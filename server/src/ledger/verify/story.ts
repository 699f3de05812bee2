import { readEntry, type Entry, type EntryKind } from '../entry.ts'
import type { Problem, Remark } from './problem.ts'
import { Seen } from './seen.ts'

/** Clocks of replicas differ, and a group of entries is written a little after each was made. */
const backwardsMs = 60_000

/** Whether the entries make sense together: what no hash can say. */
export class Story {
  readonly counts: Record<EntryKind, number> = { intent: 0, outcome: 0, denial: 0, login: 0, change: 0 }
  firstAt: number | undefined
  lastAt: number | undefined
  readonly #calls = new Seen()
  readonly #approvals = new Seen()
  /** Intents without outcome so far. */
  readonly #open = new Map<string, number>()
  #backwards: { count: number; entry: number } | undefined

  /** Takes the next entry. @returns what is wrong with it. */
  next(bytes: Uint8Array, position: number): { entry: Entry; problem?: Problem } | { problem: Problem } {
    let entry: Entry
    try {
      entry = readEntry(bytes)
    } catch (error) {
      return {
        problem: {
          code: 'entry.malformed',
          message: `entry ${position} is ${(error as Error).message}`,
          entry: position,
        },
      }
    }
    this.counts[entry.kind]++
    this.#time(entry.at, position)
    const problem = this.#judge(entry, position)
    return problem === undefined ? { entry } : { entry, problem }
  }

  #judge(entry: Entry, position: number): Problem | undefined {
    if (entry.kind === 'outcome') {
      if (this.#open.get(entry.callId) !== entry.intent) {
        const message = `entry ${position} is the outcome of call ${entry.callId}, which has no intent at ${entry.intent} or has an outcome already`
        return { code: 'outcome.without_intent', message, entry: position }
      }
      this.#open.delete(entry.callId)
    }
    if (entry.kind === 'intent') {
      if (!this.#calls.add(entry.callId)) {
        return {
          code: 'call.duplicate',
          message: `entry ${position} begins call ${entry.callId} a second time`,
          entry: position,
        }
      }
      if (entry.approvalId !== undefined && !this.#approvals.add(entry.approvalId)) {
        const message = `entry ${position} spends approval ${entry.approvalId} a second time`
        return { code: 'approval.reused', message, entry: position }
      }
      this.#open.set(entry.callId, position)
    }
    return undefined
  }

  #time(at: number, position: number): void {
    this.firstAt ??= at
    if (this.lastAt !== undefined && at < this.lastAt - backwardsMs) {
      this.#backwards ??= { count: 0, entry: position }
      this.#backwards.count++
    }
    this.lastAt = Math.max(this.lastAt ?? at, at)
  }

  remarks(): Remark[] {
    const remarks: Remark[] = []
    if (this.#backwards !== undefined) {
      const { count, entry } = this.#backwards
      const message = `${count} entries are dated more than ${backwardsMs / 1_000} s before an earlier one, the first at ${entry}`
      remarks.push({ code: 'time.backwards', message, entry })
    }
    const [first] = this.#open.values()
    if (first !== undefined) {
      const message = `${this.#open.size} calls have no outcome yet, the first at ${first}`
      remarks.push({ code: 'calls.open', message, entry: first })
    }
    return remarks
  }
}

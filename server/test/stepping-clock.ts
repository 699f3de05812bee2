import { type AlarmClock, systemClock } from '../src/base/clock.ts'

/** A clock that runs with the machine's, can be set forward, and can stand still. */
export class SteppingClock implements AlarmClock {
  #aheadMs = 0
  #turnedMs = 0
  #stoppedAt: number | undefined
  readonly #alarms = new Set<{ at: number; work: () => void; callOff: () => void }>()

  /** By how much it was set forward: what has passed here and nowhere else. */
  get passedMs(): number {
    return this.#aheadMs
  }

  now(): number {
    return systemClock.now() + this.#aheadMs + this.#turnedMs
  }

  monotonic(): number {
    return (this.#stoppedAt ?? systemClock.monotonic()) + this.#aheadMs
  }

  alarm(afterMs: number, work: () => void): () => void {
    const at = this.monotonic() + afterMs
    const alarm = { at, work, callOff: systemClock.alarm(afterMs, () => this.#ring()) }
    this.#alarms.add(alarm)
    return () => {
      alarm.callOff()
      this.#alarms.delete(alarm)
    }
  }

  /** Lets time pass: both hands move. */
  pass(milliseconds: number): void {
    this.#aheadMs += milliseconds
    this.#ring()
  }

  /** Sets the hand of the wall clock alone, forward or back: no time has passed. */
  turn(milliseconds: number): void {
    this.#turnedMs += milliseconds
  }

  /** Lets the monotonic hand stand still from now on: it moves only by `pass`. */
  stop(): void {
    this.#stoppedAt = systemClock.monotonic()
  }

  #ring(): void {
    for (const alarm of this.#alarms) {
      if (alarm.at > this.monotonic()) continue
      alarm.callOff()
      this.#alarms.delete(alarm)
      alarm.work()
    }
  }
}

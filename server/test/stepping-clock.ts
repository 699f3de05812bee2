import type { Clock } from '../src/base/clock.ts'

/** A clock that runs with the machine's and can be set forward. */
export class SteppingClock implements Clock {
  #aheadMs = 0

  now(): number {
    return Date.now() + this.#aheadMs
  }

  monotonic(): number {
    return performance.now() + this.#aheadMs
  }

  pass(milliseconds: number): void {
    this.#aheadMs += milliseconds
  }
}

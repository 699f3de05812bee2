/** Time as the rooms see it: the wall clock for records, the monotonic one for leases and waits. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump. Never compare it with `monotonic()`. */
  now(): number
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number
}

/** A clock that can also call. */
export interface AlarmClock extends Clock {
  /**
   * Runs `work` once, when the monotonic hand has moved by `afterMs`; it keeps no process alive.
   *
   * @returns the way to call it off.
   */
  alarm(afterMs: number, work: () => void): () => void
}

/** By how many seconds the clock of this machine is ahead of another: for libraries that can read none but the machine's. */
export function machineAheadSeconds(clock: Pick<Clock, 'now'>): number {
  return Math.round((systemClock.now() - clock.now()) / 1_000)
}

/** The clock of this machine: the only place that reads it. */
export const systemClock: AlarmClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  alarm(afterMs, work) {
    const timer = setTimeout(work, afterMs).unref()
    return () => clearTimeout(timer)
  },
}

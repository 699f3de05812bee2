/** Time as the rooms see it: the wall clock for records, the monotonic one for leases and waits. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump. Never compare it with `monotonic()`. */
  now(): number
  /** Milliseconds since an arbitrary start. Never goes back. */
  monotonic(): number
}

/** The clock of this machine: the only place that reads it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** What the load generator is to do. */
export interface Load {
  url: string
  /** Headers of the clients; they take turns with these sets. */
  headers: Record<string, string>[]
  /** The body; `"$n"` becomes another number in each message. ASCII only. */
  message: string
  clients: number
  milliseconds: number
}

/** What came of it. */
export interface Loaded {
  calls: number
  /** Answers that were no result. */
  failures: number
  seconds: number
  /** Milliseconds, one for each call. */
  latencies: number[]
}

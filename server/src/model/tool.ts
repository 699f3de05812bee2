import type { Effect, Trait } from './effect.ts'

/** Where a tool stands between what was accepted and what is live. */
export type Pin =
  /** The live definition is the accepted one. */
  | 'pinned'
  /** Never accepted: withheld. */
  | 'new'
  /** Accepted once, but the live definition differs: withheld. */
  | 'drifted'
  /** Accepted once, no longer offered. */
  | 'gone'
  /** Withdrawn by an administrator: withheld until pinned anew. */
  | 'withdrawn'

/** A tool of an upstream as the inventory knows it. */
export interface Tool {
  upstream: string
  name: string
  pin: Pin
  /** Digest of the accepted definition; absent when it was never accepted. */
  digest: string | undefined
  /** Digest of what the upstream offers now; absent when it does not offer it. */
  liveDigest: string | undefined
  effect: Effect
  traits: Trait[]
  /** Why it was classified so. */
  because: string[]
  /** The principal who set the effect by hand; absent while the classifier's word stands. */
  effectSetBy: string | undefined
  effectReason: string | undefined
  /** The tool's own owner, else the upstream's. */
  ownerId: string | undefined
  /** Arguments whose values may hold `/`, `..` and the like. */
  allowedArguments: string[]
}

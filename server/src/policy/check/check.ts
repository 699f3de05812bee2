import type { DenialReason, Finding } from '../decision.ts'
import type { Facts } from '../facts.ts'

/** A question to the facts. It answers without waiting; when it throws, the call is denied. */
export interface Check<R extends DenialReason = DenialReason> {
  readonly name: string
  /** The reasons that it may find, in its order. */
  readonly reasons: readonly R[]
  find(facts: Facts): Finding<R> | undefined
}

import type { Approval } from '../model/rights.ts'

/** How long a request waits for an answer. Longer than a coffee, shorter than what an approver remembers of the request. */
export const pendingForMs = 15 * 60_000

/** How long an approved call may wait to be made: the client is told to retry at once. */
export const approvedForMs = 10 * 60_000

/** How long a denial stands against the same bytes, so that an agent that repeats itself does not ask again. */
export const deniedForMs = 15 * 60_000

/** How many requests of one principal may be pending at once: approvers who see more read none of them. */
export const pendingMax = 20

/** How many requests one principal may make in `requestsWindowMs`. */
export const requestsMax = 60

/** The time in which requests are counted. */
export const requestsWindowMs = 60 * 60_000

/**
 * The approval as it stands at an instant: one that waited too long, for its answer or for its use, is expired, whether or
 * not anybody has written so. Expiry needs no clockwork: what is past its end can be neither answered nor spent.
 *
 * A denial keeps its state; at its end it merely no longer stands against a new request.
 *
 * @param now Epoch milliseconds.
 */
export function approvalAt(approval: Approval, now: number): Approval {
  const waits = approval.state === 'pending' || approval.state === 'approved'
  return waits && !(now < approval.expiresAt) ? { ...approval, state: 'expired' } : approval
}

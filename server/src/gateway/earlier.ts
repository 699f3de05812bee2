import type { Approvals } from '../approval/approvals.ts'
import { type Fate, fateOf, findCall } from '../ledger/call.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Call, Judged } from './call-state.ts'

/** The last call that was approved and made with exactly these arguments, for the same principal. */
export interface Earlier {
  callId: string
  fate: Fate
  /** The page that says what became of it, to who made it. */
  url: string
}

/** The page of a call: what is known of it. Not pre-authenticated. */
export function urlOfCall({ origin }: { origin: string }, callId: string): string {
  return `${origin}/calls/${callId}`
}

/**
 * Finds out whether a call that is held was made before: a client that lost the answer makes the same call again under a
 * new JSON-RPC id, and must read what became of the first before anybody approves a second.
 *
 * @see spec/approval.md, "At most once"
 */
export async function findEarlier(
  rooms: { approvals: Approvals; ledger: Ledger; origin: string },
  call: Call,
  { tool, args }: Judged,
): Promise<Earlier | undefined> {
  const { name, upstream } = tool.tool
  const { principalId } = call.caller
  const used = await rooms.approvals.findLastUse({ principalId, upstream, tool: name, argumentsDigest: args.digest })
  if (used?.callId === undefined) return undefined
  const recorded = await findCall(rooms.ledger, used.callId)
  return recorded && { callId: used.callId, fate: fateOf(recorded), url: urlOfCall(rooms, used.callId) }
}

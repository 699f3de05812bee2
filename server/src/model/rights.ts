import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import type { ArgumentLimits } from './limits.ts'
import type { Login, LoginDemand } from './login.ts'

/** What an entitlement lets a principal do: `use` a tool, `approve` calls of it, or `administer` the gateway. */
export const rights = ['use', 'approve', 'administer'] as const
/** One of `rights`. */
export type Right = (typeof rights)[number]

/** A right that an administrator gave a principal. `administer` has `*` for upstream and tool. */
export interface Entitlement {
  id: string
  principalId: string
  right: Right
  upstream: string
  tool: string
  grantedBy: string | undefined
  reason: string
  createdAt: number
  endsAt: number | undefined
  revokedAt: number | undefined
  /** What it demands of the login behind a call; absent: nothing. */
  login?: LoginDemand | undefined
  /** The group that was given it, where the principal holds it as a member. */
  through?: string | undefined
}

/** How the reason begins of a grant that the identity provider of its principal has ended, by an event or a logout. */
export const endedByProvider = 'ended by the identity provider'

/**
 * A right that a client has in the name of a principal: exactly these tools, by these definitions, of one upstream. The
 * principal gave it on the consent page, the company's identity provider vouched for it, or an administrator gave it to a
 * machine.
 */
export interface Grant {
  id: string
  principalId: string
  clientId: string
  upstream: string
  createdAt: number
  endsAt: number
  revokedAt: number | undefined
  revokedBecause: string | undefined
  /** The identity provider that vouched for it (ID-JAG); absent when the principal gave it on the consent page. */
  issuer?: string | undefined
  /**
   * Digest of what the client said of itself when this was given: its redirect addresses and keys. Absent where the client
   * cannot change it.
   */
  clientDigest?: string | undefined
  /** The OAuth scopes that it is told as; absent: the one that says nothing of tools. */
  scope?: string | undefined
  /** What its client was told of it at first, where it is told more since something was added. */
  told?: string | undefined
  /** How and when the principal last proved to be himself for it; absent where that is not known. */
  login?: Login | undefined
  /** Tool name → digest of the definition that the person saw. */
  tools: ReadonlyMap<string, string>
  /** Tool name → what bounds its arguments: of the tools that were asked for so, though nothing bound them. */
  limits?: ReadonlyMap<string, ArgumentLimits> | undefined
}

/**
 * Where a client stands: it may be used; an administrator has not admitted it yet; he said no, and may think again; it was
 * revoked for good.
 */
export const clientStates = ['active', 'waiting', 'refused', 'revoked'] as const
/** One of `clientStates`. */
export type ClientState = (typeof clientStates)[number]

/** The agent's software, which holds grants. It is admitted when somebody owns it. */
export interface Client {
  id: string
  source: 'metadata-document' | 'registration' | 'configuration'
  name: string
  metadata: Record<string, unknown>
  state: ClientState
  /** Who answers for it, from when an administrator admitted it. */
  ownerId: string | undefined
  /** Who asked an administrator to admit it. */
  askedBy: string | undefined
  createdAt: number
  firstUsedAt: number | undefined
  usedAt: number | undefined
}

/** Where an approval stands; only `pending` and `approved` can change. */
export const approvalStates = ['pending', 'approved', 'denied', 'spent', 'expired', 'cancelled'] as const
/** One of `approvalStates`. */
export type ApprovalState = (typeof approvalStates)[number]

/** A right for one call: these exact bytes, once. */
export interface Approval {
  id: string
  principalId: string
  clientId: string
  grantId: string
  upstream: string
  tool: string
  toolDigest: string
  argumentsDigest: string
  state: ApprovalState
  requestedAt: number
  expiresAt: number
  answeredBy: string | undefined
  answeredAt: number | undefined
  reason: string | undefined
  spentAt: number | undefined
  /** The call that used it. */
  callId: string | undefined
  /** Who acts for the principal, as the ledger names him; absent where nobody does. */
  actor?: string | undefined
}

const reasonText = z.string().trim().min(3).max(500)

/**
 * Reads the reason that a person gives for a step with consequences.
 *
 * @returns the text without white space around it, 3 to 500 characters.
 * @throws {Fault} `model.invalid`
 */
export function readReason(text: unknown): string {
  const read = reasonText.safeParse(text)
  if (!read.success) throw new Fault('model.invalid', 'say why, in 3 to 500 characters')
  return read.data
}

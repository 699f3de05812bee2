import type { ArgumentLimits } from '../model/limits.ts'
import type { Principal } from '../model/principal.ts'
import type { Approval, Client, Entitlement, Grant } from '../model/rights.ts'
import type { Tool } from '../model/tool.ts'
import type { Upstream } from '../model/upstream.ts'

/**
 * Everything that a decision may look at, gathered at one revision.
 *
 * Whole nouns of the model fit where parts of them are asked for. What is not there is `undefined` and denies. The
 * checks compare every id themselves: a fact of another principal, client, upstream, tool or call counts as none.
 *
 * @see https://openid.net/specs/authorization-api-1_0.html subject, action, resource and context
 */
export interface Facts {
  /** Epoch milliseconds of the decision. */
  now: number
  /** Number of the policy state that all the other facts were read at. */
  revision: number
  principal: Pick<Principal, 'id' | 'state'> | undefined
  client: Pick<Client, 'id' | 'state'> | undefined
  upstream: Pick<Upstream, 'name' | 'state' | 'ceiling' | 'proof'> | undefined
  /** Whether the caller's token is bound to a key, which it proved with this request to hold. */
  proven: boolean
  /** Whether the caller's token reaches the tool: false where it was issued narrower than the grant, and without this tool. */
  reached: boolean
  tool: Pick<Tool, 'upstream' | 'name' | 'pin' | 'digest' | 'effect'> | undefined
  /** The principal's entitlement to use this tool, if any. */
  entitlement:
    | Pick<Entitlement, 'id' | 'principalId' | 'right' | 'upstream' | 'tool' | 'endsAt' | 'revokedAt' | 'login'>
    | undefined
  grant:
    | (Pick<Grant, 'id' | 'principalId' | 'clientId' | 'upstream' | 'endsAt' | 'revokedAt' | 'login'> & {
        /** Digest of the definition that was chosen on the consent page; absent when the tool was not chosen. */
        toolDigest: string | undefined
        /** What bounds the arguments of the tool; absent where nothing does. */
        limits?: ArgumentLimits | undefined
      })
    | undefined
  /** Absent when only the list is asked for: then an approval that would be needed is no reason to hide the tool. */
  call:
    | {
        argumentsDigest: string
        /** Who acts for the principal; absent where nobody does. */
        actor?: string | undefined
        /** What would be sent: looked at only where something bounds it. */
        arguments?: Readonly<Record<string, unknown>> | undefined
        /** When it was made, if that is past: a login does not grow too old for what is under way. */
        at?: number | undefined
      }
    | undefined
  /** The newest approval of this grant for this tool and these argument bytes, if any. */
  approval: ApprovalFact | undefined
}

/** An approval as a decision sees it. */
export type ApprovalFact = Pick<
  Approval,
  | 'id'
  | 'state'
  | 'expiresAt'
  | 'principalId'
  | 'clientId'
  | 'grantId'
  | 'upstream'
  | 'tool'
  | 'toolDigest'
  | 'argumentsDigest'
  | 'answeredBy'
  | 'actor'
> & {
  /** Whether who answered may still approve calls of this tool, asked when the facts were gathered. */
  approverMay: boolean
}

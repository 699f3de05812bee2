import type { Effect } from '../model/effect.ts'
import type { ApprovalState } from '../model/rights.ts'
import type { Pin } from '../model/tool.ts'
import type { UpstreamState } from '../model/upstream.ts'

/**
 * Everything that a decision may look at, gathered at one revision. `call` is absent when only the list is asked for:
 * then an approval that would be needed is no reason to hide the tool.
 */
export interface Facts {
  now: number
  revision: number
  principal: { id: string; state: 'active' | 'disabled' } | undefined
  client: { id: string; state: 'active' | 'revoked' } | undefined
  upstream: { name: string; state: UpstreamState; ceiling: Effect } | undefined
  tool: { name: string; pin: Pin; digest: string | undefined; effect: Effect } | undefined
  /** The entitlement to use this tool, if there is one that is neither revoked nor past its end at `now`. */
  entitlement: { id: string; endsAt: number | undefined } | undefined
  grant:
    | {
        id: string
        endsAt: number
        revokedAt: number | undefined
        upstream: string
        principalId: string
        clientId: string
        /** Digest of the definition that was chosen on the consent page; absent when the tool was not chosen. */
        toolDigest: string | undefined
      }
    | undefined
  call: { argumentsDigest: string } | undefined
  /** The newest approval of this grant for this tool and these argument bytes, if any. */
  approval:
    | {
        id: string
        state: ApprovalState
        expiresAt: number
        principalId: string
        clientId: string
        grantId: string
        upstream: string
        tool: string
        toolDigest: string
        argumentsDigest: string
        answeredBy: string | undefined
      }
    | undefined
}

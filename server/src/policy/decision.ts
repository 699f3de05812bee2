/** Why a call is denied: a closed set, in the order in which the checks are asked. */
export const denialReasons = [
  'principal.unknown',
  'principal.disabled',
  'client.unknown',
  'client.revoked',
  'grant.unknown',
  'grant.revoked',
  'grant.ended',
  'grant.other_upstream',
  'upstream.unknown',
  'upstream.not_approved',
  'tool.unknown',
  'tool.withheld',
  'tool.drifted',
  'tool.gone',
  'tool.above_ceiling',
  'entitlement.missing',
  'grant.tool_not_chosen',
  'grant.definition_changed',
  'approval.required',
  'approval.pending',
  'approval.denied',
  'check.failed',
] as const
export type DenialReason = (typeof denialReasons)[number]

/** What one check found: `undefined` from a check means that it has nothing against the call. */
export interface Finding {
  reason: DenialReason
  /** A sentence for the caller: lower case, no full stop, nothing that tells whether hidden things exist. */
  message: string
  /** Whether an approval could change the answer (AuthZEN ARAP). */
  requestable: boolean
}

/** A duty of the gateway on an allow. */
export type Obligation = { kind: 'redact-result' } | { kind: 'limit-result'; bytesMax: number }

/**
 * The answer, with its ground.
 *
 * @see https://openid.net/specs/authorization-api-1_0.html the words of AuthZEN
 */
export type Decision =
  | {
      allow: true
      revision: number
      /** What carried it: entitlement, grant and, where one was needed, approval. */
      entitlementId: string
      grantId: string
      approvalId: string | undefined
      obligations: Obligation[]
    }
  | { allow: false; revision: number; reason: DenialReason; message: string; requestable: boolean; approvalId: string | undefined }

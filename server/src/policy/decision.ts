/** Denials of the caller itself: only a new login can help. */
export const standingReasons = [
  'principal.unknown',
  'principal.disabled',
  'principal.must_sign_in',
  'client.unknown',
  'client.revoked',
  'client.not_admitted',
  'grant.unknown',
  'grant.revoked',
  'grant.ended',
  'grant.other_upstream',
] as const

/** Why a call is denied: a closed set, in the order in which the checks are asked. */
export const denialReasons = [
  ...standingReasons,
  'upstream.unknown',
  'upstream.not_approved',
  'upstream.wants_proof',
  'tool.unknown',
  'tool.withheld',
  'tool.drifted',
  'tool.gone',
  'tool.above_ceiling',
  'entitlement.missing',
  'grant.tool_not_chosen',
  'grant.definition_changed',
  'token.tool_beyond',
  'grant.argument_beyond',
  'login.too_weak',
  'login.too_old',
  'approval.required',
  'approval.pending',
  'approval.denied',
  'check.failed',
] as const

/** One of the reasons above. */
export type DenialReason = (typeof denialReasons)[number]

/** What one check found: `undefined` from a check means that it has nothing against the call. */
export interface Finding<R extends DenialReason = DenialReason> {
  reason: R
  /** A sentence for the caller: lower case, no full stop. */
  message: string
  /** Whether an approval could change the answer (AuthZEN ARAP). */
  requestable: boolean
  /** The approval that stands in the way: the one that is pending, or was denied. */
  approvalId?: string
  /** For the log only: what a check threw. */
  detail?: string
}

/** A duty of the gateway on an allow. */
export type Obligation = { kind: 'redact-result' } | { kind: 'limit-result'; bytesMax: number }

/** The answer yes, with all that carried it. It covers one call, or one line of a list, and nothing else. */
export interface Allow {
  allow: true
  revision: number
  entitlementId: string
  grantId: string
  /** The approval to spend with the intent; absent where none was needed. */
  approvalId: string | undefined
  /** The arguments that may be sent; absent when only the list was asked for: such an allow carries no call. */
  argumentsDigest: string | undefined
  obligations: readonly Obligation[]
}

/** The answer no, with its ground. A denial stays a denial, requestable or not. */
export interface Deny {
  allow: false
  revision: number
  /** The first finding, in the order of the checks. For the ledger and, unless `hidden`, for the caller. */
  reason: DenialReason
  /** For the caller. Where `hidden`, it is the same sentence whether the tool exists or not. */
  message: string
  /** Whether an approval alone would change the answer. */
  requestable: boolean
  /** Whether the caller must not learn if the tool exists: a door tells such a caller `tool.unknown`. */
  hidden: boolean
  /** The approval that is pending or was denied for this very call. */
  approvalId: string | undefined
  /** All that the checks found, in their order; never empty. For diagnostics, not for the caller. */
  findings: readonly Finding[]
}

/**
 * The answer, with its ground.
 *
 * @see https://openid.net/specs/authorization-api-1_0.html the words of AuthZEN
 */
export type Decision = Allow | Deny

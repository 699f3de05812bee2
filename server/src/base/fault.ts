/**
 * The closed set of fault codes, `<room>.<condition>`, each with the HTTP status that it becomes at a door.
 * Every code has a page `docs/faults/<code>.md`.
 */
export const faultStatus = {
  'approval.already_answered': 409,
  'approval.digest_mismatch': 409,
  'approval.not_found': 404,
  'approval.own_request': 403,
  'approval.spent': 409,
  'approval.too_large': 413,
  'approval.too_many': 429,
  'base.address_refused': 502,
  'base.bad_json': 400,
  'base.bad_request': 400,
  'base.busy': 503,
  'base.cannot_listen': 500,
  'base.host_refused': 403,
  'base.internal': 500,
  'base.not_found': 404,
  'base.other_name': 421,
  'base.timed_out': 504,
  'base.too_large': 413,
  'base.unreachable': 502,
  'config.invalid': 500,
  'control.bad_input': 400,
  'control.not_allowed': 403,
  'control.not_found': 404,
  'control.signed_out': 401,
  'gateway.argument_refused': 400,
  'gateway.bad_envelope': 400,
  'gateway.bad_params': 400,
  'gateway.cancelled': 499,
  'gateway.capability_missing': 400,
  'gateway.connection_failed': 502,
  'gateway.connection_unknown': 404,
  'gateway.denied': 403,
  'gateway.document_unusable': 400,
  'gateway.foreign_origin': 403,
  'gateway.grant_ended': 401,
  'gateway.exchange_failed': 502,
  'gateway.header_mismatch': 400,
  'gateway.input_refused': 502,
  'gateway.item_unknown': 404,
  'gateway.launch_unknown': 500,
  'gateway.login_needed': 401,
  'gateway.method_not_allowed': 405,
  'gateway.method_unknown': 404,
  'gateway.not_connected': 403,
  'gateway.session_unknown': 404,
  'gateway.state_refused': 400,
  'gateway.state_used': 409,
  'gateway.task_unknown': 404,
  'gateway.too_many_streams': 429,
  'gateway.unknown_address': 404,
  'gateway.unsupported_version': 400,
  'gateway.upstream_bad_reply': 502,
  'gateway.upstream_busy': 503,
  'gateway.upstream_error': 502,
  'gateway.upstream_failed': 502,
  'gateway.upstream_lost': 502,
  'gateway.upstream_refused': 502,
  'gateway.upstream_unreachable': 502,
  'gateway.withdrawn': 403,
  'identity.bridge_refused': 400,
  'identity.disabled': 403,
  'identity.form_refused': 403,
  'identity.input_invalid': 400,
  'identity.last_administrator': 409,
  'identity.link_invalid': 404,
  'identity.login_needed': 403,
  'identity.login_refused': 403,
  'identity.login_taken': 409,
  'identity.logout_refused': 400,
  'identity.must_sign_in_anew': 403,
  'identity.machine_refused': 409,
  'identity.not_allowed': 403,
  'identity.not_fresh': 403,
  'identity.not_found': 404,
  'identity.passkey_refused': 401,
  'identity.password_refused': 400,
  'identity.provider_failed': 502,
  'identity.provisioned': 409,
  'identity.scim_key_invalid': 401,
  'identity.scim_refused': 400,
  'identity.sign_in_failed': 401,
  'identity.too_many': 429,
  'inventory.bad_argument': 400,
  'inventory.bad_definition': 502,
  'inventory.bad_end': 400,
  'inventory.bad_step': 409,
  'inventory.last_administrator': 409,
  'inventory.name_taken': 409,
  'inventory.names_alike': 409,
  'inventory.no_owner': 409,
  'inventory.nothing_to_do': 409,
  'inventory.own_proposal': 403,
  'inventory.tool_changed': 409,
  'inventory.unknown': 404,
  'ledger.folder_not_empty': 409,
  'ledger.invalid': 500,
  'ledger.unavailable': 503,
  'model.invalid': 400,
  'oauth.bad_step': 409,
  'oauth.client_invalid': 400,
  'oauth.client_unknown': 404,
  'oauth.consent_ended': 400,
  'oauth.document_unreachable': 502,
  'oauth.document_unusable': 400,
  'oauth.grant_unknown': 404,
  'oauth.machine_refused': 409,
  'oauth.proof_invalid': 401,
  'oauth.proof_missing': 401,
  'oauth.proof_nonce': 401,
  'oauth.request_refused': 400,
  'oauth.token_invalid': 401,
  'oauth.token_missing': 401,
  'oauth.too_many': 429,
  'store.locked': 500,
  'store.unavailable': 503,
  'vault.cannot_open': 500,
  'vault.connection_invalid': 400,
  'vault.key_invalid': 500,
  'vault.wrong_key': 500,
} as const satisfies Record<string, number>

/** A code of the closed set. */
export type FaultCode = keyof typeof faultStatus

/**
 * The one error of the house. It speaks with two voices: `message` for the caller (lower case, no full stop, no secrets,
 * nothing that tells an outsider whether something exists), `detail` for the log.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly detail: string | undefined
  readonly status: number
  /** Structured fields for the caller, where the wire has a place for them. */
  readonly data: Record<string, unknown> | undefined

  constructor(
    code: FaultCode,
    message: string,
    more: { detail?: string; status?: number; data?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.detail = more.detail
    this.status = more.status ?? faultStatus[code]
    this.data = more.data
  }
}

/**
 * The closed set of fault codes, `<room>.<condition>`, each with the HTTP status that it becomes at a door.
 * Every code has a page `docs/faults/<code>.md`.
 */
export const faultStatus = {
  'approval.not_found': 404,
  'base.address_refused': 502,
  'base.bad_json': 400,
  'base.bad_request': 400,
  'base.busy': 503,
  'base.too_large': 413,
  'config.invalid': 500,
  'ledger.invalid': 500,
  'ledger.unavailable': 503,
  'model.invalid': 400,
  'store.locked': 500,
  'store.unavailable': 503,
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

  constructor(code: FaultCode, message: string, more: { detail?: string; status?: number; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.detail = more.detail
    this.status = more.status ?? faultStatus[code]
  }
}

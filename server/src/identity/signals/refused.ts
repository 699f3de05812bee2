/**
 * Why an event token is not taken, in the words of the protocol.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8935#section-2.4
 */
export type SetError =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'
  | 'access_denied'

/** An event token is not taken. Both its voices may be told to the transmitter: neither says whether anybody exists. */
export class Refused extends Error {
  readonly code: SetError

  constructor(code: SetError, message: string) {
    super(message)
    this.code = code
  }
}

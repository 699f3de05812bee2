import { Fault } from '../../base/fault.ts'

/** @see https://www.rfc-editor.org/rfc/rfc7644#section-3.12 */
export type ScimType =
  | 'invalidFilter'
  | 'invalidPath'
  | 'invalidSyntax'
  | 'invalidValue'
  | 'mutability'
  | 'noTarget'
  | 'tooMany'
  | 'uniqueness'

/** A request that is not done, as the protocol tells it. */
export function refuse(scimType: ScimType, message: string): Fault {
  const status = scimType === 'uniqueness' ? 409 : 400
  return new Fault('identity.scim_refused', message, { status, data: { scimType } })
}

/** The same, where the protocol has no `scimType`. */
export function refuseBy(status: 403 | 404 | 405 | 409 | 412 | 413 | 415 | 501, message: string): Fault {
  return new Fault('identity.scim_refused', message, { status })
}

/** Always the same, whether there is none, or it is of another provider. */
export function notFound(): Fault {
  return refuseBy(404, 'there is no such resource of this provider')
}

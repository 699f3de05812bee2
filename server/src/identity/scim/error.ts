import { Fault } from '../../base/fault.ts'
import { Overtaken } from './parts.ts'
import { urns } from './schema.ts'

/** What anybody may see of what was thrown. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (error instanceof Overtaken)
    return new Fault('base.busy', 'cannot change this now: others change it at the same time', { cause: error })
  return new Fault('base.internal', 'something failed inside: the log says what', { cause: error })
}

/** A fault as the protocol tells it. @see https://www.rfc-editor.org/rfc/rfc7644#section-3.12 */
export function errorOf(fault: Fault): object {
  const { scimType } = { ...(fault.code === 'base.bad_json' && { scimType: 'invalidSyntax' }), ...fault.data }
  return {
    schemas: [urns.error],
    ...(typeof scimType === 'string' && { scimType }),
    detail: fault.message,
    status: String(fault.status),
  }
}

import { Refused } from './refused.ts'

/** Whom a subject identifier means, in the words of the identity provider: a person by his subject, or by a session. */
export type Meant = { subject: string } | { session: string }

const partsMax = 16

/**
 * Whom a subject means: somebody of the one issuer whose people the transmitter may speak about. Only issuer and subject
 * identify; an e-mail address, a telephone number or a name of a device never does.
 *
 * @param people That issuer.
 * @returns In the order in which they are to be tried; empty where it means nobody whom we could know.
 * @throws {Refused} `invalid_request` if it is no subject identifier.
 * @see https://www.rfc-editor.org/rfc/rfc9493
 * @see https://openid.net/specs/openid-sharedsignals-framework-1_0.html#name-complex-subject-members
 */
export function readSubject(value: unknown, people: string): Meant[] {
  const subject = objectOf(value)
  const format = formatOf(subject)
  if (format === 'aliases') {
    const { identifiers } = subject
    if (!Array.isArray(identifiers) || identifiers.length > partsMax)
      throw new Refused('invalid_request', 'the aliases of the subject are no list, or too many')
    return identifiers.flatMap((one) => readSimple(objectOf(one), people))
  }
  // Drafts of the framework knew the complex one by its members alone.
  if (format === 'complex' || (format === undefined && ('user' in subject || 'session' in subject))) {
    const user = subject['user'] === undefined ? [] : readSimple(objectOf(subject['user']), people)
    return user.length > 0 ? user : readSession(subject['session'])
  }
  if (format === undefined) throw new Refused('invalid_request', 'the subject does not say its format')
  return readSimple(subject, people)
}

function readSimple(subject: Record<string, unknown>, people: string): Meant[] {
  const format = formatOf(subject)
  if (format === 'iss_sub') {
    if (typeof subject['iss'] !== 'string' || !isName(subject['sub']))
      throw new Refused('invalid_request', 'the subject needs `iss` and `sub`')
    return subject['iss'] === people ? [{ subject: subject['sub'] }] : []
  }
  if (format === 'opaque') {
    if (!isName(subject['id'])) throw new Refused('invalid_request', 'the subject needs `id`')
    return [{ subject: subject['id'] }]
  }
  return []
}

function readSession(value: unknown): Meant[] {
  if (value === undefined) return []
  const session = objectOf(value)
  return formatOf(session) === 'opaque' && isName(session['id']) ? [{ session: session['id'] }] : []
}

// `subject_type` with a dash is how the drafts wrote it, and some transmitters still do.
function formatOf({ format, subject_type: type }: Record<string, unknown>): string | undefined {
  const said = format ?? type
  return typeof said === 'string' ? said.replaceAll('-', '_') : undefined
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value)
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Refused('invalid_request', 'the subject is no subject identifier')
}

import type { Person } from '../idp.ts'

const subjectCharactersMax = 255
const textCharactersMax = 100

/**
 * The person that a provider's claims describe. Only issuer and subject identify; the rest is for display, so that it is
 * shortened and never refused.
 *
 * @throws {TypeError} if the subject could not be told from another, or not be shown.
 */
export function personOf(issuer: string, subject: unknown, claims: Readonly<Record<string, unknown>>): Person {
  if (typeof subject !== 'string' || !/^[\x21-\x7e]+$/.test(subject) || subject.length > subjectCharactersMax) {
    throw new TypeError('the subject is not 1 to 255 visible ASCII characters')
  }
  const text = (name: string) => {
    const value = claims[name]
    if (typeof value !== 'string') return undefined
    const read = value.replaceAll(/\p{Cc}/gu, '').trim()
    return read.slice(0, textCharactersMax).toWellFormed() || undefined
  }
  const name = text('name') ?? text('preferred_username') ?? text('email') ?? subject
  return { issuer, subject, name, email: text('email') }
}

import { digestOf } from '../base/ids.ts'

/** Who asks: a principal, and what only their browser knows; a program has no browser. */
export interface Asker {
  principalId: string
  browser: string | undefined
}

/** A client that somebody registered at the authorization server beforehand. */
export interface GivenClient {
  id: string
  secret?: string | undefined
}

/** An authorization that waits for who began it. */
export interface WaitingConnection {
  upstream: string
  /** Whether it is for who began it alone; otherwise it is the organisation's. */
  own: boolean
  issuer: string
  /** Whom the upstream was connected to until now, where that is somebody else. */
  formerIssuer: string | undefined
  clientId: string
  /** What a client that somebody registers at that issuer must be registered with. */
  redirectUrl: string
  scope: string | undefined
}

/** What an authorization server sent an administrator back with. */
export interface Comeback {
  /** The end of the address that it came to. */
  mark: string
  state: string
  code?: string | undefined
  iss?: string | undefined
  error?: string | undefined
}

/**
 * What a change of a connection is about: of the organisation's, the upstream; of a person's, the upstream and the person,
 * so that nothing of anybody else is cut.
 */
export function aboutConnection(upstream: string, principalId: string | undefined): { kind: 'connection'; id: string } {
  return { kind: 'connection', id: principalId === undefined ? upstream : `${upstream}/${principalId}` }
}

/** 128 bits: nobody finds an issuer with the mark of another one. */
const markCharacters = 32

/** Where a browser comes back to from an authorization server; `mark` ends the address. */
export function comebackUrl(origin: string, mark: string): string {
  return `${origin}/connect/${mark}`
}

/**
 * Where a browser comes back to from the authorization server of this issuer, and from no other: a client there is
 * registered with this redirect address.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9700#section-4.4.2
 */
export function redirectUrlFor(origin: string, issuer: string): string {
  return comebackUrl(origin, digestOf(issuer).slice(0, markCharacters))
}

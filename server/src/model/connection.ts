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
  scope: string | undefined
}

/** What an authorization server sent an administrator back with. */
export interface Comeback {
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

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

/** An authorization that waits for the administrator. */
export interface WaitingConnection {
  upstream: string
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

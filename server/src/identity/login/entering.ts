import type { IncomingMessage } from 'node:http'
import type { Login } from '../../model/login.ts'
import type { Principal } from '../../model/principal.ts'
import type { Brought } from '../idp.ts'
import type { Begun } from './void.ts'

/** A browser that asks to be let in. */
export interface Visitor {
  req: IncomingMessage
  /** For the limits and the ledger. */
  address: string
}

/** Somebody who has proved who he is, and where he goes. */
export interface Entering {
  principal: Principal
  provider: string
  returnTo: string
  login: Login
  /** What the login brought, where it did. */
  brought?: Brought | undefined
  /** The session at the provider that it came out of. */
  session?: string | undefined
  /** What is withdrawn since keeps him out. Absent where it began at this moment. */
  begun?: Begun | undefined
}

/** Somebody was let in. */
export interface Entered {
  principal: Principal
  /** `Set-Cookie`. */
  cookie: string
  /** A path of ours. */
  returnTo: string
}

import type { Grant } from '../model/rights.ts'
import type { Act } from './actor.ts'

/** A request for a token by a way that has no consent page. */
export interface Asked {
  clientId: string
  /** Whether the client has proved who it is. */
  authenticated: boolean
  /** The parameters of the request that the grant type knows; each stands once. */
  params: Readonly<Record<string, string | undefined>>
  /** The key that it has proved to hold (RFC 9449), where a proof came. */
  key?: string | undefined
  /**
   * Refuses what comes without the proof that its resource or its client demands, and spends the proof where one came. Done
   * before a token is issued; by the grant type only where that spends what was presented, before it does, so that neither
   * a lacking proof nor one of before costs anybody his assertion.
   */
  prove(resource: string): Promise<void>
}

/** What a token is issued for. */
export interface Given {
  /** What it is issued under; its end is the latest end of the token. */
  grant: Grant
  resource: string
  /** The scopes that the token is bound to, where it is to reach less than the grant holds. */
  bound?: string | undefined
  /** Who acts for the principal, where it is somebody else. */
  act?: Act | undefined
  /** When that on which it stands ends, in epoch milliseconds: the token does not outlive it. */
  endsAt?: number
}

/** What a token says beside its grant, by the request that it is issued for. */
export type Terms = WeakMap<object, Pick<Given, 'act' | 'bound'>>

/**
 * A way to a token without a consent page: no refresh token is ever issued by it.
 *
 * `take` throws `NotTaken`, whose message is for the log: the client learns only that it failed. Beside its own parameters it
 * gets `scope`, and what it gives holds nothing that was not asked for by it.
 */
export interface GrantType {
  /** `grant_type` on the wire. */
  name: string
  params: readonly string[]
  take(asked: Asked): Promise<Given>
  /** What the answer says beside the token. */
  answer?: Readonly<Record<string, string>>
}

/** Why nothing was issued. That the scope asked for reaches nothing is told; every other reason is for the log alone. */
export class NotTaken extends Error {
  readonly code: 'invalid_grant' | 'invalid_scope'

  constructor(message: string, code: NotTaken['code'] = 'invalid_grant') {
    super(message)
    this.code = code
  }
}

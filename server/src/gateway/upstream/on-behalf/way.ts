import type { OnBehalf } from '../../../base/config.ts'
import type { Clock } from '../../../base/clock.ts'
import type { AskedToken, ExchangedToken } from '../../../identity/idp.ts'
import type { Principal } from '../../../model/principal.ts'
import type { Act } from '../../../oauth/actor.ts'
import type { Assertions } from '../../../oauth/assertions.ts'

/** A way of coming by a token in the name of a person: one file, one line in `ways.ts`, and the tests that it passes. */
export interface Way {
  /**
   * Asks for a token for this person and this client.
   *
   * @throws whatever went wrong; nothing was sent to the upstream.
   */
  obtain(of: Acting): Promise<ExchangedToken>
}

/** In whose name, by which client, and who acts by that. */
export interface Acting {
  principal: Principal
  clientId: string
  act: Act | undefined
}

/** What a way stands on. */
export interface WayParts {
  origin: string
  clock: Clock
  assertions: Assertions
  /** The guarded way out of this upstream. */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>
  exchangeLogin(principalId: string, provider: string, asked: AskedToken): Promise<ExchangedToken>
  /** The issuer of a provider that people sign in through. */
  issuerOf(provider: string): string | undefined
}

export type Entry<Name extends OnBehalf['way']> = Extract<OnBehalf, { way: Name }>

import type { SaidGroups } from './idp/claims.ts'
import type { Login, LoginDemand } from '../model/login.ts'

/** Who an identity provider says that somebody is. Only issuer and subject identify; name and e-mail are for display. */
export interface Person {
  issuer: string
  subject: string
  name: string
  email: string | undefined
  /** The groups that he is in there, all of them; absent where the provider was not asked: then nothing follows. */
  groups?: readonly string[] | undefined
  /** How and when he proved who he is, as far as the provider says; absent where it says nothing of that. */
  login?: Login | undefined
  /** What the provider said, for who sets up the mapping of groups. */
  claims?: Readonly<Record<string, unknown>> | undefined
}

/** What came of a form: `person` is known whenever it is known whose name was given, `ok` only if he proved to be it. */
export type FormAnswer = { ok: true; person: Person } | { ok: false; person: Person | undefined }

/** A provider whose people type something into a form of ours. */
export interface FormIdp {
  readonly way: 'form'
  readonly id: string
  readonly name: string
  /** Judges what was typed in; takes as long for a name that does not exist as for one that does. */
  check(fields: { login: string; password: string }): Promise<FormAnswer>
}

/** What a login brought beside the person: good for tokens in the person's name, at the provider that gave it. */
export interface Brought {
  idToken: string
  /** Epoch milliseconds. */
  idTokenEndsAt: number
  refreshToken?: string | undefined
}

/** Somebody who has signed in at a provider. */
export interface Arrival extends Person {
  brought?: Brought | undefined
  /** The session there (`sid`), where the provider says it. */
  session?: string | undefined
}

/** What a provider is asked for in the name of a person who signed in there (RFC 8693). */
export interface AskedToken {
  type: 'access_token' | 'id-jag'
  audience?: string | undefined
  resource?: string | undefined
  scope?: string | undefined
}

/** What it gave. */
export interface ExchangedToken {
  token: string
  expiresInSeconds: number | undefined
}

/** A provider that the browser is sent to, and comes back from. */
export interface RedirectIdp {
  readonly way: 'redirect'
  readonly id: string
  readonly name: string
  /** Whether the sign-in page has no button for it. */
  readonly hidden?: boolean
  /**
   * Begins a login.
   *
   * @param attempt `state` is random and comes back with the browser; `callback` is our address that it comes back to;
   *   `demand` is what the login is wanted for: the provider is asked for it, and who uses the login judges it; `hint` is
   *   the e-mail address that was typed in.
   * @returns Where to send the browser, and what `complete` needs to know; that is kept sealed and never shown.
   */
  begin(attempt: {
    state: string
    callback: string
    demand?: LoginDemand | undefined
    hint?: string | undefined
  }): Promise<{ url: string; kept: Record<string, string> }>
  /**
   * Completes a login.
   *
   * @param answer `url` is the address that the browser came back to, `kept` what `begin` gave.
   * @throws {Fault} `identity.provider_failed` if the provider refuses, cannot be reached, or says what cannot be believed.
   */
  complete(answer: { url: URL; state: string; kept: Record<string, string> }): Promise<Arrival>
  /**
   * Gives a token in exchange for what a login brought; absent where the kind knows no such thing.
   *
   * @returns `refreshToken` where it gave another one with it.
   * @throws {Fault} `identity.login_needed` if it honours this no more; `identity.provider_failed` otherwise.
   */
  exchange?(
    subject: { type: 'id_token' | 'refresh_token'; token: string },
    asked: AskedToken,
  ): Promise<ExchangedToken & { refreshToken?: string | undefined }>
  /** The claim that says who somebody is. */
  readonly subjectClaim: 'sub' | 'oid'
  /**
   * The person whom claims of this provider describe.
   *
   * @throws {TypeError} if they do not say who it is: a login with them fails.
   */
  readPerson(claims: Readonly<Record<string, unknown>>): Person
  /** The groups that claims of this provider name; absent where it is not asked for groups. */
  readGroups?(claims: Readonly<Record<string, unknown>>): SaidGroups
}

/** A provider that tells us by a call of its own who signed in, before the browser comes back. */
export interface BridgeIdp extends RedirectIdp {
  /**
   * Reads what the provider's backend says.
   *
   * @returns `state`: of which login; `code`: what the browser must bring back; `kept`: what `complete` needs to know.
   * @throws {Fault} `identity.bridge_refused` if it does not prove who it is, or says what cannot be read.
   */
  vouch(authorization: string | undefined, body: unknown): { state: string; code: string; kept: Record<string, string> }
}

/** Whom a provider has logged out: a session there, or a person, or both. */
export interface LoggedOut {
  /** Of the token that says it: it counts once. */
  jti: string
  /** Afterwards the token is too old to be taken. */
  until: number
  subject: string | undefined
  session: string | undefined
}

/** A provider that tells us who has logged out there (back-channel logout). */
export interface LogoutIdp extends RedirectIdp {
  readonly issuer: string
  /** Whether that ends the grants of the person too. */
  readonly logoutEndsGrants: boolean
  /**
   * Verifies and reads a logout token.
   *
   * @throws {Fault} `identity.logout_refused`; `base.busy` if that cannot be said now.
   */
  readLogout(token: string): Promise<LoggedOut>
}

/** A kind of identity provider. */
export type Idp = FormIdp | RedirectIdp | BridgeIdp | LogoutIdp

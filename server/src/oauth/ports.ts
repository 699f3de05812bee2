import type { IncomingMessage } from 'node:http'
import type { Place } from '../inventory/bundle.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Change } from '../ledger/change.ts'
import type { Login } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import type { Entitlement } from '../model/rights.ts'
import type { Handle } from '../store/store.ts'
import type { TokenKeySet } from '../vault/keyring.ts'

/** What the ledger does for the authorization server: a change and its entry commit together or not at all. */
export interface Recorder {
  recordChange<T>(change: Change, work: (tx: Handle) => Promise<T>): Promise<T>
}

/** What the vault does for the authorization server: its keys, and the secrets of clients. */
export interface Secrets {
  seal(purpose: string, id: string, clear: string): string
  open(purpose: string, id: string, sealed: string): Uint8Array
  tokenKeys(): Promise<TokenKeySet>
  addTokenKey(
    tx: Handle,
    when: { retireOthersAt: number; unlessNewerThan?: number | undefined },
  ): Promise<string | undefined>
  cookieKeys(): Promise<string[]>
  nonceKey(): Promise<Uint8Array>
}

/** Who is signed in at a browser. `csrf` is the token that forms of this sign-in carry. */
export interface SignedIn {
  principal: Principal
  signInId: string
  csrf: string
  /** How and when it was proved who he is. */
  login: Login
}

/** What identity does for the authorization server. */
export interface People {
  whoIs(request: IncomingMessage): Promise<SignedIn | undefined>
  /** @throws {Fault} if the form was not sent from our own page by this sign-in. */
  checkForm(request: IncomingMessage, body: URLSearchParams): void
  signInUrl(returnTo: string): string
  findPrincipal(id: string): Promise<Principal | undefined>
  /** The machine of this name, disabled ones too. */
  findMachine(name: string): Promise<Principal | undefined>
  /** @throws {Fault} `identity.disabled` */
  admitClaims(issuer: string, claims: Readonly<Record<string, unknown>>): Promise<Principal>
  /** Whether what is to be given in this transaction still stands on the principal, his sign-in and what was vouched for. */
  standsWithin(
    tx: Handle,
    of: { principalId: string; signInId?: string | undefined; vouchedAt?: number | undefined },
  ): Promise<boolean>
}

/** What the inventory does for the authorization server. */
export interface Catalogue {
  findPlace(name: string): Promise<Place | undefined>
  readPinned(upstream: string): Promise<PinnedCatalogue | undefined>
  listEntitlements(of: { principalId: string; upstream: string }): Promise<Entitlement[]>
}

/** Told within the transaction that revokes a grant, so that what hangs on it can go with it. */
export type OnRevoke = (tx: Handle, revoked: { grantId: string }) => Promise<void>

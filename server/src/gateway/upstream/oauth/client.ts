import {
  auth,
  createPrivateKeyJwtAuth,
  refreshAuthorization,
  validateAuthorizationResponseIssuer,
  type AddClientAuthentication,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { Dance, UnattendedDance, type OwnAddress, type Remembered } from './dance.ts'

// The protocol with the authorization server of an upstream: the SDK's own steps, over a `fetch` that is guarded.

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** What an upstream answered when it refused. */
export interface Challenge {
  status: number
  resourceMetadataUrl: string | undefined
  scope: string | undefined
  error: string | undefined
}

/** What is sealed of a connection: everything that a renewal takes, pinned as it was when an administrator consented. */
export interface Held {
  serverUrl: string
  discovery: OAuthDiscoveryState
  client: StoredOAuthClientInformation
  redirectUrl: string | undefined
  key: Key | undefined
  scope: string | undefined
  tokens: StoredOAuthTokens
  obtainedAt: number
}

/** The key with which an unattended client proves itself (RFC 7523). */
export interface Key {
  privateKey: string
  algorithm: string
}

/** An authorization that waits for the administrator. */
export interface Begun {
  destination: URL
  state: string
  issuer: string
  clientId: string
  scope: string | undefined
  /** To be kept, sealed, until the end. */
  remembered: Remembered
}

/** Where and as whom. */
export interface Place {
  serverUrl: string
  own: OwnAddress
  fetch: Fetch
}

/** Finds the authorization server, becomes its client and makes the address to which the administrator goes. */
export async function beginAuthorization(
  { serverUrl, own, fetch }: Place,
  ask: {
    challenge: Challenge | undefined
    scope: string | undefined
    client: StoredOAuthClientInformation | undefined
    /** Nothing is sent to another one; absent: who begins it is shown which it is. */
    issuer?: string | undefined
  },
): Promise<Begun> {
  const dance = new Dance(own, { client: ask.client })
  dance.only = ask.issuer
  await auth(dance, {
    serverUrl,
    fetchFn: fetch,
    forceReauthorization: true,
    ...scopeOf(ask),
    ...metadataOf(ask.challenge),
  })
  const { destination, remembered } = dance
  if (destination === undefined) throw new TypeError('the authorization began without a destination')
  return {
    destination,
    state: remembered.state!,
    issuer: issuerOf(remembered.discovery!),
    clientId: remembered.client!.client_id,
    scope: destination.searchParams.get('scope') ?? undefined,
    remembered,
  }
}

/**
 * Judges who sent the administrator back, before anything of what was sent is believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9207#section-2.4
 */
export function requireIssuer({ discovery }: Remembered, iss: string | undefined): void {
  const metadata = discovery?.authorizationServerMetadata
  const issParameterSupported = metadata?.['authorization_response_iss_parameter_supported'] === true
  validateAuthorizationResponseIssuer({ iss, expectedIssuer: issuerOf(discovery!), issParameterSupported })
}

/** Redeems the code. */
export async function finishAuthorization(
  { serverUrl, own, fetch }: Place,
  given: { remembered: Remembered; code: string; iss: string | undefined; scope: string | undefined; now: number },
): Promise<Held> {
  requireIssuer(given.remembered, given.iss)
  const dance = new Dance(own, given.remembered)
  const { code, iss, scope } = given
  await auth(dance, {
    serverUrl,
    fetchFn: fetch,
    authorizationCode: code,
    ...(iss !== undefined && { iss }),
    ...scopeOf(given),
  })
  return heldOf(dance.remembered, { serverUrl, redirectUrl: own.redirectUrl, key: undefined, scope, now: given.now })
}

/**
 * Connects without anybody: the gateway proves itself by a secret or by a key, to the issuer that `client` names alone.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
export async function connectUnattended(
  { serverUrl, fetch }: Omit<Place, 'own'>,
  given: {
    challenge: Challenge | undefined
    client: StoredOAuthClientInformation
    key: Key | undefined
    scope: string | undefined
    /** Absent at first: the authorization server is found, and stays what it was then. */
    discovery?: OAuthDiscoveryState
    now: number
  },
): Promise<Held> {
  const { client, key, discovery, now } = given
  const dance = new UnattendedDance({ client, discovery }, key && authenticationOf(client.client_id, key))
  await auth(dance, {
    serverUrl,
    fetchFn: fetch,
    ...scopeOf(given),
    ...metadataOf(given.challenge),
  })
  return heldOf(dance.remembered, { serverUrl, redirectUrl: undefined, key, scope: dance.scope, now })
}

/** True where new tokens can be had without an administrator. */
export function isRenewable({ tokens, redirectUrl }: Held): boolean {
  return redirectUrl === undefined || tokens.refresh_token !== undefined
}

/** Asks the pinned authorization server for new tokens, and no other: what the upstream names by now does not matter. */
export async function renewTokens(held: Held, { fetch, now }: { fetch: Fetch; now: number }): Promise<Held> {
  const { discovery, client, serverUrl } = held
  if (held.redirectUrl === undefined) {
    return connectUnattended({ serverUrl, fetch }, { ...held, challenge: undefined, now })
  }
  const tokens = await refreshAuthorization(discovery.authorizationServerUrl, {
    ...(discovery.authorizationServerMetadata && { metadata: discovery.authorizationServerMetadata }),
    // What the metadata says, letter by letter: it was found to cover the upstream when the connection was made.
    ...(discovery.resourceMetadata && { resource: discovery.resourceMetadata.resource }),
    clientInformation: client,
    refreshToken: held.tokens.refresh_token!,
    fetchFn: fetch,
  })
  return { ...held, tokens: { ...tokens, issuer: issuerOf(discovery) }, obtainedAt: now }
}

export function issuerOf(discovery: OAuthDiscoveryState): string {
  return discovery.authorizationServerMetadata?.issuer ?? discovery.authorizationServerUrl
}

function scopeOf({ scope }: { scope: string | undefined }): { scope?: string } {
  return scope === undefined ? {} : { scope }
}

function metadataOf(challenge: Challenge | undefined): { resourceMetadataUrl?: URL } {
  const url = challenge?.resourceMetadataUrl
  return url === undefined ? {} : { resourceMetadataUrl: new URL(url) }
}

function heldOf(
  { discovery, client, tokens }: Remembered,
  more: {
    serverUrl: string
    redirectUrl: string | undefined
    key: Key | undefined
    scope: string | undefined
    now: number
  },
): Held {
  const { now, ...rest } = more
  return { ...rest, discovery: discovery!, client: client!, tokens: tokens!, obtainedAt: now }
}

function authenticationOf(clientId: string, { privateKey, algorithm: alg }: Key): AddClientAuthentication {
  return createPrivateKeyJwtAuth({ issuer: clientId, subject: clientId, privateKey, alg })
}

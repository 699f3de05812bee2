import { randomUUID } from 'node:crypto'
import {
  auth,
  discoverOAuthServerInfo,
  refreshAuthorization,
  validateAuthorizationResponseIssuer,
  type AddClientAuthentication,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { importPKCS8, SignJWT } from 'jose'
import { anotherServer, Dance, UnattendedDance, type OwnAddress, type Remembered } from './dance.ts'
import { openProver, type ProofKey } from './prover.ts'

// The protocol with the authorization server of an upstream: the SDK's own steps, over a `fetch` that is guarded.

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** What an upstream answered when it refused. */
export interface Challenge {
  status: number
  resourceMetadataUrl: string | undefined
  scope: string | undefined
  error: string | undefined
  /** Whether it was in the words of the scheme `DPoP`. */
  proves: boolean
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
  /** The key that is proved where a token is asked for; the tokens are bound to it where their type is `DPoP`. */
  proofKey?: ProofKey | undefined
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
  /** As whom; to be kept, sealed, until the end, like what is remembered. */
  own: OwnAddress
  remembered: Remembered
}

/** Where, and by which way out. */
export interface Place {
  serverUrl: string
  fetch: Fetch
}

/** What an authorization server says of itself that decides as whom it is met. */
export interface Server {
  issuer: string
  /** It puts `iss` into each of its answers (RFC 9207). */
  namesItself: boolean
  /** It takes the address of a metadata document for a client id. */
  readsDocuments: boolean
  registers: boolean
}

/** Finds the authorization server, becomes its client and makes the address to which the administrator goes. */
export async function beginAuthorization(
  { serverUrl, fetch }: Place,
  ask: {
    challenge: Challenge | undefined
    scope: string | undefined
    /** As whom the gateway meets the server that was found. */
    choose(server: Server): { own: OwnAddress; client: StoredOAuthClientInformation | undefined }
    /** Nothing is sent to another one; absent: who begins it is shown which it is. */
    issuer?: string | undefined
    now: number
  },
): Promise<Begun> {
  const found = await discoverOAuthServerInfo(serverUrl, { fetchFn: fetch, ...metadataOf(ask.challenge) })
  const resourceMetadataUrl = ask.challenge?.resourceMetadataUrl
  const discovery: OAuthDiscoveryState = { ...found, ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }) }
  const server = serverOf(discovery)
  if (ask.issuer !== undefined && server.issuer !== ask.issuer) throw anotherServer(server.issuer)
  const { own, client } = ask.choose(server)
  const dance = new Dance(own, { client, discovery, challenged: ask.challenge?.proves }, ask.now)
  await auth(dance, {
    serverUrl,
    fetchFn: fetch,
    forceReauthorization: true,
    ...scopeOf(ask),
    ...metadataOf(ask.challenge),
  })
  const { destination, remembered } = dance
  if (destination === undefined) throw new TypeError('the authorization began without a destination')
  // It is asked again where it said nothing at first: the address belongs to the one that was found.
  if (issuerOf(remembered.discovery!) !== server.issuer) throw anotherServer(issuerOf(remembered.discovery!))
  return {
    destination,
    state: remembered.state!,
    issuer: server.issuer,
    clientId: remembered.client!.client_id,
    scope: destination.searchParams.get('scope') ?? undefined,
    own,
    remembered,
  }
}

/**
 * Judges who sent the administrator back, before anything of what was sent is believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9207#section-2.4
 */
export function requireIssuer({ discovery }: Remembered, iss: string | undefined): void {
  const { issuer: expectedIssuer, namesItself: issParameterSupported } = serverOf(discovery!)
  validateAuthorizationResponseIssuer({ iss, expectedIssuer, issParameterSupported })
}

/** Redeems the code. */
export async function finishAuthorization(
  { serverUrl, fetch }: Place,
  given: Pick<Begun, 'own' | 'remembered'> & {
    code: string
    iss: string | undefined
    scope: string | undefined
    now: number
  },
): Promise<Held> {
  const { own, code, iss, scope } = given
  requireIssuer(given.remembered, iss)
  const dance = new Dance(own, given.remembered, given.now)
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
  { serverUrl, fetch }: Place,
  given: {
    challenge: Challenge | undefined
    client: StoredOAuthClientInformation
    key: Key | undefined
    scope: string | undefined
    /** Absent at first: the authorization server is found, and stays what it was then. */
    discovery?: OAuthDiscoveryState
    proofKey?: ProofKey | undefined
    now: number
  },
): Promise<Held> {
  const { client, key, discovery, proofKey, now } = given
  const remembered = { client, discovery, proofKey, challenged: given.challenge?.proves }
  const dance = new UnattendedDance(remembered, key && authenticationOf(client.client_id, key, now), now)
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
  const { proofKey } = held
  const tokens = await refreshAuthorization(discovery.authorizationServerUrl, {
    ...(proofKey && { dpop: await openProver(proofKey, () => now) }),
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

function serverOf(discovery: OAuthDiscoveryState): Server {
  const metadata = discovery.authorizationServerMetadata
  return {
    issuer: issuerOf(discovery),
    namesItself: metadata?.['authorization_response_iss_parameter_supported'] === true,
    readsDocuments: metadata?.['client_id_metadata_document_supported'] === true,
    // Without metadata there is an address by default.
    registers: metadata === undefined || metadata.registration_endpoint !== undefined,
  }
}

function scopeOf({ scope }: { scope: string | undefined }): { scope?: string } {
  return scope === undefined ? {} : { scope }
}

function metadataOf(challenge: Challenge | undefined): { resourceMetadataUrl?: URL } {
  const url = challenge?.resourceMetadataUrl
  return url === undefined ? {} : { resourceMetadataUrl: new URL(url) }
}

function heldOf(
  { discovery, client, tokens, proofKey }: Remembered,
  more: {
    serverUrl: string
    redirectUrl: string | undefined
    key: Key | undefined
    scope: string | undefined
    now: number
  },
): Held {
  const { now, ...rest } = more
  return { ...rest, discovery: discovery!, client: client!, tokens: tokens!, proofKey, obtainedAt: now }
}

// The SDK has one of these, which reads the clock of the machine.
export function authenticationOf(
  id: string,
  { privateKey, algorithm: alg }: Key,
  nowMs: number,
): AddClientAuthentication {
  return async (...[_headers, params, url, metadata]: Parameters<AddClientAuthentication>) => {
    const iat = Math.floor(nowMs / 1_000)
    const claims = { iss: id, sub: id, aud: metadata?.issuer ?? String(url), jti: randomUUID(), iat, exp: iat + 300 }
    const assertion = new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' })
    params.set('client_assertion', await assertion.sign(await importPKCS8(privateKey, alg)))
    params.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  }
}

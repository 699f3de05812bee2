import type {
  AddClientAuthentication,
  DpopSession,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from '@modelcontextprotocol/client'
import { makeSecret } from '../../../base/ids.ts'
import { makeProofKey, openProver, type ProofKey, takesProofs } from './prover.ts'

/** Where this gateway is, as a client of authorization servers. */
export interface OwnAddress {
  /** Where the browser comes back to. */
  redirectUrl: string
  /** Its metadata document, where it is met as the client of that. */
  documentUrl: string | undefined
  metadata: OAuthClientMetadata
}

/** What is remembered of one authorization, from its beginning to its renewals. */
export interface Remembered {
  discovery?: OAuthDiscoveryState | undefined
  client?: StoredOAuthClientInformation | undefined
  tokens?: StoredOAuthTokens | undefined
  verifier?: string | undefined
  state?: string | undefined
  /** Whether the upstream refused in the words of the scheme `DPoP`. */
  challenged?: boolean | undefined
  proofKey?: ProofKey | undefined
}

/** The memory that the SDK's authorization asks and tells; it never finds what belongs to another issuer. */
export class Dance implements OAuthClientProvider {
  readonly remembered: Remembered
  readonly redirectUrl: string | undefined
  readonly clientMetadata: OAuthClientMetadata
  readonly clientMetadataUrl?: string
  /** Where the SDK would send the browser. */
  destination: URL | undefined
  readonly #now: number

  constructor(
    own: Omit<OwnAddress, 'redirectUrl'> & { redirectUrl: string | undefined },
    remembered: Remembered,
    now: number,
  ) {
    this.remembered = { ...remembered }
    this.#now = now
    this.redirectUrl = own.redirectUrl
    this.clientMetadata = own.metadata
    if (own.documentUrl !== undefined) this.clientMetadataUrl = own.documentUrl
  }

  state(): string {
    return (this.remembered.state = makeSecret())
  }

  clientInformation(of?: { issuer?: string | undefined }): StoredOAuthClientInformation | undefined {
    const { client } = this.remembered
    return of?.issuer === undefined || client?.issuer === undefined || client.issuer === of.issuer ? client : undefined
  }

  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.remembered.client = client
  }

  /** Asked for with every request for a token. */
  async dpop(): Promise<DpopSession | undefined> {
    const { discovery, challenged = false } = this.remembered
    if (this.remembered.proofKey === undefined && discovery !== undefined && takesProofs(discovery, challenged))
      this.remembered.proofKey = await makeProofKey()
    const { proofKey } = this.remembered
    return proofKey && openProver(proofKey, () => this.#now)
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.remembered.tokens
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.remembered.tokens = tokens
  }

  redirectToAuthorization(to: URL): void {
    this.destination = to
  }

  saveCodeVerifier(verifier: string): void {
    this.remembered.verifier = verifier
  }

  codeVerifier(): string {
    if (this.remembered.verifier === undefined) throw new TypeError('there is no verifier before the beginning')
    return this.remembered.verifier
  }

  saveDiscoveryState(discovery: OAuthDiscoveryState): void {
    this.remembered.discovery = discovery
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.remembered.discovery
  }
}

/** The same without anybody to send anywhere: the client proves itself and asks for itself. */
export class UnattendedDance extends Dance {
  readonly addClientAuthentication?: AddClientAuthentication
  /** What was asked for. */
  scope: string | undefined

  constructor(remembered: Remembered, authentication: AddClientAuthentication | undefined, now: number) {
    const metadata = { redirect_uris: [], grant_types: ['client_credentials'] }
    super({ redirectUrl: undefined, documentUrl: undefined, metadata }, remembered, now)
    if (authentication !== undefined) this.addClientAuthentication = authentication
  }

  /** Nobody is shown where the proof goes, so it goes to the issuer that was named with it, and to no other. */
  override clientInformation(of?: { issuer?: string | undefined }): StoredOAuthClientInformation {
    const client = super.clientInformation(of)
    if (client?.issuer !== undefined) return client
    throw anotherServer(of?.issuer)
  }

  prepareTokenRequest(scope?: string): URLSearchParams {
    this.scope = scope
    return new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) })
  }
}

/** Somebody else was named than who may be asked. */
export function anotherServer(issuer: string | undefined): TypeError {
  return new TypeError(`the upstream names another authorization server: ${issuer ?? 'none'}`)
}

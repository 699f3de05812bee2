import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clockSkew,
  Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  genericGrantRequest,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client'
import { machineAheadSeconds } from '../../../base/clock.ts'
import type { OwnClient } from '../../../base/config.ts'
import type { ExchangedToken } from '../../../identity/idp.ts'
import type { WayParts } from './way.ts'

const timeoutSeconds = 10
const metadataMs = 60 * 60_000
const tokenCharactersMax = 16_384

/** The authorization server of an upstream, which we ask for tokens of people as the client that it knows us as. */
export class TokenServer {
  readonly #parts: Pick<WayParts, 'clock' | 'assertions' | 'fetch'>
  readonly #issuer: string
  readonly #client: OwnClient
  readonly #fetch: CustomFetch = (url, options) => this.#parts.fetch(url, options as RequestInit)
  #known: { metadata: Promise<ServerMetadata>; until: number } | undefined

  constructor(parts: Pick<WayParts, 'clock' | 'assertions' | 'fetch'>, issuer: string, client: OwnClient) {
    this.#parts = parts
    this.#issuer = issuer
    this.#client = client
  }

  /** Asks for a token. What comes is a bearer token, or it is refused. */
  async grant(
    type: 'jwt-bearer' | 'token-exchange',
    fields: Record<string, string | undefined>,
  ): Promise<ExchangedToken> {
    const parameters = Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined)
    const grantType = `urn:ietf:params:oauth:grant-type:${type}`
    const answer = await genericGrantRequest(await this.#configured(), grantType, Object.fromEntries(parameters))
    const token = answer.access_token
    // In lower case by then, whatever the server wrote.
    if (answer.token_type !== 'bearer') throw new TypeError(`it gave a token of the type ${answer.token_type}`)
    const issued = answer['issued_token_type']
    if (type === 'token-exchange' && issued !== accessToken)
      throw new TypeError('it gave something else than an access token')
    if (token.length > tokenCharactersMax || !/^[\x21-\x7e]+$/.test(token)) throw new TypeError('that is no token')
    return { token, expiresInSeconds: answer.expires_in }
  }

  async #configured(): Promise<Configuration> {
    const time = { [clockSkew]: -machineAheadSeconds(this.#parts.clock) }
    const made = new Configuration(await this.#metadata(), this.#client.id, time, this.#authentication())
    made[customFetch] = this.#fetch
    made.timeout = timeoutSeconds
    if (this.#issuer.startsWith('http:')) allowInsecureRequests(made)
    return made
  }

  #metadata(): Promise<ServerMetadata> {
    const { clock } = this.#parts
    if (this.#known === undefined || this.#known.until <= clock.monotonic()) {
      const metadata = this.#discover('oauth2').catch(() => this.#discover('oidc'))
      this.#known = { metadata, until: clock.monotonic() + metadataMs }
      metadata.catch(() => (this.#known = undefined))
    }
    return this.#known.metadata
  }

  // Either document names its issuer, and that is the one of the configuration or nothing is asked of it.
  async #discover(algorithm: 'oauth2' | 'oidc'): Promise<ServerMetadata> {
    const issuer = new URL(this.#issuer)
    const found = await discovery(issuer, this.#client.id, undefined, this.#authentication(), {
      algorithm,
      [customFetch]: this.#fetch,
      timeout: timeoutSeconds,
      execute: issuer.protocol === 'http:' ? [allowInsecureRequests] : [],
    })
    return found.serverMetadata()
  }

  #authentication(): ClientAuth {
    const { id, secret } = this.#client
    if (secret !== undefined) return bySecret(secret)
    const prove = async (...[server, _client, body]: Parameters<ClientAuth>): Promise<void> => {
      body.set('client_id', id)
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      const proof = await this.#parts.assertions.proveClient({ clientId: id, audience: server.issuer })
      body.set('client_assertion', proof)
    }
    // It waits for what comes back, as for the library's own that sign.
    return prove as ClientAuth
  }
}

/** The code of an authorization server that said no. */
export function errorCodeOf(error: unknown): string | undefined {
  return error instanceof ResponseBodyError && /^[a-z_]{1,40}$/.test(error.error) ? error.error : undefined
}

const accessToken = 'urn:ietf:params:oauth:token-type:access_token'

function bySecret(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (server, ...rest) => {
    const methods = (server as ServerMetadata).token_endpoint_auth_methods_supported
    return methods?.includes('client_secret_post') === true ? post(server, ...rest) : basic(server, ...rest)
  }
}

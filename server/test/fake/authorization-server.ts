import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readProof } from './proof.ts'

/** An authorization server of an upstream, which consents to everything at once and tells what it was asked. */
export interface FakeAuthorizationServer {
  readonly issuer: string
  /** How it behaves; every member may be changed while it runs. */
  readonly options: {
    /** What it calls itself in its metadata and answers. */
    issuer: string
    /** Answers with this `iss` in the place of its own. */
    iss: string | undefined
    lifeSeconds: number
    /** Holds token answers back until it resolves. */
    hold: Promise<void> | undefined
    /** A refresh token that was used once ends its grant. */
    rotates: boolean
    /** Refuses token requests with this error. */
    refuses: string | undefined
    /** What it calls its tokens. */
    tokenType: string
    /** Names itself in its answers, and says so (RFC 9207). */
    namesItself: boolean
    /** Takes the address of a metadata document for a client id. */
    readsDocuments: boolean
    registers: boolean
    /** Binds tokens to the key that is proved (RFC 9449), and says so; with a nonce, only by proofs that hold it. */
    proofs: { nonce: string | undefined } | undefined
    /** What it answers who gives a token back (RFC 7009); it offers that only where this is set. */
    takesBack: number | undefined
    /** Sends browsers on to there instead of answering them. */
    sendsOn: ((asked: URLSearchParams) => string) | undefined
  }
  /** What it gave, in order, and for what. */
  readonly issued: { token: string; fields: Record<string, string> }[]
  /** Every token request, its fields and its `Authorization`. */
  readonly asked: (Record<string, string> & { authorization?: string })[]
  /** Every revocation request, its fields and its `Authorization`. */
  readonly givenBack: (Record<string, string> & { authorization?: string })[]
  /** Its clients; one that stands here gets answers at its own `redirect_uris` only. */
  readonly registered: Record<string, unknown>[]
  /** Every authorization request. */
  readonly visits: URLSearchParams[]
  /** Whether an access token is one of its own that is still good. */
  isGood(token: string): boolean
  /** The thumbprint of the key that a token of its own is bound to. */
  boundTo(token: string): string | undefined
  /** Ends every token and every grant. */
  forget(): void
  /** Ends the access tokens alone. */
  expire(): void
  close(): Promise<void>
}

/** Opens one on a free port of the loopback. */
export async function openFakeAuthorizationServer(): Promise<FakeAuthorizationServer> {
  const fake = new Fake()
  await fake.listen()
  return fake
}

class Fake implements FakeAuthorizationServer {
  readonly options: FakeAuthorizationServer['options'] = {
    issuer: '',
    iss: undefined,
    lifeSeconds: 3_600,
    hold: undefined,
    rotates: true,
    refuses: undefined,
    tokenType: 'Bearer',
    namesItself: true,
    readsDocuments: false,
    registers: true,
    proofs: undefined,
    takesBack: undefined,
    sendsOn: undefined,
  }
  readonly issued: FakeAuthorizationServer['issued'] = []
  readonly asked: FakeAuthorizationServer['asked'] = []
  readonly givenBack: FakeAuthorizationServer['givenBack'] = []
  readonly registered: Record<string, unknown>[] = []
  readonly visits: URLSearchParams[] = []
  readonly #codes = new Map<string, URLSearchParams>()
  readonly #good = new Set<string>()
  readonly #refresh = new Set<string>()
  /** Of access and refresh tokens. */
  readonly #bound = new Map<string, string>()
  readonly #server = createServer((request, response) => void this.#hear(request, response))
  issuer = ''

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    this.options.issuer = this.issuer
  }

  isGood(token: string): boolean {
    return this.#good.has(token)
  }

  boundTo(token: string): string | undefined {
    return this.#bound.get(token)
  }

  forget(): void {
    this.#good.clear()
    this.#refresh.clear()
  }

  expire(): void {
    this.#good.clear()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const url = new URL(request.url!, this.issuer)
    const send = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /.well-known/oauth-authorization-server':
        return void send(200, this.#metadata())
      case 'POST /register': {
        const client = {
          ...(JSON.parse(body) as object),
          client_id: randomUUID(),
          client_secret: 's3cr3t-of-the-client',
        }
        this.registered.push(client)
        return void send(201, client)
      }
      case 'GET /authorize':
        return this.#leadBack(url.searchParams, response)
      case 'POST /token': {
        const { authorization } = request.headers
        const fields = Object.fromEntries(new URLSearchParams(body))
        this.asked.push({ ...fields, ...(authorization && { authorization }) })
        await this.options.hold
        const { proofs } = this.options
        const proof = readProof(request.headers['dpop'], { method: 'POST', url: `${this.issuer}/token` })
        if (proofs?.nonce !== undefined) response.setHeader('dpop-nonce', proofs.nonce)
        if (proof !== undefined && proof.nonce !== proofs?.nonce) return void send(400, { error: 'use_dpop_nonce' })
        const answer = this.#token(fields, proofs && proof?.jkt)
        return void send('error' in answer ? 400 : 200, answer)
      }
      case 'POST /revoke': {
        const { authorization } = request.headers
        const fields = Object.fromEntries(new URLSearchParams(body))
        this.givenBack.push({ ...fields, ...(authorization && { authorization }) })
        await this.options.hold
        return void response.writeHead(this.options.takesBack ?? 404).end()
      }
      default:
        return void send(404, {})
    }
  }

  #metadata(): Record<string, unknown> {
    return {
      issuer: this.options.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      ...(this.options.registers && { registration_endpoint: `${this.issuer}/register` }),
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      ...(this.options.proofs !== undefined && { dpop_signing_alg_values_supported: ['ES256'] }),
      ...(this.options.takesBack !== undefined && { revocation_endpoint: `${this.issuer}/revoke` }),
      ...(this.options.namesItself && { authorization_response_iss_parameter_supported: true }),
      ...(this.options.readsDocuments && { client_id_metadata_document_supported: true }),
    }
  }

  #leadBack(asked: URLSearchParams, response: ServerResponse): void {
    this.visits.push(asked)
    const client = this.registered.find((one) => one['client_id'] === asked.get('client_id'))
    const known = client?.['redirect_uris'] as string[] | undefined
    if (known?.includes(asked.get('redirect_uri')!) === false) return void response.writeHead(400).end()
    const location = this.options.sendsOn?.(asked) ?? this.#authorize(asked).href
    response.writeHead(302, { location }).end()
  }

  #authorize(asked: URLSearchParams): URL {
    const code = randomUUID()
    this.#codes.set(code, asked)
    const back = new URL(asked.get('redirect_uri')!)
    back.searchParams.set('code', code)
    back.searchParams.set('state', asked.get('state')!)
    if (this.options.namesItself) back.searchParams.set('iss', this.options.iss ?? this.options.issuer)
    return back
  }

  #token(fields: Record<string, string>, jkt: string | undefined): Record<string, unknown> {
    if (this.options.refuses !== undefined) return { error: this.options.refuses }
    if (fields['grant_type'] === 'refresh_token') {
      if (!this.#refresh.has(fields['refresh_token']!)) return { error: 'invalid_grant' }
      if (this.#bound.get(fields['refresh_token']!) !== jkt) return { error: 'invalid_dpop_proof' }
      if (this.options.rotates) this.#refresh.delete(fields['refresh_token']!)
    }
    if (fields['grant_type'] === 'authorization_code') {
      const begun = this.#codes.get(fields['code']!)
      this.#codes.delete(fields['code']!)
      const challenge = createHash('sha256').update(fields['code_verifier']!).digest('base64url')
      if (begun?.get('code_challenge') !== challenge) return { error: 'invalid_grant' }
    }
    const token = randomUUID()
    this.#good.add(token)
    if (jkt !== undefined) this.#bound.set(token, jkt)
    this.issued.push({ token, fields })
    const more: Record<string, unknown> = {}
    if (fields['grant_type']?.endsWith(':token-exchange')) more['issued_token_type'] = fields['requested_token_type']
    if (['authorization_code', 'refresh_token'].includes(fields['grant_type']!)) {
      const refreshToken = randomUUID()
      this.#refresh.add(refreshToken)
      if (jkt !== undefined) this.#bound.set(refreshToken, jkt)
      more['refresh_token'] = refreshToken
    }
    return {
      access_token: token,
      token_type: jkt === undefined ? this.options.tokenType : 'DPoP',
      expires_in: this.options.lifeSeconds,
      ...more,
    }
  }
}

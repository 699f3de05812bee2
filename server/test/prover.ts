import { createHash, KeyObject, randomUUID, sign } from 'node:crypto'
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { OAuthClient, TokenAnswer } from './oauth-client.ts'

/** What one proof has that it should not have; a member that is `undefined` is left out. */
export interface ProofChange {
  header?: Record<string, unknown>
  payload?: Record<string, unknown>
  key?: CryptoKey | Uint8Array
}

/** A request that is proved. */
interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string | URLSearchParams
  signal?: AbortSignal
  token?: string
  /** Where it is sent, when that is not the address that is proved. */
  to?: string
  change?: ProofChange
}

/** Who holds a key and proves it (RFC 9449), as raw as the specification. */
export class Prover {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicKey: JWK
  readonly thumbprint: string
  /** The nonce that came last. */
  nonce: string | undefined
  /** Requests that were made. */
  asked = 0

  private constructor(of: { alg: string; privateKey: CryptoKey; publicKey: JWK; thumbprint: string }) {
    this.alg = of.alg
    this.privateKey = of.privateKey
    this.publicKey = of.publicKey
    this.thumbprint = of.thumbprint
  }

  static async make(alg = 'ES256'): Promise<Prover> {
    const pair = await generateKeyPair(alg, { extractable: true })
    const publicKey = await exportJWK(pair.publicKey)
    return new Prover({
      alg,
      privateKey: pair.privateKey,
      publicKey,
      thumbprint: await calculateJwkThumbprint(publicKey),
    })
  }

  /** A proof for a request, spoilt by `change`. */
  proof(method: string, uri: string, { token, change = {} }: { token?: string; change?: ProofChange } = {}) {
    const payload = {
      jti: randomUUID(),
      iat: Math.floor(Date.now() / 1_000),
      htm: method,
      htu: uri,
      nonce: this.nonce,
      ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
      ...change.payload,
    }
    const header = { alg: this.alg, typ: 'dpop+jwt', jwk: this.publicKey, ...change.header }
    return new SignJWT(payload).setProtectedHeader(header).sign(change.key ?? this.privateKey)
  }

  /** An ES256 signature over what no library would sign: the header is text. */
  sealed(header: string, payload: object): string {
    const input = [header, JSON.stringify(payload)].map((part) => Buffer.from(part).toString('base64url')).join('.')
    const key = { key: KeyObject.from(this.privateKey), dsaEncoding: 'ieee-p1363' as const }
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
  }

  /** Makes a request once, keeping the nonce that comes with the answer. */
  async ask(uri: string, { method = 'POST', token, to, change, headers, ...more }: Ask = {}): Promise<Response> {
    this.asked += 1
    const proof = await this.proof(method, uri, { ...(token && { token }), ...(change && { change }) })
    const authorization = token === undefined ? {} : { authorization: `DPoP ${token}` }
    const answer = await fetch(to ?? uri, { ...more, method, headers: { ...authorization, dpop: proof, ...headers } })
    this.nonce = answer.headers.get('dpop-nonce') ?? this.nonce
    return answer
  }

  /** Makes a request, a second time where the first lacked the nonce. */
  async insist(uri: string, ask: Ask = {}): Promise<Response> {
    const first = await this.ask(uri, ask)
    const wanted = /use_dpop_nonce/
    if (first.status !== 401 && first.status !== 400) return first
    const said = `${first.headers.get('www-authenticate')} ${await first.clone().text()}`
    return wanted.test(said) ? this.ask(uri, ask) : first
  }

  /** A JSON-RPC request at the MCP door. */
  rpc(
    uri: string,
    token: string,
    request: Pick<Ask, 'to' | 'headers' | 'change'> & { method: string; params?: object },
  ) {
    const { method, params = {}, headers, ...ask } = request
    const usual = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    return this.insist(uri, { ...ask, token, headers: { ...usual, ...headers }, body })
  }

  /** A request at the token endpoint. */
  async token(
    client: OAuthClient,
    fields: Record<string, string | undefined>,
    change?: ProofChange,
  ): Promise<TokenAnswer> {
    const { url, origin } = client.server
    const ask = { body: client.form(fields), to: `${url}/oauth/token`, ...(change && { change }) }
    const answer = await this.insist(`${origin}/oauth/token`, ask)
    return { status: answer.status, ...((await answer.json()) as Omit<TokenAnswer, 'status'>) }
  }

  /** Redeems a code. */
  redeem(client: OAuthClient, code: string | null): Promise<TokenAnswer> {
    const { redirectUri: redirect_uri, verifier: code_verifier } = client
    return this.token(client, { grant_type: 'authorization_code', code: code ?? '', redirect_uri, code_verifier })
  }
}

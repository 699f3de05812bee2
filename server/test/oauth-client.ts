import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { formOf, redirectUri, sentBy, type Browser, type Page } from './browser.ts'

/** The authorization server as its clients know it. */
interface Server {
  /** Where it listens. */
  url: string
  /** The public origin: the issuer. */
  origin: string
}

/** What a client holds. */
export interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** What the token endpoint answered. */
export interface TokenAnswer extends Tokens {
  status: number
  token_type: string
  scope: string
  id_token?: string
  error?: string
  error_description?: string
}

/** A client of the authorization server, as raw as the specifications. */
export class OAuthClient {
  readonly id: string
  readonly redirectUri: string
  readonly #secret: string | undefined
  readonly server: Server
  readonly verifier = randomBytes(32).toString('base64url')

  constructor(house: Server, client: { id: string; secret?: string | undefined; redirectUri?: string }) {
    this.server = house
    this.id = client.id
    this.#secret = client.secret
    this.redirectUri = client.redirectUri ?? redirectUri
  }

  /** The resource that an upstream is. */
  resourceOf(upstream: string): string {
    return `${this.server.origin}/mcp/${upstream}`
  }

  /** The address of an authorization request; `change` may break it. */
  authorizeUrl(upstream: string, change: (params: URLSearchParams) => void = () => undefined): URL {
    const url = new URL('/oauth/authorize', this.server.url)
    const params = new URLSearchParams({
      response_type: 'code',
      client_id: this.id,
      redirect_uri: this.redirectUri,
      state: 'st',
      resource: this.resourceOf(upstream),
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
    change(params)
    url.search = params.toString()
    return url
  }

  /** Lets a person accept what the page has ticked, changed by `change`; returns the answer's parameters. */
  async authorize(
    browser: Browser,
    upstream: string,
    change: (fields: URLSearchParams) => void = () => undefined,
  ): Promise<URLSearchParams> {
    const shown = await browser.open(this.authorizeUrl(upstream))
    return (await this.answer(browser, shown, change)).url.searchParams
  }

  /** Sends the consent form of a page. */
  answer(browser: Browser, shown: Page, change: (fields: URLSearchParams) => void = () => undefined): Promise<Page> {
    return browser.post(shown.url, consentForm(shown, change), { site: 'same-origin', origin: 'null' })
  }

  /** Redeems a code. */
  redeem(code: string | null, change: Record<string, string | undefined> = {}): Promise<TokenAnswer> {
    return this.token({
      grant_type: 'authorization_code',
      code: code ?? '',
      redirect_uri: this.redirectUri,
      code_verifier: this.verifier,
      ...change,
    })
  }

  refresh(refreshToken: string, change: Record<string, string | undefined> = {}): Promise<TokenAnswer> {
    return this.token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...change })
  }

  /** From the authorization request to the tokens. */
  async connect(
    browser: Browser,
    upstream: string,
    change: (fields: URLSearchParams) => void = () => undefined,
  ): Promise<TokenAnswer> {
    const answer = await this.authorize(browser, upstream, change)
    const tokens = await this.redeem(answer.get('code'), { resource: this.resourceOf(upstream) })
    if (tokens.status !== 200) throw new Error(`${answer.toString()} ${JSON.stringify(tokens)}`)
    return tokens
  }

  /** A request at the token endpoint. */
  async token(fields: Record<string, string | undefined>): Promise<TokenAnswer> {
    const { status, body } = await tokenRequest(this.server.url, this.form(fields))
    return { status, ...(body as unknown as Tokens & Omit<TokenAnswer, 'status'>) }
  }

  async revoke(token: string): Promise<number> {
    const answer = await fetch(`${this.server.url}/oauth/revoke`, { method: 'POST', body: this.form({ token }) })
    await answer.text()
    return answer.status
  }

  /** The fields of a request, with what the client proves itself by. */
  form(fields: Record<string, string | undefined>): URLSearchParams {
    const body = new URLSearchParams({ client_id: this.id })
    if (this.#secret !== undefined) body.set('client_secret', this.#secret)
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value)
    return body
  }
}

/** Registers a client: a public one with one redirect address, unless `metadata` says otherwise. */
export async function registerClient(house: Server, metadata: Record<string, unknown> = {}): Promise<OAuthClient> {
  const usual = { client_name: 'Editor', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }
  const answer = await fetch(`${house.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...usual, ...metadata }),
  })
  const body = (await answer.json()) as { client_id: string; client_secret?: string }
  assert.equal(answer.status, 201, JSON.stringify(body))
  return new OAuthClient(house, { id: body.client_id, secret: body.client_secret })
}

/** A request at the token endpoint. */
export async function tokenRequest(
  origin: string,
  body: Record<string, string> | URLSearchParams,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/**
 * Makes one request at the token endpoint a hundred times at once, in turn at each of these places: at most one may win,
 * and what it won must not last. Where there is one place, one wins; of several replicas one may take what another is about
 * to give for used twice.
 */
export async function race(
  client: OAuthClient,
  fields: Record<string, string>,
  urls: readonly [string, ...string[]],
): Promise<void> {
  const form = client.form(fields)
  const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => tokenRequest(urls[at % urls.length]!, form)))
  const winners = answers.filter(({ status }) => status === 200)
  assert.ok(winners.length <= 1, `${winners.length} winners`)
  if (urls.length === 1) assert.equal(winners.length, 1, 'nobody has won')
  assert.ok(answers.every(({ status, body }) => status === 200 || body['error'] === 'invalid_grant'))
  for (const { body } of winners)
    assert.equal((await client.refresh(String(body['refresh_token']))).error, 'invalid_grant')
}

/** The code of a redirect to the client. */
export function codeOf(page: Page): string {
  const code = page.url.searchParams.get('code')
  assert.ok(code, `no code: ${page.status} ${page.url.href} ${page.text.slice(0, 1_500)}`)
  return code
}

/** The claims of a signed token, unverified. */
export function claimsOf(token: string): { header: Record<string, unknown>; payload: Record<string, unknown> } {
  const [header, payload] = token
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object)
  return { header: header as Record<string, unknown>, payload: payload as Record<string, unknown> }
}

/** The consent form of a page as a browser would send it on a yes, changed by `change`. */
export function consentForm(page: Page, change: (fields: URLSearchParams) => void = () => undefined): URLSearchParams {
  const fields = sentBy(formOf(page))
  fields.set('answer', 'accept')
  change(fields)
  return fields
}

/** The names of the tools that a consent page offers, and of those that it has ticked. */
export function offeredOn(page: Page): { offered: string[]; ticked: string[] } {
  const boxes = formOf(page).fields.filter(({ name }) => name === 'tool')
  const nameOf = ({ value }: { value: string }) => value
  return { offered: boxes.map(nameOf), ticked: boxes.filter(({ checked }) => checked).map(nameOf) }
}

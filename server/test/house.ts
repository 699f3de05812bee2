import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock, type Clock } from '../src/base/clock.ts'
import { readConfig } from '../src/base/config.ts'
import { digestOf, makeId, makeSecret } from '../src/base/ids.ts'
import { openLog } from '../src/base/log.ts'
import type { Right } from '../src/model/rights.ts'
import type { Effect } from '../src/model/effect.ts'
import type { Principal } from '../src/model/principal.ts'
import { openSallyport, type Rooms } from '../src/main.ts'
import { insertPrincipal } from '../src/store/principals.ts'
import { insertSignIn } from '../src/store/sign-ins.ts'
import { Browser, formOf, redirectUri, type Page } from './browser.ts'

/** What a house is opened with. */
export interface HouseOptions {
  /** More of the configuration file, as YAML. */
  yaml?: string
  env?: Record<string, string>
  /** Addresses on this machine that it may reach: fakes of upstreams and identity providers. */
  reach?: string[]
  /** Built-in upstreams to enter. */
  preload?: string[]
  clock?: Clock
  /** A data folder that outlives this house. */
  dataDir?: string
  /** The port of an earlier house, to open it again. */
  port?: number
}

/** A Sallyport with real rooms and a real store, on a free port, for one test. */
export interface House {
  origin: string
  rooms: Rooms
  dataDir: string
  /** Lines that it logged. */
  log: string[]
  browser(): Browser
  /** Makes a person who is signed in, with the right to use (or `…:approve`) the tools named `upstream/tool`. */
  person(name: string, rights?: string[]): Promise<Person>
  /** Enters an upstream reached over HTTP, approved by two people, with all its tools accepted. */
  httpUpstream(name: string, url: string, options?: { effects?: Record<string, Effect> }): Promise<void>
  close(): Promise<void>
}

/** Opens a house, and closes it when the test ends. */
export async function openHouse(t: TestContext | undefined, options: HouseOptions = {}): Promise<House> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-house-'))
  const port = options.port ?? (await freePort())
  const origin = `http://127.0.0.1:${port}`
  const allowed = (options.reach ?? []).map((url) => new URL(url).host)
  const text = `egress: ${JSON.stringify({ allowPrivate: allowed })}\n${options.yaml ?? ''}`
  const config = readConfig({
    file: { path: join(dataDir, 'sallyport.yaml'), text },
    env: { SALLYPORT_ORIGIN: origin, SALLYPORT_DATA: dataDir, ...options.env },
    cwd: dataDir,
  })
  const lines: string[] = []
  const clock = options.clock ?? systemClock
  const log = openLog({ level: 'debug', write: (line) => lines.push(line) })
  const sallyport = await openSallyport(config, { clock, log, preload: options.preload ?? [] })
  const { rooms } = sallyport
  let closed = false
  const house: House = {
    origin,
    rooms,
    dataDir,
    log: lines,
    browser: () => new Browser(origin),
    person: (name, rights = []) => makePerson(house, { name, rights, clock }),
    httpUpstream: (name, url, more) => enterUpstream(house, { name, url, effects: more?.effects ?? {} }),
    async close() {
      if (closed) return
      closed = true
      await sallyport.close()
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
  t?.after(() => house.close())
  return house
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function enterUpstream(
  house: House,
  of: { name: string; url: string; effects: Record<string, Effect> },
): Promise<void> {
  const { inventory, gateway } = house.rooms
  const [owner, reviewer] = [await house.person(`owner of ${of.name}`), await house.person(`reviewer of ${of.name}`)]
  const reason = 'set up for a test'
  const proposal = { name: of.name, launch: { kind: 'http', url: of.url } as const, purpose: 'to be tested' }
  await inventory.proposeUpstream({ ...proposal, by: owner.principal.id, ownerId: owner.principal.id, reason })
  await inventory.stepUpstream({ by: owner.principal.id, name: of.name, to: 'in_review', reason })
  await gateway.look((await inventory.findUpstream(of.name))!)
  await inventory.stepUpstream({ by: reviewer.principal.id, name: of.name, to: 'approved', reason })
  const tools = await inventory.listTools(of.name)
  assert.ok(tools.length > 0, `no tools at ${of.url}: ${(await inventory.findUpstream(of.name))?.probeError}`)
  const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
  await inventory.pinTools({ by: reviewer.principal.id, upstream: of.name, digests, reason })
  for (const [tool, effect] of Object.entries(of.effects)) {
    await inventory.setEffect({ by: owner.principal.id, upstream: of.name, tool, effect, traits: [], reason })
  }
}

async function makePerson(house: House, of: { name: string; rights: string[]; clock: Clock }): Promise<Person> {
  const { store, inventory } = house.rooms
  const { clock } = of
  const principal: Principal = {
    id: makeId(clock),
    issuer: 'test',
    subject: of.name,
    kind: 'person',
    name: of.name,
    email: undefined,
    state: 'active',
    createdAt: clock.now(),
  }
  await insertPrincipal(store, principal)
  const secret = makeSecret()
  await insertSignIn(store, {
    id: digestOf(secret),
    principalId: principal.id,
    provider: 'test',
    createdAt: clock.now(),
    expiresAt: clock.now() + 3_600_000,
  })
  for (const text of of.rights) {
    const [path, right] = text.split(':') as [string, Right | undefined]
    const slash = path.indexOf('/')
    const [upstream, tool] = path === 'administer' ? ['*', '*'] : [path.slice(0, slash), path.slice(slash + 1)]
    const all = tool === '*' && upstream !== '*' ? (await inventory.listTools(upstream)).map((one) => one.name) : [tool]
    const given = path === 'administer' ? 'administer' : (right ?? 'use')
    await inventory.entitle({
      by: 'set-up',
      principalId: principal.id,
      right: given,
      upstream,
      tools: all,
      reason: 'for a test',
    })
  }
  const browser = house.browser()
  browser.plant({ name: 'sallyport', value: secret })
  return new Person(house, principal, browser)
}

/** A person of the house, with a browser in which they are signed in. */
export class Person {
  readonly house: House
  readonly principal: Principal
  readonly browser: Browser

  constructor(house: House, principal: Principal, browser: Browser) {
    this.house = house
    this.principal = principal
    this.browser = browser
  }

  /**
   * Connects a client to an upstream by the whole dance: registration, login, consent, code, token.
   *
   * @param tools to choose on the consent page; absent: what the page proposes; `all`: every tool that is offered.
   */
  async connect(upstream: string, tools?: string[] | 'all', options: { duration?: string } = {}): Promise<Agent> {
    const { origin } = this.house
    const client = await register(origin)
    const verifier = randomBytes(32).toString('base64url')
    const resource = `${origin}/mcp/${upstream}`
    const page = await this.browser.open(authorizeUrl(origin, { client, verifier, resource }))
    const code = codeOf(await this.consent(page, tools, options))
    const token = await tokenRequest(origin, {
      grant_type: 'authorization_code',
      code,
      client_id: client,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      resource,
    })
    assert.equal(token.status, 200, JSON.stringify(token.body))
    return new Agent({ origin, upstream, client, resource, tokens: token.body as unknown as Tokens })
  }

  /** Answers the consent page with yes. */
  consent(page: Page, tools?: string[] | 'all', options: { duration?: string } = {}): Promise<Page> {
    const offered = formOf(page).fields.filter((field) => field.name === 'tool')
    const chosen = tools === undefined ? undefined : tools === 'all' ? offered.map((field) => field.value) : tools
    const values = { ...(chosen && { tool: chosen }), ...(options.duration && { duration: options.duration }) }
    return this.browser.submit(page, { ...values, answer: 'accept' })
  }

  /** Answers an approval on its page. */
  async answer(url: string, approve: boolean, reason = 'looked at it'): Promise<Page> {
    const page = await this.browser.open(url)
    return this.browser.submit(page, { reason, answer: approve ? 'approve' : 'deny' })
  }
}

export interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** Registers a client and returns its id. */
export async function register(origin: string, metadata: Record<string, unknown> = {}): Promise<string> {
  const answer = await fetch(`${origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'a script',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...metadata,
    }),
  })
  const body = (await answer.json()) as { client_id: string }
  assert.equal(answer.status, 201, JSON.stringify(body))
  return body.client_id
}

/** The address that begins a login. */
export function authorizeUrl(
  origin: string,
  of: { client: string; verifier: string; resource: string | undefined; more?: Record<string, string> },
): URL {
  const url = new URL('/oauth/authorize', origin)
  const challenge = createHash('sha256').update(of.verifier).digest('base64url')
  const query: Record<string, string> = {
    response_type: 'code',
    client_id: of.client,
    redirect_uri: redirectUri,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 's',
    ...(of.resource !== undefined && { resource: of.resource }),
    ...of.more,
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url
}

/** The code of a redirect to the client. */
export function codeOf(page: Page): string {
  const code = page.url.searchParams.get('code')
  assert.ok(code, `no code: ${page.status} ${page.url.href} ${page.text.slice(0, 1_500)}`)
  return code
}

/** A request at the token endpoint. */
export async function tokenRequest(
  origin: string,
  body: Record<string, string>,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${origin}/oauth/token`, { method: 'POST', body: new URLSearchParams(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/** What an MCP request was answered. */
export interface Answer {
  status: number
  headers: Headers
  /** The JSON-RPC response; of a stream its last message. */
  message: Record<string, unknown>
  result: Record<string, unknown>
  error: { code: number; message: string; data?: Record<string, unknown> } | undefined
  /** All messages of a stream. */
  messages: Record<string, unknown>[]
}

let lastId = 0

/** A client with a token, speaking raw MCP. */
export class Agent {
  readonly origin: string
  readonly upstream: string
  readonly client: string
  readonly resource: string
  tokens: Tokens

  constructor(of: { origin: string; upstream: string; client: string; resource: string; tokens: Tokens }) {
    this.origin = of.origin
    this.upstream = of.upstream
    this.client = of.client
    this.resource = of.resource
    this.tokens = of.tokens
  }

  get grantId(): string {
    return JSON.parse(Buffer.from(this.tokens.access_token.split('.')[1]!, 'base64url').toString()).grant_id as string
  }

  async list(): Promise<string[]> {
    const { result } = await this.rpc('tools/list', {})
    return (result['tools'] as { name: string }[]).map((tool) => tool.name)
  }

  call(name: string, args?: Record<string, unknown>): Promise<Answer> {
    return this.rpc('tools/call', args === undefined ? { name } : { name, arguments: args })
  }

  /** A call in the modern era, with these capabilities of the client. */
  modern(method: string, params: Record<string, unknown>, capabilities: object = {}): Promise<Answer> {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': capabilities,
      'io.modelcontextprotocol/clientInfo': { name: 'a script', version: '1' },
    }
    const headers: Record<string, string> = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    if (typeof params['name'] === 'string') headers['mcp-name'] = params['name']
    return this.rpc(method, { ...params, _meta: meta }, { headers })
  }

  rpc(
    method: string,
    params: unknown,
    options: { headers?: Record<string, string>; path?: string } = {},
  ): Promise<Answer> {
    return this.post(JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params }), options)
  }

  async post(
    body: string,
    options: { headers?: Record<string, string>; path?: string; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const answer = await fetch(`${this.origin}${options.path ?? `/mcp/${this.upstream}`}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.tokens.access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...options.headers,
      },
      body,
      ...(options.signal && { signal: options.signal }),
    })
    return readAnswer(answer)
  }

  /** Renews the tokens. */
  async refresh(token = this.tokens.refresh_token): Promise<{ status: number; body: Record<string, unknown> }> {
    const form = { grant_type: 'refresh_token', refresh_token: token, client_id: this.client, resource: this.resource }
    const answer = await tokenRequest(this.origin, form)
    if (answer.status === 200) this.tokens = answer.body as unknown as Tokens
    return answer
  }
}

async function readAnswer(answer: Response): Promise<Answer> {
  const text = await answer.text()
  const stream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
  const parts = stream ? [...text.matchAll(/^data: (.*)$/gm)].map((match) => match[1]!) : text === '' ? [] : [text]
  const messages = parts.map((part) => JSON.parse(part) as Record<string, unknown>)
  const message = messages.at(-1) ?? {}
  return {
    status: answer.status,
    headers: answer.headers,
    message,
    messages,
    result: (message['result'] ?? {}) as Record<string, unknown>,
    error: message['error'] as Answer['error'],
  }
}

/** The text of a tool result. */
export function textOf(answer: Answer): string {
  const content = (answer.result['content'] ?? []) as { text?: string }[]
  return content.map((part) => part.text ?? '').join('\n')
}

/** The link to the approval that a held call names. */
export function linkOf(answer: Answer): string {
  const meta = answer.result['_meta'] as Record<string, { url: string }> | undefined
  const url = meta?.['sallyport/approval']?.url
  assert.ok(url, `not held: ${JSON.stringify(answer.message)}`)
  return url
}

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOffer, capabilitiesOf, listOf, type Offers } from './fake-offers.ts'
import { behaviourNames, runTool, toolNamed, type ToolDefinition, type ToolIo } from './fake-tools.ts'

/** One request as it arrived, byte for byte. */
export interface Heard {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
  message: Message | undefined
  /** Becomes true when whoever called went away before the answer. */
  abandoned: boolean
}

/** A JSON-RPC message, as loosely as a fake needs it. */
export interface Message {
  jsonrpc: '2.0'
  id?: string | number
  method?: string
  params?: Record<string, unknown> & { _meta?: Record<string, unknown> }
  result?: Record<string, unknown>
  error?: Record<string, unknown>
}

/** How the fake behaves; every member may be changed while it runs. */
export interface FakeOptions {
  era: 'legacy' | 'modern'
  /** The one revision that it speaks, and answers `initialize` with; legacy only. Absent: whatever it is asked for. */
  speaks: string | undefined
  /** Whether it keeps sessions; legacy only. */
  sessions: boolean
  /** Whether it answers calls as a stream even if there is nothing to say before the answer. */
  streams: boolean
  pageSize: number | undefined
  /** Demands this `Authorization` value. */
  authorization: string | undefined
  /** What it offers beside tools; only tools when absent. */
  offers: Offers | undefined
  /** What it tells every model that connects. */
  instructions: string
  /** Takes a request away from the fake: return true when it was answered. */
  intercept: ((heard: Heard, response: ServerResponse) => boolean) | undefined
}

/** A streamable HTTP MCP server with a journal: the oracle of what reached an upstream. */
export interface FakeMcpServer {
  readonly url: string
  readonly options: FakeOptions
  /** What it offers; change it to drift. */
  readonly tools: ToolDefinition[]
  readonly journal: Heard[]
  /** The `tools/call` requests alone, by name and arguments. */
  readonly calls: { name: string; arguments: unknown }[]
  /** Forgets all sessions, as a restart would. */
  forgetSessions(): void
  close(): Promise<void>
}

/** Opens a fake on a free port of the loopback. */
export async function openFakeMcpServer(
  given: Partial<FakeOptions> & { tools?: ToolDefinition[] } = {},
): Promise<FakeMcpServer> {
  const { tools, ...options } = given
  const fake = new Fake(options, tools ?? ['echo', ...behaviourNames].map((name) => toolNamed(name)))
  await fake.listen()
  return fake
}

class Fake implements FakeMcpServer {
  readonly options: FakeOptions
  readonly tools: ToolDefinition[]
  readonly journal: Heard[] = []
  readonly #sessions = new Set<string>()
  readonly #asked = new Map<string, (answer: Record<string, unknown>) => void>()
  readonly #server = createServer((request, response) => void this.#hear(request, response))
  #lastAsked = 0
  #url = ''

  constructor(options: Partial<FakeOptions>, tools: ToolDefinition[]) {
    this.tools = tools
    this.options = {
      era: 'legacy',
      speaks: undefined,
      sessions: false,
      streams: false,
      pageSize: undefined,
      authorization: undefined,
      offers: undefined,
      instructions: 'Be brief.',
      intercept: undefined,
      ...options,
    }
  }

  get url(): string {
    return this.#url
  }

  get calls(): { name: string; arguments: unknown }[] {
    return this.journal.flatMap(({ message }) =>
      message?.method === 'tools/call'
        ? [{ name: String(message.params?.['name']), arguments: message.params?.['arguments'] }]
        : [],
    )
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`
  }

  forgetSessions(): void {
    this.#sessions.clear()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const heard: Heard = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body,
      message: body === '' ? undefined : (JSON.parse(body) as Message),
      abandoned: false,
    }
    response.on('close', () => (heard.abandoned = !response.writableEnded))
    this.journal.push(heard)
    if (this.options.intercept?.(heard, response) === true) return
    if (this.options.authorization !== undefined && heard.headers.authorization !== this.options.authorization) {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
      return
    }
    if (this.options.era === 'modern') this.#serveModern(heard, response)
    else this.#serveLegacy(heard, response)
  }

  #serveModern(heard: Heard, response: ServerResponse): void {
    const { message, headers } = heard
    if (message === undefined) return void response.writeHead(405).end()
    if (message.id === undefined) return void response.writeHead(202).end()
    const version = message.params?._meta?.['io.modelcontextprotocol/protocolVersion']
    const refuse = (code: number, text: string, data?: unknown) =>
      json(response, 400, { jsonrpc: '2.0', id: message.id, error: { code, message: text, data } })
    if (version !== '2026-07-28') return refuse(-32022, 'Unsupported protocol version', { supported: ['2026-07-28'] })
    if (headers['mcp-protocol-version'] !== version || headers['mcp-method'] !== message.method) {
      return refuse(-32020, 'Header mismatch')
    }
    const named = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' }[message.method ?? '']
    if (named !== undefined && headers['mcp-name'] !== message.params?.[named]) {
      return refuse(-32020, 'Header mismatch')
    }
    if (message.params?._meta?.['io.modelcontextprotocol/clientCapabilities'] === undefined) {
      return refuse(-32602, 'clientCapabilities is missing')
    }
    if (message.method === 'server/discover') {
      const serverInfo = { name: 'fake-http', version: '4.5.6' }
      return this.#answer(response, message, {
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {}, ...capabilitiesOf(this.options.offers) },
        instructions: this.options.instructions,
        ttlMs: 60_000,
        cacheScope: 'public',
        _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
      })
    }
    this.#serveMethod(message, response)
  }

  #serveLegacy(heard: Heard, response: ServerResponse): void {
    const { message, headers, method } = heard
    const session = headers['mcp-session-id']
    if (method === 'DELETE') {
      this.#sessions.delete(String(session))
      return void response.writeHead(200).end()
    }
    if (message === undefined) return void response.writeHead(405).end()
    if (message.method === 'initialize') return this.#initialize(message, response)
    const { speaks } = this.options
    if (speaks !== undefined && headers['mcp-protocol-version'] !== speaks)
      return error(response, message, { status: 400, text: 'Bad Request: Unsupported protocol version' })
    if (this.options.sessions) {
      if (session === undefined)
        return error(response, message, { status: 400, text: 'Bad Request: Mcp-Session-Id header is required' })
      if (!this.#sessions.has(String(session)))
        return error(response, message, { status: 404, text: 'Session not found' })
    }
    if (message.method === undefined) this.#asked.get(String(message.id))?.(message.result ?? { error: message.error })
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end()
    this.#serveMethod(message, response)
  }

  #initialize(message: Message, response: ServerResponse): void {
    const id = this.options.sessions ? randomUUID() : undefined
    if (id !== undefined) {
      this.#sessions.add(id)
      response.setHeader('mcp-session-id', id)
    }
    this.#answer(response, message, {
      protocolVersion: this.options.speaks ?? message.params?.['protocolVersion'],
      capabilities: { tools: { listChanged: true }, ...capabilitiesOf(this.options.offers) },
      serverInfo: { name: 'fake-http', version: '4.5.6' },
      instructions: this.options.instructions,
    })
  }

  #serveMethod(message: Message, response: ServerResponse): void {
    const { method = '', params = {} } = message
    const { offers } = this.options
    const list = method === 'tools/list' ? { member: 'tools', entries: this.tools } : offers && listOf(offers, method)
    if (list !== undefined) return this.#list(message, response, list)
    if (method === 'ping') return this.#answer(response, message, {})
    const offer = offers && answerOffer(method, params)
    const caching = this.options.era === 'modern' && method === 'resources/read'
    const hints = caching ? { ttlMs: 60_000, cacheScope: 'public' } : {}
    if (offer !== undefined) return this.#answer(response, message, { ...offer, ...hints })
    if (method !== 'tools/call')
      return error(response, message, { status: 404, text: 'Method not found', code: -32601 })
    if (this.options.streams) beginStream(response)
    const args = (message.params?.['arguments'] ?? {}) as Record<string, unknown>
    void runTool(String(message.params?.['name']), args, this.#ioFor(message, response))
  }

  #list(message: Message, response: ServerResponse, list: { member: string; entries: object[] }): void {
    const start = Number(message.params?.['cursor'] ?? 0)
    const end = start + (this.options.pageSize ?? Math.max(list.entries.length, 1))
    const more = end < list.entries.length ? { nextCursor: String(end) } : {}
    const caching = this.options.era === 'modern' ? { ttlMs: 60_000, cacheScope: 'public' } : {}
    this.#answer(response, message, { [list.member]: list.entries.slice(start, end), ...more, ...caching })
  }

  #ioFor(message: Message, response: ServerResponse): ToolIo {
    const token = message.params?._meta?.['progressToken']
    const say = (event: Record<string, unknown>) => {
      beginStream(response)
      response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...event })}\n\n`)
    }
    const request = (method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> => {
      const id = `server-${++this.#lastAsked}`
      say({ id, method, params })
      return new Promise((resolve) => this.#asked.set(id, resolve))
    }
    return {
      progress: (progress) =>
        token !== undefined &&
        say({ method: 'notifications/progress', params: { progressToken: token, progress, total: 2 } }),
      log: (data) => say({ method: 'notifications/message', params: { level: 'info', data } }),
      request,
      ask: (method, params) => {
        if (this.options.era === 'legacy') return request(method, params)
        const responses = message.params?.['inputResponses'] as Record<string, Record<string, unknown>> | undefined
        if (responses?.['q'] !== undefined) return Promise.resolve(responses['q'])
        const state = { inputRequests: { q: { method, params } }, requestState: 'state of the upstream' }
        this.#answer(response, message, { resultType: 'input_required', ...state })
        return Promise.resolve(undefined)
      },
      withdraw: () => say({ method: 'notifications/cancelled', params: { requestId: `server-${this.#lastAsked}` } }),
      listChanged: () => say({ method: 'notifications/tools/list_changed' }),
      answer: (result) => this.#answer(response, message, result),
      fail: (code, text) =>
        finish(response, JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code, message: text } })),
      vanish: () => response.destroy(),
      addTool: (tool) => this.tools.push(tool),
      environment: () => ({ headers: this.journal.at(-1)?.headers, url: this.journal.at(-1)?.url }),
    }
  }

  #answer(response: ServerResponse, message: Message, result: Record<string, unknown>): void {
    if (result['structuredContent'] !== undefined) {
      const mark = this.options.era === 'modern' ? '"resultType":"complete",' : ''
      const text = `{"result":{${mark}"content":[],"structuredContent":{"id":12345678901234567890,"half":1.50}},"id":${JSON.stringify(message.id)},"jsonrpc":"2.0"}`
      return finish(response, text)
    }
    const marked = this.options.era === 'modern' ? { resultType: 'complete', ...result } : result
    finish(response, JSON.stringify({ jsonrpc: '2.0', id: message.id, result: marked }))
  }
}

function beginStream(response: ServerResponse): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

function finish(response: ServerResponse, text: string): void {
  if (response.headersSent) response.end(`event: message\nid: 7\ndata: ${text}\n\n`)
  else response.writeHead(200, { 'content-type': 'application/json' }).end(text)
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function error(
  response: ServerResponse,
  message: Message,
  about: { status: number; text: string; code?: number },
): void {
  const { status, text, code = -32000 } = about
  json(response, status, { jsonrpc: '2.0', id: message.id ?? null, error: { code, message: text } })
}

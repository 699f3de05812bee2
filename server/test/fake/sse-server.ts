import { randomUUID } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOffer, capabilitiesOf, listOf, type Offers } from './fake-offers.ts'
import { behaviourNames, runTool, toolNamed, type ToolDefinition, type ToolIo } from './fake-tools.ts'
import type { Message } from './mcp-server.ts'

/** A message as it arrived, and on whose stream. */
export interface HeardMessage {
  session: string
  message: Message
  headers: IncomingHttpHeaders
}

/** An MCP server with the transport of 2024-11-05, with a journal. */
export interface SseServer {
  readonly url: string
  /** What it offers; change it to drift. */
  readonly tools: ToolDefinition[]
  readonly journal: HeardMessage[]
  /** The streams that were opened, with their headers. */
  readonly streams: IncomingHttpHeaders[]
  /** What the stream says first, instead of its address. */
  greeting: string | undefined
  /** Answers a POST with this status and nothing else. */
  refuse: number | undefined
  /** Ends all streams, as a restart would. */
  drop(): void
  /** How many streams are open. */
  open(): number
  close(): Promise<void>
}

/** Opens it on a free port of the loopback; with the tools of all behaviours and nothing beside them, unless told otherwise. */
export async function openSseServer(of: { tools?: ToolDefinition[]; offers?: Offers } = {}): Promise<SseServer> {
  const fake = new Fake(of)
  await fake.listen()
  return fake
}

class Fake implements SseServer {
  readonly journal: HeardMessage[] = []
  readonly streams: IncomingHttpHeaders[] = []
  greeting: string | undefined
  refuse: number | undefined
  url = ''
  readonly tools: ToolDefinition[]
  readonly #offers: Offers | undefined
  readonly #open = new Map<string, ServerResponse>()
  readonly #asked = new Map<string, (answer: Record<string, unknown>) => void>()
  readonly #server = createServer((request, response) => void this.#hear(request, response))
  #lastAsked = 0

  constructor({ tools, offers }: { tools?: ToolDefinition[]; offers?: Offers }) {
    this.tools = tools ?? ['echo', ...behaviourNames].map((name) => toolNamed(name))
    this.#offers = offers
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await new Promise((resolve) => this.#server.once('listening', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/sse`
  }

  drop(): void {
    for (const stream of this.#open.values()) stream.destroy()
  }

  open(): number {
    return this.#open.size
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    if (request.method === 'GET' && pathname === '/sse') return this.#begin(request, response)
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const session = searchParams.get('session') ?? ''
    if (this.refuse !== undefined) return void response.writeHead(this.refuse).end()
    if (!this.#open.has(session)) return void response.writeHead(404).end()
    response.writeHead(202).end('Accepted')
    const message = JSON.parse(Buffer.concat(parts).toString()) as Message
    this.journal.push({ session, message, headers: request.headers })
    this.#serve(session, message)
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const session = randomUUID()
    this.streams.push(request.headers)
    this.#open.set(session, response)
    response.once('close', () => this.#open.delete(session))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(this.greeting ?? `event: endpoint\ndata: /messages?session=${session}\n\n`)
  }

  #say(session: string, text: string): void {
    this.#open.get(session)?.write(`event: message\ndata: ${text}\n\n`)
  }

  #serve(session: string, message: Message): void {
    const say = (body: object) => this.#say(session, JSON.stringify({ jsonrpc: '2.0', ...body }))
    const { id, method } = message
    if (method === undefined) return this.#asked.get(String(id))?.(message.result ?? { error: message.error })
    if (id === undefined) return
    if (method === 'initialize') {
      const capabilities = { tools: { listChanged: true }, ...capabilitiesOf(this.#offers) }
      const serverInfo = { name: 'fake-sse', version: '0.1.0' }
      return say({ id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo, instructions: 'Be slow.' } })
    }
    if (method === 'tools/list') {
      const start = Number(message.params?.['cursor'] ?? 0)
      const more = start + 4 < this.tools.length ? { nextCursor: String(start + 4) } : {}
      return say({ id, result: { tools: this.tools.slice(start, start + 4), ...more } })
    }
    const list = this.#offers && listOf(this.#offers, method)
    if (list !== undefined) return say({ id, result: { [list.member]: list.entries } })
    const offer = this.#offers && answerOffer(method, message.params ?? {})
    if (offer !== undefined) return say({ id, result: offer })
    if (method !== 'tools/call') return say({ id, error: { code: -32601, message: 'Method not found' } })
    const args = (message.params?.['arguments'] ?? {}) as Record<string, unknown>
    void runTool(String(message.params?.['name']), args, this.#ioFor(session, message))
  }

  #ioFor(session: string, { id, params }: Message): ToolIo {
    const say = (body: object) => this.#say(session, JSON.stringify({ jsonrpc: '2.0', ...body }))
    const token = params?._meta?.['progressToken']
    const request = (method: string, asked: Record<string, unknown>): Promise<Record<string, unknown>> => {
      const requestId = `server-${++this.#lastAsked}`
      say({ id: requestId, method, params: asked })
      return new Promise((resolve) => this.#asked.set(requestId, resolve))
    }
    return {
      progress: (progress) =>
        token !== undefined &&
        say({ method: 'notifications/progress', params: { progressToken: token, progress, total: 2 } }),
      log: (data) => say({ method: 'notifications/message', params: { level: 'info', data } }),
      request,
      ask: request,
      withdraw: () => say({ method: 'notifications/cancelled', params: { requestId: `server-${this.#lastAsked}` } }),
      listChanged: () => say({ method: 'notifications/tools/list_changed' }),
      answer: (result) => {
        if (result['structuredContent'] === undefined) return say({ id, result })
        const raw = '{"content":[],"structuredContent":{"id":12345678901234567890,"half":1.50}}'
        this.#say(session, `{"result":${raw},"id":${JSON.stringify(id)},"jsonrpc":"2.0"}`)
      },
      fail: (code, message) => say({ id, error: { code, message } }),
      vanish: () => this.#open.get(session)?.destroy(),
      addTool: (tool) => this.tools.push(tool),
      environment: () => ({}),
    }
  }
}

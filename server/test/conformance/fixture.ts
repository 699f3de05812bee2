import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  McpServer,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
  type EventStore,
  type JSONRPCMessage,
  type McpHttpHandler,
  type ServerCapabilities,
} from '@modelcontextprotocol/server'
import { addInputs, stateCodec } from './fixture/inputs.ts'
import { addTaskTools, Tasks, tasksExtension } from './fixture/tasks.ts'
import { addThings } from './fixture/things.ts'
import { addTools, type News } from './fixture/tools.ts'

/** An MCP server with everything that the official conformance suite asks for by name, in the eras that it is opened with. */
export interface Fixture {
  readonly url: string
  close(): Promise<void>
}

/** Opens the fixture on a free port of the loopback; absent eras: both. */
export async function openFixture(eras: readonly ('legacy' | 'modern')[] = ['legacy', 'modern']): Promise<Fixture> {
  const sessions = new Sessions()
  const tasks = new Tasks()
  const extensions = { [tasksExtension]: {} }
  const modern = createMcpHandler(() => newServer(newsOf(modern, sessions), { extensions }), { legacy: 'reject' })
  const serve = async (request: Request): Promise<Response> => {
    const refused =
      hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
      originValidationResponse(request, localhostAllowedOrigins())
    if (refused !== undefined) return refused
    const legacy = eras.includes('legacy') && (!eras.includes('modern') || (await isLegacyRequest(request)))
    if (legacy) return sessions.serve(request, () => newServer(newsOf(modern, sessions)))
    return (await tasks.answer(request)) ?? modern.fetch(request)
  }
  const server = createServer((request, response) => {
    answer(serve, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async close() {
      await Promise.all([modern.close(), sessions.close()])
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

// Tasks are of the modern era only: what the one before it called so is another protocol, and an experiment.
function newServer(news: News, more: Pick<ServerCapabilities, 'extensions'> = {}): McpServer {
  const server = new McpServer(
    { name: 'conformance-fixture', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
        ...more,
      },
      requestState: { verify: (state, context) => stateCodec.verify(state, context) },
    },
  )
  addTools(server, news)
  addInputs(server)
  addThings(server)
  addTaskTools(server)
  return server
}

/** Tells whoever listens, in either era, that a list is another: it is not, so that what is pinned stays what it is. */
function newsOf(modern: McpHttpHandler, sessions: Sessions): News {
  return {
    toolsChanged() {
      modern.notify.toolsChanged()
      for (const server of sessions.servers()) server.sendToolListChanged()
    },
    promptsChanged() {
      modern.notify.promptsChanged()
      for (const server of sessions.servers()) server.sendPromptListChanged()
    },
  }
}

/** The sessions of the handshake eras. */
class Sessions {
  readonly #open = new Map<string, { server: McpServer; transport: WebStandardStreamableHTTPServerTransport }>()

  servers(): McpServer[] {
    return [...this.#open.values()].map(({ server }) => server)
  }

  async serve(request: Request, open: () => McpServer): Promise<Response> {
    const id = request.headers.get('mcp-session-id')
    const known = id === null ? undefined : this.#open.get(id)
    if (known !== undefined) return known.transport.handleRequest(request)
    if (id !== null) return refusal(404, 'Session not found')
    const server = open()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (sessionId) => void this.#open.set(sessionId, { server, transport }),
      onsessionclosed: (sessionId) => void this.#open.delete(sessionId),
      eventStore: new Events(),
      retryInterval: 500,
    })
    await server.connect(transport)
    return transport.handleRequest(request)
  }

  async close(): Promise<void> {
    await Promise.all(this.servers().map((server) => server.close()))
  }
}

/** What was said on the streams of one session, for who comes back with the id of what it heard last. */
class Events implements EventStore {
  readonly #said: { id: string; stream: string; message: JSONRPCMessage }[] = []

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${this.#said.length}`
    this.#said.push({ id, stream, message })
    return id
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#said[Number(id)]?.stream
  }

  async replayEventsAfter(
    id: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const stream = this.#said[Number(id)]?.stream ?? ''
    const later = this.#said
      .slice(Number(id) + 1)
      .filter((event) => event.stream === stream && 'jsonrpc' in event.message)
    for (const event of later) await send(event.id, event.message)
    return stream
  }
}

function refusal(status: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', id: null, error: { code: -32000, message } }, { status })
}

async function answer(
  serve: (request: Request) => Promise<Response>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
  const { method = 'GET' } = request
  const answered = await serve(
    new Request(new URL(request.url ?? '/', `http://${request.headers.host}`), {
      method,
      headers,
      body: method === 'POST' ? Buffer.concat(parts) : null,
      signal: gone.signal,
    }),
  )
  response.writeHead(answered.status, Object.fromEntries(answered.headers))
  response.flushHeaders()
  if (answered.body === null) return void response.end()
  const body = Readable.fromWeb(answered.body as never)
  body.on('error', () => response.destroy())
  response.once('close', () => body.destroy())
  body.pipe(response)
}

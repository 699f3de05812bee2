import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readText } from './read-text.ts'
import { serveUsage } from './serve-usage.ts'

// An MCP server of the modern era with the tools of a genuine one, that does as little as a server can: a page of assets.
const [toolsPath, journals, listDelayMs = '0'] = process.argv.slice(2) as [string, string?, string?]
/** When the last call that names this page arrived, in microseconds that every process of the machine counts alike. */
const journal = journals === 'journal' ? new Map<number, number>() : undefined
const caching = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public' }
const serverInfo = { name: 'bench', version: '1' }
const assets = Array.from({ length: 5 }, (_, i) => ({
  id: `asset-${i}-wKcmQMFdZoV4jE2v00sTkU5`,
  status: 'ready',
  duration: 23.857167,
  created_at: '1690000000',
  max_stored_resolution: 'HD',
}))
const unknownMethod = JSON.stringify({ code: -32601, message: 'no such method' })
const results: Record<string, string> = {
  'server/discover': JSON.stringify({
    ...caching,
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
  }),
  'tools/call': JSON.stringify({
    resultType: 'complete',
    content: [{ type: 'text', text: JSON.stringify({ data: assets }) }],
  }),
}

interface Heard {
  id: number
  method: string
  params: { arguments: { page: number } }
}

// Large: kept as the bytes that are sent.
const list = Buffer.from(JSON.stringify({ ...caching, tools: JSON.parse(readFileSync(toolsPath, 'utf8')) as unknown }))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { id, method, params } = JSON.parse(await readText(request)) as Heard
  if (method === 'tools/call') journal?.set(params.arguments.page, Number(process.hrtime.bigint() / 1_000n))
  if (method === 'tools/list') {
    if (listDelayMs !== '0') await sleep(Number(listDelayMs))
    return answerList(id, response)
  }
  if (method === 'subscriptions/listen') return listen(id, response)
  const known = results[method]
  const said = known === undefined ? `"error":${unknownMethod}` : `"result":${known}`
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${said}}`
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
}

/** Some proxies open this stream, and open it again for as long as they get none. Nothing ever changes here. */
function listen(id: number, response: ServerResponse): void {
  const params = { notifications: {}, _meta: { 'io.modelcontextprotocol/subscriptionId': id } }
  const message = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
}

function answerList(id: number, response: ServerResponse): void {
  const head = Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`)
  const length = head.byteLength + list.byteLength + 1
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  response.write(head)
  response.write(list)
  response.end('}')
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  serveUsage(url, undefined, () => (journal ? { journal: [...journal] } : {}))
})

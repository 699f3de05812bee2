import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { readText } from './read-text.ts'
import { serveUsage } from './serve-usage.ts'

// The least that any gateway of this kind does: read the message, parse it, pass it on, pass the answer back. It checks,
// decides and records nothing.
const [to] = process.argv.slice(2) as [string]
const { origin, pathname } = new URL(to)
const pool = new Pool(origin, { connections: 256, pipelining: 1 })
const passed = ['content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name']

async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = await readText(request)
  const message = JSON.parse(text) as { method?: unknown }
  if (typeof message.method !== 'string') throw new TypeError('not a request')
  const headers: Record<string, string> = {}
  for (const name of passed) headers[name] = String(request.headers[name])
  const answer = await pool.request({ path: pathname, method: 'POST', headers, body: text })
  const body = await answer.body.text()
  response
    .writeHead(answer.statusCode, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

const server = createServer((request, response) => {
  forward(request, response).catch((error: unknown) => response.writeHead(502).end(String(error)))
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => serveUsage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`))

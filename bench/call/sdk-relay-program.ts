import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, Server } from '@modelcontextprotocol/server'
import { serveUsage } from './serve-usage.ts'

// What anybody would write with the official SDK: its server in front, its client behind, each call handed over. It checks
// the messages against the schemas of the protocol; it knows nobody, decides and records nothing.
const [to] = process.argv.slice(2) as [string]
const client = new Client({ name: 'relay', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
await client.connect(new StreamableHTTPClientTransport(new URL(to)))

const handler = createMcpHandler(() => {
  const server = new Server({ name: 'relay', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', (request) => client.listTools(request.params))
  server.setRequestHandler('tools/call', (request) => client.callTool(request.params))
  return server
})
const server = serve(
  { fetch: (request) => handler.fetch(request), port: 0, hostname: '127.0.0.1' },
  (address: AddressInfo) => serveUsage(`http://127.0.0.1:${address.port}/mcp`),
)
if ('keepAliveTimeout' in server) server.keepAliveTimeout = 60_000

import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { createMcpHandler, Server, type Tool } from '@modelcontextprotocol/server'
import { serveUsage } from './serve-usage.ts'

// An upstream as most are: the official SDK, which writes the list anew for each who asks. It knows nobody.
const [toolsPath] = process.argv.slice(2) as [string]
const tools = JSON.parse(readFileSync(toolsPath, 'utf8')) as Tool[]

const handler = createMcpHandler(() => {
  const server = new Server({ name: 'bench', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools }))
  return server
})
const fetch = (request: Request) => handler.fetch(request)
const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
  serveUsage(`http://127.0.0.1:${port}/mcp`),
)
if ('keepAliveTimeout' in server) server.keepAliveTimeout = 60_000

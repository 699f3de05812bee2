import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Server } from '@modelcontextprotocol/server'
import { proxyServer, startHTTPServer } from 'mcp-proxy'
import { freePort } from '../../server/test/house.ts'
import { serveUsage } from './serve-usage.ts'

// The proxy that most people use today, by its own functions, with its defaults.
const [to] = process.argv.slice(2) as [string]
const client = new Client({ name: 'proxy', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
await client.connect(new StreamableHTTPClientTransport(new URL(to)))
const serverCapabilities = client.getServerCapabilities() ?? {}

const port = await freePort()
await startHTTPServer({
  host: '127.0.0.1',
  port,
  createServer: async () => {
    const server = new Server({ name: 'proxy', version: '1' }, { capabilities: serverCapabilities })
    await proxyServer({ client, server, serverCapabilities })
    return server
  },
})
serveUsage(`http://127.0.0.1:${port}/mcp`)

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { later, say, type Said } from './tools.ts'

// Upstreams over HTTP, both eras: `/modern`, and `/legacy` with sessions. A session that hears two canaries is a leak.
const owners = new Map<string, string>()
const leaks: string[] = []

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => serve(request, response, Buffer.concat(parts).toString()))
})

function serve(request: IncomingMessage, response: ServerResponse, body: string): void {
  if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 200 : 405).end()
  const message = JSON.parse(body) as Parameters<typeof say>[0]
  const modern = request.url === '/modern'
  if (!modern && message.method === 'initialize') response.setHeader('mcp-session-id', randomUUID())
  const session = request.headers['mcp-session-id']
  const canary = message.params?.arguments?.canary
  if (session !== undefined && canary !== undefined) {
    const owner = owners.get(String(session)) ?? canary
    owners.set(String(session), owner)
    if (owner !== canary) leaks.push(`the session of ${owner} heard ${canary}`)
  }
  const said = say(message, modern)
  if (said === undefined) response.writeHead(202).end()
  else later(() => write(response, said))
}

function write(response: ServerResponse, { before, answer }: Said): void {
  if (before.length === 0) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const one of before) response.write(`data: ${JSON.stringify(one)}\n\n`)
  later(() => response.end(`data: ${JSON.stringify(answer)}\n\n`))
}

server.listen(0, '127.0.0.1', () => process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('message', () => process.send!(leaks))
process.on('disconnect', () => process.exit(0))

import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Agent } from '../agent.ts'

/** What stands before the gateway for a suite that sends no token. */
export interface Shim {
  readonly url: string
  close(): Promise<void>
}

/**
 * Passes everything to the gateway as it is, with the token of an agent: the only thing that the suite cannot send. Its
 * own name, in `Host` and `Origin`, becomes that of the gateway; every other name reaches the gateway as it came.
 */
export async function openShim(agent: Agent): Promise<Shim> {
  const gateway = new URL(agent.origin)
  const server = createServer((request, response) => void pass(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = `127.0.0.1:${(server.address() as AddressInfo).port}`

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    let answer = await forward(request, response, body)
    if (answer.statusCode === 401) {
      answer.resume()
      await agent.refresh()
      answer = await forward(request, response, body)
    }
    response.writeHead(answer.statusCode!, answer.headers)
    response.flushHeaders()
    answer.once('error', () => response.destroy())
    answer.pipe(response)
  }

  function forward(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<IncomingMessage> {
    const { host, origin, 'transfer-encoding': _chunked, ...rest } = request.headers
    const headers = {
      ...rest,
      host: host === own ? gateway.host : host,
      ...(origin !== undefined && { origin: origin === `http://${own}` ? gateway.origin : origin }),
      authorization: `Bearer ${agent.tokens.access_token}`,
      'content-length': body.length,
    }
    return new Promise((resolve, reject) => {
      const { hostname, port } = gateway
      const { method } = request
      const passed = send({ hostname, port, method, path: `/mcp/${agent.upstream}`, headers, agent: false }, resolve)
      passed.once('error', reject)
      response.once('close', () => passed.destroy())
      passed.end(body)
    })
  }

  return {
    url: `http://${own}/mcp`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

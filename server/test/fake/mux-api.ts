import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it reached the stand-in. */
export interface MuxRequest {
  method: string
  path: string
  query: Record<string, string>
  headers: IncomingHttpHeaders
  body: unknown
}

/** A stand-in for the REST API of Mux, for the genuine MCP server to talk to. Its journal is the oracle. */
export interface MuxApi {
  /** For the environment variable `MUX_BASE_URL`. */
  readonly url: string
  readonly journal: MuxRequest[]
  /** What it returns as a private key; must appear nowhere but in the caller's answer. */
  readonly privateKey: string
  /** What it returns as a stream key. */
  readonly streamKey: string
  close(): Promise<void>
}

/**
 * Opens the stand-in on a free port of the loopback.
 *
 * @param demanded The token id and secret that it takes; any when absent.
 */
export async function openMuxApi(demanded?: { tokenId: string; tokenSecret: string }): Promise<MuxApi> {
  const journal: MuxRequest[] = []
  const privateKey = Buffer.from('-----BEGIN RSA PRIVATE KEY-----\ncanary-private-key\n').toString('base64')
  const streamKey = 'canary-stream-key-5bd28537'
  const basic = demanded && `Basic ${Buffer.from(`${demanded.tokenId}:${demanded.tokenSecret}`).toString('base64')}`
  const server = createServer((request, response) => {
    void readRequest(request).then((heard) => {
      journal.push(heard)
      if (basic !== undefined && heard.headers.authorization !== basic) {
        return reply(response, 401, { error: { type: 'unauthorized', messages: ['Unauthorized request'] } })
      }
      return answer(heard, response, { privateKey, streamKey })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    journal,
    privateKey,
    streamKey,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readRequest(request: IncomingMessage): Promise<MuxRequest> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const text = Buffer.concat(parts).toString()
  const url = new URL(request.url ?? '/', 'http://mux.test')
  return {
    method: request.method ?? '',
    // As it came: nothing about a path may be tidied away.
    path: (request.url ?? '').split('?', 1)[0]!,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  }
}

function answer(
  heard: MuxRequest,
  response: ServerResponse,
  canaries: { privateKey: string; streamKey: string },
): void {
  const { method, path } = heard
  const last = path.split('/').at(-1)!
  if (method === 'DELETE') return void response.writeHead(204).end()
  if (path.startsWith('/system/v1/signing-keys')) {
    const key = { id: method === 'POST' ? 'key-1' : last, created_at: '1700000000' }
    if (method === 'POST') return reply(response, 201, { data: { ...key, private_key: canaries.privateKey } })
    return reply(response, 200, { data: path.endsWith('signing-keys') ? [{ ...key, id: 'key-1' }] : key })
  }
  if (path.startsWith('/video/v1/live-streams')) {
    const stream = { id: 'live-1', status: 'idle', stream_key: canaries.streamKey, created_at: '1700000000' }
    return reply(response, method === 'POST' ? 201 : 200, {
      data: path.endsWith('live-streams') && method === 'GET' ? [stream] : stream,
    })
  }
  if (method === 'GET' && /^(assets|uploads|playback-restrictions|transcription-vocabularies)$/.test(last)) {
    return reply(response, 200, { data: [{ id: `${last}-1`, status: 'ready', created_at: '1700000000' }] })
  }
  return reply(response, method === 'POST' ? 201 : 200, {
    data: { id: last, status: 'ready', created_at: '1700000000' },
  })
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

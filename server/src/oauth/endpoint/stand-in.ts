import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/**
 * A request like this one with another body, for the protocol engine: it reads the stream, and this one was read already
 * because we had to judge it first.
 */
export function standIn(request: IncomingMessage, body: string, contentType: string): IncomingMessage {
  const bytes = Buffer.from(body)
  const { 'transfer-encoding': _streamed, ...headers } = request.headers
  const { method, url, socket, httpVersion, httpVersionMajor, httpVersionMinor } = request
  return Object.assign(Readable.from([bytes], { objectMode: false }), {
    method,
    url,
    headers: { ...headers, 'content-type': contentType, 'content-length': String(bytes.byteLength) },
    socket,
    httpVersion,
    httpVersionMajor,
    httpVersionMinor,
  }) as unknown as IncomingMessage
}

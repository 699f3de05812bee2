import type { Dispatcher } from 'undici'
import { Fault } from '../fault.ts'
import { fetchBytesMax, fetchTimeoutMs } from '../limits.ts'

/** Bounds of one fetch; absent ones are those of the house. */
export interface FetchCaps {
  bytesMax?: number
  timeoutMs?: number
}

interface Wanted {
  url: string | URL
  init: RequestInit
  caps: FetchCaps
}

export async function fetchWith(dispatcher: Dispatcher, { url, init, caps }: Wanted): Promise<Response> {
  const { bytesMax = fetchBytesMax, timeoutMs = fetchTimeoutMs } = caps
  const request = requestOf(url, init)
  const target = new URL(request.url)
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = init.signal ? AbortSignal.any([timeout, init.signal]) : timeout
  try {
    const answer = await dispatcher.request({
      origin: target.origin,
      path: target.pathname + target.search,
      method: request.method as Dispatcher.HttpMethod,
      headers: headersOf(request),
      body: request.body === null ? null : Buffer.from(await request.arrayBuffer()),
      signal,
    })
    const bytes = await readCapped(answer, bytesMax)
    if (init.redirect === 'error' && answer.statusCode >= 300 && answer.statusCode < 400) throw failed('it redirects')
    return responseOf(answer, bytes)
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    if (init.signal?.aborted) throw cause
    if (timeout.aborted) throw new Fault('base.timed_out', `\`${target.host}\` did not answer in time`, { cause })
    throw new Fault('base.unreachable', `cannot reach \`${target.host}\``, { detail: String(cause), cause })
  }
}

function requestOf(url: string | URL, init: RequestInit): Request {
  const { method, headers, body } = init
  try {
    const more = body === undefined || body === null ? {} : { body, duplex: 'half' as const }
    return new Request(url, { ...(method && { method }), ...(headers && { headers }), ...more })
  } catch (cause) {
    throw new Fault('base.address_refused', 'cannot send a request to this address', { detail: String(cause), cause })
  }
}

function headersOf(request: Request): Record<string, string> {
  const headers = Object.fromEntries(request.headers)
  // The URL names the host; a header that names another would choose the certificate that is accepted.
  delete headers['host']
  return { accept: '*/*', 'user-agent': 'sallyport', ...headers, 'accept-encoding': 'identity' }
}

async function readCapped(answer: Dispatcher.ResponseData, bytesMax: number): Promise<Buffer> {
  const encoding = answer.headers['content-encoding'] ?? 'identity'
  const announced = Number(answer.headers['content-length'] ?? 0)
  const chunks: Buffer[] = []
  let size = 0
  // Leaving the loop early destroys the body and its connection.
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (Math.max(size, announced) > bytesMax) {
      throw new Fault('base.too_large', `the answer has more than ${bytesMax} bytes`, { status: 502 })
    }
    if (encoding !== 'identity') throw failed(`it is compressed as ${String(encoding).slice(0, 40)}`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

function responseOf(answer: Dispatcher.ResponseData, bytes: Buffer): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) headers.append(name, item)
  }
  const bodiless = answer.statusCode < 200 || [204, 205, 304].includes(answer.statusCode)
  return new Response(bodiless ? null : new Uint8Array(bytes), { status: answer.statusCode, headers })
}

function failed(detail: string): Fault {
  return new Fault('base.unreachable', 'the answer cannot be used', { detail })
}

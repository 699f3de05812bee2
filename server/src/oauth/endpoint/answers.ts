import type { IncomingMessage, ServerResponse } from 'node:http'

// Browser-based clients read these answers from their own origin. No cookie counts here, so any origin may.
const sharing = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'www-authenticate, retry-after, dpop-nonce',
}

/** Sends JSON that scripts of any origin may read. */
export function sendJson(
  response: ServerResponse,
  what: { status?: number; body: unknown; cache?: string; headers?: Record<string, string> },
): void {
  response.writeHead(what.status ?? 200, {
    ...sharing,
    ...what.headers,
    'content-type': 'application/json',
    'cache-control': what.cache ?? 'no-store',
  })
  response.end(JSON.stringify(what.body))
}

/**
 * Deals with what is no genuine request: answers a preflight, refuses other methods, and lets scripts of any origin read
 * what comes after.
 *
 * @returns whether the request is to be served.
 */
export function admitMethod(request: IncomingMessage, response: ServerResponse, methods: string[]): boolean {
  if (request.method === 'OPTIONS') {
    response.writeHead(204, {
      ...sharing,
      'access-control-allow-methods': [...methods, 'OPTIONS'].join(', '),
      'access-control-allow-headers': 'authorization, content-type, dpop, mcp-protocol-version',
      'access-control-max-age': '3600',
    })
    response.end()
    return false
  }
  if (!methods.includes(request.method ?? '')) {
    response.writeHead(405, { ...sharing, allow: [...methods, 'OPTIONS'].join(', ') }).end()
    return false
  }
  for (const [name, value] of Object.entries(sharing)) response.setHeader(name, value)
  return true
}

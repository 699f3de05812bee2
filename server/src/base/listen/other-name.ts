import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../fault.ts'

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/**
 * Cookies, tokens and metadata belong to one name of this machine: who came by another one of loopback is sent to the
 * origin, or told it where a redirect would lose the request. Behind a proxy, which may rewrite `Host`, there is nothing to
 * compare.
 *
 * @returns whether the request has been answered.
 */
export function answerOtherName(req: IncomingMessage, res: ServerResponse, origin: string): boolean {
  const host = (req.headers.host ?? '').toLowerCase()
  if (origin.endsWith(`//${host}`)) return false
  const ours = new URL(origin).host
  if (host === ours || !loopback.test(ours) || !loopback.test(host)) return false
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    throw new Fault('base.other_name', `this gateway is reached at ${origin}: use that address`)
  }
  res.writeHead(307, { location: `${origin}${req.url ?? '/'}`, 'cache-control': 'no-store' }).end()
  return true
}

import type { IncomingMessage } from 'node:http'
import { Fault } from '../fault.ts'

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/**
 * Cookies, tokens and metadata belong to one name of this machine: who came by another one of loopback is sent to the
 * origin, or told it where a redirect would lose the request. Behind a proxy, which may rewrite `Host`, there is nothing to
 * compare.
 *
 * @returns where a browser is sent; undefined for who came by the right name.
 * @throws {Fault} `base.other_name` for a request that a redirect would lose.
 */
export function readOtherName(req: IncomingMessage, origin: string): string | undefined {
  const host = (req.headers.host ?? '').toLowerCase()
  if (origin.endsWith(`//${host}`)) return undefined
  const ours = new URL(origin).host
  if (host === ours || !loopback.test(ours) || !loopback.test(host)) return undefined
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    throw new Fault('base.other_name', `this gateway is reached at ${origin}: use that address`)
  }
  return `${origin}${req.url ?? '/'}`
}

import { lookup as systemLookup } from 'node:dns/promises'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { readAllowed } from './dial/allowed.ts'
import type { Allowed } from './dial/allowed.ts'
import { fetchWith } from './dial/fetch.ts'
import type { FetchCaps } from './dial/fetch.ts'
import { guardedConnector } from './dial/guard.ts'
import type { Lookup } from './dial/guard.ts'
import { Fault } from './fault.ts'
import * as limits from './limits.ts'

export type { FetchCaps } from './dial/fetch.ts'
export type { Lookup } from './dial/guard.ts'

/**
 * What may be reached although it is private (`name:port`, `address:port`, `network/bits:port`), by whom, and how names
 * are resolved.
 */
export interface DialOptions {
  /** By `fetch`: documents for our own use. */
  allowPrivate?: readonly string[]
  /** By each upstream, by its name; read when it is dialled for the first time. */
  upstreams?: Pick<ReadonlyMap<string, readonly string[]>, 'get'>
  /** The resolver; that of the system when absent. */
  lookup?: Lookup
}

/** The only way out of the house. */
export interface Dialer {
  /**
   * The raw dispatcher for messages to one upstream, with connections of its own: kept, one request at a time on each, no
   * redirects, no limit on how long an answer may stream. Abort a request to end it.
   */
  upstream(name: string): Dispatcher
  /**
   * Fetches a document for our own use (client metadata, keys, discovery, tokens): `fetch` of the platform in form, but
   * bounded in size (256 KiB) and time (5 s), read whole, uncompressed, and never following a redirect: a 3xx is returned.
   *
   * @throws {Fault} `base.address_refused` if the destination is not allowed, `base.timed_out`, `base.too_large` (502),
   *   `base.unreachable` for every other failure.
   */
  fetch(url: string | URL, init?: RequestInit, caps?: FetchCaps): Promise<Response>
  /** The same `fetch` within the bounds of one upstream: for documents and tokens that its own addresses give. */
  fetchFor(name: string): (url: string | URL, init?: RequestInit) => Promise<Response>
  /** Ends every connection at once. */
  close(): Promise<void>
}

/**
 * Opens the dialler: every connection that leaves this process goes through it.
 *
 * The promise: a socket is connected only to an address that was judged before, for this very connection. Names are
 * resolved once, all their addresses must be allowed, and the one that was judged is the one that is connected to.
 * Private, loopback, link-local, translated, multicast and reserved addresses are refused unless configuration names
 * them with their port; without TLS, nothing else is reached at all.
 *
 * @throws {Fault} `config.invalid` if an entry of a list cannot be read.
 * @see https://www.rfc-editor.org/rfc/rfc6890
 * @see docs/operate/configuration.md, "Where it may connect to"
 */
export function openDialer({ allowPrivate = [], upstreams, lookup = resolveAll }: DialOptions): Dialer {
  const connector = (setting: string, texts: readonly string[]) =>
    guardedConnector({ setting, entries: readAll(setting, texts) }, lookup)
  const documents = new Agent({
    connect: connector('egress.allowPrivate', allowPrivate),
    allowH2: false,
    pipelining: 1,
    connections: 8,
    keepAliveTimeout: 1_000,
  })
  // One for each name: a kept connection was judged by the list of its own upstream, and serves no other.
  const agents = new Map<string, Agent>()
  const upstream = (name: string): Agent => {
    let agent = agents.get(name)
    if (agent === undefined) {
      agent = upstreamAgent(connector(`egress.upstreams.${name}`, upstreams?.get(name) ?? []))
      agents.set(name, agent)
    }
    return agent
  }
  return {
    upstream,
    fetchFor: (name) => (url, init) => fetchWith(upstream(name), { url, init: init ?? {}, caps: {} }),
    fetch: (url, init, caps) => fetchWith(documents, { url, init: init ?? {}, caps: caps ?? {} }),
    close: async () => {
      await Promise.all([documents, ...agents.values()].map((agent) => agent.destroy()))
    },
  }
}

function readAll(setting: string, texts: readonly string[]): Allowed[] {
  return texts.map((text) => {
    const entry = readAllowed(text)
    if (typeof entry !== 'string') return entry
    throw new Fault('config.invalid', `cannot use \`${text}\` of \`${setting}\`: it ${entry}`)
  })
}

function upstreamAgent(connect: ReturnType<typeof guardedConnector>): Agent {
  return new Agent({
    connect,
    allowH2: false,
    pipelining: 1,
    connections: limits.upstreamConnectionsMax,
    keepAliveTimeout: limits.upstreamKeepAliveMs,
    headersTimeout: limits.upstreamHeadersTimeoutMs,
    // Event streams may be silent for as long as they like; dead peers are found by TCP.
    bodyTimeout: 0,
  })
}

const resolveAll: Lookup = (hostname) => systemLookup(hostname, { all: true })

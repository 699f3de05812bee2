import type { FetchDocument } from '../../base/document.ts'
import { Fault } from '../../base/fault.ts'
import { readJson } from '../../base/json.ts'
import type { Caching } from '../../store/clients.ts'
import { conditionsOf, type Freshness, readFreshness } from './freshness.ts'
import { type ClientMetadata, readClientMetadata } from './metadata.ts'

/**
 * What a metadata document said, and for how long it may be believed without asking again. `unchanged`: it says what the
 * copy says.
 */
export type FetchedDocument = Freshness & ({ metadata: ClientMetadata & { client_name: string } } | { unchanged: true })

// The draft recommends 5 kB. Somebody waits at a browser meanwhile.
const limits = { bytesMax: 5 * 1024, timeoutMs: 3_000 }
// Anybody can make us fetch by naming an address: so few at once that nobody can use us against a third party.
const fetchesMax = 8

/**
 * Reads the metadata documents of clients whose id is the address of one.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/
 */
export class MetadataDocuments {
  readonly #fetch: FetchDocument
  readonly #hosts: string[]
  readonly #plain: ReadonlySet<string>
  readonly #underWay = new Map<string, Promise<FetchedDocument>>()

  /**
   * @param options `hosts`: whose documents are read: `*`, a host, or `*.` and a domain. `plain`: `host:port` that
   *   configuration allows to be private; only those may be read by http.
   */
  constructor(options: { fetch: FetchDocument; hosts: string[]; plain: string[] }) {
    this.#fetch = options.fetch
    this.#hosts = options.hosts
    this.#plain = new Set(options.plain)
  }

  /** Whether a client id is the address of a document that we would read. */
  serves(clientId: string): boolean {
    if (clientId.length > 1_024) return false
    const url = URL.parse(clientId)
    // Equal to its own normal form: no dot segments, no default port, no upper case, no backslash, and a path.
    if (url === null || url.href !== clientId) return false
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && this.#plain.has(url.host))) return false
    if (clientId.includes('#') || clientId.includes('@') || url.hostname.endsWith('.')) return false
    if (url.pathname === '/' || /%(?:2e|2f|5c)/i.test(url.pathname)) return false
    return this.#hosts.some((pattern) =>
      pattern.startsWith('*.') ? url.hostname.endsWith(pattern.slice(1)) : pattern === '*' || pattern === url.hostname,
    )
  }

  /**
   * Fetches and reads a document. Failures are never remembered.
   *
   * @param copy What the copy that we have was answered with: its host may say that it is still right.
   * @throws {Fault} `oauth.document_unreachable` if its host is silent; `oauth.document_unusable` or
   *   `oauth.client_invalid` if it does not say what it must; `base.busy`.
   */
  read(clientId: string, copy?: Caching): Promise<FetchedDocument> {
    const conditions = conditionsOf(copy)
    const key = JSON.stringify([clientId, conditions])
    let reading = this.#underWay.get(key)
    if (reading === undefined) {
      if (this.#underWay.size >= fetchesMax) {
        throw new Fault('base.busy', 'cannot read the client’s metadata document now: try again in a moment')
      }
      reading = this.#read(clientId, conditions).finally(() => this.#underWay.delete(key))
      this.#underWay.set(key, reading)
    }
    return reading
  }

  async #read(clientId: string, conditions: Record<string, string>): Promise<FetchedDocument> {
    const response = await this.#fetch(clientId, { ...limits, conditions }).catch((cause: unknown) => {
      const refused =
        cause instanceof Fault && (cause.code === 'base.too_large' || cause.code === 'base.address_refused')
      throw refused ? unusable(cause.message, cause) : unreachable('its host does not answer', cause)
    })
    if (response.status >= 500 || response.status === 429) throw unreachable(`its host answered ${response.status}`)
    const freshness = readFreshness(response.headers)
    if (response.status === 304 && Object.keys(conditions).length > 0) return { ...freshness, unchanged: true }
    if (response.status !== 200) throw unusable(`its host answered with status ${response.status}`)
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(response.headers.get('content-type') ?? '')) {
      throw unusable('it is not JSON')
    }
    const raw = readObject(response.body)
    if (raw['client_id'] !== clientId) throw unusable('its `client_id` is not its own address')
    const metadata = readClientMetadata(raw, 'metadata-document')
    const name = metadata.client_name
    if (name === undefined) throw unusable('it has no `client_name`')
    return { ...freshness, metadata: { ...metadata, client_name: name } }
  }
}

function readObject(body: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = readJson(body, { bytesMax: limits.bytesMax, depthMax: 8 })
  } catch (cause) {
    throw unusable('it is not well-formed JSON, or too large', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable('it is not a JSON object')
  return value as Record<string, unknown>
}

function unusable(why: string, cause?: unknown): Fault {
  return new Fault('oauth.document_unusable', `cannot use the client’s metadata document: ${why}`, { cause })
}

function unreachable(why: string, cause?: unknown): Fault {
  return new Fault('oauth.document_unreachable', `cannot read the client’s metadata document: ${why}`, {
    cause,
    ...(cause instanceof Error ? { detail: cause.message } : {}),
  })
}

import type { Clock } from '../base/clock.ts'
import type { PreregisteredClient } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Client } from '../model/rights.ts'
import {
  findStoredClient,
  listStoredClients,
  revokeStoredClient,
  type StoredClient,
  touchClient,
  upsertClient,
} from '../store/clients.ts'
import type { Handle, Store } from '../store/store.ts'
import { type ClientMetadata, readClientMetadata } from './client/metadata.ts'
import type { FetchedDocument, MetadataDocuments } from './client/metadata-document.ts'
import type { Grants } from './grants.ts'
import type { Recorder, Secrets } from './ports.ts'

const listedMax = 1_000
// Documents of clients that nobody has given anything to yet live here only: strangers must not fill the store.
const strangersMax = 500
// A document whose host is down is believed for this long, so that its outage does not become ours.
const staleMsMax = 7 * 86_400_000

interface ClientParts {
  store: Store
  recorder: Recorder
  secrets: Secrets
  clock: Clock
  log: Log
  grants: Grants
  documents: MetadataDocuments | undefined
  configured: PreregisteredClient[]
}

/** The clients: the software that grants are given to, however it came to be known. */
export class Clients {
  readonly #parts: ClientParts
  readonly #configured: ReadonlyMap<string, PreregisteredClient>
  readonly #strangers = new Map<string, StoredClient>()

  private constructor(parts: ClientParts) {
    this.#parts = parts
    this.#configured = new Map(parts.configured.map((client) => [client.id, client]))
  }

  /**
   * Opens the clients and brings those of the configuration up to date.
   *
   * @param parts `documents`: absent when metadata documents are switched off.
   */
  static async open(parts: ClientParts): Promise<Clients> {
    const clients = new Clients(parts)
    for (const client of parts.configured) await clients.#configure(client)
    return clients
  }

  /** The client of this id as it is on record; one that the configuration no longer has counts as revoked. */
  async find(id: string): Promise<StoredClient | undefined> {
    const client = await findStoredClient(this.#parts.store, id)
    return client && this.#judged(client)
  }

  /** The clients on record, newest first, at most 1,000. */
  async list(): Promise<Client[]> {
    return (await listStoredClients(this.#parts.store, listedMax)).map((client) => this.#judged(client))
  }

  /**
   * The client that a request names, its metadata document read if it has one and that is due.
   *
   * @returns `undefined` if it is unknown or revoked.
   * @throws {Fault} `oauth.document_unreachable`, `oauth.document_unusable`, `oauth.client_invalid`, `base.busy` if its
   *   document cannot be used and no copy may stand in for it.
   */
  async resolve(id: string): Promise<StoredClient | undefined> {
    const known = await this.find(id)
    if (known?.state === 'revoked') return undefined
    if (known !== undefined && known.source !== 'metadata-document') return known
    const { documents, clock } = this.#parts
    if (documents === undefined || !documents.serves(id)) return undefined
    const copy = known ?? this.#strangers.get(id)
    if (copy?.freshUntil !== undefined && copy.freshUntil > clock.now()) return copy
    let fetched: FetchedDocument
    try {
      fetched = await documents.read(id)
    } catch (error) {
      return this.#stale(copy, error)
    }
    return await this.#renew(id, fetched, known)
  }

  /** Puts a client that registered itself on record. */
  async register(id: string, metadata: ClientMetadata, secret: string | undefined): Promise<void> {
    const { recorder, secrets } = this.#parts
    const client: StoredClient = {
      ...this.#fresh(id, 'registration', metadata),
      sealedSecret: secret === undefined ? undefined : secrets.seal('client-secret', id, secret),
    }
    await recorder.recordChange(this.#change('client.registered', client, 'system'), (tx) => upsertClient(tx, client))
  }

  /**
   * Notes, within the transaction of a grant, that the client is used, and puts it on record if it was a stranger.
   */
  async admit(tx: Handle, client: StoredClient): Promise<void> {
    const now = this.#parts.clock.now()
    if (client.source === 'metadata-document') await upsertClient(tx, client)
    await touchClient(tx, client.id, now)
  }

  /** The secret of a confidential client, in clear, for the protocol engine to compare. */
  secretOf(client: StoredClient): string | undefined {
    if (client.source === 'configuration') return this.#configured.get(client.id)?.secret
    if (client.sealedSecret === undefined) return undefined
    return Buffer.from(this.#parts.secrets.open('client-secret', client.id, client.sealedSecret)).toString()
  }

  /**
   * Revokes a client with all grants to it. It cannot come back under the same id.
   *
   * @throws {Fault} `oauth.client_unknown` if there is no such client.
   */
  async revoke({ by, id, reason }: { by: string; id: string; reason: string }): Promise<void> {
    const client = await findStoredClient(this.#parts.store, id)
    if (client === undefined) {
      throw new Fault('oauth.client_unknown', 'cannot revoke this client: there is none of this id')
    }
    if (client.state === 'revoked') return
    const change = { by, what: 'client.revoked', about: { kind: 'client', id }, reason } as const
    await this.#parts.recorder.recordChange({ ...change, details: { name: client.name } }, async (tx) => {
      await revokeStoredClient(tx, id)
      await this.#parts.grants.revokeWithin(tx, { clientId: id }, `the client was revoked: ${reason}`)
    })
    this.#strangers.delete(id)
  }

  #judged(client: StoredClient): StoredClient {
    const gone = client.source === 'configuration' && !this.#configured.has(client.id)
    return gone ? { ...client, state: 'revoked' } : client
  }

  #fresh(id: string, source: Client['source'], metadata: ClientMetadata): StoredClient {
    return {
      id,
      source,
      name: metadata.client_name ?? 'unnamed client',
      metadata: { ...metadata },
      sealedSecret: undefined,
      state: 'active',
      createdAt: this.#parts.clock.now(),
      usedAt: undefined,
      checkedAt: undefined,
      freshUntil: undefined,
    }
  }

  #change(what: 'client.registered' | 'client.changed', client: StoredClient, by: string) {
    const { redirect_uris: redirectUris, token_endpoint_auth_method: authentication } = client.metadata
    return {
      by,
      what,
      about: { kind: 'client' as const, id: client.id },
      details: { name: client.name, source: client.source, redirectUris, authentication },
    }
  }

  async #configure(configured: PreregisteredClient): Promise<void> {
    const metadata = metadataOf(configured)
    const dropped = configured.redirectUris.find((uri) => !metadata.redirect_uris.includes(uri))
    if (dropped !== undefined) {
      throw new Fault('config.invalid', `cannot use the redirect URI \`${dropped}\` of client \`${configured.id}\``)
    }
    const client = this.#fresh(configured.id, 'configuration', metadata)
    const known = await findStoredClient(this.#parts.store, client.id)
    if (known !== undefined && sameOf(known) === sameOf(client)) return
    const what = known === undefined ? 'client.registered' : 'client.changed'
    await this.#parts.recorder.recordChange(this.#change(what, client, 'set-up'), (tx) => upsertClient(tx, client))
  }

  async #renew(id: string, fetched: FetchedDocument, known: StoredClient | undefined): Promise<StoredClient> {
    const now = this.#parts.clock.now()
    const client: StoredClient = {
      ...(known ?? this.#fresh(id, 'metadata-document', fetched.metadata)),
      name: fetched.metadata.client_name,
      metadata: { ...fetched.metadata },
      checkedAt: now,
      freshUntil: now + fetched.freshForSeconds * 1_000,
    }
    if (known === undefined) {
      this.#strangers.delete(id)
      if (this.#strangers.size >= strangersMax) this.#strangers.delete(this.#strangers.keys().next().value!)
      this.#strangers.set(id, client)
    } else if (sameOf(known) === sameOf(client)) {
      await upsertClient(this.#parts.store, client)
    } else {
      const change = this.#change('client.changed', client, 'system')
      await this.#parts.recorder.recordChange(change, (tx) => upsertClient(tx, client))
    }
    return client
  }

  #stale(copy: StoredClient | undefined, error: unknown): StoredClient {
    // A document that is there and says something unusable is the client's word; only silence is bridged.
    const silent = error instanceof Fault && (error.code === 'oauth.document_unreachable' || error.code === 'base.busy')
    const checkedAt = copy?.checkedAt
    if (copy === undefined || checkedAt === undefined || !silent) throw error
    if (this.#parts.clock.now() - checkedAt > staleMsMax) throw error
    this.#parts.log.warn({ client: copy.id, detail: error.detail ?? error.message }, 'using an older metadata document')
    return copy
  }
}

function metadataOf({ name, redirectUris, secret, jwks, jwksUri }: PreregisteredClient): ClientMetadata {
  const keyed = jwks !== undefined || jwksUri !== undefined
  const method = keyed ? 'private_key_jwt' : secret === undefined ? 'none' : 'client_secret_basic'
  const said =
    redirectUris.length > 0
      ? readClientMetadata({ redirect_uris: redirectUris, token_endpoint_auth_method: 'none' }, 'registration')
      : { client_uri: undefined, redirect_uris: [], application_type: 'web' as const, grant_types: [] }
  return { ...said, client_name: name, token_endpoint_auth_method: method, jwks, jwks_uri: jwksUri }
}

function sameOf(client: StoredClient): string {
  return JSON.stringify([client.source, client.name, client.metadata])
}

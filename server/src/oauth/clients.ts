import type { Clock } from '../base/clock.ts'
import type { PreregisteredClient, WorkloadIssuer } from '../base/config.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { Client, Grant } from '../model/rights.ts'
import {
  findStoredClient,
  listStoredClients,
  noteUnchangedClient,
  revokeStoredClient,
  type StoredClient,
  touchClient,
  upsertClient,
} from '../store/clients.ts'
import type { Handle, Store } from '../store/store.ts'
import { type ClientMetadata, readClientMetadata } from './client/metadata.ts'
import { type AdmissionMode, standingOf } from './client/admission.ts'
import { consentedOf } from './client/consented.ts'
import type { FetchedDocument, MetadataDocuments } from './client/metadata-document.ts'
import { staleSecondsMax } from './client/freshness.ts'
import { hashOf, hashSealedSecrets, isSecretOf } from './client/secret.ts'
import { consentAgain, type Grants } from './grants.ts'
import { workloadsClient, workloadsClientId } from './client/workloads.ts'
import { clientCredentials, jwtBearer, tokenExchange } from './metadata.ts'
import type { Recorder, Secrets } from './ports.ts'

const listedMax = 1_000
// Documents of clients that nobody has given anything to yet live here only: strangers must not fill the store.
const strangersMax = 500
// That a client is used is noted so often, not more: renewals come every five minutes.
const useNotedMs = 3_600_000

interface ClientParts {
  store: Store
  recorder: Recorder
  secrets: Secrets
  clock: Clock
  log: Log
  grants: Grants
  documents: MetadataDocuments | undefined
  mode: AdmissionMode
  configured: PreregisteredClient[]
  workloads: readonly WorkloadIssuer[]
  /** Whether an identity provider may vouch for clients that prove who they are. */
  enterprise: boolean
}

/** By what a machine proves that it is one. */
export type MachineProof = 'key' | 'secret' | 'workload'

/** The clients: the software that grants are given to, however it came to be known. */
export class Clients {
  readonly #parts: ClientParts
  readonly #configured: ReadonlyMap<string, PreregisteredClient>
  readonly #strangers = new Map<string, StoredClient>()

  private constructor(parts: ClientParts) {
    this.#parts = parts
    const all = [...parts.configured, ...(parts.workloads.length > 0 ? [workloadsClient] : [])]
    this.#configured = new Map(all.map((client) => [client.id, client]))
  }

  /**
   * Opens the clients and brings those of the configuration up to date.
   *
   * @param parts `documents`: absent when metadata documents are switched off.
   */
  static async open(parts: ClientParts): Promise<Clients> {
    const clients = new Clients(parts)
    await hashSealedSecrets(parts.store, parts.secrets)
    for (const client of clients.#configured.values()) {
      await clients.#configure(client)
      if (client.machine !== undefined && client.secret !== undefined) {
        const about = { client: client.id, machine: client.machine }
        parts.log.warn(about, 'this machine proves itself by a shared secret: whoever reads it anywhere is the machine')
      }
    }
    return clients
  }

  /** The client of this id as it is on record, and where it stands; see `standingOf`. */
  async find(id: string): Promise<StoredClient | undefined> {
    const client = await findStoredClient(this.#parts.store, id)
    return client && this.#judged(client)
  }

  /** The grant types that a client may use beside those that it said itself. */
  grantTypesOf({ id, metadata }: StoredClient): string[] {
    const configured = this.#configured.get(id)
    // Only who proves who it is can be the client that an assertion names; a workload has none.
    const presents = this.#parts.enterprise && metadata['token_endpoint_auth_method'] !== 'none'
    return [
      ...(presents || id === workloadsClientId ? [jwtBearer] : []),
      ...(configured?.machine === undefined ? [] : [clientCredentials]),
      ...(configured?.exchange === undefined ? [] : [tokenExchange]),
    ]
  }

  /** The machine that a client is, by name. */
  machineOf(id: string): string | undefined {
    return this.#configured.get(id)?.machine
  }

  /** Whether a client is a machine's: what it is given, an administrator gave. */
  isMachine(id: string): boolean {
    return id === workloadsClientId || this.machineOf(id) !== undefined
  }

  /** The clients by which a machine proves that it is one: the only ones that can be granted anything in its name. */
  ofMachine(name: string): { id: string; name: string; proof: MachineProof }[] {
    const { configured, workloads } = this.#parts
    const own = configured
      .filter(({ machine }) => machine === name)
      .map((one) => ({ id: one.id, name: one.name, proof: one.secret === undefined ? 'key' : 'secret' }) as const)
    const issuers = workloads.filter(({ rules }) => rules.some(({ machine }) => machine === name))
    const { id, name: title } = workloadsClient
    return [...own, ...(issuers.length > 0 ? [{ id, name: title, proof: 'workload' as const }] : [])]
  }

  /** The clients on record, at most 1,000; see `listStoredClients`. */
  async list(): Promise<Client[]> {
    return (await listStoredClients(this.#parts.store, listedMax)).map((client) => this.#judged(client))
  }

  /**
   * The client that a request names and that may be used, its metadata document read if it has one and that is due.
   *
   * @returns `undefined` if it is unknown, revoked or not admitted.
   * @throws {Fault} `oauth.document_unreachable`, `oauth.document_unusable`, `oauth.client_invalid`, `base.busy` if its
   *   document cannot be used and no copy may stand in for it.
   */
  async resolve(id: string): Promise<StoredClient | undefined> {
    const client = await this.present(id)
    return client?.state === 'active' ? client : undefined
  }

  /** The same, admitted or not: for the pages that say so. Nothing is given to one whose state is not `active`. */
  async present(id: string): Promise<StoredClient | undefined> {
    const known = await this.find(id)
    if (known?.state === 'revoked') return undefined
    if (known !== undefined && known.source !== 'metadata-document') return known
    const { documents, clock } = this.#parts
    if (documents === undefined || !documents.serves(id)) return undefined
    const copy = known ?? this.#stranger(id)
    if (copy?.freshUntil !== undefined && copy.freshUntil > clock.now()) return copy
    let fetched: FetchedDocument
    try {
      fetched = await documents.read(id, copy?.caching)
    } catch (error) {
      return this.#stale(copy, error)
    }
    return this.#judged(await this.#renew(id, fetched, { known, copy }))
  }

  /** Puts a client that registered itself on record. */
  async register(id: string, metadata: ClientMetadata, secret: string | undefined): Promise<void> {
    const client: StoredClient = {
      ...this.#fresh(id, 'registration', metadata),
      secretHash: secret === undefined ? undefined : hashOf(secret),
    }
    await this.#parts.recorder.recordChange(this.#change('client.registered', client, 'system'), (tx) =>
      upsertClient(tx, client),
    )
  }

  /**
   * Notes, within the transaction of a grant, that the client is used, and puts it on record if it was a stranger.
   *
   * @throws {Fault} `oauth.consent_ended` if it is not what the person saw any more: nothing is given then.
   */
  async useWithin(tx: Handle, client: StoredClient): Promise<void> {
    const known = await findStoredClient(tx, client.id)
    if (known === undefined && client.source === 'metadata-document' && client.state === 'active') {
      await upsertClient(tx, client)
    } else if (
      known === undefined ||
      this.#judged(known).state !== 'active' ||
      consentedOf(known) !== consentedOf(client)
    ) {
      throw new Fault(
        'oauth.consent_ended',
        'cannot go on with this request: the program changed or was withdrawn meanwhile; start again from your program',
      )
    }
    await touchClient(tx, client.id, this.#parts.clock.now())
  }

  /** Whether the client of a grant may still be given tokens under it; notes its use from time to time. */
  async mayUse(grant: Pick<Grant, 'clientId' | 'clientDigest'>): Promise<boolean> {
    const client = await this.find(grant.clientId)
    if (client?.state !== 'active') return false
    if (grant.clientDigest !== undefined && grant.clientDigest !== consentedOf(client)) return false
    const now = this.#parts.clock.now()
    if (client.usedAt === undefined || now - client.usedAt >= useNotedMs) {
      await touchClient(this.#parts.store, client.id, now)
    }
    return true
  }

  /** Whether this is the secret of a confidential client. The secret itself is kept nowhere. */
  async provesSecret(id: string, presented: string): Promise<boolean> {
    const client = await this.find(id)
    if (client === undefined || client.state === 'revoked') return false
    if (client.source !== 'configuration') return isSecretOf(client.secretHash, presented)
    const secret = this.#configured.get(id)?.secret
    return secret !== undefined && isSecretOf(hashOf(secret), presented)
  }

  /**
   * Revokes a client with all grants to it. It cannot come back under the same id.
   *
   * @throws {Fault} `oauth.client_unknown` if there is no such client; `oauth.machine_refused` for the one that stands for
   *   all workloads, whose id nobody could choose anew.
   */
  async revoke({ by, id, reason }: { by: string; id: string; reason: string }): Promise<void> {
    const client = await findStoredClient(this.#parts.store, id)
    if (client === undefined) {
      throw new Fault('oauth.client_unknown', 'cannot revoke this client: there is none of this id')
    }
    if (client.state === 'revoked') return
    if (id === workloadsClientId) {
      const instead = 'disable the machine, revoke its grants, or take the issuer out of the configuration'
      throw new Fault('oauth.machine_refused', `cannot revoke what stands for all workloads for good: ${instead}`)
    }
    const change = { by, what: 'client.revoked', about: { kind: 'client', id }, reason } as const
    await this.#parts.recorder.recordChange({ ...change, details: { name: client.name } }, async (tx) => {
      await revokeStoredClient(tx, id)
      await this.#parts.grants.revokeWithin(tx, { clientId: id }, `the client was revoked: ${reason}`)
    })
    this.#strangers.delete(id)
  }

  #judged(client: StoredClient): StoredClient {
    if (client.source === 'configuration' && !this.#configured.has(client.id)) return { ...client, state: 'revoked' }
    const state = standingOf(client, this.#parts.mode)
    return state === client.state ? client : { ...client, state }
  }

  #stranger(id: string): StoredClient | undefined {
    const client = this.#strangers.get(id)
    return client && this.#judged(client)
  }

  #fresh(id: string, source: Client['source'], metadata: ClientMetadata): StoredClient {
    return {
      id,
      source,
      name: metadata.client_name ?? 'unnamed client',
      metadata: { ...metadata },
      secretHash: undefined,
      state: 'active',
      ownerId: undefined,
      askedBy: undefined,
      createdAt: this.#parts.clock.now(),
      firstUsedAt: undefined,
      usedAt: undefined,
      checkedAt: undefined,
      freshUntil: undefined,
      caching: undefined,
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

  async #renew(
    id: string,
    fetched: FetchedDocument,
    { known, copy }: { known: StoredClient | undefined; copy: StoredClient | undefined },
  ): Promise<StoredClient> {
    const client = this.#renewed(id, fetched, copy)
    if (known === undefined) {
      this.#strangers.delete(id)
      if (this.#strangers.size >= strangersMax) this.#strangers.delete(this.#strangers.keys().next().value!)
      this.#strangers.set(id, client)
    } else if (sameOf(known) === sameOf(client)) {
      // Of two that ask at once one may have an older answer: it must not take the place of the newer.
      await noteUnchangedClient(this.#parts.store, id, client)
    } else {
      const [before, after] = [consentedOf(known), consentedOf(client)]
      const change = this.#change('client.changed', client, 'system')
      await this.#parts.recorder.recordChange(change, async (tx) => {
        await upsertClient(tx, client)
        if (before === after || after === undefined) return
        await this.#parts.grants.revokeWithin(tx, { clientId: id, clientDigestOtherThan: after }, consentAgain)
      })
    }
    return client
  }

  #renewed(id: string, fetched: FetchedDocument, copy: StoredClient | undefined): StoredClient {
    const now = this.#parts.clock.now()
    const { caching, freshForSeconds } = fetched
    const asked = { checkedAt: now, freshUntil: now + freshForSeconds * 1_000 }
    if ('metadata' in fetched) {
      const { metadata } = fetched
      const client = copy ?? this.#fresh(id, 'metadata-document', metadata)
      return { ...client, ...asked, caching, name: metadata.client_name, metadata: { ...metadata } }
    }
    // It is asked for by what the copy was answered with, so there is one.
    if (copy === undefined) throw new TypeError('what is unchanged has a copy')
    return { ...copy, ...asked, caching: { ...copy.caching, ...caching } }
  }

  #stale(copy: StoredClient | undefined, error: unknown): StoredClient {
    // A document that is there and says something unusable is the client's word; only silence is bridged.
    const silent = error instanceof Fault && (error.code === 'oauth.document_unreachable' || error.code === 'base.busy')
    const checkedAt = copy?.checkedAt
    if (copy === undefined || checkedAt === undefined || !silent) throw error
    const staleMs = Math.min(copy.caching?.staleForSeconds ?? staleSecondsMax, staleSecondsMax) * 1_000
    if (this.#parts.clock.now() - checkedAt > staleMs) throw error
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

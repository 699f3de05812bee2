import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import type { Dialer } from '../base/dial.ts'
import { readDocument } from '../base/document.ts'
import type { Door } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import type { Login } from '../model/login.ts'
import type { Client, Grant } from '../model/rights.ts'
import type { Feed } from '../store/feed.ts'
import type { GrantFilter } from '../store/grants.ts'
import { deleteExpiredProtocolRecords } from '../store/protocol-records.ts'
import { deleteEndedRates } from '../store/rates.ts'
import { deleteEndedSpent } from '../store/spent.ts'
import type { Handle, Store } from '../store/store.ts'
import { type Caller, openAccessTokens, type Presented } from './access-token.ts'
import { type Assertions, openAssertions } from './assertions.ts'
import { Admission, type ClientStep } from './client/admission.ts'
import { expireClients } from './client/expiry.ts'
import { MetadataDocuments } from './client/metadata-document.ts'
import { Clients, type MachineProof } from './clients.ts'
import { openGrantTypes } from './grant-types.ts'
import { consentDoor } from './consent.ts'
import { metadataDoor, protocolDoor } from './endpoints.ts'
import { Grants, type GrantsOf } from './grants.ts'
import { giveToMachine, type MachineChoice } from './machine-grants.ts'
import { type Challenge, challengeFor, resourceFor } from './metadata.ts'
import type { Catalogue, OnRevoke, People, Recorder, Secrets } from './ports.ts'
import { openProofs } from './proof.ts'
import { openEngine } from './provider.ts'
import { openTokenKeys, type Rotation } from './token-keys.ts'
import { offerWidening, widen, type WideningOffer } from './widening.ts'

// What expired is of no use to anybody; it goes in batches, when nobody waits.
const sweepMs = 600_000

/** The authorization server. */
export interface OAuth {
  /** The metadata, the protocol's endpoints and the consent page. */
  readonly doors: Door[]
  /** The resource indicator of an upstream: the address of its MCP endpoint, to the byte. */
  resourceFor(upstream: string): string
  /** The `WWW-Authenticate` value for an upstream; see `challengeFor` in `metadata.ts`. */
  challengeFor(upstream: string, challenge?: Challenge): string
  /** Whether nobody can call anything at this address but with a token that is bound to a key. */
  wantsProof(upstream: string): Promise<boolean>
  /** The nonce that the next proof must hold; see `Proofs.nonce`. */
  proofNonce(): string
  /** Verifies the token of a request; see `AccessTokens.verify`. It does not ask whether the grant still holds. */
  verifyAccessToken(request: Presented, resource: string): Promise<Caller>
  /** What is signed for other authorization servers. */
  readonly assertions: Assertions
  findGrant(id: string): Promise<Grant | undefined>
  /** The grants that match, newest first, at most 1,000. */
  listGrants(filter: GrantFilter): Promise<Grant[]>
  /** What the holder of a grant may add to it; see `widening.ts`. */
  offerWidening(of: { principalId: string; grantId: string }): Promise<WideningOffer | undefined>
  /** Adds tools to a grant, in the name of its holder; see `widening.ts`. */
  widenGrant(step: { by: string; grantId: string; shown: string; tools: readonly string[] }): Promise<void>
  /** Revokes a grant; see `Grants.revoke`. */
  revokeGrant(withdrawal: { by: string; id: string; reason: string }): Promise<void>
  /** Puts a new login behind a grant; see `Grants.renewLogin`. */
  renewGrantLogin(step: { by: string; id: string; login: Login }): Promise<void>
  /** Revokes, within the transaction of a greater change, the grants that go with it; returns their ids. */
  revokeGrantsWithin(tx: Handle, which: GrantsOf, because: string): Promise<string[]>
  /** Gives a grant to a client of a machine; see `giveToMachine`. */
  giveToMachine(choice: MachineChoice): Promise<Grant>
  /** The clients by which a machine proves that it is one. */
  clientsOfMachine(name: string): { id: string; name: string; proof: MachineProof }[]
  findClient(id: string): Promise<Client | undefined>
  /** The clients on record, those that mean something to somebody first, at most 1,000. */
  listClients(): Promise<Client[]>
  /** Revokes a client and all grants to it; see `Clients.revoke`. */
  revokeClient(withdrawal: { by: string; id: string; reason: string }): Promise<void>
  /** Admits a client, which its owner answers for from now on; see `Admission.admit`. */
  admitClient(step: ClientStep & { ownerId: string }): Promise<void>
  /** Refuses a client and revokes all grants to it; see `Admission.refuse`. */
  refuseClient(step: ClientStep): Promise<void>
  /** Gives an admitted client to another owner; see `Admission.setOwner`. */
  setClientOwner(step: ClientStep & { ownerId: string }): Promise<void>
  /** Forgets what is over, clients that nobody uses among it. It happens by itself every ten minutes. */
  sweep(): Promise<void>
  /** Replaces the key that signs access tokens; see `TokenKeys.rotate`. */
  rotateKeys(order: { by: string; reason: string; emergency: boolean }): Promise<Rotation>
  close(): Promise<void>
}

/** What the authorization server stands on. */
export interface OAuthParts {
  store: Store
  ledger: Recorder
  vault: Secrets
  identity: People
  inventory: Catalogue
  clock: Clock
  feed: Pick<Feed, 'subscribe'>
  config: Pick<Config, 'origin' | 'clients' | 'workloads' | 'egress' | 'keys'>
  /** The way out, to metadata documents and keys of clients. */
  dialer: Pick<Dialer, 'fetch'>
  log: Log
  /** What else must end with a grant, within the same transaction. */
  onRevoke?: OnRevoke
}

/**
 * Opens the authorization server: issuer is the public origin, resources are the upstreams.
 *
 * @throws {Fault} `config.invalid` if a client of the configuration cannot be used; `vault.cannot_open`.
 * @see docs/decisions/0003-oidc-provider.md
 */
export async function openOAuth(parts: OAuthParts): Promise<OAuth> {
  const { store, ledger, vault, identity, inventory, clock, config, log } = parts
  const { origin } = config
  const { registration, metadataDocuments, preregistered, enterprise, admission: mode, expiry } = config.clients
  const fetch = readDocument(parts.dialer)
  const onRevoke = parts.onRevoke ?? (async () => undefined)
  const grants = new Grants({ store, recorder: ledger, clock, onRevoke })
  const documents = metadataDocuments.enabled
    ? new MetadataDocuments({ fetch, hosts: metadataDocuments.hosts, plain: config.egress.allowPrivate })
    : undefined
  const rooms = { origin, store, clock, log, secrets: vault, people: identity, catalogue: inventory, grants, fetch }
  const clients = await Clients.open({
    ...rooms,
    recorder: ledger,
    documents,
    mode,
    configured: preregistered,
    workloads: config.workloads,
    enterprise: enterprise.length > 0,
  })
  const admission = new Admission({ store, recorder: ledger, grants, mode })
  const { rotateAfterDays } = config.keys
  const tokenKeys = await openTokenKeys(
    { secrets: vault, recorder: ledger, feed: parts.feed, clock, log, rotateAfterDays },
    async (keys) => {
      accessTokens.useKeys(keys)
      await engine.useKeys(keys)
    },
  )
  const { keys } = tokenKeys
  const nonceKey = await vault.nonceKey()
  const proofs = openProofs({ store, clock, nonceKey })
  const accessTokens = openAccessTokens({ origin, clock, keys, proofs })
  const holds = (grantId: string): Promise<boolean> => stands({ ...rooms, clients }, grantId)
  const grantTypes = openGrantTypes({ ...rooms, clients, accessTokens, config, stands: holds })
  const signing = { keys, nonceKey, proofs }
  const engine = await openEngine({ ...rooms, ...signing, clients, grantTypes, registration: registration.enabled })
  const offers = {
    registration: registration.enabled,
    metadataDocuments: metadataDocuments.enabled,
    enterprise: enterprise.length > 0,
    grantTypes: grantTypes.map(({ name }) => name),
  }
  const registrationsPerHour = registration.enabled ? registration.perHourMax : undefined
  const sweep = () => sweepAll({ store, clock, log, recorder: ledger, expiry })
  const sweeping = setInterval(() => void sweep(), sweepMs)
  sweeping.unref()

  return {
    doors: [
      metadataDoor({ origin, catalogue: inventory, offers }),
      protocolDoor({
        engine,
        accessTokens,
        grants,
        catalogue: inventory,
        tokenKeys,
        registrationsPerHour,
        store,
        clock,
        introspects: (clientId) => preregistered.find(({ id }) => id === clientId)?.introspects ?? [],
        stands: holds,
        isMachine: (clientId) => clients.isMachine(clientId),
      }),
      consentDoor({ ...rooms, engine, clients, admission }),
    ],
    resourceFor: (upstream) => resourceFor(origin, upstream),
    challengeFor: (upstream, challenge) => challengeFor(origin, upstream, challenge),
    wantsProof: async (upstream) => (await inventory.findPlace(upstream))?.wantsProof === true,
    proofNonce: () => proofs.nonce(),
    async verifyAccessToken(request, resource) {
      const reading = tokenKeys.refresh()
      if (reading !== undefined) await reading
      return await accessTokens.verify(request, resource)
    },
    assertions: openAssertions({ origin, tokenKeys, clock }),
    findGrant: (id) => grants.find(id),
    listGrants: (filter) => grants.list(filter),
    offerWidening: (of) => offerWidening({ ...rooms, clients }, of),
    widenGrant: (step) => widen({ ...rooms, clients }, step),
    revokeGrant: (withdrawal) => grants.revoke(withdrawal),
    renewGrantLogin: (step) => grants.renewLogin(step),
    revokeGrantsWithin: (tx, which, because) => grants.revokeWithin(tx, which, because),
    giveToMachine: (choice) => giveToMachine({ ...rooms, clients }, choice),
    clientsOfMachine: (name) => clients.ofMachine(name),
    findClient: (id) => clients.find(id),
    listClients: () => clients.list(),
    revokeClient: (withdrawal) => clients.revoke(withdrawal),
    admitClient: (step) => admission.admit(step),
    refuseClient: (step) => admission.refuse(step),
    setClientOwner: (step) => admission.setOwner(step),
    sweep,
    rotateKeys: (order) => tokenKeys.rotate(order),
    async close() {
      clearInterval(sweeping)
      tokenKeys.close()
    },
  }
}

/** Each by itself: what cannot be forgotten now is forgotten the next time. */
async function sweepAll(parts: Parameters<typeof expireClients>[0] & { log: Log }): Promise<void> {
  const { store, clock, log } = parts
  const now = clock.now()
  const warn = (error: unknown): void => log.warn({ error }, 'cannot forget expired records of the protocol')
  // Limits too: whoever asks from many networks leaves a row for each.
  for (const forget of [deleteExpiredProtocolRecords, deleteEndedRates, deleteEndedSpent])
    await forget(store, now).catch(warn)
  await expireClients(parts).catch(warn)
}

/** Whether all that a grant hangs on stands at this moment. Whether a tool may be called is another question. */
async function stands(
  rooms: { grants: Grants; clients: Clients; people: People; catalogue: Catalogue; clock: Clock },
  grantId: string,
): Promise<boolean> {
  const grant = await rooms.grants.find(grantId)
  if (grant === undefined || grant.revokedAt !== undefined || grant.endsAt <= rooms.clock.now()) return false
  const [principal, client, place] = await Promise.all([
    rooms.people.findPrincipal(grant.principalId),
    rooms.clients.find(grant.clientId),
    rooms.catalogue.findPlace(grant.upstream),
  ])
  return principal?.state === 'active' && client?.state === 'active' && place?.open === true
}

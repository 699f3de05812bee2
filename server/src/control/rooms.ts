import type { Approvals } from '../approval/approvals.ts'
import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import type { Log } from '../base/log.ts'
import type { Identity } from '../identity/identity.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Asker, Comeback, GivenClient, WaitingConnection } from '../model/connection.ts'
import type { Login } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import type { Upstream } from '../model/upstream.ts'
import type { OAuth } from '../oauth/oauth.ts'
import type { Feed } from '../store/feed.ts'
import type { Store } from '../store/store.ts'
import type { Vault } from '../vault/vault.ts'

/** A program that a `stdio` upstream may be: built in, or named in the configuration. */
export interface LaunchChoice {
  name: string
  /** The variables in which it takes its credential, where that is known. */
  credentialNames: readonly string[]
}

/** What the operators' door stands on. */
export interface ControlRooms {
  config: Pick<Config, 'origin' | 'onBehalf' | 'login'>
  clock: Clock
  log: Log
  store: Store
  feed: Pick<Feed, 'isFresh' | 'revision'>
  ledger: Pick<Ledger, 'recordChange' | 'listEntries' | 'getEntry' | 'size' | 'checkpoint' | 'key' | 'origin'>
  identity: Omit<Identity, 'door' | 'provisioningDoor'>
  inventory: Inventory
  approvals: Approvals
  oauth: Pick<
    OAuth,
    | 'findGrant'
    | 'listGrants'
    | 'offerWidening'
    | 'widenGrant'
    | 'revokeGrant'
    | 'renewGrantLogin'
    | 'findClient'
    | 'listClients'
    | 'revokeClient'
    | 'admitClient'
    | 'refuseClient'
    | 'setClientOwner'
    | 'rotateKeys'
    | 'giveToMachine'
    | 'clientsOfMachine'
  >
  /** Credentials go in and are revoked here; nothing here can read one. */
  vault: Pick<Vault, 'putConnection' | 'listConnections' | 'listConnectionsOf' | 'revokeConnection'>
  /** Looks at an upstream now. What it finds, or that it failed, is in the inventory when it resolves. */
  gateway: {
    look(upstream: Upstream): Promise<void>
    /** Where the API of a document is and its SHA-256, or a fault that says what is wrong with it. */
    readDocument(text: string, server: string | undefined): { server: string; digest: string }
    connections: UpstreamConnections
  }
  launches: readonly LaunchChoice[]
  /** The OpenAPI documents that the configuration names. */
  documents: readonly string[]
}

/** The connections of upstreams to their authorization servers, as far as operators make them. */
export interface UpstreamConnections {
  /** Begins an authorization; nothing is connected before the same asker comes back and finishes it. */
  begin(
    upstream: Upstream,
    asker: Asker,
    given: {
      client?: GivenClient | undefined
      scope?: string | undefined
      reason: string
      own?: { issuer: string }
    },
  ): Promise<WaitingConnection & { destination: URL }>
  /** What waits for who has come back; nothing is done yet. */
  find(comeback: Comeback, asker: Asker): Promise<WaitingConnection>
  /** Puts the connection in force. */
  finish(comeback: Comeback, asker: Asker): Promise<WaitingConnection>
  /** Connects without anybody. */
  connectUnattended(
    upstream: Upstream,
    by: string,
    given: {
      issuer: string
      client: GivenClient
      key?: { privateKey: string; algorithm: string } | undefined
      scope?: string | undefined
      reason: string
    },
  ): Promise<void>
}

/** Who looks and acts: signed in, or the holder of an operator key. */
export interface Viewer {
  principal: Principal
  administrator: boolean
  /** What only this browser knows; absent where a program acts. */
  browser: string | undefined
  /** How and when he proved to be himself in this browser; absent where a program acts. */
  login: Login | undefined
  /** When that was; absent where a program acts. */
  provedAt: number | undefined
}

import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import {
  claimRenewal,
  claimRevokedTokens,
  deleteRevokedTokens,
  dropRenewal,
  findActiveConnection,
  insertConnection,
  listActiveConnections,
  listActiveConnectionsOf,
  revokeActiveConnections,
  revokeConnectionsOf,
  revokeStoredConnection,
  updateSealed,
  type ConnectionDetails,
  type StoredConnection,
} from '../store/connections.ts'
import type { Handle, Store } from '../store/store.ts'
import { readCredentialValues } from './credential/values.ts'
import type { Sealer } from './sealer.ts'

/** A connection without its secrets: what pages and the ledger may show. */
export type Connection = Omit<StoredConnection, 'sealed'>

/** An upstream credential in clear. Only the upstream kinds of the gateway may hold one, and only while they need it. */
export type Credential = PlainCredential | RenewableCredential

/** One that is sent as it was given. */
export interface PlainCredential {
  /** The connection's id, for the ledger. */
  id: string
  placement: 'env' | 'headers'
  values: Record<string, string>
}

/** One that was got from an authorization server, and is renewed there. */
export interface RenewableCredential {
  id: string
  /** Whose it is; absent when it is the organisation's. */
  principalId: string | undefined
  placement: 'oauth'
  details: ConnectionDetails
  /** What the gateway sealed: tokens, and the client that they were issued to. */
  secret: unknown
  /** Tells this state of it from every other. */
  mark: string
}

/** What is needed to make a connection. */
export interface NewConnection {
  upstream: string
  /** Whose it is; absent when it is the organisation's. */
  principalId?: string | undefined
  placement: 'env' | 'headers'
  /** At most 20 names, values of 8 192 characters at most. */
  values: Record<string, string>
  createdBy: string
}

/** The upstream credentials, sealed. */
export interface Credentials {
  /**
   * Seals a credential for an upstream within a transaction and revokes the one that it replaces.
   *
   * @throws {Fault} `vault.connection_invalid` for names that would steer the process or the protocol (such as `PATH`,
   *   `NODE_OPTIONS`, `host`) and for values with control characters.
   */
  putConnection(tx: Handle, connection: NewConnection): Promise<Connection>
  /**
   * Opens the credential for a call.
   *
   * Never falls back: with `principalId` it is that person's own connection or none, without it the organisation's or none.
   *
   * @throws {Fault} `vault.cannot_open` if it was altered in the store.
   */
  openCredential(upstream: string, principalId?: string): Promise<Credential | undefined>
  /** The connections of an upstream that are in use, by their names only. */
  listConnections(upstream: string): Promise<Connection[]>
  /** The connections of one person that are in use, by their names only. */
  listConnectionsOf(principalId: string): Promise<Connection[]>
  /** Revokes, within the transaction of a greater change, all of a person, or all of an upstream whoever owns them. */
  revokeConnectionsWithin(tx: Handle, of: { principalId: string } | { upstream: string }): Promise<void>
  /** Revokes a connection within a transaction and forgets its secrets. False if it was not in use. */
  revokeConnection(tx: Handle, id: string): Promise<boolean>
  /** Those that are renewed. */
  renewable: RenewableCredentials
  /** Those that were removed, and are to be ended where they came from. */
  revoked: RevokedCredentials
}

/** The credentials that were got from an authorization server. */
export interface RenewableCredentials {
  /** Seals one within a transaction and revokes the one that it replaces. */
  put(tx: Handle, given: NewRenewable): Promise<Connection>
  /** Claims its renewal for 20 seconds: of all replicas exactly one gets it, and only if `mark` is still its state. */
  claim(credential: Pick<RenewableCredential, 'id' | 'mark'>): Promise<boolean>
  /** Ends a claim without a renewal. */
  drop(id: string): Promise<void>
  /**
   * Seals the renewed secret in place of the one with `mark`.
   *
   * @returns its new state; undefined if it was replaced or revoked meanwhile.
   */
  renew(upstream: string, credential: RenewableCredential, secret: unknown): Promise<RenewableCredential | undefined>
}

/** What removed connections sealed, until it has been ended where it came from. What was replaced is not among it. */
export interface RevokedCredentials {
  /**
   * Claims one for five minutes: of all replicas exactly one gets it. Whoever does not `forget` it meanwhile leaves it to
   * the next.
   *
   * @throws {Fault} `vault.cannot_open` if it was altered in the store, or sealed by another key: it stays there, claimed.
   */
  claim(): Promise<RevokedSecret | undefined>
  /** Forgets one that the authorization server was told of. */
  forget(id: string): Promise<void>
}

/** What a removed connection sealed. */
export interface RevokedSecret {
  id: string
  upstream: string
  /** Whose it was; absent when it was the organisation's. */
  principalId: string | undefined
  secret: unknown
}

/** What is needed to make a connection that is renewed. */
export interface NewRenewable {
  upstream: string
  principalId?: string | undefined
  details: ConnectionDetails
  secret: unknown
  createdBy: string
}

const claimMs = 20_000
/** Long enough for a server that lets two questions time out. */
export const revokedClaimMs = 300_000

interface Parts {
  store: Store
  sealer: Sealer
  clock: Clock
}

/** Opens the credentials on the connections that the store keeps sealed. */
export function openCredentials(parts: Parts): Credentials {
  return {
    async putConnection(tx, given) {
      const values = readCredentialValues(given.placement, given.values)
      const now = parts.clock.now()
      const connection: Connection = {
        id: makeId(parts.clock),
        upstream: given.upstream,
        principalId: given.principalId,
        placement: given.placement,
        names: Object.keys(values).sort(),
        createdBy: given.createdBy,
        createdAt: now,
        revokedAt: undefined,
      }
      const sealed = parts.sealer.seal('connection', bindingOf(connection), JSON.stringify(values))
      await revokeActiveConnections(tx, { upstream: given.upstream, principalId: given.principalId, at: now })
      await insertConnection(tx, { ...connection, sealed })
      return connection
    },
    async openCredential(upstream, principalId) {
      const found = await findActiveConnection(parts.store, upstream, principalId)
      if (found === undefined) return undefined
      const clear = Buffer.from(parts.sealer.open('connection', bindingOf(found), found.sealed)).toString()
      const { id, placement, details } = found
      if (placement !== 'oauth') return { id, placement, values: parseSecret(clear) as Record<string, string> }
      return { id, principalId, placement, details: details!, secret: parseSecret(clear), mark: found.sealed }
    },
    async listConnections(upstream) {
      return (await listActiveConnections(parts.store, upstream)).map(withoutSecret)
    },
    async listConnectionsOf(principalId) {
      return (await listActiveConnectionsOf(parts.store, principalId)).map(withoutSecret)
    },
    revokeConnectionsWithin: (tx, of) => revokeConnectionsOf(tx, of, parts.clock.now()),
    revokeConnection: (tx, id) => revokeStoredConnection(tx, id, parts.clock.now()),
    renewable: openRenewable(parts),
    revoked: openRevoked(parts),
  }
}

function withoutSecret({ sealed: _hidden, ...connection }: StoredConnection): Connection {
  return connection
}

function openRenewable({ store, sealer, clock }: Parts): RenewableCredentials {
  const seal = (connection: Binding, secret: unknown) =>
    sealer.seal('connection', bindingOf(connection), JSON.stringify(secret))
  return {
    async put(tx, { secret, ...given }) {
      const now = clock.now()
      const connection: Connection = {
        ...given,
        principalId: given.principalId,
        id: makeId(clock),
        placement: 'oauth',
        names: ['authorization'],
        createdAt: now,
        revokedAt: undefined,
      }
      await revokeActiveConnections(tx, { upstream: given.upstream, principalId: given.principalId, at: now })
      await insertConnection(tx, { ...connection, sealed: seal(connection, secret) })
      return connection
    },
    claim: ({ id, mark }) => claimRenewal(store, { id, sealed: mark, now: clock.now(), until: clock.now() + claimMs }),
    drop: (id) => dropRenewal(store, id),
    async renew(upstream, credential, secret) {
      const { id, principalId, mark: from } = credential
      const to = seal({ id, upstream, principalId, placement: 'oauth' }, secret)
      return (await updateSealed(store, { id, from, to })) ? { ...credential, secret, mark: to } : undefined
    },
  }
}

function openRevoked({ store, sealer, clock }: Parts): RevokedCredentials {
  return {
    async claim() {
      const now = clock.now()
      const claimed = await claimRevokedTokens(store, { now, until: now + revokedClaimMs })
      if (claimed === undefined) return undefined
      const { sealed, ...of } = claimed
      const clear = sealer.open('connection', bindingOf({ ...of, placement: 'oauth' }), sealed)
      return { ...of, secret: parseSecret(Buffer.from(clear).toString()) }
    },
    forget: (id) => deleteRevokedTokens(store, id),
  }
}

// Everything that says where the secret goes is bound to it: who can write the store cannot send it elsewhere.
type Binding = Pick<Connection, 'id' | 'upstream' | 'principalId' | 'placement'>

function bindingOf(connection: Binding): string {
  return JSON.stringify([connection.id, connection.upstream, connection.principalId ?? null, connection.placement])
}

function parseSecret(clear: string): unknown {
  try {
    return JSON.parse(clear)
  } catch {
    // The text is a secret: neither it nor the parser's message, which quotes it, may go on.
    throw new Fault('vault.cannot_open', 'cannot read a sealed credential')
  }
}

import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import {
  findActiveConnection,
  insertConnection,
  listActiveConnections,
  revokeActiveConnections,
  revokeStoredConnection,
  type StoredConnection,
} from '../store/connections.ts'
import type { Handle, Store } from '../store/store.ts'
import { readCredentialValues } from './credential/values.ts'
import type { Sealer } from './sealer.ts'

/** A connection without its secrets: what pages and the ledger may show. */
export type Connection = Omit<StoredConnection, 'sealed'>

/** An upstream credential in clear. Only the upstream kinds of the gateway may hold one, and only while they need it. */
export interface Credential {
  /** The connection's id, for the ledger. */
  id: string
  placement: 'env' | 'headers'
  values: Record<string, string>
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
  /** Revokes a connection within a transaction and forgets its secrets. False if it was not in use. */
  revokeConnection(tx: Handle, id: string): Promise<boolean>
}

/** Opens the credentials on the connections that the store keeps sealed. */
export function openCredentials(parts: { store: Store; sealer: Sealer; clock: Clock }): Credentials {
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
      return { id: found.id, placement: found.placement, values: parseValues(clear) }
    },
    async listConnections(upstream) {
      const found = await listActiveConnections(parts.store, upstream)
      return found.map(({ sealed: _hidden, ...connection }) => connection)
    },
    revokeConnection: (tx, id) => revokeStoredConnection(tx, id, parts.clock.now()),
  }
}

// Everything that says where the secret goes is bound to it: who can write the store cannot send it elsewhere.
function bindingOf(connection: Connection): string {
  return JSON.stringify([connection.id, connection.upstream, connection.principalId ?? null, connection.placement])
}

function parseValues(clear: string): Record<string, string> {
  try {
    return JSON.parse(clear) as Record<string, string>
  } catch {
    // The text is a secret: neither it nor the parser's message, which quotes it, may go on.
    throw new Fault('vault.cannot_open', 'cannot read a sealed credential')
  }
}

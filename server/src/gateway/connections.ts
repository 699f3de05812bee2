import { OAuthClientFlowError, OAuthError, computeScopeUnion } from '@modelcontextprotocol/client'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  aboutConnection,
  comebackUrl,
  redirectUrlFor,
  type Asker,
  type Comeback,
  type GivenClient,
  type WaitingConnection,
} from '../model/connection.ts'
import type { Upstream } from '../model/upstream.ts'
import {
  countConnectionAttempts,
  findConnectionAttempt,
  insertConnectionAttempt,
  takeConnectionAttempt,
} from '../store/connection-attempts.ts'
import { updateConnectionDetails, type ConnectionDetails } from '../store/connections.ts'
import type { Store } from '../store/store.ts'
import type { RenewableCredential } from '../vault/credentials.ts'
import type { Vault } from '../vault/vault.ts'
import { chooseClient } from './client-document.ts'
import { notConnected } from './own-connection.ts'
import type { Revocations } from './revocations.ts'
import {
  beginAuthorization,
  connectUnattended,
  finishAuthorization,
  issuerOf,
  requireIssuer,
  type Begun,
  type Challenge,
  type Fetch,
  type Held,
  type Key,
  type Server,
} from './upstream/oauth/client.ts'
import { CredentialHolder } from './upstream/oauth/holder.ts'

/** What connecting upstreams to their authorization servers stands on. */
export interface ConnectionRooms {
  clock: Clock
  log: Log
  store: Store
  ledger: Pick<Ledger, 'recordChange'>
  vault: Pick<Vault, 'seal' | 'open' | 'openCredential' | 'renewable' | 'revoked'>
  origin: string
  /** The guarded way out of one upstream. */
  fetchFor(upstream: string): Fetch
  revocations: Pick<Revocations, 'revoke'>
  /** Looks at an upstream now. */
  look(upstream: Upstream): Promise<void>
}

/** The connections of upstreams to their authorization servers: this gateway as an OAuth client. */
export interface Connections {
  /**
   * Finds the authorization server of an upstream and begins an authorization there, for the organisation or for who asks.
   *
   * Promise: nothing is connected before the same principal, in the same browser, comes back and finishes it within ten
   * minutes, once. The authorization server is the one that the administrator is shown.
   *
   * @param given.scope asked for beside what the upstream itself asks for.
   * @param given.own that the connection is to be the asker's own, and the one issuer where that is done.
   * @throws {Fault} `gateway.connection_failed` (502) with the step that failed.
   * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization
   */
  begin(
    upstream: Upstream,
    asker: Asker,
    given: { client?: GivenClient | undefined; scope?: string | undefined; reason: string; own?: { issuer: string } },
  ): Promise<WaitingConnection & { destination: URL }>
  /**
   * What waits for who has come back; nothing is done yet.
   *
   * @throws {Fault} `gateway.connection_unknown` for a state that is not theirs, used or expired; `gateway.connection_failed`
   *   when somebody else answered than was asked (by the address that the answer came to, and by RFC 9207), or the
   *   answer is no.
   */
  find(comeback: Comeback, asker: Asker): Promise<WaitingConnection>
  /** Redeems the code, seals the tokens and puts the connection in force. Fails as `find` does; the state is spent. */
  finish(comeback: Comeback, asker: Asker): Promise<WaitingConnection>
  /**
   * Connects an upstream with a client that proves itself, without anybody (`client_credentials`).
   *
   * @param given.issuer of the authorization server that the client is registered at. Where the upstream names another,
   *   nothing is sent to either.
   * @throws {Fault} `gateway.connection_failed` (502) with the step that failed.
   */
  connectUnattended(
    upstream: Upstream,
    by: string,
    given: {
      issuer: string
      client: GivenClient
      key?: Key | undefined
      scope?: string | undefined
      reason: string
    },
  ): Promise<void>
  /** The credential of an upstream as its kind asks for it: the organisation's, or this person's and no other. */
  hold(upstream: string, principalId?: string): CredentialHolder
}

interface Attempt extends Pick<Begun, 'own' | 'remembered'> {
  serverUrl: string
  waiting: WaitingConnection
  reason: string
}

const attemptMs = 10 * 60_000
/** Of one principal, at once. */
const attemptsMax = 20

/** Opens the connections to authorization servers. */
export function openConnections(rooms: ConnectionRooms): Connections {
  const { clock, store, vault, ledger } = rooms
  const challenges = new Map<string, Challenge>()

  const current = async (upstream: string, principalId?: string): Promise<RenewableCredential | undefined> => {
    const found = await vault.openCredential(upstream, principalId)
    return found?.placement === 'oauth' ? found : undefined
  }

  async function put(
    upstream: string,
    given: { held: Held; by: string; reason: string; principalId?: string | undefined },
  ): Promise<void> {
    const { held, by, reason, principalId } = given
    const details: ConnectionDetails = {
      issuer: issuerOf(held.discovery),
      resource: held.discovery.resourceMetadata?.resource,
      clientId: held.client.client_id,
      grant: held.redirectUrl === undefined ? 'client_credentials' : 'authorization_code',
      scope: held.scope,
    }
    const about = aboutConnection(upstream, principalId)
    const change = { by, what: 'connection.put', about, reason, details: { placement: 'oauth', ...details } } as const
    await ledger.recordChange(change, (tx) =>
      vault.renewable.put(tx, { upstream, principalId, details, secret: held, createdBy: by }),
    )
  }

  // Each has us ask two servers, and may leave a client at one of them.
  async function requireRoom({ principalId }: Asker): Promise<void> {
    if ((await countConnectionAttempts(store, principalId, clock.now())) < attemptsMax) return
    const message = 'cannot begin another authorization: too many wait to be finished; finish one, or wait ten minutes'
    throw new Fault('gateway.connection_failed', message, { status: 429 })
  }

  /** What the upstream asks for, freshly asked; and what its connection was asked for before. */
  async function inquire(
    upstream: Upstream,
    principalId?: string,
  ): Promise<{ challenge: Challenge | undefined; before?: RenewableCredential }> {
    challenges.delete(upstream.name)
    await rooms.look(upstream)
    const before = await current(upstream.name, principalId)
    return { challenge: challenges.get(upstream.name), ...(before && { before }) }
  }

  async function read(comeback: Comeback, asker: Asker): Promise<Attempt> {
    const id = digestOf(comeback.state)
    const attempt = await findConnectionAttempt(store, id, clock.now())
    const browser = asker.browser && digestOf(asker.browser)
    const theirs = attempt?.principalId === asker.principalId && (attempt.browser ?? browser) === browser
    if (attempt === undefined || !theirs) throw unknown()
    const opened = JSON.parse(Buffer.from(vault.open('connection-attempt', id, attempt.payload)).toString()) as Attempt
    // Who was asked may have sent the browser on to another server: that one answers to its own address.
    if (comebackUrl(rooms.origin, comeback.mark) !== opened.own.redirectUrl) {
      throw failed('the answer came to the address of another authorization server than was asked', undefined)
    }
    await step('the answer is not from the authorization server that was asked', () =>
      requireIssuer(opened.remembered, comeback.iss),
    )
    if (comeback.error !== undefined) {
      throw failed(`the authorization server said no`, comeback.error)
    }
    return opened
  }

  return {
    async begin(upstream, asker, given) {
      const serverUrl = addressOf(upstream)
      await requireRoom(asker)
      const principalId = given.own === undefined ? undefined : asker.principalId
      const { challenge, before } = await inquire(upstream, principalId)
      // The client is the gateway, whoever it was that connected with it.
      const mayServe = [before, given.own && (await current(upstream.name))]
      const held = mayServe.flatMap((one) => (one === undefined ? [] : [one.secret as Held]))
      const client = given.client && { client_id: given.client.id, ...secretOf(given.client) }
      const { scope: asked, wanted } = before?.details ?? {}
      const scope = computeScopeUnion(challenge?.scope ?? asked, wanted, given.scope)
      const place = { serverUrl, fetch: rooms.fetchFor(upstream.name) }
      const choose = (server: Server) => chooseClient(rooms.origin, server, { given: client, held })
      const begun = await step('the authorization could not begin', () =>
        beginAuthorization(place, { challenge, scope, choose, issuer: given.own?.issuer, now: clock.now() }),
      )
      requireWebAddress(begun.destination)
      const waiting: WaitingConnection = {
        upstream: upstream.name,
        own: given.own !== undefined,
        issuer: begun.issuer,
        formerIssuer: before && before.details.issuer !== begun.issuer ? before.details.issuer : undefined,
        clientId: begun.clientId,
        redirectUrl: redirectUrlFor(rooms.origin, begun.issuer),
        scope: begun.scope,
      }
      const { own, remembered } = begun
      const attempt: Attempt = { serverUrl, own, remembered, waiting, reason: given.reason }
      const id = digestOf(begun.state)
      await insertConnectionAttempt(
        store,
        {
          id,
          upstream: upstream.name,
          principalId: asker.principalId,
          browser: asker.browser && digestOf(asker.browser),
          payload: vault.seal('connection-attempt', id, JSON.stringify(attempt)),
          expiresAt: clock.now() + attemptMs,
        },
        clock.now(),
      )
      return { ...waiting, destination: begun.destination }
    },
    find: async (comeback, asker) => (await read(comeback, asker)).waiting,
    async finish(comeback, asker) {
      const { serverUrl, own, remembered, waiting, reason } = await read(comeback, asker)
      const { code, iss } = comeback
      if (code === undefined) throw failed('the authorization server sent no code', undefined)
      if ((await takeConnectionAttempt(store, digestOf(comeback.state), clock.now())) === undefined) throw unknown()
      const place = { serverUrl, fetch: rooms.fetchFor(waiting.upstream) }
      const given = { own, remembered, code, iss, scope: waiting.scope, now: clock.now() }
      const held = await step('the code could not be redeemed', () => finishAuthorization(place, given))
      const principalId = waiting.own ? asker.principalId : undefined
      await put(waiting.upstream, { held, by: asker.principalId, reason, principalId })
      return waiting
    },
    async connectUnattended(upstream, by, { issuer, client, key, scope, reason }) {
      const { challenge } = await inquire(upstream)
      const place = { serverUrl: addressOf(upstream), fetch: rooms.fetchFor(upstream.name) }
      const known = { client_id: client.id, ...secretOf(client), issuer }
      const asked = { challenge, client: known, key, now: clock.now() }
      const union = computeScopeUnion(challenge?.scope, scope)
      const held = await step('the authorization server gave no token', () =>
        connectUnattended(place, { ...asked, scope: union }),
      )
      await put(upstream.name, { held, by, reason })
    },
    hold: (upstream, principalId) =>
      new CredentialHolder({
        upstream,
        principalId,
        clock,
        vault,
        fetch: rooms.fetchFor(upstream),
        refused: (detail, ended) => refused(rooms, { upstream, principalId }, { detail, ended }),
        // What one person lacks is not what the upstream asks of all.
        onChallenge: (challenge) => {
          if (principalId === undefined) challenges.set(upstream, challenge)
        },
        // Of a connection that was replaced they are left to end: the new one may hang on them there.
        async onOrphan({ id }, secret) {
          if ((await current(upstream, principalId)) !== undefined) return
          await rooms.revocations.revoke({ id, upstream, principalId, secret })
        },
        onWanted: ({ id, details }, wanted) => updateConnectionDetails(store, id, { ...details, wanted }),
        async onLapse({ id, details }, lapsed) {
          const about = aboutConnection(upstream, principalId)
          const reason = `the authorization server answered ${lapsed}`
          const change = { by: 'system', what: 'connection.lapsed', about, reason } as const
          await ledger.recordChange(change, (tx) => updateConnectionDetails(tx, id, { ...details, lapsed }))
        },
      }),
  }
}

function refused(
  { origin }: Pick<ConnectionRooms, 'origin'>,
  { upstream, principalId }: { upstream: string; principalId: string | undefined },
  { detail, ended }: { detail: string; ended: boolean },
): Fault {
  if (principalId === undefined) {
    const message = `cannot call \`${upstream}\`: its authorization has ended or cannot be renewed; an administrator can connect it again`
    return new Fault('gateway.upstream_refused', message, { detail })
  }
  if (ended)
    return notConnected(origin, upstream, { what: 'your connection to it has ended: connect it again', detail })
  const message = `cannot call \`${upstream}\` in your name: your authorization cannot be renewed at this moment`
  return new Fault('gateway.exchange_failed', message, { detail })
}

function addressOf({ name, launch }: Upstream): string {
  if ('url' in launch) return launch.url
  throw new Fault('control.bad_input', `cannot connect \`${name}\`: it is not reached by an address`)
}

function secretOf({ secret }: GivenClient): { client_secret?: string } {
  return secret === undefined ? {} : { client_secret: secret }
}

// A link leads there: nothing but a page of the web, and in the clear on this machine only.
function requireWebAddress(url: URL): void {
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) return
  throw failed('the authorization server wants to be visited at an address that is no `https`', url.origin)
}

async function step<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Fault && error.code.startsWith('gateway.')) throw error
    throw failed(what, reasonOf(error), error)
  }
}

// What the other side says stays in the log; the codes of OAuth and our own faults are words that we know.
function reasonOf(error: unknown): string {
  if (error instanceof OAuthError) return error.code
  if (error instanceof OAuthClientFlowError) return error.name
  return error instanceof Error ? error.message : String(error)
}

function failed(what: string, why: string | undefined, cause?: unknown): Fault {
  const told = why === undefined ? '' : `: ${why.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)}`
  return new Fault('gateway.connection_failed', `cannot connect: ${what}${told}`, { detail: String(cause), cause })
}

function unknown(): Fault {
  return new Fault(
    'gateway.connection_unknown',
    'cannot finish this: the authorization was not begun here by you, is finished, or began more than ten minutes ago',
  )
}

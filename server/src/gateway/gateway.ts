import { join } from 'node:path'
import type { Approvals } from '../approval/approvals.ts'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Config, LaunchConfig } from '../base/config.ts'
import type { Door } from '../base/listen.ts'
import type { Log } from '../base/log.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Principal } from '../model/principal.ts'
import type { Client, Grant } from '../model/rights.ts'
import type { Launch, Upstream } from '../model/upstream.ts'
import { findApiDocument } from '../store/api-documents.ts'
import type { Feed } from '../store/feed.ts'
import type { Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import { Exchanges } from './exchanges.ts'
import { FactSource } from './facts.ts'
import { KeepAlive } from './keep-alive.ts'
import { KeptStreams } from './kept-streams.ts'
import { Lists } from './list.ts'
import { News } from './news.ts'
import { Pool } from './pool.ts'
import { gatewayDoor } from './serve.ts'
import { HeldCalls } from './held-calls.ts'
import { Questions } from './questions.ts'
import { Revocations } from './revocations.ts'
import { RequestStates } from './request-state.ts'
import { Sessions } from './session.ts'
import { Subscriptions } from './subscriptions.ts'
import { TaskHandles } from './task-handle.ts'
import { builtinLaunches } from './builtin.ts'
import type { TokenJudge } from './challenge.ts'
import { clientDocumentDoor } from './client-document.ts'
import { openConnections, type ConnectionRooms, type Connections } from './connections.ts'
import { readDocument, type ReadDocument } from './document.ts'
import { openOnBehalf, type CallerCredential, type OnBehalfRooms, type OnBehalfTokens } from './on-behalf.ts'
import { PerCallerConnection } from './upstream/per-caller.ts'
import { findSandbox } from './upstream/sandbox.ts'
import type {
  MessageDispatcher,
  ResolvedLaunch,
  Sandbox,
  StdioLaunch,
  UpstreamConnection,
} from './upstream/upstream-kind.ts'
import { kindsOfUpstream } from './upstreams.ts'

/** What the gateway stands on. */
export interface GatewayRooms {
  clock: Clock
  log: Log
  store: Store
  /** Seals what a client carries for us, and the credentials of upstreams. */
  vault: Sealer & ConnectionRooms['vault']
  feed: Feed
  ledger: Ledger
  inventory: Inventory
  approvals: Approvals
  oauth: TokenJudge & {
    findGrant(id: string): Promise<Grant | undefined>
    findClient(id: string): Promise<Client | undefined>
    assertions: OnBehalfRooms['assertions']
  }
  findPrincipal(id: string): Promise<Principal | undefined>
  fetchFor: ConnectionRooms['fetchFor']
  /** How upstreams are called in the name of who calls, and by whom that is believed. */
  onBehalf: Config['onBehalf']
  exchangeLogin: OnBehalfRooms['exchangeLogin']
  issuerOf: OnBehalfRooms['issuerOf']
  /** The guarded way out of one upstream. */
  dispatcherFor(upstream: string): MessageDispatcher
  origin: string
  dataDir: string
  /** Launch specifications by name, from the configuration. */
  stdio: Readonly<Record<string, LaunchConfig>>
  /** OpenAPI documents by name, from the configuration. */
  openapi: Config['openapi']
  /** Files and folders that no program of an upstream ever sees. */
  hidden: readonly string[]
}

/** The MCP door, open. */
export interface Gateway {
  door: Door
  /** Where the authorization servers of upstreams read who this gateway is. */
  documentDoor: Door
  /** The connections of upstreams to their authorization servers. */
  connections: Connections
  /** Looks at an upstream now: what it is and which tools it offers. The findings are in the inventory afterwards. */
  look(upstream: Upstream): Promise<void>
  /**
   * Says what would become of an OpenAPI document.
   *
   * @param server where its API is; as the document says when absent.
   * @throws {Fault} `gateway.document_unusable`, which says what is wrong, and where in the document.
   */
  readDocument(text: string, server: string | undefined): ReadDocument
  /** Ends the streams of clients; calls under way may finish. */
  endStreams(): void
  /** Ends every stream, connection and process of ours; resolves when they are gone. */
  close(): Promise<void>
}

/** Opens the MCP door on the rooms below it. */
export function openGateway(rooms: GatewayRooms): Gateway {
  const { clock, log, feed, ledger, inventory, approvals, oauth, origin } = rooms
  const sources = {
    findPrincipal: rooms.findPrincipal,
    findClient: (id: string) => oauth.findClient(id),
    findGrant: (id: string) => oauth.findGrant(id),
    readPinned: (upstream: string) => inventory.readPinned(upstream),
    listEntitlements: (of: { principalId: string; upstream: string }) => inventory.listEntitlements(of),
    listBundles: () => inventory.listBundles(),
  }
  const sandbox = remembered(() => lookForSandbox(log))
  const pool = new Pool({
    clock,
    log,
    feed,
    inventory,
    open: (upstream, onListChanged) =>
      openConnection({ ...rooms, sandbox, connections, inNames: onBehalf }, upstream, onListChanged),
  })
  const { assertions, findGrant } = oauth
  const onBehalf = openOnBehalf({
    ...rooms,
    assertions,
    findGrant: (id) => findGrant(id),
    holdConnection: (...of) => connections.hold(...of),
  })
  const revocations = new Revocations(rooms)
  const connections: Connections = openConnections({ ...rooms, revocations, look: (upstream) => pool.look(upstream) })
  const facts = new FactSource({ feed, sources, clock })
  const news = new News(pool)
  const exchanges = new Exchanges(feed, clock)
  const keepAlive = new KeepAlive()
  const door = gatewayDoor({
    clock,
    log,
    ledger,
    approvals,
    oauth,
    origin,
    pool,
    onBehalf,
    store: rooms.store,
    exchanges,
    facts,
    lists: new Lists(facts),
    keepAlive,
    kept: new KeptStreams(),
    questions: new Questions(),
    news,
    subscriptions: new Subscriptions(),
    held: new HeldCalls(),
    states: new RequestStates({ sealer: rooms.vault, clock }),
    tasks: new TaskHandles({ sealer: rooms.vault, clock }),
    sessions: new Sessions({ sealer: rooms.vault, clock, store: rooms.store }),
    mayApprove: inventory.mayApprove,
  })
  return {
    door,
    documentDoor: clientDocumentDoor(origin),
    connections,
    look: (upstream) => pool.look(upstream),
    readDocument,
    endStreams: () => exchanges.endStreams(),
    async close() {
      exchanges.close()
      news.close()
      keepAlive.close()
      onBehalf.close()
      await revocations.close()
      await pool.close()
    },
  }
}

async function lookForSandbox(log: Log): Promise<Sandbox> {
  const found = await findSandbox()
  if (found.works) log.info({ program: found.bwrap }, 'programs of upstreams are confined by bubblewrap')
  else
    log.warn({ why: found.why }, 'NO SANDBOX: programs of upstreams have every right of the user that runs Sallyport')
  return found
}

type Opening = GatewayRooms & { sandbox: () => Promise<Sandbox>; connections: Connections; inNames: OnBehalfTokens }

function openConnection(
  rooms: Opening,
  upstream: Upstream,
  onListChanged: (method?: string) => void,
): UpstreamConnection {
  const { clock, log, sandbox } = rooms
  const { name, learnt } = upstream
  const spec = { name, launch: resolveLaunch(rooms, upstream) }
  const dispatcher = rooms.dispatcherFor(name)
  const open: ConstructorParameters<typeof PerCallerConnection>[2] = (holder, known) => {
    const asked: CallerCredential =
      holder === undefined ? rooms.connections.hold(name) : rooms.inNames.hold(upstream, holder)
    const { credential, onRefused, onNonce, parting, gone } = asked
    const connection = kindsOfUpstream[upstream.launch.kind].open(
      { ...spec, learnt: known },
      { clock, log, dispatcher, sandbox, credential, onRefused, onNonce, parting, onListChanged },
    )
    return { connection, gone }
  }
  return rooms.inNames.serves(name) ? new PerCallerConnection(name, learnt, open) : open(undefined, learnt).connection
}

function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => {
    if (answer === undefined) {
      const asked = ask()
      answer = asked
      asked.catch(() => (answer = undefined))
    }
    return answer
  }
}

// What is started comes from the configuration or from the product, by name; never from a record that a form could write.
function resolveLaunch(rooms: GatewayRooms, { name, launch }: { name: string; launch: Launch }): ResolvedLaunch {
  if ('url' in launch) return launch
  if ('digest' in launch)
    return { ...launch, read: () => readKept(rooms.store, { upstream: name, digest: launch.digest }) }
  if (launch.kind === 'openapi') {
    const document = rooms.openapi[launch.document]
    if (document !== undefined) return { kind: 'openapi', ...document }
    throw new Fault(
      'gateway.launch_unknown',
      `cannot open \`${name}\`: the configuration has no document \`${launch.document}\` under \`openapi\``,
    )
  }
  const folder = join(rooms.dataDir, 'upstreams', name)
  const configured = rooms.stdio[launch.command]
  if (configured !== undefined) return configuredLaunch(configured, folder, rooms.hidden)
  const builtin = builtinLaunches[launch.command]?.launchIn(folder)
  if (builtin !== undefined) return { ...builtin, confine: { ...builtin.confine, hidden: rooms.hidden } }
  throw new Fault(
    'gateway.launch_unknown',
    `cannot start \`${name}\`: the configuration has no command \`${launch.command}\` under \`stdio\``,
  )
}

async function readKept(store: Store, of: { upstream: string; digest: string }): Promise<string> {
  const text = await findApiDocument(store, of)
  if (text === undefined) throw new Error('it has just been replaced by another')
  return text
}

function configuredLaunch(configured: LaunchConfig, folder: string, hidden: readonly string[]): StdioLaunch {
  const { command, args, env, process, processesMax, ...confine } = configured
  return { kind: 'stdio', folder, command, args, env, process, processesMax, confine: { ...confine, hidden } }
}

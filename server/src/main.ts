import { openApprovals, type Approvals } from './approval/approvals.ts'
import { assetDoor } from './base/assets.ts'
import type { AlarmClock, Clock } from './base/clock.ts'
import type { Config } from './base/config.ts'
import { type Dialer, openDialer } from './base/dial.ts'
import { openListener } from './base/listen.ts'
import type { Log } from './base/log.ts'
import { openControl } from './control/control.ts'
import { heedingRevision } from './demand-revision.ts'
import { builtinLaunches } from './gateway/builtin.ts'
import { openGateway, type Gateway } from './gateway/gateway.ts'
import { openIdentity, type Identity } from './identity/identity.ts'
import { openInventory, type Inventory } from './inventory/inventory.ts'
import { openLedger, type Ledger } from './ledger/ledger.ts'
import type { Upstream } from './model/upstream.ts'
import { openOAuth, type OAuth } from './oauth/oauth.ts'
import { giveToFirstAdministrator, preloadUpstreams } from './set-up.ts'
import { openFeed, type Feed } from './store/feed.ts'
import { openHouseClock } from './store/house-clock.ts'
import { openStore, type Store } from './store/store.ts'
import { readMasterKey } from './vault/master-key.ts'
import { tellingRevision } from './tell-revision.ts'
import { openVault, type Vault } from './vault/vault.ts'

/** A Sallyport that is open. */
export interface Sallyport {
  /** Where it listens; behind a proxy this is not the public origin. */
  url: string
  rooms: Rooms
  /** Closes the doors, ends processes of ours, signs the ledger. Resolves when nothing of it is left. */
  close(): Promise<void>
}

/** The rooms, floor by floor. */
export interface Rooms {
  store: Store
  feed: Feed
  vault: Vault
  ledger: Ledger
  inventory: Inventory
  approvals: Approvals
  identity: Identity
  oauth: OAuth
  gateway: Gateway
}

/** What is not in the configuration. */
export interface Surroundings {
  /** The machine's. What the rooms go by is made of it: see `openHouseClock`. */
  clock: AlarmClock
  /** How PostgreSQL says what time it is, where that is not to be its own. */
  readTime?: (store: Store) => Promise<number>
  log: Log
  /** Built-in upstreams to enter at the first start. */
  preload: readonly string[]
}

/**
 * Opens the rooms floor by floor and then the doors. This is all the wiring there is.
 *
 * @throws {Fault} what a room throws that cannot open; those that were open are closed again.
 */
export async function openSallyport(config: Config, around: Surroundings): Promise<Sallyport> {
  const closing: Closing = []
  try {
    return await openAll(config, around, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

type Closing = (() => Promise<unknown>)[]

async function openAll(config: Config, around: Surroundings, closing: Closing): Promise<Sallyport> {
  const { log } = around
  const dialer = openDialer(config.egress)
  closing.push(() => dialer.close())
  const proof = await openProof(config, around, closing)
  const parts = { ...proof, config, log, dialer }
  const middle = await openMiddle(parts)
  closing.push(() => middle.oauth.close())
  closing.push(() => middle.identity.signals.close())
  const gateway = openGateway({
    ...parts,
    ...middle,
    origin: config.origin,
    dataDir: config.dataDir,
    stdio: config.stdio,
    fetchFor: (upstream) => dialer.fetchFor(upstream),
    openapi: config.openapi,
    onBehalf: config.onBehalf,
    exchangeLogin: (...given) => middle.identity.exchangeLogin(...given),
    issuerOf: (provider) => config.login.oidc.find(({ id }) => id === provider)?.issuer,
    dispatcherFor: (upstream) => dialer.upstream(upstream),
    hidden: secretPlaces(config),
    findPrincipal: (id) => middle.identity.findPrincipal(id),
  })
  closing.push(() => gateway.close())
  const rooms: Rooms = { ...proof, ...middle, gateway }
  await setUp(rooms, around, config)
  const control = openControl({
    ...parts,
    ...rooms,
    launches: launchesOf(config),
    documents: Object.keys(config.openapi),
  })
  const { door: identityDoor, signals, logoutDoor, provisioningDoor } = middle.identity
  const proved = [signals.door, logoutDoor, provisioningDoor, control.door]
  const open = [assetDoor, gateway.documentDoor, ...middle.oauth.doors, identityDoor]
  const listener = await openListener({
    ...config.listen,
    hosts: config.hosts,
    origin: config.origin,
    tls: config.tls,
    secure: config.origin.startsWith('https:'),
    trustedProxies: config.trustedProxies,
    // Calls change no right, and each is decided by the newest state: of all doors only theirs tells no revision.
    doors: heedingRevision(proof.feed, [gateway.door, ...tellingRevision(proof.feed, [...proved, ...open], proved)]),
    log,
  })
  middle.identity.signals.start()
  closing.push(() => {
    const closed = listener.close()
    gateway.endStreams()
    return closed
  })
  return { url: listener.url, rooms, close: () => closeAll(closing) }
}

/** The programs that a `stdio` upstream may be: those of the configuration, and those that come with the product. */
function launchesOf(config: Config): { name: string; credentialNames: readonly string[] }[] {
  const names = new Set([...Object.keys(builtinLaunches), ...Object.keys(config.stdio)])
  return [...names].map((name) => ({ name, credentialNames: builtinLaunches[name]?.credentialNames ?? [] }))
}

/** What no program of an upstream may see, though it runs as the same user. */
function secretPlaces({ dataDir, masterKeyFile, tls }: Config): string[] {
  return [dataDir, masterKeyFile, tls?.keyFile].filter((place) => place !== undefined)
}

/** Floors 2 and 3: what remembers, what hides, what proves. */
async function openProof(config: Config, { clock: machine, log, readTime }: Surroundings, closing: Closing) {
  const store = await openStore({ dataFolder: config.dataDir, databaseUrl: config.databaseUrl })
  closing.push(() => store.close())
  const { clock, close: stopClock } = await openHouseClock({ store, machine, log, readTime })
  closing.push(async () => stopClock())
  const feed = await openFeed(store, clock)
  closing.push(() => feed.close())
  const masterKey = readMasterKey(config)
  for (const warning of masterKey.warnings) log.warn({}, warning)
  const vault = await openVault({ store, masterKey: masterKey.bytes, clock })
  const name = `${new URL(config.origin).host}/ledger`
  const signer = await vault.signer('checkpoint', name)
  const ledger = await openLedger({ store, feed, clock, origin: name, signer, log })
  closing.push(() => ledger.close())
  return { store, clock, feed, vault, ledger }
}

type MiddleParts = Pick<Rooms, 'store' | 'feed' | 'vault' | 'ledger'> & {
  config: Config
  clock: Clock
  log: Log
  dialer: Dialer
}

/** Floors 4 and 5: who, what, this once, and the authorization server. Whatever ends a right ends what hangs on it. */
async function openMiddle(parts: MiddleParts) {
  const inventory: Inventory = openInventory({
    ...parts,
    onWithdraw: async (tx, { upstream, tool, principalId, retired }) => {
      await approvals.cancelFor(tx, { upstream, ...(tool && { tool }), ...(principalId && { principalId }) })
      if (!retired) return
      await oauth.revokeGrantsWithin(tx, { upstream }, 'the upstream was retired')
      await parts.vault.revokeConnectionsWithin(tx, { upstream })
    },
  })
  const { origin } = parts.config
  const approvals: Approvals = openApprovals({ ...parts, origin, mayApprove: inventory.mayApprove })
  const identity: Identity = await openIdentity({
    ...parts,
    endGrants: async (tx, principalId, because) => {
      await oauth.revokeGrantsWithin(tx, { principalId }, because)
    },
    onDisable: [
      async (tx, principalId, because = 'the principal was disabled') => {
        await oauth.revokeGrantsWithin(tx, { principalId }, because)
        await approvals.cancelFor(tx, { principalId })
        await parts.vault.revokeConnectionsWithin(tx, { principalId })
      },
    ],
    onLeave: [
      async (tx, who) => {
        await approvals.cancelFor(tx, 'principalIds' in who ? who : { membersOf: who })
      },
    ],
  })
  const oauth: OAuth = await openOAuth({
    ...parts,
    identity,
    inventory,
    onRevoke: async (tx, { grantId }) => {
      await approvals.cancelFor(tx, { grantId })
    },
  })
  return { inventory, approvals, identity, oauth }
}

/** Enters what comes with the product, gives it to the first administrator, and looks at what is approved. */
async function setUp(
  { inventory, gateway, feed, oauth }: Rooms,
  { log, preload }: Surroundings,
  config: Pick<Config, 'clients'>,
): Promise<void> {
  const configured = config.clients.preregistered.map(({ id }) => id)
  const parts = { inventory, oauth, configured, log, look: (upstream: Upstream) => gateway.look(upstream) }
  await preloadUpstreams(parts, preload)
  const give = (): void => {
    giveToFirstAdministrator(parts).catch((error: unknown) => log.error({ error }, 'the set-up failed'))
  }
  feed.subscribe((about) => {
    if (about.kind === 'principal') give()
  })
  give()
  for (const upstream of await inventory.listUpstreams()) {
    if (upstream.state === 'approved') void gateway.look(upstream)
  }
}

/** From the last opened to the first: doors before rooms, rooms before the store. */
async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close().catch(() => undefined)
}

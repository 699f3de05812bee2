import { openApprovals, type Approvals } from './approval/approvals.ts'
import { assetDoor } from './base/assets.ts'
import type { Clock } from './base/clock.ts'
import type { Config } from './base/config.ts'
import { openDialer } from './base/dial.ts'
import { openListener } from './base/listen.ts'
import type { Log } from './base/log.ts'
import { openControl } from './control/control.ts'
import { openGateway, type Gateway } from './gateway/gateway.ts'
import { openIdentity, type Identity } from './identity/identity.ts'
import { openInventory, type Inventory } from './inventory/inventory.ts'
import { openLedger, type Ledger } from './ledger/ledger.ts'
import { openOAuth, type OAuth } from './oauth/oauth.ts'
import { giveToFirstAdministrator, preloadUpstreams } from './set-up.ts'
import { openFeed, type Feed } from './store/feed.ts'
import { openStore, type Store } from './store/store.ts'
import { readMasterKey } from './vault/master-key.ts'
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
  clock: Clock
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
  const closing: (() => Promise<unknown>)[] = []
  try {
    return await openAll(config, around, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

async function openAll(config: Config, around: Surroundings, closing: (() => Promise<unknown>)[]): Promise<Sallyport> {
  const { clock, log } = around
  const { origin, dataDir } = config
  const dialer = openDialer({ allowPrivate: config.egress.allowPrivate })
  closing.push(() => dialer.close())
  const store = await openStore({ dataFolder: dataDir, databaseUrl: config.databaseUrl })
  closing.push(() => store.close())
  const feed = await openFeed(store, clock)
  closing.push(() => feed.close())

  const masterKey = readMasterKey(config)
  for (const warning of masterKey.warnings) log.warn({}, warning)
  const vault = await openVault({ store, masterKey: masterKey.bytes, clock })
  const ledgerName = `${new URL(origin).host}/ledger`
  const signer = await vault.signer('checkpoint', ledgerName)
  const ledger = await openLedger({ store, feed, clock, origin: ledgerName, signer, log })
  closing.push(() => ledger.close())

  // Whatever ends a right ends what hangs on it, in the same transaction.
  const inventory: Inventory = openInventory({
    store,
    ledger,
    clock,
    onWithdraw: async (tx, { upstream, tool, retired }) => {
      await approvals.cancelFor(tx, { upstream, tool })
      if (retired) await oauth.revokeGrantsWithin(tx, { upstream }, 'the upstream was retired')
    },
  })
  const { mayApprove } = inventory
  const approvals: Approvals = openApprovals({ store, ledger, vault, clock, origin, mayApprove })
  const identity = await openIdentity({
    store,
    ledger,
    vault,
    clock,
    config,
    dialer,
    log,
    onDisable: [
      async (tx, principalId) => {
        await oauth.revokeGrantsWithin(tx, { principalId }, 'the principal was disabled')
        await approvals.cancelFor(tx, { principalId })
      },
    ],
  })
  const oauth: OAuth = await openOAuth({
    store,
    ledger,
    vault,
    identity,
    inventory,
    clock,
    config,
    dialer,
    log,
    onRevoke: async (tx, { grantId }) => {
      await approvals.cancelFor(tx, { grantId })
    },
  })
  closing.push(() => oauth.close())

  const gateway = openGateway({
    clock,
    log,
    feed,
    ledger,
    inventory,
    approvals,
    oauth,
    findPrincipal: (id) => identity.findPrincipal(id),
    openCredential: (upstream) => vault.openCredential(upstream),
    dispatcher: dialer.upstreams,
    origin,
    dataDir,
    stdio: config.stdio,
  })
  closing.push(() => gateway.close())
  const rooms: Rooms = { store, feed, vault, ledger, inventory, approvals, identity, oauth, gateway }
  const control = openControl({ config, clock, log, ...rooms })

  const setUp = { inventory, log, look: (upstream: Parameters<Gateway['look']>[0]) => gateway.look(upstream) }
  await preloadUpstreams(setUp, around.preload)
  const settle = (): void =>
    void giveToFirstAdministrator(setUp).catch((error: unknown) => log.error({ error }, 'the set-up failed'))
  feed.subscribe((about) => about.kind === 'principal' && settle())
  settle()

  const listener = await openListener({
    ...config.listen,
    hosts: config.hosts,
    tls: config.tls,
    secure: origin.startsWith('https:'),
    trustedProxies: config.trustedProxies,
    doors: [assetDoor, gateway.door, ...oauth.doors, identity.door, control.door],
    log,
  })
  closing.push(() => {
    const closed = listener.close()
    gateway.endStreams()
    return closed
  })
  for (const upstream of await inventory.listUpstreams()) {
    if (upstream.state === 'approved') void gateway.look(upstream)
  }
  return { url: listener.url, rooms, close: () => closeAll(closing) }
}

/** From the last opened to the first: doors before rooms, rooms before the store. */
async function closeAll(closing: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close().catch(() => undefined)
}

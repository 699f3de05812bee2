import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../src/base/clock.ts'
import type { Config } from '../src/base/config.ts'
import { openDialer } from '../src/base/dial.ts'
import { digestOf, makeId, makeSecret } from '../src/base/ids.ts'
import { type Door, openListener } from '../src/base/listen.ts'
import { openLog } from '../src/base/log.ts'
import { type Identity, openIdentity } from '../src/identity/identity.ts'
import { type Inventory, openInventory } from '../src/inventory/inventory.ts'
import type { Entry } from '../src/ledger/entry.ts'
import { type Ledger, openLedger } from '../src/ledger/ledger.ts'
import type { Principal } from '../src/model/principal.ts'
import { type OAuth, openOAuth } from '../src/oauth/oauth.ts'
import { openFeed } from '../src/store/feed.ts'
import { insertPrincipal } from '../src/store/principals.ts'
import { insertSignIn } from '../src/store/sign-ins.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { openVault } from '../src/vault/vault.ts'
import { Browser, redirectUri } from './browser.ts'
import { OAuthClient } from './oauth-client.ts'

/** What these tests can set. */
export interface OAuthHouseOptions {
  clients?: Partial<Config['clients']>
  /** Addresses on this machine that may be reached. */
  reach?: string[]
  /** The public origin, when it is to differ from where the house listens. */
  origin?: string
  /** A PostgreSQL; SQLite when absent. */
  databaseUrl?: string | undefined
}

/** The rooms up to the authorization server, open and listening, with a clock that can be set forward. */
export interface OAuthHouse {
  /** Where it listens. */
  url: string
  /** The public origin: the issuer. */
  origin: string
  store: Store
  ledger: Ledger
  identity: Identity
  inventory: Inventory
  oauth: OAuth
  /** What was logged. */
  lines: string[]
  /** Grants whose end was told, in order. */
  told: string[]
  /** Where clients of these tests wait for their answer. */
  callback: string
  browser(): Browser
  pass(seconds: number): void
  changes(what: string): Promise<Extract<Entry, { kind: 'change' }>[]>
  /** An approved upstream whose tools are pinned and classified by their names. */
  upstream(name: string, tools: string[]): Promise<void>
  /** A person who is signed in at a browser and may use these tools. */
  person(name: string, may?: Record<string, string[]>): Promise<{ principal: Principal; browser: Browser }>
  /** A client that registered itself. */
  register(more?: Record<string, unknown>): Promise<OAuthClient>
}

export async function openOAuthHouse(t: TestContext, given: OAuthHouseOptions = {}): Promise<OAuthHouse> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-oauth-'))
  const lines: string[] = []
  const told: string[] = []
  const log = openLog({ level: 'debug', write: (line) => void lines.push(line) })
  let aheadMs = 0
  const clock: Clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now() + aheadMs }
  const store = await openStore({ dataFolder, databaseUrl: given.databaseUrl })
  const feed = await openFeed(store, clock)
  const vault = await openVault({ store, masterKey: randomBytes(32), clock })
  const signer = await vault.signer('checkpoint', 'test/ledger')
  const ledger = await openLedger({ store, feed, clock, origin: 'test/ledger', signer, log })
  // The port must be known before the origin is: the doors are put in afterwards.
  const doors: Door[] = []
  const doorAt = (path: string) => doors.find((door) => door.match(path))
  const all: Door = {
    name: 'all',
    match: (path) => doorAt(path) !== undefined,
    handle: (request, response) => doorAt(request.url!.split('?')[0]!)!.handle(request, response),
  }
  const hosts = ['127.0.0.1:0']
  const listener = await openListener({ host: '127.0.0.1', port: 0, hosts, doors: [all], log, trustedProxies: [] })
  const origin = given.origin ?? listener.url
  const dialer = openDialer({ allowPrivate: (given.reach ?? []).map((url) => new URL(url).host) })
  const rooms = { store, ledger, vault, clock, log, dialer }
  const identity = await openIdentity({ ...rooms, config: { origin, login: { local: { enabled: true }, oidc: [] } } })
  const inventory = openInventory({ store, ledger, clock, onWithdraw: async () => undefined })
  const clients: Config['clients'] = {
    registration: { enabled: true, perHourMax: 1_000 },
    metadataDocuments: { enabled: true, hosts: ['*'] },
    preregistered: [],
    ...given.clients,
  }
  const allowPrivate = (given.reach ?? []).map((url) => new URL(url).host)
  const oauth = await openOAuth({
    ...rooms,
    identity,
    inventory,
    config: { origin, clients, egress: { allowPrivate } },
    onRevoke: async (_tx, { grantId }) => void told.push(grantId),
  })
  doors.push(identity.door, ...oauth.doors)
  t.after(async () => {
    await listener.close()
    await oauth.close()
    await dialer.close()
    await ledger.close()
    await feed.close()
    await store.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })
  const house: OAuthHouse = {
    url: listener.url,
    origin,
    store,
    ledger,
    identity,
    inventory,
    oauth,
    lines,
    told,
    callback: redirectUri,
    browser: () => new Browser(listener.url),
    pass: (seconds) => void (aheadMs += seconds * 1_000),
    async changes(what) {
      const placed = await ledger.listEntries({ after: -1, limit: 1_000 })
      return placed.flatMap(({ entry }) => (entry.kind === 'change' && entry.what === what ? [entry] : []))
    },
    upstream: (name, tools) => enterUpstream(house, name, tools),
    person: (name, may = {}) => makePerson(house, { name, may, clock }),
    register: (more = {}) => register(house, more),
  }
  return house
}

/** Serves HTTP on a free port of the loopback until the test ends; returns the origin. */
export async function serveOn(
  t: TestContext,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server: Server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function enterUpstream({ inventory }: OAuthHouse, name: string, tools: string[]): Promise<void> {
  const launch = { kind: 'http', url: 'https://upstream.example/mcp' } as const
  await inventory.preloadUpstream({ name, launch, purpose: `all of ${name}` })
  await inventory.observe(name, {
    learnt: {
      era: 'legacy',
      protocolVersion: '2025-11-25',
      serverName: name,
      serverVersion: '1',
      instructions: undefined,
    },
    definitions: tools.map((tool) => ({
      name: tool,
      description: `${tool} of ${name}`,
      inputSchema: { type: 'object' },
    })),
  })
}

async function makePerson(
  house: OAuthHouse,
  { name, may, clock }: { name: string; may: Record<string, string[]>; clock: Clock },
): Promise<{ principal: Principal; browser: Browser }> {
  const now = clock.now()
  const principal: Principal = {
    id: makeId(clock),
    issuer: 'test',
    subject: name,
    kind: 'person',
    name,
    email: undefined,
    state: 'active',
    createdAt: now,
  }
  await insertPrincipal(house.store, principal)
  const secret = makeSecret()
  const signIn = { id: digestOf(secret), principalId: principal.id, provider: 'test' }
  await insertSignIn(house.store, { ...signIn, createdAt: now, expiresAt: now + 86_400_000 })
  for (const [upstream, tools] of Object.entries(may)) {
    const right = { by: 'set-up', principalId: principal.id, right: 'use', upstream, tools } as const
    await house.inventory.entitle({ ...right, reason: 'for this test' })
  }
  const browser = new Browser(house.url)
  const prefix = house.origin.startsWith('https:') ? '__Host-' : ''
  browser.plant({ name: `${prefix}sallyport`, value: secret })
  return { principal, browser }
}

async function register(house: OAuthHouse, more: Record<string, unknown>): Promise<OAuthClient> {
  const { callback: redirectUri } = house
  const metadata = { client_name: 'Editor', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none', ...more }
  const answer = await fetch(`${house.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata),
  })
  const registered = (await answer.json()) as { client_id: string; client_secret?: string }
  if (answer.status !== 201) throw new Error(JSON.stringify(registered))
  return new OAuthClient(house, { id: registered.client_id, secret: registered.client_secret, redirectUri })
}

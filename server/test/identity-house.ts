import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../src/base/clock.ts'
import type { OidcProviderConfig } from '../src/base/config.ts'
import { openDialer } from '../src/base/dial.ts'
import { type Listener, openListener } from '../src/base/listen.ts'
import { openLog } from '../src/base/log.ts'
import { type Identity, openIdentity } from '../src/identity/identity.ts'
import type { OnDisable } from '../src/identity/principals.ts'
import type { Entry } from '../src/ledger/entry.ts'
import { type Ledger, openLedger } from '../src/ledger/ledger.ts'
import { openFeed } from '../src/store/feed.ts'
import { openStore, type Store } from '../src/store/store.ts'
import { openVault } from '../src/vault/vault.ts'
import { Browser } from './browser.ts'

/** The rooms up to identity, open and listening, with a clock that can be set forward. */
export interface IdentityHouse {
  origin: string
  store: Store
  ledger: Ledger
  identity: Identity
  /** What was logged. */
  lines: string[]
  /** Sets the wall clock forward. */
  pass(seconds: number): void
  /** The entries of a kind, oldest first. */
  entries<Kind extends Entry['kind']>(kind: Kind): Promise<Extract<Entry, { kind: Kind }>[]>
  browser(): Browser
  /** A browser in which the first administrator, Ana, is signed in. */
  administrator(): Promise<Browser>
}

/** The password of everybody in these tests. */
export const password = 'correct horse battery'

export async function openIdentityHouse(
  t: TestContext,
  given: {
    oidc?: OidcProviderConfig[]
    local?: boolean
    onDisable?: OnDisable[]
    databaseUrl?: string
    /** The dialler's exceptions; the providers', when absent. */
    allowPrivate?: string[]
  } = {},
): Promise<IdentityHouse> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'sallyport-identity-'))
  const oidc = given.oidc ?? []
  const lines: string[] = []
  const log = openLog({ level: 'debug', write: (line) => void lines.push(line) })
  let aheadMs = 0
  const clock: Clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now() + aheadMs }
  const store = await openStore({ dataFolder, databaseUrl: given.databaseUrl })
  const feed = await openFeed(store, clock)
  const vault = await openVault({ store, masterKey: randomBytes(32), clock })
  const signer = await vault.signer('checkpoint', 'test/ledger')
  const ledger = await openLedger({ store, feed, clock, origin: 'test/ledger', signer, log })
  const dialer = openDialer({ allowPrivate: given.allowPrivate ?? oidc.map(({ issuer }) => new URL(issuer).host) })
  // The port must be known before the origin is: the door is put in afterwards.
  const late: { door?: Identity['door'] } = {}
  const listener: Listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1:0', 'localhost:0'],
    doors: [
      { name: 'identity', match: (path) => late.door!.match(path), handle: (req, res) => late.door!.handle(req, res) },
    ],
    log,
    trustedProxies: [],
  })
  const origin = listener.url
  const identity = await openIdentity({
    store,
    ledger,
    vault,
    clock,
    config: { origin, login: { local: { enabled: given.local ?? true }, oidc } },
    dialer,
    log,
    onDisable: given.onDisable ?? [],
  })
  late.door = identity.door
  t.after(async () => {
    await listener.close()
    await dialer.close()
    await ledger.close()
    await feed.close()
    await store.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })
  return {
    origin,
    store,
    ledger,
    identity,
    lines,
    pass: (seconds) => void (aheadMs += seconds * 1_000),
    async entries(kind) {
      const placed = await ledger.listEntries({ after: -1, limit: 1_000 })
      return placed.map(({ entry }) => entry).filter((entry) => entry.kind === kind) as never
    },
    browser: () => new Browser(origin),
    async administrator() {
      const browser = new Browser(origin)
      const link = (await identity.firstAdministratorLink())!
      const shown = await browser.open(link)
      await browser.submit(shown, { name: 'Ana', login: 'ana', password }, { to: new URL(link).pathname })
      return browser
    },
  }
}

/** Who is signed in in a browser, as the pages would ask it. */
export function whoIs(house: IdentityHouse, browser: Browser) {
  const headers = { cookie: browser.cookieFor(new URL(house.origin)) }
  return house.identity.whoIs({ headers } as never)
}

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { readConfig, type Config } from '../src/base/config.ts'
import { digestOf, makeId, makeSecret } from '../src/base/ids.ts'
import { openLog } from '../src/base/log.ts'
import type { Entry } from '../src/ledger/entry.ts'
import type { Right } from '../src/model/rights.ts'
import type { Effect } from '../src/model/effect.ts'
import type { Principal } from '../src/model/principal.ts'
import type { Launch } from '../src/model/upstream.ts'
import { openSallyport, type Rooms } from '../src/main.ts'
import { readDatabaseTime } from '../src/store/house-clock.ts'
import { insertPrincipal } from '../src/store/principals.ts'
import { insertSignIn } from '../src/store/sign-ins.ts'
import type { Store } from '../src/store/store.ts'
import { Browser } from './browser.ts'
import { registerClient, type OAuthClient } from './oauth-client.ts'
import { Person } from './person.ts'
import { SteppingClock } from './stepping-clock.ts'

/** What a house is opened with. */
export interface HouseOptions {
  /** More of the configuration file, as YAML. */
  yaml?: string
  env?: Record<string, string>
  /** Addresses on this machine that it may reach: fakes of upstreams and identity providers. */
  reach?: string[]
  /** Built-in upstreams to enter. */
  preload?: string[]
  /** The public origin, when it is to differ from where the house listens. */
  origin?: string
  /** A PostgreSQL; SQLite when absent. */
  databaseUrl?: string | undefined
  /** A data folder that outlives this house. */
  dataDir?: string
  /** The issuer of those whom `person` makes; `test` when absent. */
  people?: string
  /** The clock of its machine, when that is wrong from the start. */
  clock?: SteppingClock
  /** The port of an earlier house, to open it again. */
  port?: number
}

/** A Sallyport with real rooms and a real store, on a free port, for one test. */
export interface House {
  /** Where it listens. */
  url: string
  /** The public origin. */
  origin: string
  rooms: Rooms
  clock: SteppingClock
  dataDir: string
  /** Lines that it logged. */
  log: string[]
  browser(): Browser
  /** Makes a person who is signed in, with the right to use (or `…:approve`) the tools named `upstream/tool`. */
  person(name: string, rights?: string[]): Promise<Person>
  /** The same principal in another browser, signed in there too. */
  signIn(person: Person): Promise<Person>
  /** A client that registered itself. */
  register(metadata?: Record<string, unknown>): Promise<OAuthClient>
  /** Enters an upstream that nobody will reach, approved, its tools accepted and classified by their names. */
  upstream(name: string, tools: string[]): Promise<void>
  /** Enters an upstream reached over HTTP, approved by two people, with all its tools accepted. */
  httpUpstream(name: string, url: string, options?: { effects?: Record<string, Effect> }): Promise<void>
  /** The same, reached in whatever way. */
  launchUpstream(name: string, launch: Launch, options?: { effects?: Record<string, Effect> }): Promise<void>
  /** The entries of a kind, oldest first. */
  entries<Kind extends Entry['kind']>(kind: Kind): Promise<Extract<Entry, { kind: Kind }>[]>
  /** The recorded changes of this name, oldest first. */
  changes(what: string): Promise<Extract<Entry, { kind: 'change' }>[]>
  close(): Promise<void>
}

/** Opens a house, and closes it when the test ends. */
export async function openHouse(t: TestContext | undefined, options: HouseOptions = {}): Promise<House> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-house-'))
  const config = configOf(options, { dataDir, port: options.port ?? (await freePort()) })
  const lines: string[] = []
  const clock = options.clock ?? new SteppingClock()
  const log = openLog({ level: 'debug', write: (line) => lines.push(line) })
  // What passes by the hand of this clock passes for the database as well.
  const readTime = async (store: Store) => (await readDatabaseTime(store)) + clock.passedMs
  const sallyport = await openSallyport(config, { clock, readTime, log, preload: options.preload ?? [] })
  const { rooms } = sallyport
  // Browsers keep the cookies of `localhost` apart from those of 127.0.0.1.
  const url = new URL(config.origin).hostname === 'localhost' ? config.origin : sallyport.url
  let closed = false
  const house: House = {
    url,
    origin: config.origin,
    rooms,
    clock,
    dataDir,
    log: lines,
    browser: () => new Browser(url),
    person: (name, rights = []) => makePerson(house, { name, issuer: options.people ?? 'test' }, rights),
    signIn: ({ principal }) => signIn(house, principal),
    register: (metadata) => registerClient(house, metadata),
    upstream: (name, tools) => enterUnreached(rooms, name, tools),
    httpUpstream: (name, url, more) => enterUpstream(house, { name, launch: { kind: 'http', url }, ...more }),
    launchUpstream: (name, launch, more) => enterUpstream(house, { name, launch, ...more }),
    async entries(kind) {
      const placed = await rooms.ledger.listEntries({ after: -1, limit: 1_000, kinds: [kind] })
      return placed.map(({ entry }) => entry) as never
    },
    changes: async (what) => (await house.entries('change')).filter((entry) => entry.what === what),
    async close() {
      if (closed) return
      closed = true
      await sallyport.close()
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
  t?.after(() => house.close())
  return house
}

function configOf(options: HouseOptions, { dataDir, port }: { dataDir: string; port: number }): Config {
  const listen = `127.0.0.1:${port}`
  const allowed = (options.reach ?? []).map((url) => new URL(url).host)
  const text = `egress: ${JSON.stringify({ allowPrivate: allowed })}\n${options.yaml ?? ''}`
  const env = {
    SALLYPORT_ORIGIN: options.origin ?? `http://${listen}`,
    SALLYPORT_LISTEN: listen,
    SALLYPORT_DATA: dataDir,
    DATABASE_URL: options.databaseUrl,
    ...options.env,
  }
  const config = readConfig({ file: { path: join(dataDir, 'sallyport.yaml'), text }, env, cwd: dataDir })
  // Tests name their upstreams later: whatever its name, each may reach what the house may, beside what `yaml` names.
  const own = config.egress.upstreams
  const upstreams = Object.assign(new Map(own), { get: (name: string) => own.get(name) ?? allowed })
  return { ...config, egress: { ...config.egress, upstreams } }
}

/** A house whose address is a name, as passkeys need it. */
export async function openNamedHouse(t: TestContext, options: HouseOptions = {}): Promise<House> {
  const port = await freePort()
  return openHouse(t, { ...options, port, origin: `http://localhost:${port}` })
}

/** A port of the loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function enterUpstream(
  house: House,
  of: { name: string; launch: Launch; effects?: Record<string, Effect> },
): Promise<void> {
  const { inventory, gateway } = house.rooms
  const [owner, reviewer] = [await house.person(`owner of ${of.name}`), await house.person(`reviewer of ${of.name}`)]
  const reason = 'set up for a test'
  const proposal = { name: of.name, launch: of.launch, purpose: 'to be tested' }
  await inventory.proposeUpstream({ ...proposal, by: owner.principal.id, ownerId: owner.principal.id, reason })
  await inventory.stepUpstream({ by: owner.principal.id, name: of.name, to: 'in_review', reason })
  await gateway.look((await inventory.findUpstream(of.name))!)
  await inventory.stepUpstream({ by: reviewer.principal.id, name: of.name, to: 'approved', reason })
  const tools = await inventory.listTools(of.name)
  assert.ok(tools.length > 0, `no tools of ${of.name}: ${(await inventory.findUpstream(of.name))?.probeError}`)
  const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
  await inventory.pinTools({ by: reviewer.principal.id, upstream: of.name, digests, reason })
  for (const [tool, effect] of Object.entries(of.effects ?? {})) {
    await inventory.setEffect({ by: owner.principal.id, upstream: of.name, tool, effect, traits: [], reason })
  }
}

async function makePerson(
  house: House,
  { name, issuer }: { name: string; issuer: string },
  rights: string[],
): Promise<Person> {
  const { clock } = house
  const { store, inventory } = house.rooms
  const principal: Principal = {
    id: makeId(clock),
    issuer,
    subject: name.replaceAll(' ', '-'),
    kind: 'person',
    name,
    email: undefined,
    state: 'active',
    createdAt: clock.now(),
  }
  await insertPrincipal(store, principal)
  for (const text of rights) {
    // Names of items may hold a colon themselves.
    const [, path, right] = /^(.*?)(?::(use|approve))?$/.exec(text) as unknown as [string, string, Right | undefined]
    const slash = path.indexOf('/')
    const [upstream, tool] = path === 'administer' ? ['*', '*'] : [path.slice(0, slash), path.slice(slash + 1)]
    const all = tool === '*' && upstream !== '*' ? (await inventory.listTools(upstream)).map((one) => one.name) : [tool]
    const given = path === 'administer' ? 'administer' : (right ?? 'use')
    await inventory.entitle({
      by: 'set-up',
      principalId: principal.id,
      right: given,
      upstream,
      tools: all,
      reason: 'for a test',
    })
  }
  return signIn(house, principal)
}

async function signIn(house: House, principal: Principal): Promise<Person> {
  const { clock } = house
  const secret = makeSecret()
  await insertSignIn(house.rooms.store, {
    id: digestOf(secret),
    principalId: principal.id,
    provider: 'test',
    createdAt: clock.now(),
    expiresAt: clock.now() + 8 * 3_600_000,
  })
  const browser = house.browser()
  const prefix = house.origin.startsWith('https:') ? '__Host-' : ''
  browser.plant({ name: `${prefix}sallyport`, value: secret })
  return new Person(house, principal, browser)
}

async function enterUnreached({ inventory }: Rooms, name: string, tools: string[]): Promise<void> {
  const launch = { kind: 'http', url: 'https://upstream.example/mcp' } as const
  await inventory.preloadUpstream({ name, launch, purpose: `all of ${name}` })
  const learnt = { era: 'legacy', protocolVersion: '2025-11-25', serverName: name, serverVersion: '1' } as const
  const definitions = tools.map((tool) => ({
    name: tool,
    description: `${tool} of ${name}`,
    inputSchema: { type: 'object' },
  }))
  await inventory.observe(name, {
    learnt: { ...learnt, instructions: undefined, capabilities: { tools: {} } },
    definitions,
  })
}

/** The grants whose end is told to what hangs on them, from now on, in order. */
export function endsTold(t: TestContext, { rooms: { approvals } }: House): string[] {
  const told: string[] = []
  const { cancelFor } = approvals
  t.mock.method(approvals, 'cancelFor', (...given: Parameters<typeof cancelFor>) => {
    if (given[1].grantId !== undefined) told.push(given[1].grantId)
    return cancelFor(...given)
  })
  return told
}

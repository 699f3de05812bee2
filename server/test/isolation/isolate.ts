import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { importJWK, type JWK, SignJWT } from 'jose'
import { freePort, openHouse, type House } from '../house.ts'
import { upsertClient } from '../../src/store/clients.ts'
import { insertGrant } from '../../src/store/grants.ts'
import type { LoadClient, LoadReport } from './load-program.ts'
import { listed, speaking } from './tools.ts'
import { inTime } from '../patience.ts'

/** Which upstreams there are, and how many of the thousand clients have their grant at each. */
const shares = { modern: 450, legacy: 300, shared: 230, own: 20 } as const
const people = 40
/** Only these have a client at the upstream with a process for each principal: a process is a large thing. */
const peopleWithOwn = 2
const weekSeconds = 7 * 86_400

/**
 * Lets a thousand clients of forty principals call, list and listen at once, over both eras, HTTP and stdio, and holds
 * everything that each of them hears against its own canary.
 *
 * @throws {AssertionError} with what crossed from one to another.
 */
export async function isolate(
  t: TestContext,
  of: { calls: number; secondsMax: number; databaseUrl?: string | undefined },
): Promise<LoadReport> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-isolation-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const upstream = start(t, 'http-program.ts')
  const url = await heard<string>(upstream)
  const scene = await setUp(folder, url, of.databaseUrl)
  const gateway = start(t, 'gateway-program.ts', { args: [scene.configPath], databaseUrl: of.databaseUrl })
  await heard(gateway)
  const load = start(t, 'load-program.ts')
  load.send({ origin: scene.origin, clients: scene.clients, calls: of.calls, secondsMax: of.secondsMax })
  const report = await heard<LoadReport>(load, of.secondsMax * 1_000 + 60_000)
  upstream.send('leaks?')
  const leaks = await heard<string[]>(upstream)
  assert.deepEqual([...report.leaks, ...leaks], [])
  const ended = once(gateway, 'exit')
  gateway.send('close')
  assert.deepEqual(await inTime(ended, 'the gateway has ended'), [0, null])
  for (const child of [load, upstream]) child.disconnect()
  return report
}

interface Scene {
  configPath: string
  origin: string
  clients: LoadClient[]
}

// Everything is made in a house of this process, which is closed before the gateway starts on its data.
async function setUp(folder: string, url: string, databaseUrl: string | undefined): Promise<Scene> {
  const [port, dataDir] = [await freePort(), join(folder, 'data')]
  const stdio = { shared: launch([]), own: launch(['own']) }
  const house = await openHouse(undefined, {
    dataDir,
    port,
    reach: [url],
    yaml: `stdio: ${JSON.stringify(stdio)}`,
    databaseUrl,
  })
  try {
    const effects = Object.fromEntries([...speaking, ...listed].map((name) => [name, 'read' as const]))
    await house.httpUpstream('modern', `${url}/modern`, { effects })
    await house.httpUpstream('legacy', `${url}/legacy`, { effects })
    for (const name of ['shared', 'own'])
      await house.launchUpstream(name, { kind: 'stdio', command: name }, { effects })
    const clients = await makeClients(house)
    const { origin } = house
    const [configPath, { host }] = [join(folder, 'sallyport.yaml'), new URL(url)]
    const egress = { upstreams: { modern: [host], legacy: [host] } }
    const settings = { origin, data: dataDir, listen: new URL(origin).host, egress, stdio, log: { level: 'error' } }
    writeFileSync(configPath, JSON.stringify(settings))
    return { configPath, origin, clients }
  } finally {
    await house.close()
  }
}

/** A report as one line. */
export function tell({ calls, aborted, busy, reset, heard, seconds }: LoadReport): string {
  return `${calls} calls of 1,000 clients in ${seconds.toFixed(0)} s; ${aborted} broken off, ${busy} refused as busy, ${reset} reset, ${heard} messages on streams, none crossed`
}

function start(
  t: TestContext,
  program: string,
  { args = [], databaseUrl }: { args?: string[]; databaseUrl?: string | undefined } = {},
): ChildProcess {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
    env: { PATH: process.env['PATH'], ...(databaseUrl && { DATABASE_URL: databaseUrl }) },
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** What a program says next. */
async function heard<T>(child: ChildProcess, patienceMs?: number): Promise<T> {
  const said = Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`a program ended with ${code}`))),
  ])
  const [word] = await inTime(said, 'a program says something', patienceMs)
  return word as T
}

function launch(args: string[]): object {
  const program = fileURLToPath(new URL('stdio-program.ts', import.meta.url))
  const process_ = args.length === 0 ? 'shared' : 'per_principal'
  return { command: process.execPath, args: [program, ...args], process: process_, sandbox: 'off' }
}

/** Whose client this is: those at `own` are of the first two people, all others go round. */
function personOf(upstream: string, index: number): number {
  return index % (upstream === 'own' ? peopleWithOwn : people)
}

// A thousand consents in a browser would take longer than the run: grants and tokens are made as the consent page and the
// token endpoint make them.
async function makeClients(house: House): Promise<LoadClient[]> {
  const rights = Object.keys(shares).map((upstream) => `${upstream}/*`)
  const principals: string[] = []
  for (let i = 0; i < people; i++) principals.push((await house.person(`person ${i}`, rights)).principal.id)
  const sign = await openSigner(house)
  const clients: LoadClient[] = []
  for (const [upstream, count] of Object.entries(shares)) {
    const all = await house.rooms.inventory.listTools(upstream)
    const digests = new Map(all.map((tool) => [tool.name, tool.digest!]))
    for (let i = 0; i < count; i++) {
      const index = clients.length
      const person = personOf(upstream, index)
      const names = [...speaking, ...listed.filter((_, bit) => ((index >> bit) & 1) === 1)]
      const tools = new Map(names.map((name) => [name, digests.get(name)!]))
      const made = {
        upstream,
        tools,
        principalId: principals[person]!,
        id: `client-${index}`,
        grantId: `grant-${index}`,
      }
      await insertRight(house, made)
      const canary = `cnry${String(person).padStart(2, '0')}${String(index).padStart(4, '0')}`
      clients.push({ upstream, canary, tools: names, token: await sign(made) })
    }
  }
  return shuffled(clients)
}

interface Made {
  upstream: string
  tools: ReadonlyMap<string, string>
  principalId: string
  id: string
  grantId: string
}

async function insertRight({ rooms: { store }, clock }: House, made: Made): Promise<void> {
  const now = clock.now()
  await store.transaction(async (tx) => {
    await upsertClient(tx, {
      id: made.id,
      source: 'registration',
      name: made.id,
      metadata: {},
      state: 'active',
      createdAt: now,
      ownerId: undefined,
      askedBy: undefined,
      firstUsedAt: now,
      usedAt: now,
      secretHash: undefined,
      checkedAt: undefined,
      freshUntil: undefined,
      caching: undefined,
    })
    await insertGrant(tx, {
      id: made.grantId,
      principalId: made.principalId,
      clientId: made.id,
      upstream: made.upstream,
      createdAt: now,
      endsAt: now + weekSeconds * 1_000,
      revokedAt: undefined,
      revokedBecause: undefined,
      tools: made.tools,
    })
  })
}

async function openSigner({ rooms: { vault }, origin }: House): Promise<(made: Made) => Promise<string>> {
  const { keys } = await vault.tokenKeys()
  const jwk = keys[0] as JWK
  const key = await importJWK(jwk, 'ES256')
  return ({ upstream, principalId, id, grantId }) =>
    new SignJWT({ client_id: id, grant_id: grantId, scope: 'mcp' })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: jwk.kid! })
      .setIssuer(origin)
      .setAudience(`${origin}/mcp/${upstream}`)
      .setSubject(principalId)
      .setJti(`token of ${grantId}`)
      .setIssuedAt()
      .setExpirationTime(`${weekSeconds}s`)
      .sign(key)
}

function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item)
}

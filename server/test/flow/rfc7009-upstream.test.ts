import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { decodeJwt, exportPKCS8, generateKeyPair } from 'jose'
import { finishConnection, leadBack } from '../comeback.ts'
import { openGuardedHouse, type GuardedHouse, type GuardedUpstream } from '../guarded-house.ts'
import { freePort, type House, openHouse } from '../house.ts'
import { openOnBehalfHouse } from '../on-behalf-house.ts'
import { textOn } from '../operator.ts'
import { until } from '../patience.ts'
import { SteppingClock } from '../stepping-clock.ts'

// Tokens of a connection that is removed here are ended at the authorization server that gave them, where it takes them
// back (RFC 7009). That comes after the removal, and changes nothing of it.

const reason = 'for a test'

async function revoke({ admin, page }: Pick<GuardedHouse, 'admin' | 'page'>): Promise<void> {
  const to = '/upstreams/vaulted/credential/revoke'
  const done = await admin.browser.submit(await page(), { reason }, { to })
  assert.equal(done.status, 200, done.text)
}

const told = (lines: readonly string[], what: RegExp) => lines.some((line) => what.test(line))
const noMore = (guarded: GuardedHouse) => guarded.house.rooms.vault.openCredential('vaulted')

test('a credential that an administrator revokes is ended there, by the client that it was given to', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server } = guarded
  server.options.takesBack = 200
  await guarded.connect()
  const { token } = server.issued[0]!
  assert.equal(server.givenBack.length, 0)
  await revoke(guarded)
  await until(() => told(house.log, /has ended the tokens/), 'it has said so')
  const [first, second] = server.givenBack
  assert.deepEqual(
    server.givenBack.map((one) => one['token_type_hint']),
    ['refresh_token', 'access_token'],
  )
  assert.equal(second!['token'], token)
  assert.notEqual(first!['token'], token)
  const basic = `Basic ${Buffer.from(`${String(server.registered[0]!['client_id'])}:s3cr3t-of-the-client`).toString('base64')}`
  assert.deepEqual([first!.authorization, second!.authorization], [basic, basic])
  for (const secret of [token, first!['token']!])
    assert.ok(!house.log.join('').includes(secret), 'a token is in the log')
})

test('whatever the server answers, or does not, the connection is gone', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server } = guarded
  const answers: Record<string, () => void> = {
    'that it is unavailable': () => (server.options.takesBack = 503),
    'that it knows no such thing': () => (server.options.takesBack = 404),
    'that nobody does that here': () => (server.options.takesBack = 401),
  }
  server.options.takesBack = 200
  for (const [what, set] of Object.entries(answers)) {
    await guarded.connect()
    set()
    const before = [house.log.length, server.givenBack.length] as const
    await revoke(guarded)
    assert.equal(await noMore(guarded), undefined, what)
    await until(() => told(house.log.slice(before[0]), /could not be ended/), what)
    assert.equal(server.givenBack.length, before[1] + 2, `${what}: each token once`)
  }
  const silence = Promise.withResolvers<void>()
  server.options.takesBack = 200
  await guarded.connect()
  server.options.hold = silence.promise
  await revoke(guarded)
  assert.equal(await noMore(guarded), undefined)
  await until(() => server.givenBack.length === 7, 'it was asked')
  assert.equal((await house.changes('connection.revoked')).length, 4, 'it was recorded, and nobody waited')
  silence.resolve()
})

test('where a server takes nothing back, nothing is sent', async (t) => {
  const guarded = await openGuardedHouse(t)
  await guarded.connect()
  await revoke(guarded)
  await until(() => told(guarded.house.log, /takes no tokens back/), 'it has said so')
  assert.deepEqual(guarded.server.givenBack, [])
})

test('a connection that is replaced is left to end: the new one may hang on it', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server } = guarded
  server.options.takesBack = 200
  await guarded.connect()
  await guarded.connect()
  await revoke(guarded)
  await until(() => told(house.log, /has ended the tokens/), 'it has said so')
  assert.equal(server.givenBack.length, 2, 'those of the second alone')
  assert.equal(server.givenBack[1]!['token'], server.issued[1]!.token)
})

test('tokens that come when their connection is gone are ended too', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server } = guarded
  server.options.takesBack = 200
  await guarded.connect()
  const agent = await guarded.agent()
  house.clock.pass(3_590_000)
  await agent.refresh()
  const held = Promise.withResolvers<void>()
  server.options.hold = held.promise
  const call = agent.call('echo', { text: 'x' })
  await until(() => server.asked.length === 2, 'the renewal is under way')
  await revoke(guarded)
  held.resolve()
  assert.notEqual((await call).error, undefined)
  const late = server.issued[1]!.token
  await until(() => server.givenBack.some(({ token }) => token === late), 'the late token is given back')
})

test('a client that signs gives back as it got', async (t) => {
  const guarded = await openGuardedHouse(t)
  const { house, server, admin } = guarded
  server.options.takesBack = 200
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const upstream = (await house.rooms.inventory.findUpstream('vaulted'))!
  const client = {
    issuer: server.issuer,
    client: { id: 'robot' },
    key: { privateKey: await exportPKCS8(privateKey), algorithm: 'ES256' },
  }
  await house.rooms.gateway.connections.connectUnattended(upstream, admin.principal.id, { ...client, reason })
  await revoke(guarded)
  await until(() => told(house.log, /has ended the tokens/), 'it has said so')
  const [only, more] = server.givenBack
  assert.equal(more, undefined)
  assert.deepEqual([only!['token'], only!['client_id']], [server.issued[0]!.token, 'robot'])
  const { iss, sub, aud } = decodeJwt(only!['client_assertion']!)
  assert.deepEqual([iss, sub, aud], ['robot', 'robot', server.issuer])
})

const byThemselves = ({ fake, server }: GuardedUpstream) => ({
  way: 'connection',
  url: fake.url,
  issuer: server.issuer,
})

test('a person’s own connection is ended with its removal, and with the person', async (t) => {
  const of = await openOnBehalfHouse(t, byThemselves)
  const { house, server } = of
  server.options.takesBack = 200
  const tokens: string[] = []
  const people = [await of.person('ana'), await of.person('bo')]
  for (const person of people) {
    const page = await person.browser.open('/connections/vaulted')
    const begun = await person.browser.submit(page, {}, { to: '/connections/vaulted/connect' })
    await finishConnection(person, await person.browser.open(await leadBack(begun, house.origin)))
    tokens.push(server.issued.at(-1)!.token)
  }
  const [ana, bo] = people
  const mine = await ana!.browser.open('/connections')
  assert.match(textOn(await ana!.browser.submit(mine, {}, { to: '/connections/vaulted/remove' })), /removed/i)
  const back = () => server.givenBack.map(({ token }) => token)
  await until(() => back().includes(tokens[0]), 'hers is given back')
  assert.ok(!back().includes(tokens[1]), 'and nobody else’s')
  await house.rooms.identity.disablePrincipal({ by: 'set-up', id: bo!.principal.id, reason })
  await until(() => back().includes(tokens[1]), 'his is given back')
})

test('all connections of an upstream that is retired are ended', async (t) => {
  const guarded = await openGuardedHouse(t)
  guarded.server.options.takesBack = 200
  await guarded.connect()
  const step = { by: guarded.admin.principal.id, name: 'vaulted', reason }
  await guarded.house.rooms.inventory.stepUpstream({ ...step, to: 'suspended' })
  await guarded.house.rooms.inventory.stepUpstream({ ...step, to: 'retired' })
  await until(() => guarded.server.givenBack.length === 2, 'both tokens are given back')
})

/** What is kept of removed connections in a data folder that is closed. */
function inFolder<T>(dataDir: string, ask: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(dataDir, 'sallyport.db'))
  try {
    return ask(database)
  } finally {
    database.close()
  }
}

const sealedIn = (database: DatabaseSync) => database.prepare('select sealed from revoked_tokens').all()

/** A house that closed when it had removed a connection, and before the server was asked. */
async function leaveLying(t: TestContext, { claimed }: { claimed: boolean }) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-left-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const options = { dataDir, port: await freePort(), env: { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') } }
  const guarded = await openGuardedHouse(t, options)
  const { house, server, fake } = guarded
  server.options.takesBack = 200
  await guarded.connect()
  const { store, vault } = house.rooms
  const [connection] = await vault.listConnections('vaulted')
  // As by a process that died before its news were heard, or when it had just begun.
  await store.transaction((tx) => vault.revokeConnection(tx, connection!.id))
  if (claimed) assert.equal((await vault.revoked.claim())?.id, connection!.id)
  await house.close()
  assert.deepEqual(server.givenBack, [])
  /** Opens it once more, so much later. */
  const again = (laterMs = 0): Promise<House> => {
    const clock = new SteppingClock()
    clock.pass(laterMs)
    return openHouse(t, { ...options, clock, reach: [fake.url, server.issuer] })
  }
  return { dataDir, server, again }
}

test('what a process left lying is given back at the next start, once', async (t) => {
  const { dataDir, server, again } = await leaveLying(t, { claimed: false })
  for (let start = 0; start < 2; start++) {
    const house = await again()
    await until(() => server.givenBack.length === 2, 'both tokens are given back')
    if (start === 0) await until(() => told(house.log, /has ended the tokens/), 'it has heard the answer')
    await house.close()
    assert.deepEqual(inFolder(dataDir, sealedIn), [], 'nothing of them is kept')
  }
  assert.equal(server.givenBack.length, 2)
})

test('what a process claimed that died before the server answered is given back by another, after five minutes', async (t) => {
  const { dataDir, server, again } = await leaveLying(t, { claimed: true })
  const early = await again()
  assert.equal(await early.rooms.vault.revoked.claim(), undefined, 'somebody else may be asking')
  await early.close()
  assert.equal(inFolder(dataDir, sealedIn).length, 1)
  const late = await again(300_001)
  await until(() => told(late.log, /has ended the tokens/), 'it has heard the answer')
  await late.close()
  assert.deepEqual([server.givenBack.length, inFolder(dataDir, sealedIn)], [2, []])
})

test('what cannot be opened is not lost: it is given back when it can be', async (t) => {
  const { dataDir, server, again } = await leaveLying(t, { claimed: false })
  const [kept] = inFolder(dataDir, sealedIn)
  const put = (sealed: string) =>
    inFolder(dataDir, (database) => database.prepare('update revoked_tokens set sealed = ?').run(sealed))
  put('rubbish')
  const blind = await again()
  await until(() => told(blind.log, /cannot give the tokens of a removed connection back/), 'it says so')
  await blind.close()
  assert.deepEqual([server.givenBack.length, inFolder(dataDir, sealedIn).length], [0, 1])
  put(String(kept!['sealed']))
  const seeing = await again(300_001)
  await until(() => told(seeing.log, /has ended the tokens/), 'it has heard the answer')
  assert.equal(server.givenBack.length, 2)
})

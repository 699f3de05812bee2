import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Clock } from '../../base/clock.ts'
import { until } from '../../../test/patience.ts'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf, collect, connectUpstream, launchOf, resultOf, type Connection } from '../../../test/upstream-client.ts'
import { ourselves } from './era.ts'
import type { LineProcess } from './line-process.ts'
import { openProcesses } from './stdio.ts'
import { mayHaveHappened, type StdioLaunch, type UpstreamNeeds } from './upstream-kind.ts'

// What is true of processes alone; what is true of every kind stands in server/test/contract/upstream.test.ts.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal
const script = join(import.meta.dirname, '../../../test/fake/stdio-server.ts')

interface House extends Connection {
  journal(): { method?: string; id?: unknown; params?: Record<string, unknown> }[]
  folder: string
}

function open(
  t: TestContext,
  options: Record<string, unknown> = {},
  more: { credential?: UpstreamNeeds['credential']; launch?: Partial<StdioLaunch>; clock?: Clock } = {},
): House {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-stdio-'))
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  const launch = { ...launchOf({ script, args: [JSON.stringify({ journal, ...options })], folder }), ...more.launch }
  const opened = connectUpstream(t, launch, more)
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const lines = () =>
    readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  return { ...opened, folder, journal: () => lines().map((line) => JSON.parse(line) as { method?: string }) }
}

async function call({ connection }: Connection, name: string, args: Record<string, unknown> = {}) {
  return collect(await connection.send(await receipts.next(), callOf(name, { args }), never))
}

function textOf(answer: Parameters<typeof resultOf>[0]): string {
  return (resultOf(answer)['content'] as { text: string }[])[0]!.text
}

test('nothing is started before it is needed, and then one process for everybody', async (t) => {
  const house = open(t)
  assert.deepEqual(house.journal(), [])
  await Promise.all(['ana', 'bo', 'cy'].map((caller) => call(house, 'echo', { caller })))
  const methods = house.journal().map(({ method }) => method)
  assert.deepEqual(methods.slice(0, 2), ['initialize', 'notifications/initialized'])
  assert.equal(methods.filter((method) => method === 'initialize').length, 1)
  const opened = house.journal()[0]!.params
  assert.deepEqual([opened?.['capabilities'], opened?.['protocolVersion']], [{}, '2025-11-25'])
})

test('a process finds its credential in its environment, and nothing of ours', async (t) => {
  const credential = async () => ({ placement: 'env' as const, values: { TOKEN: 'sealed-value' } })
  const house = open(t, {}, { credential, launch: { env: { REGION: 'eu' } } })
  const { env } = JSON.parse(textOf((await call(house, 'environment')).answer)) as { env: Record<string, string> }
  assert.deepEqual(env, {
    HOME: house.folder,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    REGION: 'eu',
    TOKEN: 'sealed-value',
  })
  assert.ok(house.logged.some((line) => line.includes('begins with [hidden]')))
  assert.ok(!house.logged.some((line) => line.includes('sealed-value')))
})

test('a credential for headers does not enter a process', async (t) => {
  const credential = async () => ({ placement: 'headers' as const, values: { TOKEN: 'sealed-value' } })
  const house = open(t, {}, { credential })
  assert.ok(!textOf((await call(house, 'environment')).answer).includes('sealed-value'))
})

test('a log message of the shared process reaches no caller: it may be about another', async (t) => {
  const house = open(t)
  const request = callOf('progress', { progressToken: 'p' })
  const { before } = await collect(await house.connection.send(await receipts.next(), request, never))
  assert.deepEqual(
    before.map(({ message }) => 'method' in message && message.method),
    ['notifications/progress', 'notifications/progress'],
  )
})

test('lines that are no messages are logged and passed over', async (t) => {
  const house = open(t)
  assert.equal(textOf((await call(house, 'echo')).answer), '{}')
  assert.ok(house.logged.some((line) => line.includes('a line that is no message')))
})

test('after a crash the process is started again by itself, and what was in flight is lost', async (t) => {
  const house = open(t)
  const waiting = call(house, 'hang')
  const lost = assert.rejects(waiting, { code: 'gateway.upstream_lost' })
  await until(() => house.journal().some(({ params }) => params?.['name'] === 'hang'), 'the call hangs')
  await assert.rejects(call(house, 'vanish'), { code: 'gateway.upstream_lost' })
  await lost
  await until(
    () => house.journal().filter(({ method }) => method === 'initialize').length === 2,
    'it was started again',
  )
  assert.equal(textOf((await call(house, 'echo')).answer), '{}')
})

test('a process that crashes again and again is left alone for longer and longer', async (t) => {
  let now = 0
  const house = open(t, { stillborn: true }, { clock: { now: () => now, monotonic: () => now } })
  for (let attempt = 0; attempt < 6; attempt++) {
    now += 30_000
    await assert.rejects(call(house, 'echo'), (error: Error & { code?: string; detail?: string }) => {
      assert.equal(error.code, 'gateway.upstream_unreachable')
      assert.match(error.detail ?? '', /it exited with code 3/)
      assert.ok(!mayHaveHappened(error))
      return true
    })
  }
  await assert.rejects(call(house, 'echo'), { detail: 'it stopped (it exited with code 3) and is tried again in 8 s' })
  assert.ok(
    house.logged.some((line) => line.includes('cannot begin: no reason at all')),
    'its last words are in the log',
  )
})

test('a command that does not exist is unreachable, and says so in the log only', async (t) => {
  const house = open(t, {}, { launch: { command: '/no/such/command' } })
  await assert.rejects(call(house, 'echo'), (error: Error & { detail?: string }) => {
    assert.match(error.detail ?? '', /ENOENT/)
    assert.ok(!error.message.includes('command'))
    return true
  })
})

test('closing ends the process and its children, though they ignore SIGTERM', async (t) => {
  const note = join(mkdtempSync(join(tmpdir(), 'sallyport-child-')), 'pid')
  const house = open(t, { child: note, ignoresTerm: true })
  await call(house, 'echo')
  await until(() => existsSync(note) && readFileSync(note, 'utf8') !== '', 'the child runs')
  await house.connection.close()
  await until(() => !lives(Number(readFileSync(note, 'utf8'))), 'the child has ended')
})

test('closing while the process is being started leaves none behind', async (t) => {
  const house = open(t)
  const waiting = assert.rejects(house.connection.learn(never), { code: 'gateway.upstream_unreachable' })
  await new Promise((resolve) => setImmediate(resolve))
  await house.connection.close()
  await waiting
  assert.ok(!house.journal().some(({ method }) => method === 'tools/call'))
})

test('a caller that gives up while the process is being started does not stop it for the others', async (t) => {
  const house = open(t)
  const stop = new AbortController()
  const gaveUp = assert.rejects(house.connection.learn(stop.signal), { code: 'gateway.cancelled' })
  const patient = house.connection.learn(never)
  stop.abort()
  await gaveUp
  assert.equal((await patient).serverName, 'fake-stdio')
})

test('each principal has a process and a folder of its own, whatever client it comes through', async (t) => {
  const house = open(t, {}, { launch: { process: 'per_principal' } })
  const homeOf = async (principalId: string, callerKey: string) => {
    const request = callOf('environment', { principalId, callerKey })
    const { answer } = await collect(await house.connection.send(await receipts.next(), request, never))
    return (JSON.parse(textOf(answer)) as { env: { HOME: string } }).env.HOME
  }
  const [ana, again, bo] = [await homeOf('ana', 'g1'), await homeOf('ana', 'g2'), await homeOf('bo', 'g3')]
  assert.equal(ana, again)
  assert.notEqual(ana, bo)
  assert.ok([ana, bo].every((home) => home.startsWith(join(house.folder, 'principals'))))
  assert.equal(house.journal().filter(({ method }) => method === 'initialize').length, 2)
})

test('there are never more processes than were allowed: the idlest makes room, and one that is in use does not', async (t) => {
  const house = open(t, {}, { launch: { process: 'per_principal', processesMax: 2 } })
  const as = async (principalId: string, name: string) =>
    collect(await house.connection.send(await receipts.next(), callOf(name, { principalId }), never))
  const started = () => house.journal().filter(({ method }) => method === 'initialize').length
  await as('ana', 'echo')
  const hanging = ['bo', 'cy'].map(async (one) => assert.rejects(as(one, 'hang'), { code: 'gateway.upstream_lost' }))
  await until(() => house.journal().filter(({ params }) => params?.['name'] === 'hang').length === 2, 'both calls hang')
  assert.equal(started(), 3, 'ana’s made room')
  await assert.rejects(as('ana', 'echo'), { code: 'gateway.upstream_busy' })
  assert.equal(started(), 3)
  await house.connection.close()
  await Promise.all(hanging)
})

test('a process that nobody uses any more is ended', async (t) => {
  let now = 0
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-stdio-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const launch = launchOf({ script, args: [JSON.stringify({ journal: join(folder, 'journal') })], folder })
  const needs = {
    clock: { now: () => now, monotonic: () => now },
    log: { debug: () => undefined, warn: () => undefined },
    credential: async () => undefined,
  }
  const parts = { upstream: 'fake', launch: { ...launch, process: 'per_principal' as const }, needs }
  const processes = openProcesses(parts)
  t.after(() => processes.close())
  const pidOf = async () => ((await processes.get('ana', ourselves).live(never)).carrier as LineProcess).pid!
  const pid = await pidOf()
  now += 299_000
  processes.endIdle()
  assert.equal(processes.get('ana', ourselves), processes.get('ana', ourselves))
  assert.ok(lives(pid))
  now += 2_000
  processes.endIdle()
  await until(() => !lives(pid), 'the process has ended')
  assert.notEqual(await pidOf(), pid)
})

test('a process that ends while nobody uses it is started again by who needs it, not by itself', async (t) => {
  const house = open(t, { endsAfterMs: 50 })
  const started = () => house.journal().filter(({ method }) => method === 'initialize').length
  await house.connection.learn(never)
  await until(() => house.logged.some((line) => line.includes('an upstream process ended')), 'the process has ended')
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.equal(started(), 1)
  await house.connection.learn(never)
  assert.equal(started(), 2)
})

test('an answer that comes after the call was cancelled is nobody’s', async (t) => {
  const house = open(t)
  const stop = new AbortController()
  const request = callOf('progress', { progressToken: 'p' })
  const reply = await house.connection.send(await receipts.next(), request, stop.signal)
  stop.abort()
  await assert.rejects(collect(reply), { code: 'gateway.cancelled' })
  const cancelled = house.journal().filter(({ method }) => method === 'notifications/cancelled')
  assert.ok(cancelled.length <= 1)
  const answers = await Promise.all([1, 2, 3].map((n) => call(house, 'echo', { n })))
  assert.deepEqual(
    answers.map(({ answer }) => textOf(answer)),
    ['{"n":1}', '{"n":2}', '{"n":3}'],
  )
})

function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { inTime, until } from '../../../test/patience.ts'
import { leftOut } from '../../../test/left-out.ts'
import { openReceipts } from '../../../test/receipts.ts'
import {
  callOf,
  collect,
  connectUpstream,
  launchOf,
  resultOf,
  type CallOptions,
} from '../../../test/upstream-client.ts'
import { findSandbox } from './sandbox.ts'
import type { Confine, StdioLaunch } from './upstream-kind.ts'

// A program that means harm: what it can do to others, to the gateway and to the machine.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal
const script = join(import.meta.dirname, '../../../test/fake/hostile-server.ts')
const sources = join(import.meta.dirname, '../../..')
const sandbox = await findSandbox()
const confined = { skip: leftOut(sandbox.works, sandbox.works ? '' : sandbox.why) }

function open(t: TestContext, confine: Partial<Confine> = {}, more: Partial<StdioLaunch> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'))
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  const folder = join(root, 'data', 'own')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(root, 'data', 'master.key'), 'the master key')
  const launch = launchOf(
    { script, folder, ...more },
    { readable: [sources], hidden: [join(root, 'data')], ...confine },
  )
  const opened = connectUpstream(t, launch)
  const attack = async (name: string, args: Record<string, unknown> = {}, options: CallOptions = {}) => {
    const sent = opened.connection.send(await receipts.next(), callOf(name, { args, ...options }), never)
    const content = resultOf((await collect(await sent)).answer)['content'] as { text: string }[]
    return JSON.parse(content[0]!.text) as never
  }
  return { ...opened, attack, root, folder }
}

/** Processes that carry this title; those that are dead and not waited for have none. */
function livesWith(title: string, whole = false): boolean {
  const fits = (line: string) => (whole ? line === `${title}\0` : line.includes(title))
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && fits(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    } catch {
      return false
    }
  })
}

test('a flood of lines that are no messages ends the program, and the next call is served', async (t) => {
  const { attack, logged } = open(t)
  await assert.rejects(attack('flood'), { code: 'gateway.upstream_lost' })
  assert.ok(logged.length < 50, 'the log is not flooded')
  assert.ok(logged.some((line) => line.includes('too many lines that are no messages')))
  assert.equal(typeof (await attack('environment'))['pid'], 'number')
})

test('an endless line ends the program within bounds, and the next call is served', async (t) => {
  const { attack, logged } = open(t)
  await assert.rejects(attack('endless'), { code: 'gateway.upstream_lost' })
  assert.ok(logged.some((line) => line.includes('a line that is too long')))
  assert.equal(typeof (await attack('environment'))['pid'], 'number')
})

test('each caller’s program knows nothing of another caller’s ids: injected answers reach nobody but its own', async (t) => {
  const { attack } = open(t, {}, { process: 'per_principal' })
  const others = ['bo', 'cy'].map((principalId) => attack('environment', {}, { principalId }))
  assert.equal(await attack('inject', {}, { principalId: 'ana' }), 'own')
  for (const other of others) assert.equal(typeof (await other)['pid'], 'number')
})

test('a program that ignores every polite signal is gone when closing returns', async (t) => {
  const { attack, connection } = open(t)
  const { pid } = await attack('environment')
  await connection.close()
  await until(() => !existsSync(`/proc/${String(pid)}`), 'the program has ended')
})

test('nothing of our environment reaches it, confined or not', async (t) => {
  process.env['SALLYPORT_CANARY'] = 'canary'
  t.after(() => delete process.env['SALLYPORT_CANARY'])
  for (const how of ['off', ...(sandbox.works ? ['required' as const] : [])] as const) {
    const { attack, folder } = open(t, { sandbox: how })
    const { env } = await attack('environment')
    const { PWD: _, ...rest } = env as Record<string, string>
    assert.deepEqual(rest, { HOME: folder, PATH: '/usr/local/bin:/usr/bin:/bin' })
  }
})

test('a confined program sees neither keys, nor homes, nor our temporary files', confined, async (t) => {
  const { attack, root, folder } = open(t, { sandbox: 'required' })
  assert.equal(await attack('read', { path: join(root, 'data', 'master.key') }), 'ENOENT')
  writeFileSync(join(root, 'beside'), 'somebody’s')
  assert.equal(await attack('read', { path: join(root, 'beside') }), 'ENOENT')
  const { cwd, hostname } = await attack('environment')
  assert.deepEqual([cwd, hostname], [folder, 'upstream'])
  assert.equal(await attack('write', { path: join(folder, 'note') }), null)
  assert.equal(readFileSync(join(folder, 'note'), 'utf8'), 'was here')
})

test('a confined program changes nothing outside its own folder', confined, async (t) => {
  const { attack } = open(t, { sandbox: 'required' })
  assert.equal(await attack('write', { path: '/etc/sallyport-was-here' }), 'EROFS')
  assert.equal(await attack('write', { path: join(sources, 'was-here') }), 'EROFS')
  assert.equal(await attack('write', { path: '/tmp/sallyport-was-here' }), null, 'it has a /tmp of its own')
  assert.ok(!existsSync('/tmp/sallyport-was-here'))
})

test('what a confined program may read and change beside is named', confined, async (t) => {
  const extra = mkdtempSync(join(tmpdir(), 'sallyport-extra-'))
  t.after(() => rmSync(extra, { recursive: true, force: true }))
  writeFileSync(join(extra, 'note'), 'for it')
  const reader = open(t, { sandbox: 'required', readable: [sources, extra] })
  assert.equal(await reader.attack('read', { path: join(extra, 'note') }), 'for it')
  assert.equal(await reader.attack('write', { path: join(extra, 'note') }), 'EROFS')
  const writer = open(t, { sandbox: 'required', writable: [extra] })
  assert.equal(await writer.attack('write', { path: join(extra, 'note') }), null)
  // Hidden wins over whatever else is said.
  const hidden = open(t, { sandbox: 'required', readable: [sources, extra], hidden: [extra] })
  assert.equal(await hidden.attack('read', { path: join(extra, 'note') }), 'ENOENT')
})

test('a confined program sees no process but its own, and cannot signal ours', confined, async (t) => {
  const { attack } = open(t, { sandbox: 'required' })
  assert.equal(await attack('signal', { pid: process.pid }), 'ESRCH')
  assert.equal(await attack('read', { path: `/proc/${process.pid}/environ` }), 'ENOENT')
})

test('a confined program has no network unless it is given it', confined, async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  assert.equal(await open(t, { sandbox: 'required' }).attack('reach', { port }), 'ECONNREFUSED')
  assert.equal(await open(t, { sandbox: 'required', network: true }).attack('reach', { port }), 'reached')
})

test('a confined program may take only so much of the machine', confined, async (t) => {
  const { attack } = open(t, { sandbox: 'required' })
  const text = String(await attack('read', { path: '/proc/self/limits' }))
  const limits = new Map(
    text.split('\n').map((line) => [line.slice(0, 26).trim(), line.slice(26).trim().split(/\s+/)[0]]),
  )
  assert.deepEqual(
    ['Max core file size', 'Max open files', 'Max processes', 'Max data size'].map((name) => limits.get(name)),
    ['0', '4096', '512', String(4 * 1024 ** 3)],
  )
})

test('children that fled from the process group end with a confined program', confined, async (t) => {
  const { attack, connection } = open(t, { sandbox: 'required' })
  const marker = `fled-${process.pid}-${Date.now()}`
  assert.equal(await attack('flee', { marker }), 'fled')
  await until(() => livesWith(marker), 'the child that fled runs')
  await connection.close()
  await until(() => !livesWith(marker), 'the child that fled has ended')
})

test('a gateway that is killed leaves no confined program behind', confined, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-killed-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const marker = `left-${process.pid}-${Date.now()}`
  const launch = launchOf(
    { script: '-e', args: [`setInterval(()=>{},1000)//${marker}`], folder },
    { sandbox: 'required' },
  )
  const from = JSON.stringify(join(import.meta.dirname, 'line-process.ts'))
  const parts = JSON.stringify({ launch, secrets: {}, bwrap: sandbox.works ? sandbox.bwrap : '' })
  const script = `import { startLineProcess } from ${from}
    const log = { debug() {}, warn() {} }
    startLineProcess({ ...${parts}, log }, { onLine() {}, onEnd() {} })`
  const gateway = spawn(process.execPath, ['--input-type=module'], { stdio: ['pipe', 'ignore', 'inherit'] })
  gateway.stdin.end(script)
  // Once it runs: while bubblewrap still prepares the room, nobody in it watches the gateway yet.
  await until(() => livesWith(`${process.execPath}\0-e\0setInterval(()=>{},1000)//${marker}`, true), 'the program runs')
  const ended = once(gateway, 'exit')
  gateway.kill('SIGKILL')
  await inTime(ended, 'the gateway has ended')
  await until(() => !livesWith(marker), 'the program has ended')
})

test('where a sandbox is required and there is none, nothing is started', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-hostile-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const none = async () => ({ works: false as const, why: 'this is a test' })
  const open = (how: Confine['sandbox']) =>
    connectUpstream(t, launchOf({ script, folder }, { sandbox: how, readable: [sources] }), { sandbox: none })
  await assert.rejects(open('required').connection.learn(never), {
    code: 'gateway.upstream_unreachable',
    detail: 'its sandbox is required and there is none: this is a test',
  })
  assert.equal((await open('when_available').connection.learn(never)).serverName, 'hostile')
})

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { until } from '../../../test/patience.ts'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf, collect, connectUpstream, launchOf, type CallOptions } from '../../../test/upstream-client.ts'
import type { RpcRequest } from './message.ts'
import type { StdioLaunch } from './upstream-kind.ts'

// A process may ask in the middle of a call, if it can only be one client that it asks, and only what that one declared.

const receipts = await openReceipts()
after(() => receipts.close())
const script = join(import.meta.dirname, '../../../test/fake/stdio-server.ts')
const declared = { sampling: {}, roots: { listChanged: true }, experimental: { mine: {} } }

function open(t: TestContext, launched: Partial<StdioLaunch> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-stdio-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const journal = join(folder, 'journal')
  writeFileSync(journal, '')
  const launch = launchOf({ script, args: [JSON.stringify({ journal })], folder, process: 'per_principal' })
  const { connection } = connectUpstream(t, { ...launch, ...launched })
  const heard = () => {
    const lines = readFileSync(journal, 'utf8').split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Partial<RpcRequest>)
  }
  const asked: string[] = []
  /** A call of a client of ana's, which answers what it is asked. */
  const call = async (name: string, options: CallOptions, signal = new AbortController().signal): Promise<string> => {
    const ask: CallOptions['ask'] = async ({ method }) => {
      asked.push(`${options.callerKey} ${method}`)
      return { result: { from: options.callerKey } }
    }
    const request = callOf(name, { principalId: 'ana', capabilities: declared, ask, ...options })
    return JSON.stringify((await collect(await connection.send(await receipts.next(), request, signal))).answer)
  }
  const greeted = () => heard().flatMap(({ method, params }) => (method === 'initialize' ? [params] : []))
  const hanging = () => heard().filter(({ params }) => params?.['name'] === 'hang').length
  return { connection, call, heard, asked, greeted, hanging }
}

test('a process of one principal asks the client whose call is under way, for what it declared', async (t) => {
  const { call, asked, greeted } = open(t)
  assert.match(await call('ask_client', { callerKey: 'desk' }), /\\"from\\":\\"desk\\"/)
  assert.match(await call('ask_client', { callerKey: 'phone' }), /\\"from\\":\\"phone\\"/)
  assert.deepEqual(asked, ['desk sampling/createMessage', 'phone sampling/createMessage'])
  assert.equal(greeted().length, 1, 'clients that declare the same share it')
  assert.deepEqual(greeted()[0]?.['capabilities'], { sampling: {}, roots: {} })
})

test('a process is never told that somebody can do what a caller cannot', async (t) => {
  const { call, greeted } = open(t)
  await call('echo', { callerKey: 'desk' })
  await call('echo', { callerKey: 'phone', capabilities: { elicitation: { form: {} } } })
  await call('echo', { callerKey: 'script', capabilities: {} })
  const told = greeted().map((params) => params?.['capabilities'])
  assert.deepEqual(told, [{ sampling: {}, roots: {} }, { elicitation: { form: {} } }, {}])
})

test('while two clients have calls under way nobody is asked: it could be the question of either', async (t) => {
  const { connection, call, asked, hanging } = open(t)
  const other = assert.rejects(call('hang', { callerKey: 'phone' }))
  await until(() => hanging() === 1, 'the call hangs')
  assert.match(await call('ask_client', { callerKey: 'desk' }), /method not found/)
  assert.deepEqual(asked, [])
  await connection.close()
  await other
})

test('a call that may ask nothing, and one that was left, keep others from being asked what may be theirs', async (t) => {
  const { connection, call, asked, hanging } = open(t)
  const silent = assert.rejects(call('hang', { callerKey: 'desk', ask: undefined }))
  await until(() => hanging() === 1, 'the call hangs')
  assert.match(await call('ask_client', { callerKey: 'desk' }), /method not found/)
  await connection.close()
  await silent

  const again = open(t)
  const leave = new AbortController()
  const left = assert.rejects(again.call('hang', { callerKey: 'phone' }, leave.signal), { code: 'gateway.cancelled' })
  await until(() => again.hanging() === 1, 'the call hangs')
  leave.abort()
  await left
  assert.match(await again.call('ask_client', { callerKey: 'desk' }), /method not found/)
  assert.deepEqual([...asked, ...again.asked], [])
})

test('a process that everybody shares declares nothing and asks nobody', async (t) => {
  const { call, asked, greeted } = open(t, { process: 'shared' })
  assert.match(await call('ask_client', { callerKey: 'desk' }), /method not found/)
  assert.deepEqual([asked, greeted().map((params) => params?.['capabilities'])], [[], [{}]])
})

test('one principal has at most four processes at once, whatever its clients declare', async (t) => {
  const { connection, call, greeted, hanging } = open(t, { processesMax: 16 })
  const variants = [1, 2, 3, 4, 5].map((kind) => ({ callerKey: `k${kind}`, capabilities: { sampling: { kind } } }))
  for (const variant of variants) await call('echo', variant)
  assert.equal(greeted().length, 5, 'one that is idle makes room')
  const busy = variants.slice(1).map(async (variant) => assert.rejects(call('hang', variant)))
  await until(() => hanging() === 4, 'four calls hang')
  await assert.rejects(call('echo', variants[0]!), { code: 'gateway.upstream_busy' })
  await call('echo', { ...variants[0]!, principalId: 'bo' })
  await connection.close()
  await Promise.all(busy)
})

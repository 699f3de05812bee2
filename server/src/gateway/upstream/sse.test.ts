import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { openSseServer, type SseServer } from '../../../test/fake/sse-server.ts'
import { until } from '../../../test/patience.ts'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf, collect, connectUpstream, type CallOptions, type Connection } from '../../../test/upstream-client.ts'
import { mayHaveHappened, type UpstreamNeeds } from './upstream-kind.ts'

// What is true of HTTP+SSE alone; what is true of every kind stands in server/test/contract/upstream.test.ts.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal

async function open(
  t: TestContext,
  more: { credential?: UpstreamNeeds['credential'] } = {},
): Promise<Connection & { fake: SseServer; call(name: string, options?: CallOptions): ReturnType<typeof collect> }> {
  const fake = await openSseServer()
  t.after(() => fake.close())
  const opened = connectUpstream(t, { kind: 'sse', url: fake.url }, more)
  const call = async (name: string, options: CallOptions = {}) =>
    collect(await opened.connection.send(await receipts.next(), callOf(name, options), never))
  return { ...opened, fake, call }
}

test('each caller has a stream of its own, kept from call to call', async (t) => {
  const { fake, call } = await open(t)
  for (const callerKey of ['ana', 'bo', 'ana']) await call('echo', { callerKey })
  assert.equal(fake.streams.length, 2)
  const sessions = fake.journal.filter(({ message }) => message.method === 'tools/call').map(({ session }) => session)
  assert.equal(sessions[0], sessions[2])
  assert.notEqual(sessions[0], sessions[1])
})

test('who opens stream after stream ends their own, and nobody else’s', async (t) => {
  const { fake, call } = await open(t)
  await call('echo', { callerKey: 'quiet one' })
  for (let at = 0; at < 65; at++) {
    await call('echo', { callerKey: `greedy ${at}` })
  }
  await until(() => fake.open() === 65, 'the first stream of the greedy has ended')
  await call('echo', { callerKey: 'quiet one' })
  assert.equal(fake.streams.length, 66)
})

test('a stream that ended is opened again for the next call', async (t) => {
  const { fake, call } = await open(t)
  await call('echo')
  fake.drop()
  await until(() => fake.open() === 0, 'no stream is open')
  await call('echo')
  assert.equal(fake.streams.length, 2)
})

const foreign = [
  'https://evil.example/messages',
  'http://127.0.0.1:1/messages',
  '//evil.example/messages',
  'http://user:word@127.0.0.1/messages',
  'file:///etc/passwd',
]

for (const address of foreign) {
  test(`messages do not go to \`${address}\`, though the stream names it`, async (t) => {
    const credential = async () => ({ placement: 'headers' as const, values: { Authorization: 'Bearer t' } })
    const { fake, call } = await open(t, { credential })
    fake.greeting = `event: endpoint\ndata: ${address}\n\n`
    await assert.rejects(call('echo'), (error: Error & { code?: string; detail?: string }) => {
      assert.equal(error.code, 'gateway.upstream_unreachable')
      assert.match(error.detail ?? '', /an address that is not its own/)
      assert.ok(!mayHaveHappened(error))
      return true
    })
    assert.deepEqual(fake.journal, [])
    await until(() => fake.open() === 0, 'no stream is open')
  })
}

test('a stream that says anything before its address is none', async (t) => {
  const { fake, call } = await open(t)
  fake.greeting = 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
  await assert.rejects(call('echo'), { code: 'gateway.upstream_unreachable' })
})

test('a message that is refused ends the stream: what was under way is unknown, and the next call is served', async (t) => {
  const { fake, call } = await open(t)
  await call('echo')
  fake.refuse = 500
  await assert.rejects(call('echo'), { code: 'gateway.upstream_lost' })
  fake.refuse = undefined
  await call('echo')
})

test('what the server asks in the middle of a call reaches the caller whose stream it is, and nobody else', async (t) => {
  const { fake, call } = await open(t)
  const asked: unknown[] = []
  const ask: CallOptions['ask'] = async ({ method }) => {
    asked.push(method)
    return { result: { role: 'assistant', content: { type: 'text', text: 'hello' }, model: 'm' } }
  }
  const other = call('hang', { callerKey: 'bo', ask: async () => assert.fail('bo was asked') })
  other.catch(() => undefined)
  const { answer } = await call('ask_client', { callerKey: 'ana', ask })
  assert.deepEqual(asked, ['sampling/createMessage'])
  assert.match(JSON.stringify(answer), /hello/)
  const greeted = fake.journal.filter(({ message }) => message.method === 'initialize')
  assert.deepEqual(greeted[0]?.message.params?.['clientInfo'], callOf('x').client.info)
})

test('closing ends every stream', async (t) => {
  const { fake, call, connection } = await open(t)
  await Promise.all(['ana', 'bo'].map((callerKey) => call('echo', { callerKey })))
  assert.equal(fake.open(), 2)
  await connection.close()
  await until(() => fake.open() === 0, 'no stream is open')
})

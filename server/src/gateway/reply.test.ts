import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { KeepAlive } from './keep-alive.ts'
import { Reply } from './reply.ts'
import { inTime, until } from '../../test/patience.ts'

/** A request whose client reads nothing yet. */
async function openRequest(
  t: TestContext,
): Promise<{ keepAlive: KeepAlive; client: Socket; response: ServerResponse }> {
  const keepAlive = new KeepAlive()
  t.after(() => keepAlive.close())
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => client.destroy())
  client.pause().write('GET / HTTP/1.0\r\nhost: a\r\n\r\n')
  const [, response] = await inTime(asked, 'the client has asked')
  return { keepAlive, client, response }
}

test('a stream that begins when its client has gone is kept alive for nobody', async (t) => {
  const { keepAlive, client, response } = await openRequest(t)
  const closed = once(response, 'close')
  client.destroy()
  await inTime(closed, 'the client is known to be gone')
  new Reply(response, keepAlive, []).stream()
  assert.equal(keepAlive.size, 0)
})

interface Stream {
  reply: Reply
  response: ServerResponse
  /** Reads to the end. */
  read(): Promise<string>
}

/** A stream whose client reads nothing yet. */
async function openStream(t: TestContext): Promise<Stream> {
  const { keepAlive, client, response } = await openRequest(t)
  const reply = new Reply(response, keepAlive, [])
  reply.stream()
  const read = async () => {
    const parts: Buffer[] = []
    client.on('data', (part: Buffer) => parts.push(part)).resume()
    await inTime(once(client, 'end'), 'the stream ended')
    const heard = Buffer.concat(parts).toString('utf8')
    return heard.slice(heard.indexOf('\r\n\r\n') + 4)
  }
  return { reply, response, read }
}

const event = (text: string) => `event: message\ndata: ${text}\n\n`
const never = new AbortController().signal

test('of a large event no more is written than the client takes, and what is said meanwhile comes after it', async (t) => {
  const { reply, response, read } = await openStream(t)
  // Characters that are a pair each, out of step with whatever part is written at once.
  const large = `x${'😀'.repeat(4 * 1024 * 1024)}`
  reply.event(large)
  reply.event('a question')
  reply.event(large, true)
  assert.ok(reply.untaken)
  assert.ok(response.writableLength < 1024 * 1024, String(response.writableLength))
  const taken = reply.taken()
  assert.ok((await read()) === event(large) + event('a question') + event(large))
  await inTime(taken, 'all is taken')
  assert.equal(reply.untaken, false)
})

test('an answer in parts is one event, without line breaks, and waits for the client part by part', async (t) => {
  const { reply, response, read } = await openStream(t)
  const part = Buffer.from(`"${'x'.repeat(256 * 1024)}",\r\n`)
  let written = 0
  const over = new AbortController()
  reply.begin(200)
  const writing = (async () => {
    for (; written < 64; written++) {
      reply.part(part)
      await reply.drained(over.signal)
    }
    reply.end(Buffer.from('"last"'))
  })()
  await until(() => response.writableNeedDrain, 'the client holds it back')
  assert.ok(written < 64)
  reply.event('a question')
  const heard = await read()
  await writing
  const whole = `${part
    .toString()
    .replaceAll(/[\r\n]/g, ' ')
    .repeat(64)}"last"`
  assert.ok(heard.startsWith(event(whole)))
})

test('an answer in parts that breaks off is no message, and what went wrong is the next', async (t) => {
  const { reply, read } = await openStream(t)
  reply.begin(200)
  reply.part(Buffer.from('{"half":'))
  await reply.drained(never)
  reply.json(502, '{"error":1}')
  assert.equal(await read(), `event: message\ndata: {"half":\nevent: broken-off\n\n${event('{"error":1}')}`)
})

test('who opens a stream and reads nothing of it is cut off before it fills the memory', async (t) => {
  const { reply, response } = await openStream(t)
  const message = 'x'.repeat(1024 * 1024)
  let most = 0
  for (let sent = 0; sent < 200 && !response.destroyed; sent++) {
    reply.event(message)
    most = Math.max(most, response.writableLength)
  }
  assert.ok(response.destroyed)
  assert.ok(most < 80 * 1024 * 1024, String(most))
})

test('the time that a client has to take an answer is not that of the next on its connection', async (t) => {
  const { reply, response, read } = await openStream(t)
  const { socket } = response
  reply.event('x'.repeat(16 * 1024 * 1024), true)
  const taken = reply.taken()
  assert.equal(socket!.timeout, 30_000)
  await read()
  await inTime(taken, 'all is taken')
  assert.notEqual(socket!.timeout, 30_000)
})

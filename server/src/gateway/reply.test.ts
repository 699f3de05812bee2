import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { KeepAlive } from './keep-alive.ts'
import { Reply } from './reply.ts'
import { inTime } from '../../test/patience.ts'

test('a stream that begins when its client has gone is kept alive for nobody', async (t) => {
  const keepAlive = new KeepAlive()
  t.after(() => keepAlive.close())
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  const [, response] = await inTime(asked, 'the client has asked')
  const closed = once(response, 'close')
  client.destroy()
  await inTime(closed, 'the client is known to be gone')
  new Reply(response, keepAlive, []).stream()
  assert.equal(keepAlive.size, 0)
})

test('who opens a stream and reads nothing of it is cut off before it fills the memory', async (t) => {
  const keepAlive = new KeepAlive()
  t.after(() => keepAlive.close())
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const asked = once(server, 'request') as Promise<[unknown, ServerResponse]>
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => client.destroy())
  client.pause().write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  const [, response] = await inTime(asked, 'the client has asked')
  const reply = new Reply(response, keepAlive, [])
  reply.stream()
  const message = 'x'.repeat(1024 * 1024)
  let most = 0
  for (let sent = 0; sent < 200 && !response.destroyed; sent++) {
    reply.event(message)
    most = Math.max(most, response.writableLength)
  }
  assert.ok(response.destroyed)
  assert.ok(most < 80 * 1024 * 1024, String(most))
})

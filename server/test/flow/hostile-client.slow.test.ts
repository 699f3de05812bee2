import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import { streamsPerPrincipalMax } from '../../src/base/limits.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { until } from '../patience.ts'

// Clients that are slow on purpose hold connections, and nothing else: everybody else is served, and they are shown out.

interface Held {
  /** What it heard, when it was shown out. */
  closed: Promise<string>
  heard(): string
}

test('clients that say nothing, or their headers byte by byte, are shown out, and others are served meanwhile', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const { host, port } = new URL(house.origin)
  const sockets: Socket[] = []
  const timers: NodeJS.Timeout[] = []
  t.after(() => {
    for (const timer of timers) clearInterval(timer)
    for (const socket of sockets) socket.destroy()
  })
  const hold = (begin: string, more: string): Held => {
    const socket = connect(Number(port), '127.0.0.1')
    sockets.push(socket)
    let heard = ''
    socket.on('error', () => undefined)
    socket.on('data', (part: Buffer) => (heard += part.toString('latin1')))
    if (begin !== '') socket.write(begin)
    if (more !== '') timers.push(setInterval(() => socket.writable && socket.write(more), 400))
    return { closed: new Promise((resolve) => socket.once('close', () => resolve(heard))), heard: () => heard }
  }
  const head = `POST /mcp/desk HTTP/1.1\r\nHost: ${host}\r\n`
  const silent = Array.from({ length: 150 }, () => hold('', ''))
  const dribbling = Array.from({ length: 150 }, () => hold(head, 'X: a\r\n'))
  const half = Array.from({ length: 50 }, () => hold('POST /mcp/de', 's'))
  // Who has no token is answered before its body is waited for; what is left of it has two minutes to come.
  const withoutToken = Array.from({ length: 50 }, () => hold(`${head}Content-Length: 100000\r\n\r\n`, 'x'))

  const served = { count: 0, over: false }
  const shownOut = Promise.all([...silent, ...dribbling, ...half].map(({ closed }) => closed))
  const others = (async () => {
    while (!served.over) {
      assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
      served.count++
    }
  })()
  const late = new Promise<never>((_resolve, reject) => {
    timers.push(setTimeout(() => reject(new Error('some are still connected')), 90_000))
  })
  const heard = await Promise.race([shownOut, late])
  served.over = true
  await others
  assert.ok(served.count > 10, `${served.count} calls in between`)
  const statuses = heard.map((text) => /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
  assert.deepEqual(new Set(statuses.slice(150, 300)), new Set(['408']))
  for (const { heard: answer } of withoutToken) assert.match(answer(), /^HTTP\/1\.1 401 /)
})

test('a client that does not read its answers holds back its own upstream call, and nobody else', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const other = (await connectAll(house, 'bo')).agent
  const { host, port } = new URL(house.origin)
  const big = 'x'.repeat(8 * 1024 * 1024)
  fake.options.intercept = ({ message }, response) => {
    const args = message?.params?.['arguments'] as { id?: string } | undefined
    if (message?.method !== 'tools/call' || args?.id !== 'big') return false
    const result = { content: [{ type: 'text', text: big }] }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
    return true
  }
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'read_note', arguments: { id: 'big' } },
  })
  const head = [
    'POST /mcp/desk HTTP/1.1',
    `Host: ${host}`,
    `Authorization: Bearer ${agent.tokens.access_token}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  const before = process.memoryUsage().rss
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect(Number(port), '127.0.0.1').pause()
    socket.on('error', () => undefined)
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
    return socket
  })
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  await until(async () => (await house.entries('intent')).length === 20, 'all twenty calls are under way')
  for (let at = 0; at < 20; at++) assert.equal((await other.call('read_note', { id: 'n1' })).status, 200)
  // The text itself is once in this process, as the fake's; twenty of it would be 160 MiB in two encodings.
  assert.ok(process.memoryUsage().rss - before < 900 * 1024 * 1024)
  for (const socket of sockets) socket.destroy()
  const ended = async () => (await house.entries('outcome')).length
  await until(async () => (await ended()) === 40, 'every call has its outcome')
  const outcomes = (await house.entries('outcome')).map(({ status }) => status)
  assert.equal(outcomes.filter((status) => status === 'success').length >= 20, true)
})

/** While half a gigabyte is read, who looks on may be told that the store is busy: then it is not so yet. */
async function whenServed(isSo: () => Promise<boolean>): Promise<boolean> {
  try {
    return await isSo()
  } catch (error) {
    if (error instanceof Fault && error.code === 'store.unavailable') return false
    throw error
  }
}

// Whichever way an answer goes to a client, what the client does not take holds a place of its principal, and no principal
// has more than 64. A session makes a stream of an answer that is long in coming; a batch is one.
const large = Buffer.alloc(8 * 1024 * 1024, 'x')
const ways: Record<string, { revision?: string; batch?: number; streams?: boolean; cut?: boolean }> = {
  'as JSON': { cut: true },
  'as JSON, in a session': { revision: '2025-11-25' },
  'as an event': { streams: true },
  'as an event, in a session': { revision: '2025-11-25', streams: true, cut: true },
  'in batches': { revision: '2025-03-26', batch: 32, cut: true },
  // Of one stream no more than 64 MiB may wait, and who lets more wait is cut off at once.
  'in batches, as events': { revision: '2025-03-26', batch: 7, streams: true },
}

for (const [how, { revision, batch = 1, streams = false, cut = false }] of Object.entries(ways)) {
  test(`a client that reads no answer has at most ${streamsPerPrincipalMax} of them${cut ? ', and is cut off' : ''} (${how})`, async (t) => {
    const { house, fake } = await openFakeHouse(t)
    const { person, agent } = await connectAll(house)
    const other = (await connectAll(house, 'bo')).agent
    fake.options.intercept = ({ message }, response) => {
      const args = message?.params?.['arguments'] as { id?: string } | undefined
      if (message?.method !== 'tools/call' || args?.id !== 'big') return false
      // Late enough to be a stream where it may become one; the text is in this process once.
      setTimeout(() => {
        response.writeHead(200, { 'content-type': streams ? 'text/event-stream' : 'application/json' })
        const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{"content":[{"type":"text","text":"`
        response.write(streams ? `data: ${head}` : head)
        response.write(large)
        response.end(streams ? '"}]}}\n\n' : '"}]}}')
      }, 400)
      return true
    }
    const headers: Record<string, string> = {}
    if (revision !== undefined) {
      const clientInfo = { name: 'a script', version: '1' }
      const greeted = await agent.rpc('initialize', { protocolVersion: revision, capabilities: {}, clientInfo })
      headers['mcp-protocol-version'] = revision
      headers['mcp-session-id'] = greeted.headers.get('mcp-session-id')!
    }
    const params = { name: 'read_note', arguments: { id: 'big' } }
    const calls = Array.from({ length: batch }, (_, id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params }))
    const body = JSON.stringify(batch === 1 ? calls[0] : calls)
    const { host, port } = new URL(house.origin)
    const lines = [
      'POST /mcp/desk HTTP/1.1',
      `Host: ${host}`,
      `Authorization: Bearer ${agent.tokens.access_token}`,
      'Content-Type: application/json',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${body.length}`,
    ]
    const before = process.memoryUsage().rss
    const sockets = Array.from({ length: Math.ceil(128 / batch) }, () => {
      const socket = connect(Number(port), '127.0.0.1').pause()
      socket.on('error', () => undefined)
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
      return socket
    })
    t.after(() => sockets.forEach((socket) => socket.destroy()))
    const intents = async () =>
      (await house.entries('intent')).filter(({ principal }) => principal.id === person.principal.id)
    const outcomes = async () => {
      const own = new Set((await intents()).map(({ callId }) => callId))
      return (await house.entries('outcome')).filter(({ callId }) => own.has(callId)).length
    }
    const underWay = async () => (await intents()).length >= streamsPerPrincipalMax
    await until(() => whenServed(underWay), 'its calls are under way')
    // A message that is one event is whole before anything of it passes; nothing else is.
    const whole = streams ? streamsPerPrincipalMax : 0
    const come = async () => (await outcomes()) >= whole
    await until(() => whenServed(come), 'what can have come has come', 60_000)
    for (let at = 0; at < 100; at++) {
      assert.equal((await other.call('read_note', { id: 'n1' })).status, 200)
      const refused = await agent.call('read_note', { id: 'n1' })
      assert.equal(refused.error?.data?.['fault'], 'gateway.too_many_streams')
    }
    assert.equal((await intents()).length, streamsPerPrincipalMax)
    assert.equal(await outcomes(), whole)
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024
    t.diagnostic(`${grown} MiB more`)
    // An event is in memory whole, as its text and, for a while, as what was read from it.
    assert.ok(grown < (streams ? 1_900 : 600), `${grown} MiB`)
    // That takes a minute, and is the same for all of them.
    if (!cut) return
    const served = async () => (await agent.call('read_note', { id: 'n1' })).status === 200
    await until(served, 'it was cut off', 90_000)
  })
}

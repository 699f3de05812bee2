import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, test, type TestContext } from 'node:test'
import { Fault } from '../../base/fault.ts'
import { openFakeMcpServer, type FakeMcpServer, type FakeOptions, type Heard } from '../../../test/fake/mcp-server.ts'
import { until } from '../../../test/patience.ts'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf, collect, connectUpstream, resultOf, type CallOptions } from '../../../test/upstream-client.ts'
import { probeUpstream } from '../probe.ts'
import { mayHaveHappened, replyBytesMax, type UpstreamConnection, type UpstreamNeeds } from './upstream-kind.ts'

// What is true of HTTP alone; what is true of every kind stands in server/test/contract/upstream.test.ts.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal

interface House {
  fake: FakeMcpServer
  connection: UpstreamConnection
}

async function open(
  t: TestContext,
  options: Partial<FakeOptions> = {},
  more: { query?: string } & Partial<Pick<UpstreamNeeds, 'credential' | 'onNonce'>> = {},
): Promise<House> {
  const fake = await openFakeMcpServer(options)
  t.after(() => fake.close())
  return { fake, ...connectUpstream(t, { kind: 'http', url: fake.url + (more.query ?? '') }, more) }
}

async function call(
  connection: UpstreamConnection,
  name: string,
  options: CallOptions & { headers?: Record<string, string>; inputSchema?: unknown } = {},
) {
  const request = { ...callOf(name, options), parameterHeaders: options.headers, inputSchema: options.inputSchema }
  return collect(await connection.send(await receipts.next(), request, never))
}

function lastCall(fake: FakeMcpServer): Heard {
  return fake.journal.findLast(({ message }) => message?.method === 'tools/call')!
}

// What node's server adds to every request that it hears.
function sentHeaders({ headers }: Heard): Record<string, unknown> {
  const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers
  return rest
}

test('every header is made by the gateway: for a modern upstream', async (t) => {
  const credential = async () => ({
    placement: 'headers' as const,
    values: { Authorization: 'Bearer ours', 'X-Tenant': 'we' },
  })
  const { fake, connection } = await open(t, { era: 'modern', authorization: 'Bearer ours' }, { credential })
  const headers = {
    authorization: 'Bearer theirs',
    'x-tenant': 'they',
    cookie: 'c',
    'mcp-param-zone': 'z',
    'mcp-param-region': 'forged',
  }
  const inputSchema = { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
  await call(connection, 'echo', { era: 'modern', args: { region: 'eu' }, headers, inputSchema })
  assert.deepEqual(sentHeaders(lastCall(fake)), {
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    authorization: 'Bearer ours',
    'content-type': 'application/json',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
    'mcp-param-region': 'eu',
    'mcp-param-zone': 'z',
    'mcp-protocol-version': '2026-07-28',
    'user-agent': 'sallyport',
    'x-tenant': 'we',
  })
})

test('an answer whose nonce could not be kept is the answer all the same', async (t) => {
  const kept: string[] = []
  const onNonce = async (nonce: string) => {
    kept.push(nonce)
    throw new Fault('gateway.exchange_failed', 'cannot call `fake` in your name')
  }
  const { fake, connection } = await open(t, { era: 'modern' }, { onNonce })
  fake.options.intercept = (_heard, response) => {
    response.setHeader('dpop-nonce', 'n')
    return false
  }
  assert.deepEqual(resultOf((await call(connection, 'echo', { args: { text: 'x' } })).answer)['isError'], undefined)
  assert.equal(kept.length, fake.journal.length)
  assert.equal(fake.calls.length, 1)
})

test('every header is made by the gateway: for a legacy upstream', async (t) => {
  const { fake, connection } = await open(t, { era: 'legacy' })
  await call(connection, 'echo', { headers: { authorization: 'Bearer theirs', 'mcp-param-zone': 'z' } })
  assert.deepEqual(sentHeaders(lastCall(fake)), {
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'mcp-protocol-version': '2025-11-25',
    'user-agent': 'sallyport',
  })
})

test('the address is the launch specification’s, query included, and nobody else’s', async (t) => {
  const { fake, connection } = await open(t, {}, { query: '?operation=read' })
  await call(connection, 'echo', { args: { query: '?operation=write' } })
  assert.deepEqual([...new Set(fake.journal.map(({ url }) => url))], ['/mcp?operation=read'])
})

test('between equals the canonical bytes of the request arrive as they were judged', async (t) => {
  for (const era of ['legacy', 'modern'] as const) {
    const { fake, connection } = await open(t, { era })
    const request = callOf('echo', { era, id: 'x', args: { b: 1, a: 'ü' } })
    await connection.send(await receipts.next(), { ...request, text: `${request.text} ` }, never)
    assert.equal(lastCall(fake).body, `${request.text} `)
  }
})

test('each caller has sessions of its own, one for each revision, and the gateway another', async (t) => {
  const { fake, connection } = await open(t, { sessions: true })
  await probeUpstream(connection)
  for (const callerKey of ['ana', 'bo', 'ana', 'bo']) await call(connection, 'echo', { callerKey })
  const older = { ...callOf('echo', { callerKey: 'ana' }), protocolVersion: '2025-06-18' }
  await collect(await connection.send(await receipts.next(), older, never))
  const sessions = fake.journal.flatMap(({ message, headers }) =>
    message?.method === 'tools/call' ? [headers['mcp-session-id']] : [],
  )
  assert.equal(sessions[0], sessions[2])
  assert.equal(sessions[1], sessions[3])
  const own = fake.journal.find(({ message }) => message?.method === 'tools/list')!.headers['mcp-session-id']
  assert.equal(new Set([sessions[0], sessions[1], sessions[4], own]).size, 4)
  assert.equal(lastCall(fake).headers['mcp-protocol-version'], '2025-06-18')
  const opened = fake.journal
    .filter(({ message }) => message?.method === 'initialize')
    .map(({ message }) => message!.params)
  assert.deepEqual(
    opened.map((params) => params?.['capabilities']),
    [{}, {}, {}, {}],
  )
})

test('callers who share a session never share an id in it', async (t) => {
  const { fake, connection } = await open(t, { sessions: true })
  await Promise.all(Array.from({ length: 8 }, () => call(connection, 'echo', { id: 1 })))
  const ids = fake.journal.flatMap(({ message }) => (message?.method === 'tools/call' ? [message.id] : []))
  assert.equal(new Set(ids).size, 8)
})

test('a session that the upstream has forgotten is opened anew, and the call is made once', async (t) => {
  const { fake, connection } = await open(t, { sessions: true })
  await call(connection, 'echo')
  fake.forgetSessions()
  const { answer } = await call(connection, 'echo', { args: { after: true } })
  assert.deepEqual(resultOf(answer)['content'], [{ type: 'text', text: '{"after":true}' }])
  // Twice heard, once under a session that it knows.
  assert.equal(fake.calls.length, 3)
})

test('sessions are ended when the connection closes', async (t) => {
  const { fake, connection } = await open(t, { sessions: true })
  await call(connection, 'echo', { callerKey: 'ana' })
  await call(connection, 'echo', { callerKey: 'bo' })
  const known = new Set(fake.journal.flatMap(({ headers }) => headers['mcp-session-id'] ?? []))
  await connection.close()
  const ended = fake.journal.filter(({ method }) => method === 'DELETE').map(({ headers }) => headers['mcp-session-id'])
  assert.deepEqual(new Set(ended), known)
})

test('the era belongs to the upstream: it is learnt once, whatever its callers speak', async (t) => {
  const { fake, connection } = await open(t, { era: 'modern' })
  await Promise.all([call(connection, 'echo', { era: 'legacy' }), call(connection, 'echo', { era: 'modern' })])
  await call(connection, 'echo', { era: 'legacy' })
  assert.equal(fake.journal.filter(({ message }) => message?.method === 'server/discover').length, 1)
  assert.equal(fake.journal.filter(({ message }) => message?.method === 'initialize').length, 0)
})

test('a new probe finds that the upstream has changed its era', async (t) => {
  const { fake, connection } = await open(t, { era: 'legacy' })
  assert.equal((await connection.learn(never)).era, 'legacy')
  fake.options.era = 'modern'
  assert.equal((await connection.learn(never)).era, 'modern')
  assert.ok('result' in (await call(connection, 'echo', { era: 'legacy' })).answer)
})

const unusable: Record<string, { code: string; happened: boolean; answer: (response: ServerResponse) => unknown }> = {
  'a redirect is not followed': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
  },
  'a refused credential is our matter, not the caller’s': {
    code: 'gateway.upstream_refused',
    happened: false,
    answer: (response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="theirs"' }).end(),
  },
  'an upstream that is overrun was not called': {
    code: 'gateway.upstream_busy',
    happened: false,
    answer: (response) => response.writeHead(429, { 'content-type': 'application/json' }).end('{}'),
  },
  'a page instead of a message is no answer': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
  },
  'an answer with another id is no answer': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => json(response, '{"jsonrpc":"2.0","id":"other","result":{}}'),
  },
  'an answer that is both result and error is no answer': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => json(response, '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}'),
  },
  'an answer that is not UTF-8 is no answer': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => json(response, Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}', 'latin1')),
  },
  'an answer beyond the bound is no answer': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => json(response, Buffer.alloc(replyBytesMax + 1, 0x20)),
  },
  'an answer that breaks off leaves the outcome unknown': {
    code: 'gateway.upstream_lost',
    happened: true,
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"jsonrpc"')
      setTimeout(() => response.destroy(), 10)
    },
  },
  'a stream that ends without the answer leaves the outcome unknown': {
    code: 'gateway.upstream_lost',
    happened: true,
    answer: (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'),
  },
  'an event that is no message ends the stream': {
    code: 'gateway.upstream_bad_reply',
    happened: true,
    answer: (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: hello\n\n'),
  },
}

function json(response: ServerResponse, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(body)
}

for (const [name, { code, happened, answer }] of Object.entries(unusable)) {
  test(name, async (t) => {
    const { fake, connection } = await open(t)
    await connection.learn(never)
    fake.options.intercept = ({ message }, response) => {
      if (message?.method !== 'tools/call') return false
      answer(response)
      return true
    }
    await assert.rejects(call(connection, 'echo'), (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      assert.equal(mayHaveHappened(error), happened)
      return true
    })
    assert.equal(fake.calls.length, 1)
    fake.options.intercept = undefined
    assert.ok('result' in (await call(connection, 'echo')).answer, 'the next call is served')
  })
}

test('an upstream that cannot be reached was not called', async (t) => {
  const { fake, connection } = await open(t)
  await fake.close()
  await assert.rejects(call(connection, 'echo'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'gateway.upstream_unreachable')
    return !mayHaveHappened(error)
  })
})

test('an address that the guard refuses was not called', async (t) => {
  const fake = await openFakeMcpServer()
  t.after(() => fake.close())
  const { connection } = connectUpstream(t, { kind: 'http', url: fake.url }, { refused: true })
  await assert.rejects(call(connection, 'echo'), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'base.address_refused')
    return !mayHaveHappened(error)
  })
  assert.equal(fake.journal.length, 0)
})

test('an error with its status passes: an unknown method is 404 with its code', async (t) => {
  const { connection } = await open(t, { era: 'modern' })
  const odd = callOf('x', { era: 'modern' })
  const message = { ...odd.message, method: 'tools/odd' }
  const reply = await connection.send(await receipts.next(), { ...odd, message, text: JSON.stringify(message) }, never)
  assert.equal(reply.kind === 'json' && reply.status, 404)
  assert.deepEqual((await collect(reply)).answer, {
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32601, message: 'Method not found' },
  })
})

test('events come one by one, as the upstream sends them', async (t) => {
  const { fake, connection } = await open(t)
  await connection.learn(never)
  const held = Promise.withResolvers<ServerResponse>()
  fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(
      'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}\n\n',
    )
    held.resolve(response)
    return true
  }
  const reply = await connection.send(await receipts.next(), callOf('echo', { progressToken: 'p' }), never)
  assert.ok(reply.kind === 'stream')
  const events = reply.events[Symbol.asyncIterator]()
  const first = await events.next()
  assert.equal(
    first.done === false && 'method' in first.value.message && first.value.message.method,
    'notifications/progress',
  )
  const response = await held.promise
  response.write('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n')
  const second = await events.next()
  assert.deepEqual(second.value, {
    text: '{"jsonrpc":"2.0","id":1,"result":{}}',
    message: { jsonrpc: '2.0', id: 1, result: {} },
  })
  assert.equal((await events.next()).done, true, 'the answer ends the stream, though the upstream keeps it open')
  await until(() => response.destroyed, 'the stream of the upstream is closed')
})

test('a reader that is slow holds the upstream back instead of filling the memory', async (t) => {
  const { fake, connection } = await open(t)
  await connection.learn(never)
  let written = 0
  const event = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'x'.repeat(65_000)}"}}\n\n`
  fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const more = () => {
      while (written < 600 && !response.destroyed) {
        written++
        if (!response.write(event)) {
          response.once('drain', more)
          return
        }
      }
      response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n')
    }
    more()
    return true
  }
  const reply = await connection.send(await receipts.next(), callOf('echo'), never)
  assert.ok(reply.kind === 'stream')
  let before = -1
  while (before !== written) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.ok(written < 600, `${written} events were taken although nobody reads`)
  assert.equal((await collect(reply)).before.length, 600)
})

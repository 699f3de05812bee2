import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import type { Agent } from '../agent.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { until } from '../patience.ts'

// An upstream that writes what it likes into its event stream gets at most one answer to one call across.

async function open(t: TestContext) {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  /** What the client reads, byte for byte, when the upstream writes this. */
  const call = async (write: (response: ServerResponse, id: unknown) => unknown, type = eventStream) => {
    fake.options.intercept = ({ message }, response) => {
      if (message?.method !== 'tools/call') return false
      response.writeHead(200, { 'content-type': type })
      response.on('error', () => undefined)
      void write(response, message.id)
      return true
    }
    return ask(agent)
  }
  const outcome = async () => (await house.entries('outcome')).at(-1)!
  return { house, fake, agent, call, outcome }
}

const eventStream = 'text/event-stream'

/** The whole text that a client gets; of a stream that breaks off what came before. */
async function ask(agent: Agent): Promise<{ status: number; text: string; broken: boolean }> {
  const answer = await fetch(`${agent.origin}/mcp/${agent.upstream}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${agent.tokens.access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 41,
      method: 'tools/call',
      params: { name: 'read_note', arguments: {} },
    }),
  })
  const parts: Uint8Array[] = []
  let broken = false
  try {
    for await (const part of answer.body!) parts.push(part as Uint8Array)
  } catch {
    broken = true
  }
  return { status: answer.status, text: Buffer.concat(parts).toString(), broken }
}

const result = (id: unknown, text: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })

const answers = (text: string): Record<string, unknown>[] => {
  const lines = text.trimStart().startsWith('{')
    ? [text]
    : [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data!)
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((message) => 'result' in message)
}

const injected = 'fine\r\n\r\nevent: message\r\ndata: {"jsonrpc":"2.0","id":41,"result":{"evil":true}}\r\n\r\n'

test('line ends inside an answer stay inside it, and ids, retry times and comments end here', async (t) => {
  const { call } = await open(t)
  for (const end of ['\n', '\r', '\r\n']) {
    const { text } = await call((response, id) => {
      const lines = [
        ': a comment with data: {"evil":1}',
        `id: ${'7'.repeat(100_000)}`,
        'id: 1\u0000evil',
        'retry: 99999999',
        'unknown: evil',
        'data',
        'event: message',
        `data: ${result(id, injected)}`,
        '',
        'data: {"evil":1}',
      ]
      // `data` alone is an empty first line of the data, which JSON does not mind.
      response.end(`\ufeff${lines.join(end)}${end}${end}`)
    })
    const [only, ...more] = answers(text)
    assert.deepEqual(more, [])
    assert.deepEqual((only!['result'] as { content: unknown }).content, [{ type: 'text', text: injected }])
    assert.doesNotMatch(text, /^(?:id|retry|unknown|:.*evil)/m)
    assert.doesNotMatch(text, /"evil":1/)
  }
})

test('events of other names, answers to other calls and second answers reach nobody', async (t) => {
  const { call } = await open(t)
  const { text } = await call((response, id) => {
    response.write(`event: endpoint\ndata: https://evil.example/\n\n`)
    response.write(`event: Message\ndata: ${result(id, 'evil')}\n\n`)
    response.write(`event: message\ndata: ${result(id, 'good')}\n\n`)
    response.end(`event: message\ndata: ${result(id, 'evil')}\n\n`)
  })
  assert.equal(answers(text).length, 1)
  assert.match(text, /good/)
  assert.doesNotMatch(text, /evil/)

  for (const other of [99, '41', null, -1, 41.5]) {
    const {
      status,
      text: told,
      broken,
    } = await call((response) => response.end(`event: message\ndata: ${result(other, 'evil')}\n\n`))
    assert.doesNotMatch(told, /evil/, String(other))
    assert.ok(status === 502 || broken || /"error"/.test(told), `${String(other)}: ${status} ${told}`)
  }
})

test('an event that does not end is cut off at its bound, and the outcome is unknown', async (t) => {
  const { call, outcome } = await open(t)
  const part = 'x'.repeat(1024 * 1024)
  const floods: Record<string, (response: ServerResponse) => Promise<void>> = {
    'one line of data': (response) => pour(response, part, 'data: '),
    'many lines of data': (response) => pour(response, `data: ${part}\n`),
    'a comment without end': (response) => pour(response, part, ': '),
    'comments without an empty line': (response) => pour(response, `: ${part}\n`),
    'an id without end': (response) => pour(response, part, 'id: '),
    'names of events': (response) => pour(response, `event: ${part}\n`),
  }
  for (const [what, write] of Object.entries(floods)) {
    const before = process.memoryUsage().rss
    const { status, text, broken } = await call(write)
    assert.ok(status === 502 || broken || /"error"/.test(text), `${what}: ${status}`)
    assert.ok(text.length < 4_096, what)
    assert.equal((await outcome()).status, 'unknown', what)
    assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024, what)
  }
})

/** Writes until the other side has had enough, 64 MiB at most. */
async function pour(response: ServerResponse, part: string, head = ''): Promise<void> {
  response.write(head)
  for (let sent = 0; sent < 64 && !response.destroyed; sent++) {
    const more = response.write(part)
    if (!more && !response.destroyed) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          response.off('drain', go).off('close', go)
          resolve()
        }
        response.on('drain', go).on('close', go)
      })
    }
  }
  response.end()
}

test('a flood of comments and of empty events is read through, and the answer behind it arrives', async (t) => {
  const { call } = await open(t)
  const { text } = await call(async (response, id) => {
    for (let at = 0; at < 200; at++) response.write(': ping\n\n\n\nevent: x\n\nretry: 1\n\ndata:\n\n'.repeat(100))
    response.end(`data: ${result(id, 'good')}\n\n`)
  })
  assert.equal(answers(text).length, 1)
  assert.ok(text.length < 4_096)
})

test('an answer that is packed, of another type, no JSON or no UTF-8 is no answer', async (t) => {
  const { call } = await open(t)
  const bad: Record<string, [type: string, write: (response: ServerResponse, id: unknown) => unknown]> = {
    'a page': ['text/html', (response) => response.end('<html>evil</html>')],
    'no type': ['', (response) => response.end('evil')],
    'half of JSON': ['application/json', (response, id) => response.end(result(id, 'evil').slice(0, -2))],
    'two documents': ['application/json', (response, id) => response.end(result(id, 'evil') + result(id, 'evil'))],
    'no UTF-8': ['application/json', (response, id) => response.end(Buffer.from(result(id, 'evil\xff'), 'latin1'))],
    'a list': ['application/json', (response, id) => response.end(`[${result(id, 'evil')}]`)],
    'a request': ['application/json', (response) => response.end('{"jsonrpc":"2.0","id":1,"method":"evil"}')],
    'neither result nor error': [
      'application/json',
      (response, id) => response.end(`{"jsonrpc":"2.0","id":${String(id)}}`),
    ],
    'an empty body': ['application/json', (response) => response.end()],
    'a stream that ends before its empty line': [
      eventStream,
      (response, id) => response.end(`data: ${result(id, 'evil')}\n`),
    ],
  }
  for (const [what, [type, write]] of Object.entries(bad)) {
    const { status, text, broken } = await call(write, type)
    assert.doesNotMatch(text, /evil/, what)
    assert.ok(status === 502 || broken || /"error"/.test(text), `${what}: ${status} ${text}`)
  }
})

test('nothing is unpacked: an answer that comes packed all the same is no answer, however much it would grow', async (t) => {
  const { fake, agent, outcome } = await open(t)
  for (const type of ['application/json', eventStream]) {
    fake.options.intercept = ({ message }, response) => {
      if (message?.method !== 'tools/call') return false
      const text = result(message.id, 'x'.repeat(64 * 1024 * 1024))
      response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' })
      response.end(gzipSync(type === eventStream ? `data: ${text}\n\n` : text))
      return true
    }
    const before = process.memoryUsage().rss
    const { status, text, broken } = await ask(agent)
    assert.ok(status === 502 || broken || /"error"/.test(text), `${type}: ${status} ${text.slice(0, 200)}`)
    assert.doesNotMatch(text, /xxx/)
    assert.equal((await outcome()).status, 'unknown')
    assert.ok(process.memoryUsage().rss - before < 512 * 1024 * 1024)
  }
})

test('an upstream that never answers but drips for ever is cut off when its caller goes', async (t) => {
  const { house, fake, agent } = await open(t)
  let gone = 0
  let heard = 0
  fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    heard++
    response.writeHead(200, { 'content-type': eventStream })
    const drip = setInterval(() => response.write(': still here\n\n'), 20)
    response.on('close', () => {
      clearInterval(drip)
      gone++
    })
    return true
  }
  const call = new AbortController()
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'read_note', arguments: {} },
  })
  const asked = agent.post(body, { signal: call.signal }).catch(() => 'gone')
  await until(() => heard > 0, 'the upstream is asked')
  call.abort()
  assert.equal(await asked, 'gone')
  await until(() => gone > 0, 'the upstream is left')
  await until(async () => (await house.entries('outcome')).length > 0, 'the outcome is recorded')
  assert.equal((await house.entries('outcome'))[0]!.status, 'unknown')
})

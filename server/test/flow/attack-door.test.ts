import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openFakeMcpServer, type FakeMcpServer, type Heard } from '../fake/mcp-server.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import type { Agent } from '../agent.ts'
import { openHouse, type House } from '../house.ts'

interface Stand {
  house: House
  upstream: FakeMcpServer
  agent: Agent
}

const text = { type: 'string' }

async function stand(t: TestContext): Promise<Stand> {
  const upstream = await openFakeMcpServer({
    tools: [
      toolNamed('read_note', { inputSchema: { type: 'object', properties: { text, count: { type: 'number' } } } }),
    ],
  })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('notes', upstream.url)
  const ana = await house.person('ana', ['notes/*'])
  return { house, upstream, agent: await ana.connect('notes', 'all') }
}

/** The last call that reached the upstream; a look at its tools may have come after it. */
function heardCall(upstream: FakeMcpServer): Heard {
  return upstream.journal.findLast(({ message }) => message?.method === 'tools/call')!
}

/** What came back for exactly these bytes, until the other side closed; `open` when it did not within the time. */
async function send(
  origin: string,
  bytes: string | Buffer,
): Promise<{ text: string; statuses: number[]; open: boolean }> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.on('error', () => undefined)
  socket.write(bytes)
  const open = await new Promise<boolean>((resolve) => {
    const late = setTimeout(() => resolve(true), 10_000)
    socket.once('close', () => {
      clearTimeout(late)
      resolve(false)
    })
  })
  socket.destroy()
  const answered = Buffer.concat(parts).toString('latin1')
  return {
    text: answered,
    statuses: [...answered.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1])),
    open,
  }
}

const call = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'read_note', arguments: { text: 'hidden in another request' } },
})
const chunks = `${call.length.toString(16)}\r\n${call}\r\n0\r\n\r\n`

function headOf({ house, agent }: Stand, lines: string[], path = '/mcp/notes'): string {
  const fixed = [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(house.origin).host}`,
    `Authorization: Bearer ${agent.tokens.access_token}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
  ]
  return [...fixed, ...lines, '', ''].join('\r\n')
}

test('a request whose end two readers could see at two places is refused, and the connection with it', async (t) => {
  const here = await stand(t)
  const whole = `Content-Length: ${call.length}`
  const ambiguous: [lines: string[], body: string][] = [
    [[whole, 'Transfer-Encoding: chunked'], chunks],
    [['Transfer-Encoding: chunked', 'Content-Length: 4'], chunks],
    [[whole, whole], call],
    [[whole, 'Content-Length: 0'], call],
    [[`Content-Length: ${call.length}, ${call.length}`], call],
    [[`Content-Length: +${call.length}`], call],
    [['Content-Length: 0x10'], call],
    [['Content-Length: -1'], call],
    [[`Content-Length : ${call.length}`], call],
    [['Transfer-Encoding: xchunked'], call],
    [['Transfer-Encoding: identity', whole], call],
    [['Transfer-Encoding: chunked, identity'], chunks],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], chunks],
    [['Transfer-Encoding: \u000bchunked'], chunks],
    [[`X: y\n${whole}`], call],
    [[`X: y\rZ: 1`, whole], call],
    [['X: y\r\n folded', whole], call],
    [['X: y\u0000', whole], call],
    [['Transfer-Encoding: chunked'], chunks.replace('\r\n', '\n')],
    [['Transfer-Encoding: chunked'], `-1\r\n${call}\r\n0\r\n\r\n`],
    [['Transfer-Encoding: chunked, chunked'], chunks],
    [['Transfer-Encoding: chunked'], chunks.replace('\r\n', ';a\n')],
    [['Transfer-Encoding: chunked'], chunks.replace('\r\n', ';a\rb\r\n')],
    [['Transfer-Encoding: chunked'], `0x${chunks}`],
    [['Transfer-Encoding: chunked'], ` ${chunks}`],
    [['Transfer-Encoding: chunked'], chunks.replace(`${call}\r\n`, call)],
    [['Content-Length: 1e3'], call],
    [[`Content-Length: ${call.length} ${call.length}`], call],
    [[`Content-Length:\u000b${call.length}`], call],
    [[`Content_Length: 0`, whole, `Content-Length\u0000: 0`], call],
    [['Transfer-Encoding: chunked'], `ffffffffffffffffff\r\n${call}\r\n0\r\n\r\n`],
  ]
  const inside = headOf(here, [whole]) + call
  for (const [lines, body] of ambiguous) {
    // Whatever follows would be taken for a request of its own by who sees the end earlier.
    const { statuses, open } = await send(here.house.origin, headOf(here, lines) + body + inside)
    assert.deepEqual({ statuses, open }, { statuses: [400], open: false }, JSON.stringify(lines))
  }
  assert.deepEqual(here.upstream.calls, [])
})

test('requests that follow each other on one connection are each judged by their own token', async (t) => {
  const here = await stand(t)
  const good = headOf(here, [`Content-Length: ${call.length}`]) + call
  const bad = good.replace(/Bearer [^\r]+/, 'Bearer made-up')
  const last = good.replace('POST /mcp/notes', 'POST /mcp/other').replace('Accept:', 'Connection: close\r\nAccept:')
  const { statuses } = await send(here.house.origin, good + bad + good + last)
  assert.deepEqual(statuses, [200, 401, 200, 401])
  assert.equal(here.upstream.calls.length, 2)
})

test('only the address of this gateway is answered, in no other spelling', async (t) => {
  const here = await stand(t)
  const { host } = new URL(here.house.origin)
  const get = (target: string, hosts: string[]) =>
    send(
      here.house.origin,
      [`GET ${target} HTTP/1.1`, ...hosts.map((one) => `Host: ${one}`), 'Connection: close', '', ''].join('\r\n'),
    )
  assert.deepEqual((await get('/health', [host])).statuses, [200])
  for (const other of [
    'evil.example',
    `a@${host}`,
    `${host}#x`,
    `${host}.evil.example`,
    `${host},evil.example`,
    '127.0.0.1',
    '',
    `${host}/`,
  ]) {
    const { statuses } = await get('/health', [other])
    assert.ok(statuses.length === 1 && [400, 403].includes(statuses[0]!), `${other}: ${statuses.join()}`)
  }
  for (const hosts of [[], [host, host], [host, 'evil.example']])
    assert.deepEqual((await get('/health', hosts)).statuses, [400])
  const targets = [
    `http://${host}/health`,
    'http://evil.example/health',
    '*',
    '//health',
    '/./health',
    '/a/../health',
    '/%2e/health',
    '/%2Fhealth',
    '/health#x',
    '/\\health',
    'health',
  ]
  for (const target of targets) assert.deepEqual((await get(target, [host])).statuses, [400], target)
  for (const line of ['PRI * HTTP/2.0', 'GET /health HTTP/1.1 x', 'get /health HTTP/1.1']) {
    assert.deepEqual((await send(here.house.origin, `${line}\r\nHost: ${host}\r\n\r\n`)).statuses, [400], line)
  }
})

test('no spelling of an address leads past the token, and no address beside the known ones is there', async (t) => {
  const { house } = await stand(t)
  const aliases = [
    '/mcp',
    '/mcp/',
    '/mcp/notes/',
    '/mcp/Notes',
    '/mcp/notes.',
    '/mcp/notes%20',
    '/mcp/n%6ftes',
    '/mcp/notes;x=1',
    '/mcp/notes/sse',
    '/MCP/notes',
  ]
  const sides = [
    '/sse',
    '/message',
    '/messages',
    '/mcp-sse',
    '/proxy',
    '/admin',
    '/debug',
    '/metrics',
    '/.env',
    '/api',
    '/api/v1',
    '/api/v2/grants',
    '/oauth',
    '/oauth/userinfo',
    '/oauth/device',
    '/session/end',
    '/graphql',
    '/inspector',
    '/v1/mcp',
    '/rest/mcp/test',
    '/console',
    '/favicon.ico/x',
  ]
  for (const path of [...aliases, ...sides]) {
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(house.origin + path, {
        method,
        redirect: 'manual',
        ...(method === 'POST' && { body: call }),
      })
      assert.equal(answer.status, 404, `${method} ${path}`)
      await answer.body?.cancel()
    }
  }
})

test('no page and no call of the operators is open to who has not proven who it is', async (t) => {
  const { house, agent } = await stand(t)
  const { listRoutes, publicRoutes } = await import('../../src/control/routes.ts')
  const open = new Set(publicRoutes.map(({ method, path }) => `${method} ${path}`))
  const tokens = [undefined, 'Bearer ', 'Bearer spk_x', `Bearer ${agent.tokens.access_token}`, 'Basic YTpi']
  for (const { method, path } of listRoutes().filter((route) => !open.has(`${route.method} ${route.path}`))) {
    const address = house.origin + path.replaceAll(/\{\w+\}/g, 'x')
    for (const authorization of path.startsWith('/api/') ? tokens : [undefined]) {
      const answer = await fetch(address, {
        method,
        redirect: 'manual',
        headers: { ...(authorization && { authorization }), accept: 'text/html' },
      })
      const shut = path.startsWith('/api/')
        ? answer.status === 401
        : answer.status === 303 && answer.headers.get('location')!.startsWith('/sign-in')
      assert.ok(shut, `${method} ${path}: ${answer.status}`)
      await answer.body?.cancel()
    }
  }
})

test('what a client says about proxies, methods and internal affairs changes nothing and goes nowhere', async (t) => {
  const { house, upstream, agent } = await stand(t)
  const planted = {
    forwarded: 'for=10.0.0.1;host=evil.example;proto=https',
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-host': 'evil.example',
    'x-original-url': '/health',
    'x-rewrite-url': '/health',
    'x-http-method-override': 'GET',
    'x-mcp-upstream': 'other',
    'x-sallyport-principal': 'somebody',
    'x-user-id': 'administrator',
    'last-event-id': '1',
    cookie: 'sallyport=x',
  }
  const answer = await agent.post(call, { headers: planted })
  assert.equal(answer.status, 200)
  const heard = heardCall(upstream)
  for (const name of Object.keys(planted)) assert.equal(heard.headers[name], undefined, name)
  assert.doesNotMatch(JSON.stringify(heard), /evil\.example|canary/)
  assert.ok(!JSON.stringify(heard).includes(agent.tokens.access_token))
  const logins = await house.rooms.ledger.listEntries({ limit: 100 })
  assert.doesNotMatch(JSON.stringify(logins), /10\.0\.0\.1|evil\.example/)
})

test('a body that is too large, or packed, is refused before it is read, and its connection ends', async (t) => {
  const here = await stand(t)
  const large = Buffer.alloc(4 * 1024 * 1024 + 65_536, 0x20)
  const size = large.length.toString(16)
  const requests: [lines: string[], body: Buffer, status: number][] = [
    [[`Content-Length: ${large.length}`], large.subarray(0, 65_536), 413],
    [['Transfer-Encoding: chunked'], Buffer.concat([Buffer.from(`${size}\r\n`), large]), 413],
    [['Content-Encoding: gzip', 'Content-Length: 1000'], Buffer.alloc(10), 415],
    [['Content-Encoding: br', 'Transfer-Encoding: chunked'], Buffer.from('5\r\nabcde\r\n'), 415],
  ]
  for (const [lines, body, status] of requests) {
    const { statuses, open } = await send(here.house.origin, Buffer.concat([Buffer.from(headOf(here, lines)), body]))
    assert.deepEqual({ statuses, open }, { statuses: [status], open: false }, lines.join())
  }
})

test('one principal cannot fill the memory with bodies that never end, nor lock out another', async (t) => {
  const here = await stand(t)
  const { house, agent } = here
  const bo = await (await house.person('bo', ['notes/*'])).connect('notes', 'all')
  const begun = headOf(here, ['Content-Length: 4000000']) + ' '.repeat(1_000)
  const sockets = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connect(Number(new URL(house.origin).port), '127.0.0.1')
      socket.on('error', () => undefined)
      await new Promise((resolve) => socket.write(begun, resolve))
      return socket
    }),
  )
  t.after(() => sockets.forEach((socket) => socket.destroy()))
  let status = 0
  for (let tries = 0; status !== 429 && tries < 200; tries++)
    ({ status } = await agent.call('read_note', { text: 'x' }))
  assert.equal(status, 429)
  assert.equal((await bo.call('read_note', { text: 'x' })).status, 200)
  for (const socket of sockets) socket.destroy()
  for (let tries = 0; status !== 200 && tries < 200; tries++)
    ({ status } = await agent.call('read_note', { text: 'x' }))
  assert.equal(status, 200)
})

test('numbers reach the upstream as they were judged, or not at all', async (t) => {
  const { upstream, agent } = await stand(t)
  const sendNumber = (number: string) =>
    agent.post(call.replace('"text":"hidden in another request"', `"count":${number}`))
  for (const number of [
    '1e400',
    '-1e400',
    '9007199254740993',
    '-9007199254740993',
    '1e22',
    '12345678901234567890',
    'NaN',
    'Infinity',
    '01',
    '+1',
    '.5',
    '0x10',
    '1_000',
  ]) {
    assert.equal((await sendNumber(number)).status, 400, number)
  }
  assert.deepEqual(upstream.calls, [])
  for (const [number, sent] of [
    ['1.0', '1'],
    ['-0', '0'],
    ['1E2', '100'],
    ['9007199254740991', '9007199254740991'],
    ['0.1', '0.1'],
    ['1e-7', '1e-7'],
  ]) {
    assert.equal((await sendNumber(number!)).status, 200, number)
    const sentBody = heardCall(upstream).body
    assert.ok(sentBody.includes(`"count":${sent}`), `${number}: ${sentBody}`)
  }
})

test('a name that only looks like that of a tool is the name of none', async (t) => {
  const { upstream, agent } = await stand(t)
  const names = [
    'Read_note',
    'READ_NOTE',
    ' read_note',
    'read_note ',
    'read_note\u0000',
    'read_note\u200b',
    'read\u2010note',
    'rеad_note',
    'ｒead_note',
    'read_note\ufe0f',
    'notes/read_note',
    'read_note/../read_note',
    '../notes/read_note',
  ]
  for (const name of names) {
    const answer = await agent.call(name, { text: 'x' })
    assert.deepEqual([answer.status, answer.error?.data?.['reason']], [403, 'tool.unknown'], JSON.stringify(name))
  }
  for (const key of ['Name', 'NAME', 'nаme']) {
    const answer = await agent.rpc('tools/call', { name: 'read_note', [key]: 'other_tool', arguments: {} })
    assert.equal(answer.status, 400, key)
  }
  assert.equal((await agent.post(call.replace('"method"', '"Method":"tools/list","method"'))).status, 400)
  assert.deepEqual(upstream.calls, [])
})

test('callers who use the same ids at once each get their own answer and nothing of another', async (t) => {
  const upstream = await openFakeMcpServer({
    sessions: true,
    streams: true,
    tools: [toolNamed('read_note', { inputSchema: { type: 'object', properties: { text } } })],
  })
  t.after(() => upstream.close())
  const house = await openHouse(t, { reach: [upstream.url] })
  await house.httpUpstream('notes', upstream.url)
  const people = await Promise.all(['ana', 'bo', 'cy'].map((name) => house.person(name, ['notes/*'])))
  const agents = await Promise.all(people.map((person) => person.connect('notes', 'all')))
  const rounds = agents.flatMap((agent, whose) =>
    Array.from({ length: 15 }, (_, round) => ({ agent, canary: `canary-${whose}-${round}`, id: round % 3 })),
  )
  const answers = await Promise.all(
    rounds.map(async ({ agent, canary, id }) => {
      const message = {
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'read_note', arguments: { text: canary } },
      }
      return { canary, id, answer: await agent.post(JSON.stringify(message)) }
    }),
  )
  for (const { canary, id, answer } of answers) {
    assert.equal(answer.message['id'], id)
    assert.deepEqual(
      [...JSON.stringify(answer.messages).matchAll(/canary-\d+-\d+/g)].map(([found]) => found),
      [canary],
    )
  }
  const sessions = new Map<string, Set<string>>()
  for (const { message, headers } of upstream.journal) {
    const whose = /canary-(\d+)/.exec(JSON.stringify(message?.params ?? {}))?.[1]
    const session = String(headers['mcp-session-id'])
    if (whose !== undefined) sessions.set(session, (sessions.get(session) ?? new Set()).add(whose))
  }
  for (const whose of sessions.values()) assert.equal(whose.size, 1, 'callers share no session')
})

test('an upstream that cannot be opened any more fails alone', async (t) => {
  const upstream = await openFakeMcpServer()
  t.after(() => upstream.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-attack-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const open = (yaml: string) => openHouse(t, { reach: [upstream.url], dataDir, yaml })
  const before = await open('stdio: { gone: { command: "/bin/true", args: [], env: {} } }')
  await before.httpUpstream('notes', upstream.url)
  const [ana, bo] = [await before.person('ana'), await before.person('bo')]
  const [by, reviewer] = [ana.principal.id, bo.principal.id]
  const step = { name: 'gone', reason: 'for a test' }
  const launch = { kind: 'stdio', command: 'gone' } as const
  await before.rooms.inventory.proposeUpstream({ ...step, by, ownerId: by, launch, purpose: 'to vanish' })
  await before.rooms.inventory.stepUpstream({ ...step, by, to: 'in_review' })
  await before.rooms.inventory.stepUpstream({ ...step, by: reviewer, to: 'approved' })
  await before.close()

  // The program was taken out of the configuration, the upstream was not.
  const house = await open('')
  const agent = await (await house.person('cy', ['notes/echo'])).connect('notes', 'all')
  assert.equal((await agent.call('echo', {})).status, 200)
  const { inventory, gateway } = house.rooms
  await gateway.look((await inventory.findUpstream('gone'))!)
  assert.match((await inventory.findUpstream('gone'))!.probeError ?? '', /no command `gone`/)
})

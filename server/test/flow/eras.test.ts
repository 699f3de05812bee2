import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { toolNamed } from '../fake/fake-tools.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { textOf, type Agent, type Answer } from '../agent.ts'

// Every revision that clients speak, in front of upstreams of either era: what is asked, what is answered, what is refused.

const version = 'io.modelcontextprotocol/protocolVersion'
const capabilities = 'io.modelcontextprotocol/clientCapabilities'
const modernMeta = { [version]: '2026-07-28', [capabilities]: {} }

const clients = ['2025-06-18', '2025-11-25', '2026-07-28'] as const
const upstreams = ['legacy', 'modern'] as const

/** Requests as a client of this revision makes them. */
function speak(agent: Agent, revision: string) {
  return (method: string, params: Record<string, unknown> = {}): Promise<Answer> =>
    revision === '2026-07-28'
      ? agent.modern(method, params)
      : agent.rpc(method, params, { headers: { 'mcp-protocol-version': revision } })
}

async function open(t: TestContext, era: 'legacy' | 'modern' = 'legacy') {
  const all = await openFakeHouse(t, { fake: { era } })
  const { agent } = await connectAll(all.house)
  const before = all.fake.journal.length
  return { ...all, agent, nothingPassed: () => assert.equal(all.fake.journal.length, before) }
}

for (const era of upstreams) {
  for (const revision of clients) {
    test(`a client of ${revision} greets, lists and calls a ${era} upstream`, async (t) => {
      const { agent, fake } = await open(t, era)
      const modern = revision === '2026-07-28'
      const greeting = modern
        ? await speak(agent, revision)('server/discover')
        : await agent.rpc('initialize', {
            protocolVersion: revision,
            capabilities: {},
            clientInfo: { name: 'a script', version: '1' },
          })
      assert.equal(greeting.status, 200, JSON.stringify(greeting.message))
      assert.deepEqual(greeting.result['capabilities'], { tools: { listChanged: true } })
      if (modern) {
        assert.deepEqual(greeting.result['supportedVersions'], [
          '2026-07-28',
          '2025-11-25',
          '2025-06-18',
          '2025-03-26',
          '2024-11-05',
        ])
        assert.deepEqual(
          [greeting.result['resultType'], greeting.result['cacheScope'], greeting.result['ttlMs']],
          ['complete', 'private', 0],
        )
      } else {
        assert.equal(greeting.result['protocolVersion'], revision)
        assert.deepEqual(greeting.result['serverInfo'], { name: 'desk', version: '4.5.6' })
        const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
        assert.equal((await agent.post(initialized, { headers: { 'mcp-protocol-version': revision } })).status, 202)
      }
      assert.equal(greeting.headers.get('mcp-session-id') === null, modern, 'only legacy eras have sessions')

      const listed = await speak(agent, revision)('tools/list')
      const names = (listed.result['tools'] as { name: string }[]).map((tool) => tool.name)
      assert.ok(names.includes('read_note') && names.includes('delete_note'), names.join())
      assert.deepEqual(
        [listed.result['resultType'], listed.result['cacheScope'], listed.result['ttlMs']],
        modern ? ['complete', 'private', 0] : [undefined, undefined, undefined],
      )

      const called = await speak(agent, revision)('tools/call', { name: 'read_note', arguments: { id: 'n1' } })
      assert.equal(called.status, 200, JSON.stringify(called.message))
      assert.equal(textOf(called), '{"id":"n1"}')
      assert.equal(called.result['resultType'], modern ? 'complete' : undefined)
      assert.deepEqual(fake.calls, [{ name: 'read_note', arguments: { id: 'n1' } }])
      const passed = fake.journal.findLast((heard) => heard.message?.method === 'tools/call')!
      assert.equal(passed.headers.authorization, undefined)
      assert.equal(passed.headers['mcp-name'], era === 'modern' ? 'read_note' : undefined)
    })
  }
}

const revisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']

for (const spoken of revisions) {
  for (const sessions of spoken === '2026-07-28' ? [false] : [false, true]) {
    test(`an upstream that speaks ${spoken} alone is spoken to in it, whatever the client speaks${sessions ? ', in sessions' : ''}`, async (t) => {
      const era = spoken === '2026-07-28' ? 'modern' : 'legacy'
      const { house, fake } = await openFakeHouse(t, {
        fake: { era, sessions, ...(era === 'legacy' && { speaks: spoken }) },
      })
      assert.equal((await house.rooms.inventory.findUpstream('desk'))!.learnt?.protocolVersion, spoken)
      const { agent } = await connectAll(house)
      for (const revision of revisions) {
        const before = fake.journal.length
        const called = await speak(agent, revision)('tools/call', { name: 'read_note', arguments: { id: revision } })
        assert.deepEqual([called.status, textOf(called)], [200, `{"id":"${revision}"}`], JSON.stringify(called.message))
        const heard = fake.journal.slice(before)
        const asked = heard.filter(({ message }) => message?.method === 'initialize')
        const wanted = revision === '2026-07-28' ? '2025-11-25' : revision
        // The gateway itself may begin to listen meanwhile, in a session of its own.
        const wishes = asked.map(({ message }) => message!.params!['protocolVersion'])
        assert.equal(wishes.includes(wanted), era === 'legacy', wishes.join())
        const later = heard.filter(({ message }) => !['initialize', 'server/discover'].includes(message?.method ?? ''))
        assert.deepEqual([...new Set(later.map(({ headers }) => headers['mcp-protocol-version']))], [spoken])
      }
      assert.deepEqual(
        fake.calls.map(({ arguments: given }) => given),
        revisions.map((id) => ({ id })),
      )
    })
  }
}

test('an upstream that comes to speak a revision that nobody knows gets no call, and the caller reads why', async (t) => {
  const { agent, fake, story } = await open(t)
  fake.options.speaks = '2024-10-07'
  const { error } = await agent.call('read_note', { id: 'n1' })
  assert.equal(error?.data?.['fault'], 'gateway.upstream_unreachable')
  assert.match(error!.message, /nothing was sent, for it speaks MCP `2024-10-07`, which the gateway does not speak/)
  assert.deepEqual(fake.calls, [])
  assert.deepEqual(await story(), ['intent read_note', 'outcome failure'])
})

test('a legacy client may ping, a modern one has no such method', async (t) => {
  const { agent, nothingPassed } = await open(t)
  assert.deepEqual((await speak(agent, '2025-11-25')('ping')).message['result'], {})
  const modern = await speak(agent, '2026-07-28')('ping')
  assert.deepEqual([modern.status, modern.error?.code], [404, -32601])
  nothingPassed()
})

test('a method that is not served is an error in the words of the era, and reaches nobody', async (t) => {
  const { agent, nothingPassed } = await open(t)
  for (const method of [
    'resources/list',
    'prompts/get',
    'completion/complete',
    'logging/setLevel',
    'tools/Call',
    'x',
  ]) {
    const legacy = await speak(agent, '2025-11-25')(method)
    assert.deepEqual([legacy.status, legacy.error?.code], [200, -32601], method)
    const modern = await speak(agent, '2026-07-28')(method)
    assert.deepEqual([modern.status, modern.error?.code], [404, -32601], method)
  }
  assert.equal((await speak(agent, '2026-07-28')('initialize')).error?.code, -32601)
  assert.equal((await speak(agent, '2025-11-25')('server/discover')).error?.code, -32601)
  nothingPassed()
})

test('initialize with a revision that is not known is answered with one that is', async (t) => {
  const { agent } = await open(t)
  for (const protocolVersion of ['2024-10-07', '2099-01-01', '2026-07-28', undefined, 7]) {
    const answer = await agent.rpc('initialize', { protocolVersion, capabilities: {} })
    assert.equal(answer.result['protocolVersion'], '2025-11-25', String(protocolVersion))
  }
})

test('headers that disagree with the body are refused with -32020', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const params = { name: 'read_note', arguments: { id: 'n1' }, _meta: modernMeta }
  const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read_note' }
  const { 'mcp-name': _name, ...withoutName } = right
  const { 'mcp-method': _method, ...withoutMethod } = right
  const { 'mcp-protocol-version': _version, ...withoutVersion } = right
  const lies: Record<string, Record<string, string>> = {
    'another tool': { ...right, 'mcp-name': 'delete_note' },
    'another case': { ...right, 'mcp-name': 'Read_note' },
    'an encoded other tool': { ...right, 'mcp-name': `=?base64?${btoa('delete_note')}?=` },
    'a broken encoding': { ...right, 'mcp-name': '=?base64?/w==?=' },
    'another method': { ...right, 'mcp-method': 'tools/list' },
    'a legacy version': { ...right, 'mcp-protocol-version': '2025-11-25' },
    'no name': withoutName,
    'no method': withoutMethod,
    'no version': withoutVersion,
  }
  for (const [what, headers] of Object.entries(lies)) {
    const answer = await agent.rpc('tools/call', params, { headers })
    assert.deepEqual([answer.status, answer.error?.code], [400, -32020], `${what}: ${JSON.stringify(answer.message)}`)
  }
  // In the legacy eras the headers mean nothing; a liar is refused all the same.
  const legacy = { 'mcp-protocol-version': '2025-11-25' }
  for (const [name, value] of [
    ['mcp-name', 'delete_note'],
    ['mcp-method', 'ping'],
  ] as const) {
    const call = { name: 'read_note', arguments: { id: 'n1' } }
    const answer = await agent.rpc('tools/call', call, { headers: { ...legacy, [name]: value } })
    assert.deepEqual([answer.status, answer.error?.code], [400, -32020])
  }
  nothingPassed()
  const encoded = { ...right, 'mcp-name': `=?base64?${btoa('read_note')}?=` }
  assert.equal((await agent.rpc('tools/call', params, { headers: encoded })).status, 200)
})

for (const era of upstreams) {
  test(`a parameter header that disagrees with its argument is refused before a ${era} upstream`, async (t) => {
    const where = { type: 'string', 'x-mcp-header': 'Where' }
    const tool = toolNamed('read_place', { inputSchema: { type: 'object', properties: { where } } })
    const { house, fake } = await openFakeHouse(t, { fake: { era }, tools: [tool] })
    await house.rooms.inventory.setEffect({
      by: 'set-up',
      upstream: 'desk',
      tool: 'read_place',
      effect: 'read',
      traits: [],
      reason: 'it reads',
    })
    const { agent } = await connectAll(house)
    const call = (headers: Record<string, string>, args: Record<string, unknown> = { where: 'here' }) => {
      const params = { name: 'read_place', arguments: args, _meta: modernMeta }
      const mirrors = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read_place' }
      return agent.rpc('tools/call', params, { headers: { ...mirrors, ...headers } })
    }
    const wrong = [
      await call({ 'mcp-param-where': 'there' }),
      await call({ 'mcp-param-where': `=?base64?${btoa('there')}?=` }),
      await call({ 'mcp-param-where': '=?base64?/w==?=' }),
      await call({ 'mcp-param-where': 'here' }, {}),
      await call({}),
    ]
    for (const answer of wrong) assert.deepEqual([answer.status, answer.error?.code], [400, -32020])
    const callLegacy = (headers: Record<string, string>) =>
      agent.rpc('tools/call', { name: 'read_place', arguments: { where: 'here' } }, { headers })
    const legacy = await callLegacy({ 'mcp-param-where': 'there' })
    assert.deepEqual([legacy.status, legacy.error?.code], [400, -32020])
    assert.deepEqual(fake.calls, [])

    assert.equal((await call({ 'mcp-param-where': 'here' })).status, 200)
    assert.equal((await call({ 'mcp-param-where': `=?base64?${btoa('here')}?=` })).status, 200)
    assert.equal(
      (await callLegacy({})).status,
      200,
      'the gateway says it where the era of the client knows no such header',
    )
    const passed = fake.journal.filter((heard) => heard.message?.method === 'tools/call')
    const expected = era === 'modern' ? 'here' : undefined
    assert.deepEqual(
      passed.map((heard) => heard.headers['mcp-param-where']),
      [expected, expected, expected],
    )
  })
}

test('a revision that is not spoken is refused with -32022 and the ones that are', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const answers = [
    await agent.rpc(
      'tools/list',
      { _meta: { ...modernMeta, [version]: '2099-01-01' } },
      { headers: { 'mcp-protocol-version': '2099-01-01', 'mcp-method': 'tools/list' } },
    ),
    await agent.rpc('tools/list', {}, { headers: { 'mcp-protocol-version': '2024-10-07' } }),
  ]
  for (const answer of answers) {
    assert.deepEqual([answer.status, answer.error?.code], [400, -32022])
    assert.deepEqual(answer.error?.data?.['supported'], [
      '2026-07-28',
      '2025-11-25',
      '2025-06-18',
      '2025-03-26',
      '2024-11-05',
    ])
  }
  nothingPassed()
})

test('a modern request without its version or its capabilities is refused with -32602', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }
  for (const meta of [
    undefined,
    {},
    { [version]: '2026-07-28' },
    { [capabilities]: {} },
    { ...modernMeta, [capabilities]: [] },
  ]) {
    const answer = await agent.rpc('tools/list', meta === undefined ? {} : { _meta: meta }, { headers })
    assert.deepEqual([answer.status, answer.error?.code], [400, -32602], JSON.stringify(meta))
  }
  nothingPassed()
})

test('what is not exactly one JSON-RPC message is refused', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const call = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  const bad: Record<string, [body: string, code: number]> = {
    'a batch': [`[${call},${call}]`, -32600],
    'a batch of one': [`[${call}]`, -32600],
    'an empty batch': ['[]', -32600],
    'another version': ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    'an id that is null': ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    'an id that is a fraction': ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
    'a method that is a number': ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    'a request and a response in one': ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', -32600],
    'neither of them': ['{"jsonrpc":"2.0","id":1}', -32600],
    'a member that nobody knows': ['{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', -32600],
    'params that are an array': ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read_note"]}', -32602],
    'no JSON': ['{"jsonrpc":', -32700],
    nothing: ['', -32700],
    'two documents': [`${call}\n${call}`, -32700],
    'a key twice': ['{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', -32700],
    'a key twice, once escaped': ['{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/list"}', -32700],
    'a byte order mark': [`\ufeff${call}`, -32700],
  }
  for (const [what, [body, code]] of Object.entries(bad)) {
    const answer = await agent.post(body)
    assert.deepEqual([answer.status, answer.error?.code], [400, code], `${what}: ${JSON.stringify(answer.message)}`)
  }
  nothingPassed()
})

test('keys given twice, nesting deeper than 64 and bodies over 4 MiB never reach an upstream', async (t) => {
  const { agent, nothingPassed } = await open(t)
  const body = (args: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_note","arguments":${args}}}`
  const twice = await agent.post(body('{"id":"n1","id":"n2"}'))
  assert.deepEqual([twice.status, twice.error?.code], [400, -32700])
  assert.match(twice.error!.message, /twice|id/)
  const innerTwice = await agent.post(body('{"more":{"id":"n1","i\\u0064":"n2"}}'))
  assert.deepEqual([innerTwice.status, innerTwice.error?.code], [400, -32700])
  // The message, its params and the arguments are three levels.
  const nested = (depth: number) => body(`{"more":${'['.repeat(depth - 3)}${']'.repeat(depth - 3)}}`)
  const deep = await agent.post(nested(65))
  assert.deepEqual([deep.status, deep.error?.code], [400, -32700])
  assert.match(deep.error!.message, /64/)

  const large = await agent.post(body(`{"text":"${'x'.repeat(4 * 1024 * 1024)}"}`))
  assert.equal(large.status, 413)
  const endless = await fetch(agent.resource, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, 'content-type': 'application/json' },
    body: new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(0x20)) }),
    duplex: 'half',
  } as RequestInit).then(
    (answer) => answer.status,
    () => 'cut',
  )
  assert.ok(endless === 413 || endless === 'cut', String(endless))
  nothingPassed()
  assert.equal((await agent.post(body(`{"text":"${'x'.repeat(4 * 1024 * 1024 - 200)}"}`))).status, 200)
  assert.equal((await agent.post(nested(64))).status, 200)
})

test('the client’s own query, cookies and headers never reach an upstream', async (t) => {
  const { agent, fake } = await open(t)
  const params = { name: 'environment', arguments: {} }
  const answer = await agent.rpc('tools/call', params, {
    path: '/mcp/desk?key=canary-query',
    headers: {
      cookie: 'k=canary-cookie',
      'x-api-key': 'canary-key',
      'x-forwarded-for': '203.0.113.9',
      'mcp-param-free': 'canary-param',
      'last-event-id': 'canary-event',
      traceparent: '00-canary',
      'user-agent': 'canary-agent',
      'accept-encoding': 'canary-encoding',
    },
  })
  assert.equal(answer.status, 200)
  const { headers, url } = JSON.parse(textOf(answer)) as { headers: Record<string, string>; url: string }
  assert.equal(url, '/mcp')
  assert.deepEqual(
    Object.keys(headers).filter(
      (name) => !/^(?:host|connection|content-\w+|accept(?:-encoding)?|user-agent|mcp-protocol-version)$/.test(name),
    ),
    [],
  )
  assert.ok(!JSON.stringify(fake.journal.at(-1)).includes('canary'))
  assert.ok(!JSON.stringify(fake.journal).includes(agent.tokens.access_token))
})

test('the modern era has no stream to be had by GET', async (t) => {
  const { agent } = await open(t)
  const answer = await fetch(agent.resource, {
    headers: {
      authorization: `Bearer ${agent.tokens.access_token}`,
      accept: 'text/event-stream',
      'mcp-protocol-version': '2026-07-28',
    },
  })
  assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
  await answer.body?.cancel()
})

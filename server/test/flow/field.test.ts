import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Agent } from '../agent.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeMcpServer, type FakeOptions } from '../fake/mcp-server.ts'
import { freePort, openHouse, type House } from '../house.ts'

// What users of comparable gateways complain of, each with the test that keeps it from coming here; logins and tokens are in
// field-identity.test.ts:
//
// | complaint                                              | here, or where it is tested                                        |
// |--------------------------------------------------------|--------------------------------------------------------------------|
// | sessions stick to one of several replicas              | sessions.test.ts, "a session that began at one replica goes on …"   |
// | an expired upstream session is not recovered           | here; one caller alone: ../../src/gateway/upstream/http.test.ts     |
// | no stateless mode                                      | here                                                               |
// | state leaks between clients through a shared session   | isolation.test.ts and isolation-load.slow.test.ts; sessions.test.ts |
// | forbidden tools still appear in the list               | lists.test.ts, prompts-and-resources.test.ts; here, all ways at once |
// | a denial cannot be told from "not found" in the audit  | here                                                               |
// | annotations are lost in the proxy                      | here                                                               |
// | processes and memory of stdio servers leak             | ../../src/gateway/upstream/stdio.test.ts, "there are never more …"  |
// | throughput collapses, lists are slow                   | here; figures: bench/list.ts, bench/call.ts                         |

const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a script', version: '1' } }

test('an expired upstream session is recovered, for every caller of several upstreams behind one address, at one call each', async (t) => {
  const one = await openFakeMcpServer({ sessions: true, tools: [toolNamed('read_note')] })
  const two = await openFakeMcpServer({ sessions: true, tools: [toolNamed('read_note')] })
  t.after(() => Promise.all([one.close(), two.close()]))
  const house = await openHouse(t, { reach: [one.url, two.url] })
  const agents = await bundled(house, { one: one.url, two: two.url }, 4)
  const callAll = () =>
    Promise.all(agents.flatMap((agent) => [agent.call('one_read_note'), agent.call('two_read_note')]))
  for (let round = 1; round <= 3; round++) {
    for (const answer of await callAll()) assert.equal(answer.status, 200)
    assert.deepEqual(
      [one.calls.length, two.calls.length].map((calls) => calls >= 4 * round),
      [true, true],
    )
    one.forgetSessions()
    two.forgetSessions()
  }
  const outcomes = await house.entries('outcome')
  assert.equal(outcomes.length, 24)
  assert.ok(outcomes.every(({ status }) => status === 'success'))
  // Each call had its effect once: what came with a forgotten session was refused by the upstream.
  const effects = [one, two].map(
    (fake) => fake.journal.filter(({ message }) => message?.method === 'tools/call').length,
  )
  assert.ok(
    effects.every((count) => count >= 12 && count <= 24),
    effects.join(),
  )
})

/** Clients of as many people, connected to a bundle of these upstreams. */
async function bundled(house: House, upstreams: Record<string, string>, people: number): Promise<Agent[]> {
  for (const [name, url] of Object.entries(upstreams)) await house.httpUpstream(name, url)
  const ownerId = (await house.person('owner')).principal.id
  const members = Object.keys(upstreams).map((upstream) => ({ upstream, prefix: upstream }))
  const given = { by: 'set-up', ownerId, name: 'all', purpose: 'all of it', reason: 'for a test' }
  await house.rooms.inventory.makeBundle({ ...given, members })
  const rights = Object.keys(upstreams).map((name) => `${name}/*`)
  return Promise.all(
    Array.from({ length: people }, async (_, at) => (await house.person(`p${at}`, rights)).connect('all', 'all')),
  )
}

test('stateless: a client that never shook hands is served, and one that did goes on after the gateway has restarted', async (t) => {
  const upstream = await openFakeMcpServer({ tools: [toolNamed('read_note')] })
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-field-'))
  t.after(async () => {
    await upstream.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const port = await freePort()
  const open = () => openHouse(t, { reach: [upstream.url], dataDir, port })
  const first = await open()
  await first.httpUpstream('notes', upstream.url)
  const agent = await (await first.person('ana', ['notes/*'])).connect('notes', 'all')
  assert.equal((await agent.call('read_note')).status, 200)
  const begun = await agent.rpc('initialize', initialize)
  const session = { 'mcp-session-id': begun.headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' }
  await first.close()

  await open()
  const call = { name: 'read_note', arguments: {} }
  assert.equal((await agent.rpc('tools/call', call, { headers: session })).status, 200)
  assert.equal((await agent.rpc('tools/call', call)).status, 200)
  assert.equal((await agent.modern('tools/call', call)).status, 200)
})

test('a forbidden tool is in no list, by whichever way it is asked for, and is refused by the same ways', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const person = await house.person('ana', ['desk/read_note', 'desk/write_note'])
  const agent = await person.connect('desk', ['read_note'])
  const ways: Record<string, (method: string, params: Record<string, unknown>) => ReturnType<Agent['rpc']>> = {
    'without a version': (method, params) => agent.rpc(method, params),
    '2025-03-26': (method, params) => agent.rpc(method, params, legacy('2025-03-26')),
    '2025-06-18': (method, params) => agent.rpc(method, params, legacy('2025-06-18')),
    '2025-11-25': (method, params) => agent.rpc(method, params, legacy('2025-11-25')),
    '2026-07-28': (method, params) => agent.modern(method, params),
  }
  // Challenged once for what the person may choose, and led to the page after that.
  assert.equal((await agent.call('write_note', {})).status, 403)
  for (const [way, ask] of Object.entries(ways)) {
    const { result } = await ask('tools/list', {})
    assert.deepEqual(
      (result['tools'] as { name: string }[]).map(({ name }) => name),
      ['read_note'],
      way,
    )
    assert.equal((await ask('tools/call', { name: 'write_note', arguments: {} })).result['isError'], true, way)
    for (const name of ['delete_note', 'grow']) {
      assert.equal((await ask('tools/call', { name, arguments: {} })).status, 403, `${way}: ${name}`)
    }
  }
  assert.deepEqual(fake.calls, [])
})

const legacy = (version: string) => ({ headers: { 'mcp-protocol-version': version } })

test('a denial is a denial: 403 to the caller, an entry with its true reason in the ledger, and never "not found"', async (t) => {
  const { house, fake, look } = await openFakeHouse(t)
  const person = await house.person('ana', ['desk/read_note', 'desk/write_note', 'desk/wrong'])
  const agent = await person.connect('desk', ['read_note', 'wrong'])
  fake.tools.find(({ name }) => name === 'wrong')!.description = 'Now does something else.'
  await look()
  const told: [name: string, told: string, recorded: string][] = [
    ['delete_note', 'tool.unknown', 'entitlement.missing'],
    ['no_such_tool', 'tool.unknown', 'tool.unknown'],
    ['write_note', 'grant.tool_not_chosen', 'grant.tool_not_chosen'],
    ['wrong', 'tool.drifted', 'tool.drifted'],
  ]
  for (const [name, reason] of told) {
    const answer = await agent.call(name)
    assert.deepEqual([answer.status, answer.error?.data?.['reason']], [403, reason], name)
  }
  const denials = await house.entries('denial')
  assert.deepEqual(
    denials.map(({ tool, reason, principal }) => [tool, reason, principal?.name]),
    told.map(([name, , recorded]) => [name, recorded, 'ana']),
  )
  // What is really not there is said to be so, and is no denial.
  assert.equal((await agent.modern('tools/nothing', {})).status, 404)
  assert.equal((await agent.rpc('tools/list', {}, { path: '/mcp/desk/more' })).status, 404)
  assert.equal((await house.entries('denial')).length, told.length)
})

for (const era of ['legacy', 'modern'] as const) {
  test(`a definition reaches the client with everything that its ${era} upstream said, annotations and all`, async (t) => {
    const whole = toolNamed('read_note', {
      title: 'Read a note',
      annotations: {
        title: 'Reads',
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
        'example.com/cost': 3,
      },
      outputSchema: { type: 'object', properties: { text: { type: 'string' } }, 'x-unknown': [1, null, 'é'] },
      inputSchema: { type: 'object', properties: { id: { type: 'string', 'x-mcp-header': 'Id' } }, $defs: {} },
    })
    const fake: Partial<FakeOptions> = { era }
    const upstream = await openFakeMcpServer({ ...fake, tools: [structuredClone(whole)] })
    t.after(() => upstream.close())
    const house = await openHouse(t, { reach: [upstream.url] })
    await house.httpUpstream('desk', upstream.url)
    const { agent } = await connectAll(house)
    for (const { result } of [await agent.rpc('tools/list', {}), await agent.modern('tools/list', {})]) {
      assert.deepEqual(result['tools'], [whole])
    }
    // What an annotation says is part of what was accepted: a tool that says something else is another tool.
    ;(upstream.tools[0]!['annotations'] as Record<string, unknown>)['readOnlyHint'] = false
    await house.rooms.gateway.look((await house.rooms.inventory.findUpstream('desk'))!)
    assert.deepEqual(await agent.list(), [])
  })
}

test('lists are not as slow as the slowest upstream: one that hangs holds up neither its own list nor that of a bundle', async (t) => {
  const release = Promise.withResolvers<void>()
  const servers = await Promise.all(
    ['one', 'two', 'three'].map(() => openFakeMcpServer({ tools: [toolNamed('read')] })),
  )
  t.after(() => Promise.all(servers.map((server) => server.close())))
  t.after(() => release.resolve())
  const [one, two, three] = servers
  const house = await openHouse(t, { reach: servers.map(({ url }) => url) })
  const [agent] = await bundled(house, { one: one!.url, two: two!.url, three: three!.url }, 1)
  const direct = await (await house.person('bo', ['two/*'])).connect('two', 'all')
  let asked = 0
  two!.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/list') return false
    asked++
    void release.promise.then(() => response.destroy())
    return true
  }
  // What was looked at long ago is looked at again, in the background.
  for (let round = 0; round < 3; round++) {
    house.clock.pass(20_000)
    assert.deepEqual(await agent!.list(), ['one_read', 'two_read', 'three_read'])
    assert.deepEqual(await direct.list(), ['read'])
  }
  assert.ok(asked > 0, 'nobody looked')
})

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, test, type TestContext } from 'node:test'
import { linkOf, textOf, type Agent, type Answer } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import type { FakeOptions } from '../fake/mcp-server.ts'
import type { Person } from '../person.ts'
import { startPostgres, type TestPostgres } from '../postgres.ts'

// A call whose answer was lost: one effect or none, a plain word about it with a link, and never a silent repeat.

let postgres: TestPostgres
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres.stop())

/** How an upstream that has acted does not answer. */
const silences: Record<string, (response: ServerResponse) => void> = {
  'resets the connection': (response) => response.socket!.resetAndDestroy(),
  'half-closes without a word': (response) => response.socket!.end(),
  'resets in the middle of a body': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"jsonrpc":"2.0",')
    setTimeout(() => response.socket!.resetAndDestroy(), 20)
  },
  'half-closes in the middle of a body': (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"jsonrpc":"2.0",')
    setTimeout(() => response.socket!.end(), 20)
  },
  'ends a stream before the answer': (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': I am working on it\n\n')
    setTimeout(() => response.end(), 20)
  },
  'ends with a proxy’s page': (response) => {
    response.writeHead(504, { 'content-type': 'text/html' }).end('<h1>Gateway Timeout</h1>')
  },
}

interface Scene extends FakeHouse {
  ana: Person
  bo: Person
  agent: Agent
  /** What happened at the upstream: the ids that it deleted or wrote. */
  effects(): string[]
  /** From now on it acts and does not answer. */
  fallSilent(how: (response: ServerResponse) => void): void
  speakAgain(): void
  approve(held: Answer): Promise<void>
}

async function openScene(t: TestContext, of: { databaseUrl?: string; fake?: Partial<FakeOptions> }): Promise<Scene> {
  const all = await openFakeHouse(t, {
    ...(of.fake && { fake: of.fake }),
    house: { ...(of.databaseUrl && { databaseUrl: of.databaseUrl }) },
  })
  const { house, fake } = all
  const { person: ana, agent } = await connectAll(house)
  const bo = await house.person('bo', ['desk/delete_note:approve'])
  return {
    ...all,
    ana,
    bo,
    agent,
    effects: () => fake.calls.map((call) => (call.arguments as { id: string }).id),
    fallSilent(how) {
      fake.options.intercept = ({ message }, response) => {
        if (message?.method !== 'tools/call') return false
        how(response)
        return true
      }
    },
    speakAgain: () => (fake.options.intercept = undefined),
    async approve(held) {
      assert.equal((await bo.answer(linkOf(held), true)).status, 200)
    },
  }
}

/** Demands that an answer says `outcome unknown` and where to look. @returns the page of the call. */
function unknownIn({ status, error }: Answer): string {
  // A stream has begun with 200 and ends with the error.
  assert.ok(status === 502 || status === 200, JSON.stringify(error))
  assert.equal(error?.data?.['outcome'], 'unknown')
  const url = String(error.data['url'])
  assert.ok(error.message.endsWith(`; outcome unknown: ${url}`), error.message)
  return url
}

/** What a held call says of the one before it. */
function earlierIn(held: Answer): unknown {
  const meta = held.result['_meta'] as Record<string, Record<string, unknown>> | undefined
  return meta?.['sallyport/approval']?.['earlier']
}

async function repeatsNothing(scene: Scene): Promise<void> {
  const { agent, ana, bo, house } = scene
  const args = { id: 'n1' }
  await scene.approve(await agent.call('delete_note', args))
  const url = unknownIn(await agent.call('delete_note', args))
  assert.deepEqual(scene.effects(), ['n1'])

  // The client makes the same call again, as the specification tells it to: under a new id.
  scene.speakAgain()
  const held = await agent.call('delete_note', args)
  assert.equal(held.result['isError'], true)
  assert.deepEqual(earlierIn(held), { call: url.split('/').at(-1), outcome: 'unknown', url })
  assert.match(textOf(held), /outcome unknown: it may have been carried out.*\/calls\//s)
  assert.deepEqual(scene.effects(), ['n1'], 'a silent repeat')

  // Who made it reads what became of it; who decides on the second is told of the first; nobody else learns anything.
  assert.match((await ana.browser.open(url)).text, /Outcome unknown/)
  assert.match((await bo.browser.open(linkOf(held))).text, /An earlier call with exactly these arguments/)
  assert.equal((await (await house.person('cy')).browser.open(url)).status, 404)
  assert.equal((await house.browser().open(url)).url.pathname, '/sign-in')

  // Only people make a second effect of it.
  await scene.approve(held)
  assert.equal((await agent.call('delete_note', args)).status, 200)
  assert.deepEqual(scene.effects(), ['n1', 'n1'])
  const again = await agent.call('delete_note', args)
  assert.equal((earlierIn(again) as { outcome: string }).outcome, 'success')
  assert.deepEqual(earlierIn(await agent.call('delete_note', { id: 'n2' })), undefined)
  assert.match((await ana.browser.open(linkOf(held))).text, /The call that used it\s+was carried out/)
}

const upstreams: Record<string, Partial<FakeOptions>> = {
  legacy: { era: 'legacy' },
  'legacy with sessions': { era: 'legacy', sessions: true },
  modern: { era: 'modern' },
}

for (const [how, silence] of Object.entries(silences)) {
  for (const [kind, fake] of Object.entries(upstreams)) {
    test(`a destructive call to an upstream that ${how} is not repeated (${kind}, SQLite)`, async (t) => {
      const scene = await openScene(t, { fake })
      scene.fallSilent(silence)
      await repeatsNothing(scene)
    })
  }
  test(`a destructive call to an upstream that ${how} is not repeated (modern, PostgreSQL)`, async (t) => {
    const scene = await openScene(t, { fake: { era: 'modern' }, databaseUrl: await postgres.createDatabase() })
    scene.fallSilent(silence)
    await repeatsNothing(scene)
  })

  test(`a call that writes to an upstream that ${how} is sent once, and its error says outcome unknown`, async (t) => {
    const scene = await openScene(t, {})
    scene.fallSilent(silence)
    const url = unknownIn(await scene.agent.call('write_note', { id: 'n1' }))
    assert.deepEqual(scene.effects(), ['n1'])
    assert.deepEqual(await scene.story(), ['intent write_note', 'outcome unknown'])
    assert.match((await scene.ana.browser.open(url)).text, /Outcome unknown/)
  })
}

for (const store of ['SQLite', 'PostgreSQL']) {
  test(`a client that drops the stream and makes the call again under a new id has one effect (${store})`, async (t) => {
    const scene = await openScene(t, {
      ...(store === 'PostgreSQL' && { databaseUrl: await postgres.createDatabase() }),
    })
    const { agent } = scene
    const args = { id: 'n1' }
    await scene.approve(await agent.call('delete_note', args))
    scene.fallSilent(() => undefined)
    const leaving = new AbortController()
    const params = { name: 'delete_note', arguments: args }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'first', method: 'tools/call', params })
    const dropped = assert.rejects(agent.post(body, { signal: leaving.signal }))
    await until(() => scene.effects().length === 1, 'the call is at the upstream')
    leaving.abort()
    await dropped
    scene.speakAgain()
    const held = await agent.call('delete_note', args)
    assert.ok(['unknown', 'under way'].includes((earlierIn(held) as { outcome: string }).outcome))
    await until(async () => (await scene.story()).includes('outcome unknown'), 'the outcome is recorded')
    assert.equal((earlierIn(await agent.call('delete_note', args)) as { outcome: string }).outcome, 'unknown')
    assert.deepEqual(scene.effects(), ['n1'])
  })
}

// Its call goes on while it is away, and the upstream is not left: the first may be carried out at any time.
test('a client that could take its stream up again and makes the call again instead has one effect', async (t) => {
  const scene = await openScene(t, {})
  const { agent } = scene
  const args = { id: 'n1' }
  const clientInfo = { name: 'a script', version: '1' }
  const asked = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const greeted = await agent.rpc('initialize', asked)
  const headers = {
    'mcp-protocol-version': '2025-11-25',
    'mcp-session-id': greeted.headers.get('mcp-session-id')!,
  }
  const params = { name: 'delete_note', arguments: args }
  const call = () => agent.rpc('tools/call', params, { headers })
  await scene.approve(await call())
  const silent = Promise.withResolvers<ServerResponse>()
  scene.fallSilent(silent.resolve)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'first', method: 'tools/call', params })
  const stream = await EventReader.open(agent, { body, headers })
  assert.deepEqual(scene.effects(), ['n1'])
  assert.match(stream.headers.get('content-type')!, /^text\/event-stream/)
  stream.close()
  await stream.ended

  scene.speakAgain()
  const first = await silent.promise
  const held = await call()
  assert.equal(first.destroyed, false, 'the first still runs')
  const earlier = earlierIn(held) as { outcome: string; url: string }
  assert.equal(earlier.outcome, 'under way')
  assert.match(textOf(held), /it may have been carried out.*\/calls\//s)
  assert.match((await scene.ana.browser.open(earlier.url)).text, /It is not answered yet/)
  assert.deepEqual(scene.effects(), ['n1'], 'a silent repeat')

  first.socket!.resetAndDestroy()
  await until(async () => (await scene.story()).includes('outcome unknown'), 'the outcome is recorded')
  assert.equal((earlierIn(await call()) as { outcome: string }).outcome, 'unknown')
  assert.deepEqual(scene.effects(), ['n1'])
})

test('a client of the newest revision that can open addresses reads it in the request to open one', async (t) => {
  const scene = await openScene(t, { fake: { era: 'modern' } })
  const call = () =>
    scene.agent.modern(
      'tools/call',
      { name: 'delete_note', arguments: { id: 'n1' } },
      { elicitation: { form: {}, url: {} } },
    )
  type Asked = { 'sallyport-approval': { params: { url: string; message: string } } }
  const asked = async () => ((await call()).result['inputRequests'] as Asked)['sallyport-approval'].params
  await scene.bo.answer((await asked()).url, true)
  scene.fallSilent(silences['resets the connection']!)
  const url = unknownIn(await call())
  assert.match((await asked()).message, /An earlier call with exactly these arguments has the outcome unknown/)
  assert.ok((await asked()).message.includes(url))
  assert.deepEqual(scene.effects(), ['n1'])
})

test('what one principal did is nobody else’s to know, though the arguments are the same', async (t) => {
  const scene = await openScene(t, {})
  const { agent: other } = await connectAll(scene.house, 'dan')
  const args = { id: 'n1' }
  await scene.approve(await scene.agent.call('delete_note', args))
  scene.fallSilent(silences['resets the connection']!)
  unknownIn(await scene.agent.call('delete_note', args))
  assert.equal(earlierIn(await other.call('delete_note', args)), undefined)
})

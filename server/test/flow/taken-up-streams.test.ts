import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import type { Agent } from '../agent.ts'
import { EventReader, type StreamMessage } from '../event-reader.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'
import { inTime, until } from '../patience.ts'
import type { Person } from '../person.ts'

// MCP 2025-11-25, transports, "Resumability and Redelivery" (SEP-1699): a client whose connection broke takes the answer up
// where it was, by the id of the last event, and only the client that the answer is for.

interface Desk extends FakeHouse {
  person: Person
  agent: Agent
  /** The upstream's side of the call, which it answers as a stream. */
  called: Promise<{ say(message: object): void; answer(): void; response: ServerResponse }>
}

/** An upstream that streams its answers as the test says. */
async function openDesk(t: TestContext): Promise<Desk> {
  const here = await openFakeHouse(t)
  const called = Promise.withResolvers<Awaited<Desk['called']>>()
  here.fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    const say = (said: object) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...said })}\n\n`)
    const answer = () => {
      say({ id: message.id, result: { content: [{ type: 'text', text: 'done' }] } })
      response.end()
    }
    called.resolve({ say, answer, response })
    return true
  }
  return { ...here, ...(await connectAll(here.house)), called: inTime(called.promise, 'the upstream is called') }
}

/** The headers of a session, in this revision. */
async function begin(agent: Agent, protocolVersion = '2025-11-25'): Promise<Record<string, string>> {
  const clientInfo = { name: 'a script', version: '1' }
  const { headers } = await agent.rpc('initialize', { protocolVersion, capabilities: {}, clientInfo })
  return { 'mcp-protocol-version': protocolVersion, 'mcp-session-id': headers.get('mcp-session-id')! }
}

const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: 'read_note', arguments: {} },
})
const news = (data: string) => ({ method: 'notifications/message', params: { level: 'info', data } })
const dataOf = ({ params }: StreamMessage) => params?.['data']
const done = [{ type: 'text', text: 'done' }]

function takeUp(agent: Agent, session: Record<string, string>, lastEventId: string | undefined): Promise<EventReader> {
  return EventReader.open(agent, { headers: { ...session, 'last-event-id': lastEventId ?? '' } })
}

/** A call of which one message has come when the connection breaks. */
async function breakOff(desk: Desk, session: Record<string, string>): Promise<EventReader> {
  const opening = EventReader.open(desk.agent, { body, headers: session })
  const { say } = await desk.called
  say(news('one'))
  const stream = await opening
  assert.equal(dataOf(await stream.next()), 'one')
  stream.close()
  await stream.ended
  return stream
}

test('a stream says where it begins, and its events have ids', async (t) => {
  const desk = await openDesk(t)
  const call = fetch(desk.agent.resource, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${desk.agent.tokens.access_token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(await begin(desk.agent)),
    },
    body,
  })
  const { say, answer } = await desk.called
  say(news('one'))
  answer()
  const text = await (await call).text()
  const [first, ...later] = text.split('\n\n')
  const id = /^id: ([\w-]{43})\.0\nretry: 1000\ndata: $/.exec(first!)?.[1]
  assert.ok(id, text)
  for (const [at, said] of ['one', 'done'].entries()) {
    const begins = `id: ${id}.${at + 1}\nevent: message\ndata: {`
    assert.ok(later[at]!.startsWith(begins) && later[at]!.includes(`"${said}"`), text)
  }
  assert.deepEqual(later.slice(2), [''])
})

test('who comes back hears what it missed and what follows, and the call was made once', async (t) => {
  const desk = await openDesk(t)
  const session = await begin(desk.agent)
  const broken = await breakOff(desk, session)
  const { say, answer, response } = await desk.called
  say(news('two'))
  const again = await takeUp(desk.agent, session, broken.lastEventId)
  assert.equal(dataOf(await again.next()), 'two')
  say(news('three'))
  assert.equal(dataOf(await again.next()), 'three')
  assert.equal(response.destroyed, false)
  answer()
  assert.deepEqual((await again.next()).result?.['content'], done)
  assert.equal(await again.ended, 'ended')
  assert.deepEqual(await desk.story(), ['intent read_note', 'outcome success'])
})

test('an answer that came while the client was away waits for it, and once it has it, for nobody', async (t) => {
  const desk = await openDesk(t)
  const session = await begin(desk.agent)
  const broken = await breakOff(desk, session)
  ;(await desk.called).answer()
  await until(async () => (await desk.story()).includes('outcome success'), 'the outcome is recorded')
  const again = await takeUp(desk.agent, session, broken.lastEventId)
  assert.equal(await again.ended, 'ended')
  assert.deepEqual(
    again.messages.map(({ result }) => result?.['content']),
    [done],
  )
  const late = await takeUp(desk.agent, session, broken.lastEventId)
  late.close()
  await late.ended
  assert.deepEqual(late.messages, [])
})

test('nobody else takes a stream up: no other person, grant or session, by no spelling of its id', async (t) => {
  const desk = await openDesk(t)
  const session = await begin(desk.agent)
  const { lastEventId = '' } = await breakOff(desk, session)
  ;(await desk.called).answer()
  await until(async () => (await desk.story()).includes('outcome success'), 'the outcome is recorded')
  const { agent: bo } = await connectAll(desk.house, 'bo')
  const own = await desk.person.connect('desk', 'all')
  const tries: [Agent, Record<string, string>, string][] = [
    [bo, await begin(bo), lastEventId],
    [own, await begin(own), lastEventId],
    [desk.agent, await begin(desk.agent), lastEventId],
    [desk.agent, { 'mcp-protocol-version': '2025-11-25' }, lastEventId],
    [desk.agent, session, lastEventId.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
    [desk.agent, session, `${lastEventId}, ${lastEventId}`],
  ]
  for (const [agent, headers, id] of tries) {
    const stream = await takeUp(agent, headers, id)
    stream.close()
    await stream.ended
    assert.deepEqual(stream.messages, [])
  }
  const again = await takeUp(desk.agent, session, lastEventId)
  assert.deepEqual((await again.next()).result?.['content'], done)
})

test('who comes back after its right was withdrawn is told that, and not the answer', async (t) => {
  const desk = await openDesk(t)
  const session = await begin(desk.agent)
  const broken = await breakOff(desk, session)
  ;(await desk.called).answer()
  await until(async () => (await desk.story()).includes('outcome success'), 'the outcome is recorded')
  const { inventory } = desk.house.rooms
  const held = await inventory.listEntitlements({ principalId: desk.person.principal.id, upstream: 'desk' })
  for (const { id } of held) await inventory.revokeEntitlement({ by: 'set-up', id, reason: 'for a test' })
  const again = await takeUp(desk.agent, session, broken.lastEventId)
  if (again.status === 200) {
    await again.ended
    assert.deepEqual(
      again.messages.map(({ id, error }) => [id, error?.data?.['fault']]),
      [[7, 'gateway.withdrawn']],
    )
  } else assert.equal(again.status, 403)
  assert.doesNotMatch(JSON.stringify(again.messages), /done/)
})

test('a right that is withdrawn while the client is away cuts the call, as it does while it is there', async (t) => {
  const desk = await openDesk(t)
  const broken = await breakOff(desk, await begin(desk.agent))
  assert.ok(broken.lastEventId)
  await desk.house.rooms.oauth.revokeGrant({ by: 'set-up', id: desk.agent.grantId, reason: 'for a test' })
  const { response } = await desk.called
  await until(() => response.destroyed, 'the upstream is left')
})

test('a client that cannot take a stream up has gone when its connection breaks', async (t) => {
  for (const session of [undefined, '2025-06-18']) {
    const desk = await openDesk(t)
    const broken = await breakOff(desk, session === undefined ? {} : await begin(desk.agent, session))
    assert.equal(broken.lastEventId, undefined)
    const { response } = await desk.called
    await until(() => response.destroyed, 'the upstream is left')
  }
})

test('an answer that is long in coming is a stream before it is there, and one event of it, however large', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const called = Promise.withResolvers<(result: object) => void>()
  fake.options.intercept = ({ message }, response) => {
    if (message?.method !== 'tools/call') return false
    called.resolve((result) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
    })
    return true
  }
  const stream = await inTime(EventReader.open(agent, { body, headers: await begin(agent) }), 'the stream has begun')
  assert.equal(stream.headers.get('content-type'), 'text/event-stream')
  const content = [{ type: 'text', text: 'x'.repeat(300_000) }]
  ;(await called.promise)({ content })
  assert.deepEqual((await stream.next()).result?.['content'], content)
  assert.equal(await stream.ended, 'ended')
})

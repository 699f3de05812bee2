import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { Agent } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { until } from '../patience.ts'
import { noteOffers } from '../fake/fake-offers.ts'
import type { Message } from '../fake/mcp-server.ts'
import { connectAll, openFakeHouse, type FakeHouse } from '../fake-house.ts'

// What belongs to no call: the news of lists and resources, log messages, and questions outside of calls.

type Era = 'legacy' | 'modern'

interface Desk extends FakeHouse {
  /** Streams on which the upstream can say something outside of a call, with whose they are. */
  streams: { message: Message | undefined; session: string; response: ServerResponse; gone: boolean }[]
  say(text: object, on?: number): void
}

/** An upstream with offers, which keeps the streams that are opened to it. */
async function openDesk(t: TestContext, era: Era): Promise<Desk> {
  const offers = noteOffers()
  const here = await openFakeHouse(t, { fake: { era, offers, sessions: era === 'legacy' } })
  const streams: Desk['streams'] = []
  here.fake.options.intercept = ({ method, message, headers }, response) => {
    const listens = method === 'GET' || message?.method === 'subscriptions/listen'
    if (listens) {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      const stream = { message, session: String(headers['mcp-session-id']), response, gone: false }
      response.on('close', () => (stream.gone = true))
      streams.push(stream)
      return true
    }
    if (!/^(?:logging|resources)\/(?:setLevel|subscribe|unsubscribe)$/.test(message?.method ?? '')) return false
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message!.id, result: {} }))
    return true
  }
  const say = (text: object, on = streams.length - 1) =>
    void streams[on]!.response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...text })}\n\n`)
  return { ...here, streams, say }
}

async function begin(agent: Agent, capabilities: object = {}): Promise<Record<string, string>> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'a script', version: '1' } }
  const { headers } = await agent.rpc('initialize', params)
  return { 'mcp-session-id': headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' }
}

function listen(agent: Agent, notifications: object, id = 'listening'): Promise<EventReader> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return EventReader.open(agent, {
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'subscriptions/listen',
      params: { notifications, _meta: meta },
    }),
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
  })
}

const heard = (desk: FakeHouse, method: string) => desk.fake.journal.filter(({ message }) => message?.method === method)
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })
const tools = { method: 'notifications/tools/list_changed' }

for (const era of ['legacy', 'modern'] as const) {
  test(`${era} upstream: a change that it announces is told to all who listen to that list, by one stream for all`, async (t) => {
    const desk = await openDesk(t, era)
    const { agent } = await connectAll(desk.house)
    const streams = [
      await listen(agent, { toolsListChanged: true, promptsListChanged: true }),
      await listen(agent, { toolsListChanged: true }),
      await EventReader.open(agent),
    ]
    await until(() => desk.streams.length > 0, 'the upstream is listened to')
    for (const one of streams.slice(0, 2)) await one.next()
    const looks = heard(desk, 'tools/list').length
    desk.say(tools, 0)
    for (const one of streams) assert.equal((await one.next()).method, tools.method)
    assert.ok(heard(desk, 'tools/list').length > looks, 'it was looked at first')
    assert.equal(desk.streams.length, 1)
    desk.say({ method: 'notifications/prompts/list_changed' }, 0)
    const told = await streams[0]!.next()
    assert.equal(told.method, 'notifications/prompts/list_changed')
    assert.equal(told.params?._meta?.['io.modelcontextprotocol/subscriptionId'], 'listening')
    assert.equal(streams[1]!.messages.length, 2, 'who did not ask for it does not hear it')
    for (const one of streams) one.close()
    await until(() => desk.streams[0]!.gone, 'with the last client the stream to the upstream ends')
  })

  test(`${era} upstream: a modern client hears of the resources that it asked for and may read, and of no other`, async (t) => {
    const desk = await openDesk(t, era)
    const person = await desk.house.person('ana', ['desk/resource:memo://readme', 'desk/template:memo://notes/{id}'])
    const agent = await person.connect('desk', 'all')
    const asked = ['memo://readme', 'memo://api-keys', 'memo://notes/7']
    const stream = await listen(agent, { resourceSubscriptions: asked })
    const allowed = ['memo://readme', 'memo://notes/7']
    assert.deepEqual((await stream.next()).params?.['notifications'], { resourceSubscriptions: allowed })
    const own = () => desk.streams.findIndex(({ message, session }) => isOwn(desk, era, { message, session }))
    await until(() => own() >= 0, 'the upstream is listened to')
    const subscribed =
      era === 'modern'
        ? (desk.streams[own()]!.message!.params!['notifications'] as Record<string, unknown>)['resourceSubscriptions']
        : heard(desk, 'resources/subscribe').map(({ message }) => message?.params?.['uri'])
    assert.deepEqual(subscribed, allowed)
    desk.say(updated('memo://api-keys'), own())
    desk.say(updated('memo://notes/7'), own())
    const told = await stream.next()
    assert.equal(told.params?.['uri'], 'memo://notes/7')
    assert.equal(told.params?._meta?.['io.modelcontextprotocol/subscriptionId'], 'listening')
    stream.close()
    await until(() => desk.streams[own()]!.gone, 'the upstream is left')
  })

  test(`${era} upstream: a legacy client subscribes, and hears it on its own stream alone`, async (t) => {
    const desk = await openDesk(t, era)
    const rights = ['desk/resource:memo://readme', 'desk/resource:memo://notes/first']
    const agent = await (await desk.house.person('ana', rights)).connect('desk', 'all')
    const other = await (await desk.house.person('bo', rights)).connect('desk', 'all')
    const within = await begin(agent)
    const streams = [await EventReader.open(agent, { headers: within })]
    streams.push(await EventReader.open(other, { headers: await begin(other) }))
    const subscribe = (uri: string) => agent.rpc('resources/subscribe', { uri }, { headers: within })
    assert.deepEqual((await subscribe('memo://readme')).result, {})
    assert.notEqual((await subscribe('memo://api-keys')).error, undefined)
    const at = () => desk.streams.findIndex((one) => isOwn(desk, era, one))
    await until(() => at() >= 0, 'the upstream is listened to')
    desk.say(updated('memo://api-keys'), at())
    desk.say(updated('memo://readme'), at())
    assert.equal((await streams[0]!.next()).params?.['uri'], 'memo://readme')
    assert.equal(streams[1]!.messages.length, 0)
    for (const one of streams) one.close()
  })

  test(`${era} upstream: the level of log messages is each session’s own`, async (t) => {
    const desk = await openDesk(t, era)
    const { agent } = await connectAll(desk.house)
    const { agent: other } = await connectAll(desk.house, 'bo')
    const [mine, theirs] = [await begin(agent), await begin(other)]
    const call = (by: Agent, headers: Record<string, string>) =>
      by.rpc('tools/call', { name: 'read_note', arguments: {} }, { headers })
    await call(agent, mine)
    assert.deepEqual((await agent.rpc('logging/setLevel', { level: 'warning' }, { headers: mine })).result, {})
    assert.equal((await agent.rpc('logging/setLevel', { level: 'loud' }, { headers: mine })).error?.code, -32602)
    await call(agent, mine)
    await call(other, theirs)
    const calls = heard(desk, 'tools/call')
    const levels = calls.map(({ message }) => message?.params?._meta?.['io.modelcontextprotocol/logLevel'])
    const set = heard(desk, 'logging/setLevel')
    if (era === 'modern') assert.deepEqual([levels, set.length], [[undefined, 'warning', undefined], 0])
    else {
      assert.deepEqual(
        set.map(({ message }) => message?.params),
        [{ level: 'warning' }],
      )
      assert.equal(set[0]!.headers['mcp-session-id'], calls[1]!.headers['mcp-session-id'])
    }
  })
}

/** A client that was given the notes only where their address is that of the seventh, and files of any path. */
async function connectLimited(desk: Desk) {
  const { house } = desk
  const ana = await house.person('ana', ['desk/template:memo://notes/{id}', 'desk/template:file:///{+path}'])
  const client = await house.register()
  const limited = { name: 'template:memo://notes/{id}', arguments: { uri: { const: 'memo://notes/7' } } }
  const details = [{ type: 'mcp_tools', tools: [limited, { name: 'template:file:///{+path}' }] }]
  const url = client.authorizeUrl('desk', (params) => params.set('authorization_details', JSON.stringify(details)))
  const page = await ana.consent(await ana.browser.open(url), 'all')
  const resource = client.resourceOf('desk')
  const tokens = await client.redeem(page.url.searchParams.get('code'), { resource })
  return { ana, agent: new Agent({ origin: house.url, upstream: 'desk', client: client.id, resource, tokens }) }
}

const beyond = ['memo://notes/8', 'file:///../etc/passwd', 'file:///a/%2e%2e/b', 'memo://notes/%2E%2E%2Fapi-keys']
const reasons = ['grant.argument_beyond', ...beyond.slice(1).map(() => 'gateway.argument_refused')]

for (const era of ['legacy', 'modern'] as const) {
  test(`${era} upstream: what may not be read for its arguments is not listened to either, and both are in the ledger`, async (t) => {
    const desk = await openDesk(t, era)
    const { ana, agent } = await connectLimited(desk)
    const stream = await listen(agent, { resourceSubscriptions: [...beyond, 'memo://notes/7', 'memo://notes/7'] })
    const acknowledged = (await stream.next()).params?.['notifications']
    assert.deepEqual(acknowledged, { resourceSubscriptions: ['memo://notes/7'] })
    const denials = await desk.house.entries('denial')
    assert.deepEqual(denials.map(({ reason }) => reason).toSorted(), reasons.toSorted())
    const [intent, ...others] = await desk.house.entries('intent')
    assert.deepEqual(others, [])
    assert.deepEqual(intent?.arguments, '{"method":"resources/subscribe","uri":"memo://notes/7"}')
    assert.deepEqual(
      (await desk.house.entries('outcome')).map(({ callId, status }) => [callId, status]),
      [[intent?.callId, 'success']],
    )
    const at = () => desk.streams.findIndex((one) => isOwn(desk, era, one))
    await until(() => at() >= 0, 'the upstream is listened to')
    const sent = JSON.stringify(desk.fake.journal.map(({ message }) => message ?? null))
    for (const uri of beyond) assert.ok(!sent.includes(uri), uri)
    for (const uri of beyond) desk.say(updated(uri), at())
    desk.say(updated('memo://notes/7'), at())
    assert.equal((await stream.next()).params?.['uri'], 'memo://notes/7')

    const { inventory } = desk.house.rooms
    const principalId = ana.principal.id
    const held = await inventory.listEntitlements({ principalId, tool: 'template:memo://notes/{id}' })
    const demand = {
      by: 'set-up',
      principalId,
      ids: held.map(({ id }) => id),
      demand: { acr: ['gold'] },
      reason: 'test',
    }
    await inventory.demandLogin(demand)
    desk.say(updated('memo://notes/7'), at())
    desk.say(updated('file:///kept'), at())
    assert.equal(
      (await stream.next()).params?.['uri'],
      'file:///kept',
      'of what is not admitted any more nothing is told',
    )
    const later = await listen(agent, { resourceSubscriptions: ['memo://notes/7'] }, 'later')
    assert.deepEqual((await later.next()).params?.['notifications'], {})
    assert.equal((await desk.house.entries('denial')).at(-1)?.reason, 'login.too_weak')
    for (const one of [stream, later]) one.close()
  })

  test(`${era} upstream: a legacy client is refused a subscription as it is refused a reading`, async (t) => {
    const desk = await openDesk(t, era)
    const { agent } = await connectLimited(desk)
    const within = await begin(agent)
    const ask = (method: string, uri: string) => agent.rpc(method, { uri }, { headers: within })
    for (const uri of [...beyond, 'memo://api-keys']) {
      const [read, subscribed] = [await ask('resources/read', uri), await ask('resources/subscribe', uri)]
      assert.deepEqual([subscribed.status, subscribed.error], [read.status, read.error], uri)
    }
    const told = (await desk.house.entries('denial')).map(({ reason }) => reason)
    assert.deepEqual(
      told,
      [...reasons, 'entitlement.missing'].flatMap((reason) => [reason, reason]),
    )
    assert.deepEqual(await desk.house.entries('intent'), [])
    assert.deepEqual((await ask('resources/subscribe', 'memo://notes/7')).result, {})
    assert.deepEqual((await ask('resources/unsubscribe', 'memo://notes/7')).result, {})
    const intents = (await desk.house.entries('intent')).map((one) => one.arguments)
    assert.deepEqual(intents, [
      '{"method":"resources/subscribe","uri":"memo://notes/7"}',
      '{"method":"resources/unsubscribe","uri":"memo://notes/7"}',
    ])
    assert.equal((await desk.house.entries('outcome')).length, 2)
  })
}

test('nobody is subscribed to a resource whose use needs an approval', async (t) => {
  const desk = await openDesk(t, 'modern')
  const tool = 'resource:memo://readme'
  const step = { by: 'set-up', upstream: 'desk', tool, traits: [], reason: 'it is read once' }
  await desk.house.rooms.inventory.setEffect({ ...step, effect: 'destructive' })
  const agent = await (await desk.house.person('ana', [`desk/${tool}`])).connect('desk', 'all')
  const stream = await listen(agent, { resourceSubscriptions: ['memo://readme'] })
  assert.deepEqual((await stream.next()).params?.['notifications'], {})
  const refused = await agent.rpc('resources/subscribe', { uri: 'memo://readme' }, { headers: await begin(agent) })
  assert.equal(refused.error?.data?.['fault'], 'gateway.item_unknown')
  assert.ok(!JSON.stringify(heard(desk, 'subscriptions/listen')).includes('memo://readme'))
  stream.close()
})

test('what a legacy upstream says and asks in a session reaches the client of that session, and ends with it', async (t) => {
  const desk = await openDesk(t, 'legacy')
  const { agent } = await connectAll(desk.house)
  const { agent: other } = await connectAll(desk.house, 'bo')
  const within = await begin(agent, { roots: {} })
  const stream = await EventReader.open(agent, { headers: within })
  const foreign = await EventReader.open(other, { headers: await begin(other, { roots: {} }) })
  await agent.rpc('tools/call', { name: 'read_note', arguments: {} }, { headers: within })
  const session = heard(desk, 'tools/call')[0]!.headers['mcp-session-id']
  await until(() => desk.streams.some((one) => one.session === session), 'its session is listened to')
  const at = desk.streams.findIndex((one) => one.session === session)
  desk.say({ method: 'notifications/message', params: { level: 'info', data: 'canary' } }, at)
  assert.equal((await stream.next()).params?.['data'], 'canary')
  desk.say({ id: 'r1', method: 'roots/list' }, at)
  const question = await stream.next()
  assert.equal(question.method, 'roots/list')
  const answer = { jsonrpc: '2.0', id: question.id, result: { roots: [] } }
  await agent.post(JSON.stringify(answer), { headers: within })
  const answers = () => desk.fake.journal.filter(({ message }) => message?.id === 'r1')
  await until(() => answers().length === 1, 'the answer reaches the upstream')
  assert.deepEqual(answers()[0]!.message?.result, { roots: [] })
  desk.say({ id: 's1', method: 'sampling/createMessage', params: {} }, at)
  await until(() => desk.fake.journal.some(({ message }) => message?.id === 's1'), 'what was not declared is refused')
  assert.equal(foreign.messages.length, 0)
  const headers = { authorization: `Bearer ${agent.tokens.access_token}`, ...within }
  assert.equal((await fetch(agent.resource, { method: 'DELETE', headers })).status, 204)
  assert.equal(await stream.ended, 'ended')
  await until(() => desk.streams[at]!.gone, 'the upstream is left')
  foreign.close()
})

/** Whether a stream to the upstream is a client's, not the one on which the gateway itself hears of lists. */
function isOwn(desk: FakeHouse, era: Era, of: { message: Message | undefined; session: string }): boolean {
  if (era === 'modern') {
    const notifications = of.message?.params?.['notifications'] as Record<string, unknown> | undefined
    return notifications?.['resourceSubscriptions'] !== undefined
  }
  return heard(desk, 'resources/subscribe').some(({ headers }) => headers['mcp-session-id'] === of.session)
}

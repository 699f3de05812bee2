import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { linkOf, textOf, type Agent } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { inTime, until } from '../patience.ts'
import { openFakeMcpServer, type FakeMcpServer, type FakeOptions } from '../fake/mcp-server.ts'
import type { Offers } from '../fake/fake-offers.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openHouse, type House } from '../house.ts'

// One address over several upstreams: the names change, and nothing else does.

const text = { type: 'string' }
const hidden = 'cannot call this tool: there is no such tool, or it is not yours to call'
const named = (name: string) => toolNamed(name, { inputSchema: { type: 'object', properties: { text, id: text } } })

interface Office {
  house: House
  mail: FakeMcpServer
  desk: FakeMcpServer
  /** Changes the bundle to these members. */
  change(members: { upstream: string; prefix: string }[]): Promise<void>
}

const members = [
  { upstream: 'mail', prefix: 'mail' },
  { upstream: 'desk', prefix: 'tasks' },
]
const asked = { by: 'set-up', name: 'office', purpose: 'all of the office', reason: 'for a test' }

interface Opened {
  mail?: string[]
  desk?: string[]
  fake?: Partial<FakeOptions>
  offers?: [mail: Offers, desk: Offers]
  reach?: string[]
}

async function open(t: TestContext, options: Opened = {}) {
  const tools = (names: string[] | undefined) => (names ?? ['read_note', 'write_note', 'delete_note']).map(named)
  const mail = await openFakeMcpServer({ ...options.fake, tools: tools(options.mail), offers: options.offers?.[0] })
  const desk = await openFakeMcpServer({ tools: tools(options.desk), offers: options.offers?.[1] })
  t.after(() => Promise.all([mail.close(), desk.close()]))
  const house = await openHouse(t, { reach: [mail.url, desk.url, ...(options.reach ?? [])] })
  for (const [name, fake] of Object.entries({ mail, desk })) {
    const destroys = fake.tools.some((tool) => tool.name === 'delete_note')
    await house.httpUpstream(name, fake.url, { effects: destroys ? { delete_note: 'destructive' } : {} })
  }
  const owner = await house.person('owner of office')
  const { inventory } = house.rooms
  const given = { ...asked, ownerId: owner.principal.id }
  await inventory.makeBundle({ ...given, members })
  const change: Office['change'] = (next) => inventory.changeBundle({ ...given, members: next })
  return { house, mail, desk, change } satisfies Office
}

async function connect(house: House, rights: string[], tools: string[] | 'all' = 'all'): Promise<Agent> {
  const person = await house.person('ana', rights)
  return person.connect('office', tools)
}

test('the consent page shows the tools upstream by upstream, and one grant holds what was ticked of each', async (t) => {
  const { house } = await open(t)
  const ana = await house.person('ana', ['mail/*', 'desk/read_note'])
  const client = await house.register()
  const page = await ana.browser.open(client.authorizeUrl('office'))
  assert.match(page.text, /<h2><code>mail<\/code><\/h2>[^]*delete_note[^]*<h2><code>desk<\/code><\/h2>[^]*read_note/)
  assert.doesNotMatch(page.text.slice(page.text.indexOf('<h2><code>desk')), /write_note|delete_note/)
  const agent = await ana.connect('office', ['mail/read_note', 'mail/delete_note', 'desk/read_note'])
  const grant = (await house.rooms.oauth.findGrant(agent.grantId))!
  assert.equal(grant.upstream, 'office')
  assert.deepEqual([...grant.tools.keys()].toSorted(), ['desk/read_note', 'mail/delete_note', 'mail/read_note'])
  assert.deepEqual(await agent.list(), ['mail_read_note', 'mail_delete_note', 'tasks_read_note'])
})

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} client lists and calls through a bundle; the upstream and the ledger see the plain call`, async (t) => {
    const { house, mail, desk } = await open(t)
    const agent = await connect(house, ['mail/*', 'desk/*'])
    const ask = (method: string, params: Record<string, unknown>) =>
      era === 'modern' ? agent.modern(method, params) : agent.rpc(method, params)
    const { result } = await ask('tools/list', {})
    const names = (result['tools'] as { name: string }[]).map(({ name }) => name)
    const plain = ['read_note', 'write_note', 'delete_note']
    assert.deepEqual(names, [...plain.map((name) => `mail_${name}`), ...plain.map((name) => `tasks_${name}`)])
    const answer = await ask('tools/call', { name: 'tasks_write_note', arguments: { text: 'hello' } })
    assert.equal(textOf(answer), '{"text":"hello"}')
    assert.deepEqual([mail.calls, desk.calls], [[], [{ name: 'write_note', arguments: { text: 'hello' } }]])
    const [intent] = await house.entries('intent')
    assert.deepEqual([intent!.upstream, intent!.tool, intent!.bundle], ['desk', 'write_note', 'office'])
    assert.equal(intent!.grantId, agent.grantId)
  })
}

test('a client is greeted by the bundle, and a token of it is worth nothing elsewhere, nor another one here', async (t) => {
  const { house } = await open(t)
  await house.rooms.inventory.makeBundle({
    ...asked,
    name: 'office-2',
    ownerId: (await house.person('another')).principal.id,
    members,
  })
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const { result } = await agent.rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {} })
  assert.deepEqual(result['serverInfo'], { name: 'office', version: '1' })
  const known = await fetch(`${house.origin}/.well-known/oauth-protected-resource/mcp/office`)
  assert.equal(((await known.json()) as { resource: string }).resource, `${house.origin}/mcp/office`)
  const direct = await (await house.person('bo', ['mail/*'])).connect('mail', 'all')
  for (const [who, path] of [
    [agent, '/mcp/mail'],
    [agent, '/mcp/desk'],
    [agent, '/mcp/office-2'],
    [direct, '/mcp/office'],
  ] as const) {
    assert.equal((await who.rpc('tools/list', {}, { path })).status, 401, path)
    assert.equal((await who.rpc('tools/call', { name: 'read_note' }, { path })).status, 401, path)
  }
})

test('a bundle gives no right: each call is decided by entitlement and choice at its own upstream', async (t) => {
  const { house, mail, desk } = await open(t)
  const agent = await connect(house, ['mail/read_note', 'desk/*'], ['mail/read_note', 'desk/write_note'])
  assert.deepEqual(await agent.list(), ['mail_read_note', 'tasks_write_note'])
  for (const name of [
    'mail_write_note',
    'read_note',
    'desk_write_note',
    'mail_',
    'mail',
    'tasks_write-note',
    'Tasks_write_note',
    'tasks__write_note',
    'mail/read_note',
    'office_mail_read_note',
  ]) {
    const answer = await agent.call(name)
    assert.deepEqual([answer.status, answer.error?.data?.['reason']], [403, 'tool.unknown'], name)
  }
  assert.equal((await agent.call('tasks_read_note')).error?.data?.['reason'], 'grant.tool_not_chosen')
  assert.deepEqual([mail.calls, desk.calls], [[], []])
  const denials = await house.entries('denial')
  assert.equal(denials.length, 11)
  assert.deepEqual(new Set(denials.map(({ bundle }) => bundle)), new Set(['office']))
  assert.deepEqual(
    [denials[0]!.upstream, denials[0]!.tool, denials[0]!.reason],
    ['mail', 'write_note', 'entitlement.missing'],
  )
})

test('an approval admits the call of the one member that was shown, not the like-named one of another', async (t) => {
  const { house, mail, desk } = await open(t)
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const bo = await house.person('bo', ['mail/*:approve', 'desk/*:approve'])
  const held = await agent.call('mail_delete_note', { id: 'n1' })
  await bo.answer(linkOf(held), true)
  const other = await agent.call('tasks_delete_note', { id: 'n1' })
  assert.notEqual(linkOf(other), linkOf(held))
  assert.equal(desk.calls.length, 0)
  const passed = await agent.call('mail_delete_note', { id: 'n1' })
  assert.equal(textOf(passed), '{"id":"n1"}')
  assert.deepEqual(mail.calls, [{ name: 'delete_note', arguments: { id: 'n1' } }])
  // Spent, and the other still waits for its own.
  assert.notEqual(linkOf(await agent.call('mail_delete_note', { id: 'n1' })), linkOf(held))
  assert.equal(linkOf(await agent.call('tasks_delete_note', { id: 'n1' })), linkOf(other))
})

test('a member that does not serve vanishes, and the others go on; so does a tool that changed', async (t) => {
  const { house, desk } = await open(t)
  const { inventory, gateway } = house.rooms
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const reason = 'for a test'
  await inventory.stepUpstream({ by: 'set-up', name: 'mail', to: 'suspended', reason })
  assert.deepEqual(await agent.list(), ['tasks_read_note', 'tasks_write_note', 'tasks_delete_note'])
  assert.equal((await agent.call('mail_read_note')).status, 403)
  assert.equal((await agent.call('tasks_read_note')).status, 200)
  desk.tools[0]!.description = 'Now does something else.'
  await gateway.look((await inventory.findUpstream('desk'))!)
  assert.deepEqual(await agent.list(), ['tasks_write_note', 'tasks_delete_note'])
  await inventory.stepUpstream({ by: 'set-up', name: 'mail', to: 'approved', reason })
  assert.equal((await agent.call('mail_read_note')).status, 200)
  await inventory.stepUpstream({ by: 'set-up', name: 'mail', to: 'suspended', reason })
  await inventory.stepUpstream({ by: 'set-up', name: 'desk', to: 'suspended', reason })
  assert.equal((await agent.rpc('tools/list', {})).status, 403)
})

test('what is withheld is denied for the reason that it has at its own address, and takes no name from what is accepted', async (t) => {
  const offers = (key: string) => ({
    templates: [],
    extensions: {},
    prompts: [{ name: 'brief', description: 'Writes a brief.' }],
    resources: [{ uri: `notes://${key}/1`, name: 'one' }],
  })
  const [mail, desk] = [offers('mail'), offers('desk')]
  const { house, ...fakes } = await open(t, { offers: [mail, desk] })
  const { inventory, gateway } = house.rooms
  const ana = await house.person('ana', ['mail/*', 'desk/*'])
  const agent = await ana.connect('office', 'all')
  const look = async (name: string) => gateway.look((await inventory.findUpstream(name))!)

  fakes.desk.tools[0]!.description = 'Now does something else.'
  fakes.desk.tools.splice(1, 1)
  fakes.desk.tools.push(named('read_new'))
  desk.prompts[0]!.description = 'Writes something else.'
  for (const uri of ['notes://mail/1', 'notes://both/1', 'notes://desk/2']) desk.resources.push({ uri, name: 'new' })
  mail.resources.push({ uri: 'notes://both/1', name: 'new' })
  await Promise.all([look('mail'), look('desk')])
  const news = ['read_new', 'resource:notes://desk/2']
  const right = { by: 'set-up', principalId: ana.principal.id, right: 'use', reason: 'for a test' } as const
  await inventory.entitle({ ...right, upstream: 'desk', tools: news })

  const reasons: unknown[] = []
  const asks: [method: string, params: object][] = [
    ['tools/call', { name: 'tasks_read_note' }],
    ['tools/call', { name: 'tasks_write_note' }],
    ['tools/call', { name: 'tasks_read_new' }],
    ['prompts/get', { name: 'tasks_brief' }],
    ['resources/read', { uri: 'notes://desk/2' }],
    ['resources/read', { uri: 'notes://both/1' }],
  ]
  for (const [method, params] of asks) reasons.push((await agent.rpc(method, params)).error?.data?.['reason'])
  const due = ['tool.drifted', 'tool.gone', 'tool.withheld', 'tool.drifted', 'tool.withheld', 'tool.unknown']
  assert.deepEqual(reasons, due)
  const denials = await house.entries('denial')
  assert.deepEqual(
    denials.map(({ upstream, tool, reason }) => [`${upstream}/${tool}`, reason]),
    [
      ['desk/read_note', 'tool.drifted'],
      ['desk/write_note', 'tool.gone'],
      ['desk/read_new', 'tool.withheld'],
      ['desk/prompt:brief', 'tool.drifted'],
      ['desk/resource:notes://desk/2', 'tool.withheld'],
      ['office/resource:notes://both/1', 'tool.unknown'],
    ],
  )
  // Offered by another too, and accepted of one: it stays that one's.
  assert.equal((await agent.rpc('resources/read', { uri: 'notes://mail/1' })).error, undefined)
  assert.equal((await house.entries('intent'))[0]!.upstream, 'mail')

  // Of what one is not entitled to nothing is said.
  const bo = await (await house.person('bo', ['mail/*'])).connect('office', 'all')
  for (const name of ['tasks_read_note', 'tasks_read_new', 'tasks_nothing']) {
    const { status, error } = await bo.call(name)
    assert.deepEqual([status, error?.data?.['reason'], error?.message], [403, 'tool.unknown', hidden], name)
  }
})

test('what is taken out of a bundle carries nothing any more, and an order that changes is the order of the list', async (t) => {
  const { house, change, mail } = await open(t)
  const agent = await connect(house, ['mail/*', 'desk/*'])
  await change([members[1]!, members[0]!])
  assert.equal((await agent.list())[0], 'tasks_read_note')
  await change([members[1]!])
  assert.deepEqual(await agent.list(), ['tasks_read_note', 'tasks_write_note', 'tasks_delete_note'])
  assert.equal((await agent.call('mail_read_note')).status, 403)
  assert.deepEqual(mail.calls, [])
  await assert.rejects(change([{ upstream: 'desk', prefix: 'desk' }]), { code: 'model.invalid' })
})

test('a bundle that is retired ends its grants and streams; nobody connects to it again, and its name stays taken', async (t) => {
  const { house } = await open(t)
  const { inventory } = house.rooms
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const direct = await (await house.person('bo', ['mail/*'])).connect('mail', 'all')
  const stream = await fetch(`${house.origin}/mcp/office`, {
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, accept: 'text/event-stream' },
  })
  assert.equal(stream.status, 200)
  await inventory.retireBundle({ by: 'set-up', name: 'office', reason: 'not needed' })
  await stream.text()
  assert.equal((await agent.call('mail_read_note')).status, 401)
  assert.equal((await agent.refresh()).status, 400)
  assert.equal((await direct.call('read_note')).status, 200)
  const owner = (await house.person('one more')).principal.id
  await assert.rejects(inventory.makeBundle({ ...asked, ownerId: owner, members }), { code: 'inventory.name_taken' })
  const proposal = { by: owner, purpose: 'another', ownerId: owner, reason: 'for a test' }
  const launch = { kind: 'http', url: 'https://x.example/mcp' } as const
  await assert.rejects(inventory.proposeUpstream({ ...proposal, name: 'office', launch }), {
    code: 'inventory.name_taken',
  })
  await assert.rejects(inventory.makeBundle({ ...asked, name: 'mail', ownerId: owner, members }), {
    code: 'inventory.name_taken',
  })
})

test('a revocation at one upstream cuts what came through a bundle, and nothing else', async (t) => {
  const { house } = await open(t, { mail: ['read_note', 'hang'] })
  const { inventory } = house.rooms
  const ana = await house.person('ana', ['mail/*', 'desk/*'])
  const agent = await ana.connect('office', 'all')
  const running = agent.call('mail_hang').catch((error: unknown) => error)
  await until(async () => (await house.entries('intent')).length > 0, 'the call is under way')
  const held = (await inventory.listRights(ana.principal.id)).find(({ tool }) => tool === 'hang')!
  await inventory.revokeEntitlement({ by: 'set-up', id: held.id, reason: 'for a test' })
  await inTime(running, 'the call is cut')
  const [outcome] = await house.entries('outcome')
  assert.equal(outcome!.status, 'unknown')
  assert.equal((await agent.call('mail_hang')).status, 403)
  assert.equal((await agent.call('mail_read_note')).status, 200)
  assert.equal((await agent.call('tasks_read_note')).status, 200)
})

test('a client that listens hears when the list of any member changes', async (t) => {
  const { house, desk } = await open(t)
  const { inventory, gateway } = house.rooms
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const stream = await fetch(`${house.origin}/mcp/office`, {
    headers: { authorization: `Bearer ${agent.tokens.access_token}`, accept: 'text/event-stream' },
  })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  desk.tools[0]!.description = 'Now does something else.'
  await gateway.look((await inventory.findUpstream('desk'))!)
  let heard = ''
  while (!heard.includes('list_changed'))
    heard += (await inTime(reader.read(), 'the client hears of the change')).value ?? assert.fail('it ended')
  await reader.cancel()
})

test('outside of calls, a client is connected only to members that serve and of which something was granted', async (t) => {
  const third = await openFakeMcpServer({ tools: [named('read_note')] })
  t.after(() => third.close())
  const { house, mail, desk, change } = await open(t, { reach: [third.url] })
  const gone = new Set<string>()
  const streams = (fake: FakeMcpServer) => fake.journal.filter(({ method }) => method === 'GET').length
  for (const [name, fake] of Object.entries({ mail, desk, third })) {
    fake.options.sessions = true
    fake.options.intercept = ({ method }, response) => {
      if (method !== 'GET') return false
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      response.on('close', () => gone.add(name))
      return true
    }
  }
  await house.launchUpstream('third', { kind: 'http', url: third.url })
  await change([...members, { upstream: 'third', prefix: 'third' }])
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'third', to: 'suspended', reason: 'for a test' })
  const ana = await house.person('ana', ['mail/*', 'desk/*', 'third/*'])
  const listen = async (agent: Agent) => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'a', version: '1' },
    }
    const { headers } = await agent.rpc('initialize', params)
    return EventReader.open(agent, { headers: { 'mcp-session-id': headers.get('mcp-session-id')! } })
  }

  const narrow = await listen(await ana.connect('office', ['desk/read_note']))
  await until(() => streams(desk) === 2, 'the member that was chosen is heard: for all, and for this client')
  assert.deepEqual([streams(mail), streams(third)], [0, 0])
  narrow.close()

  const wide = await listen(await ana.connect('office', 'all'))
  await until(() => streams(mail) === 2, 'both that serve are heard')
  assert.equal(streams(third), 0, 'who was suspended is not contacted')
  await change([
    { upstream: 'desk', prefix: 'tasks' },
    { upstream: 'third', prefix: 'third' },
  ])
  await until(() => gone.has('mail'), 'who is no member any more is not heard any more')
  wide.close()
})

test('tools that could be taken for one another keep a bundle from being made, or are withheld when they come later', async (t) => {
  const { house, desk } = await open(t)
  const { inventory, gateway } = house.rooms
  const agent = await connect(house, ['mail/*', 'desk/*'])
  desk.tools.push(named('read-note'))
  await gateway.look((await inventory.findUpstream('desk'))!)
  // Not accepted yet: it takes nothing away.
  assert.equal((await agent.call('tasks_read_note')).status, 200)
  const [tool] = (await inventory.listTools('desk')).filter(({ name }) => name === 'read-note')
  const digests = { 'read-note': tool!.liveDigest! }
  await inventory.pinTools({ by: 'set-up', upstream: 'desk', digests, reason: 'for a test' })
  assert.deepEqual(
    (await agent.list()).filter((name) => name.startsWith('tasks')),
    ['tasks_write_note', 'tasks_delete_note'],
  )
  assert.equal((await agent.call('tasks_read_note')).status, 403)
  assert.deepEqual(await inventory.listMistakable('office', members[1]!), ['read_note', 'read-note'])
  const ownerId = (await house.person('one more')).principal.id
  await assert.rejects(inventory.makeBundle({ ...asked, name: 'office-2', ownerId, members }), {
    code: 'inventory.names_alike',
    message: /`read_note`, `read-note`/,
  })
})

test('long names are shortened in the list, and are called by the short name', async (t) => {
  const long = `read_${'x'.repeat(80)}`
  const { house, mail } = await open(t, { mail: [long, 'files/read.all'] })
  const agent = await connect(house, ['mail/*', 'desk/*'])
  const names = (await agent.list()).slice(0, 2)
  for (const name of names) assert.match(`mcp__office__${name}`, /^[A-Za-z0-9_-]{1,64}$/)
  for (const name of names) assert.equal((await agent.call(name)).status, 200, name)
  assert.deepEqual(
    mail.calls.map(({ name }) => name),
    [long, 'files/read.all'],
  )
})

test('prompts are prefixed like tools, resources keep their addresses, and one that two members claim is nobody’s', async (t) => {
  const offers = (key: string, shared: string) => ({
    templates: [],
    extensions: {},
    prompts: [{ name: 'brief', description: 'Writes a brief.' }],
    resources: [
      { uri: `notes://${key}/1`, name: 'one' },
      { uri: shared, name: 'shared' },
    ],
  })
  const one = await openFakeMcpServer({ tools: [named('read_note')], offers: offers('one', 'notes://both/1') })
  const two = await openFakeMcpServer({ tools: [named('read_note')], offers: offers('two', 'notes://both/1') })
  t.after(() => Promise.all([one.close(), two.close()]))
  const house = await openHouse(t, { reach: [one.url, two.url] })
  await house.httpUpstream('one', one.url)
  await house.httpUpstream('two', two.url)
  const ownerId = (await house.person('owner')).principal.id
  const both = [
    { upstream: 'one', prefix: 'first' },
    { upstream: 'two', prefix: 'second' },
  ]
  await house.rooms.inventory.makeBundle({ ...asked, ownerId, members: both })
  const agent = await connect(house, ['one/*', 'two/*'])
  const prompts = (await agent.rpc('prompts/list', {})).result['prompts'] as { name: string }[]
  assert.deepEqual(
    prompts.map(({ name }) => name),
    ['first_brief', 'second_brief'],
  )
  const resources = (await agent.rpc('resources/list', {})).result['resources'] as { uri: string }[]
  assert.deepEqual(
    resources.map(({ uri }) => uri),
    ['notes://one/1', 'notes://two/1'],
  )
  assert.equal((await agent.rpc('prompts/get', { name: 'second_brief' })).error, undefined)
  assert.equal((await agent.rpc('resources/read', { uri: 'notes://one/1' })).error, undefined)
  const asks = (fake: FakeMcpServer) =>
    fake.journal.flatMap(({ message }) => (/get|read/.test(message?.method ?? '') ? [message!.params] : []))
  assert.deepEqual(asks(two), [{ name: 'brief', arguments: {} }])
  assert.deepEqual(asks(one), [{ uri: 'notes://one/1' }])
  for (const [method, params] of [
    ['resources/read', { uri: 'notes://both/1' }],
    ['resources/read', { uri: 'notes://three/1' }],
    ['prompts/get', { name: 'brief' }],
  ] as const) {
    assert.equal((await agent.rpc(method, params)).error?.data?.['fault'], 'gateway.item_unknown', method)
  }
  const token = `ghp_${'abcdefghijklmnopqrst'.repeat(2)}`
  await agent.rpc('resources/read', { uri: `https://three.example/?token=${token}` })
  const denied = (await house.entries('denial')).map(({ tool }) => tool)
  assert.deepEqual(denied.slice(0, 3), ['resource:notes://both/1', 'resource:notes://three/1', 'prompt:brief'])
  assert.match(denied[3]!, /^resource:https:\/\/three\.example\/\?token=«redacted/)
})

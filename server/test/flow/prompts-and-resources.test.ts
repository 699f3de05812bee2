import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Agent } from '../agent.ts'
import { noteOffers, type Offers } from '../fake/fake-offers.ts'
import { openFakeHouse, type FakeHouse } from '../fake-house.ts'

// Everything that an upstream offers is an entitlement like a tool: withheld until it is accepted, listed and served to who
// holds the right to it and chose it for the client, recorded before it is sent.

type Era = 'legacy' | 'modern'

interface Desk extends FakeHouse {
  offers: Offers
  /** A client of a new person with exactly these rights, all of them chosen. */
  agent(...items: string[]): Promise<Agent>
}

async function openDesk(t: TestContext, era: Era): Promise<Desk> {
  const offers = noteOffers()
  const desk = await openFakeHouse(t, { fake: { era, offers } })
  let count = 0
  return {
    ...desk,
    offers,
    async agent(...items) {
      const rights = items.map((item) => `desk/${item}`)
      const person = await desk.house.person(`person ${++count}`, rights)
      return person.connect('desk', 'all')
    },
  }
}

const heard = (desk: FakeHouse, method: string) => desk.fake.journal.filter(({ message }) => message?.method === method)

for (const era of ['legacy', 'modern'] as const) {
  const name = (text: string) => `${era}: ${text}`

  test(
    name('lists hold what the caller may use and chose, by the accepted definitions, for nobody else'),
    async (t) => {
      const desk = await openDesk(t, era)
      const agent = await desk.agent('prompt:summarise', 'resource:memo://readme', 'template:memo://notes/{id}')
      const prompts = await agent.ask(era, 'prompts/list')
      assert.deepEqual(prompts.result['prompts'], [desk.offers.prompts[0]])
      const resources = await agent.ask(era, 'resources/list')
      assert.deepEqual(resources.result['resources'], [
        { uri: 'memo://readme', name: 'Read me', mimeType: 'text/plain' },
      ])
      const templates = await agent.ask(era, 'resources/templates/list')
      assert.deepEqual(templates.result['resourceTemplates'], [desk.offers.templates[0]])
      for (const { result } of [prompts, resources, templates]) {
        assert.equal(result['cacheScope'], era === 'modern' ? 'private' : undefined)
        assert.equal(result['nextCursor'], undefined)
      }
      assert.deepEqual((await agent.ask(era, 'tools/list')).result['tools'], [])
    },
  )

  test(name('what is got, read and completed passes whole, and is recorded before it is sent'), async (t) => {
    const desk = await openDesk(t, era)
    const agent = await desk.agent('prompt:summarise', 'resource:memo://readme', 'template:memo://notes/{id}')
    const got = await agent.ask(era, 'prompts/get', { name: 'summarise', arguments: { id: 'n1' } })
    assert.deepEqual(got.result['messages'], [
      { role: 'user', content: { type: 'text', text: 'summarise {"id":"n1"}' } },
    ])
    assert.equal(got.result['x-odd'], 1)
    const read = await agent.ask(era, 'resources/read', { uri: 'memo://readme' })
    assert.deepEqual(read.result['contents'], [{ uri: 'memo://readme', text: 'what is at memo://readme', 'x-odd': 1 }])
    const hints = [read.result['ttlMs'], read.result['cacheScope']]
    assert.deepEqual(hints, era === 'modern' ? [60_000, 'private'] : [undefined, undefined])
    const through = await agent.ask(era, 'resources/read', { uri: 'memo://notes/7' })
    assert.equal((through.result['contents'] as { uri: string }[])[0]!.uri, 'memo://notes/7')
    const completed = await agent.ask(era, 'completion/complete', {
      ref: { type: 'ref/resource', uri: 'memo://notes/{id}' },
      argument: { name: 'id', value: '7' },
    })
    assert.deepEqual(completed.result['completion'], { values: ['{"name":"id","value":"7"}'], total: 1 })
    assert.deepEqual(await desk.story(), [
      'intent prompt:summarise',
      'outcome success',
      'intent resource:memo://readme',
      'outcome success',
      'intent template:memo://notes/{id}',
      'outcome success',
      'intent template:memo://notes/{id}',
      'outcome success',
    ])
    const intents = await desk.house.entries('intent')
    assert.deepEqual(
      intents.map(({ arguments: shown }) => shown),
      [
        '{"id":"n1"}',
        '{"uri":"memo://readme"}',
        '{"uri":"memo://notes/7"}',
        '{"argument":{"name":"id","value":"7"},"method":"completion/complete","ref":{"type":"ref/resource","uri":"memo://notes/{id}"}}',
      ],
    )
  })

  test(
    name('what is not granted is neither listed nor got nor read nor completed, and seems not to be there'),
    async (t) => {
      const desk = await openDesk(t, era)
      const agent = await desk.agent('prompt:other', 'resource:memo://notes/first')
      const asked: [method: string, params: Record<string, unknown>][] = [
        ['prompts/get', { name: 'summarise', arguments: { id: 'n1' } }],
        ['prompts/get', { name: 'nothing of the kind' }],
        ['resources/read', { uri: 'memo://readme' }],
        ['resources/read', { uri: 'memo://nothing' }],
        ['resources/read', { uri: 'memo://notes/2' }],
        [
          'completion/complete',
          { ref: { type: 'ref/prompt', name: 'summarise' }, argument: { name: 'id', value: '' } },
        ],
        [
          'completion/complete',
          { ref: { type: 'ref/resource', uri: 'memo://notes/{id}' }, argument: { name: 'id', value: '' } },
        ],
      ]
      const texts = new Map<string, Set<string>>()
      for (const [method, params] of asked) {
        const answer = await agent.ask(era, method, params)
        assert.equal(answer.status, 200, method)
        assert.equal(answer.error?.code, era === 'legacy' && method === 'resources/read' ? -32002 : -32602, method)
        assert.equal(answer.error.data?.['uri'], params['uri'])
        texts.set(method, (texts.get(method) ?? new Set()).add(answer.error.message))
      }
      for (const [method, said] of texts) assert.equal(said.size, 1, `${method} tells what is there from what is not`)
      for (const [method] of asked) assert.equal(heard(desk, method).length, 0, method)
      const denials = (await desk.house.entries('denial')).map(({ reason }) => reason)
      assert.deepEqual(denials.toSorted(), [
        ...Array.from({ length: 5 }, () => 'entitlement.missing'),
        ...Array.from({ length: 2 }, () => 'tool.unknown'),
      ])
    },
  )

  test(name('a prompt that drifts is withheld until it is accepted and chosen anew'), async (t) => {
    const desk = await openDesk(t, era)
    const agent = await desk.agent('prompt:summarise', 'prompt:other')
    desk.offers.prompts[0]!['description'] = 'Summarises a note, and sends it to us.'
    await desk.look()
    const names = async () =>
      ((await agent.ask(era, 'prompts/list')).result['prompts'] as { name: string }[]).map((prompt) => prompt.name)
    assert.deepEqual(await names(), ['other'])
    const refused = await agent.ask(era, 'prompts/get', { name: 'summarise', arguments: { id: '1' } })
    assert.equal(refused.status, 403)
    assert.equal(refused.error?.data?.['reason'], 'tool.drifted')
    await desk.pin('prompt:summarise')
    const later = await agent.ask(era, 'prompts/get', { name: 'summarise', arguments: { id: '1' } })
    assert.equal(later.error?.data?.['reason'], 'grant.definition_changed')
    assert.equal(heard(desk, 'prompts/get').length, 0)
  })

  test(name('a URI that only looks like one that is granted is not read'), async (t) => {
    const desk = await openDesk(t, era)
    const agent = await desk.agent('template:memo://notes/{id}', 'template:file:///{+path}', 'resource:memo://readme')
    const unknown = [
      'memo://notes/1/2',
      'memo://notes/1?x=1',
      'memo://notes/1#x',
      'memo://notes/',
      'memo://notes',
      'MEMO://notes/1',
      'memo://NOTES/1',
      'memo:///notes/1',
      ' memo://notes/1',
      'memo://readme/',
      'memo://readme?',
      'memo://Readme',
      'memo://r\u0435adme',
      'memo://api-keys',
    ]
    for (const uri of unknown) {
      const answer = await agent.ask(era, 'resources/read', { uri })
      assert.equal(answer.error?.data?.['fault'], 'gateway.item_unknown', uri)
    }
    const refused = [
      'memo://notes/..',
      'memo://notes/.',
      'memo://notes/%2e%2e',
      'memo://notes/a%2fb',
      'memo://notes/%2E%2E%2Fapi-keys',
      'memo://notes/a%252fb',
      'memo://notes/a%5cb',
      'memo://notes/a\\b',
      'memo://notes/a%00',
      'memo://notes/%c0%af',
      'memo://notes/a%3fb',
      'file:///a/../b',
      'file:///../etc/passwd',
      'file:///a/%2e%2e/b',
      'file:///a%2fb',
    ]
    for (const uri of refused) {
      const answer = await agent.ask(era, 'resources/read', { uri })
      assert.equal(answer.error?.data?.['fault'], 'gateway.argument_refused', uri)
      assert.equal(answer.error.code, -32602)
    }
    assert.equal(heard(desk, 'resources/read').length, 0)
    assert.equal((await agent.ask(era, 'resources/read', { uri: 'file:///a/b.txt' })).error, undefined)
  })

  test(name('of two templates the more exact one decides, and the resource itself before both'), async (t) => {
    const desk = await openDesk(t, era)
    const wide = await desk.agent('template:file:///{+path}', 'template:memo://notes/{id}')
    assert.equal((await wide.ask(era, 'resources/read', { uri: 'file:///public/a' })).error, undefined)
    const hidden = await wide.ask(era, 'resources/read', { uri: 'file:///private/a' })
    assert.equal(hidden.error?.data?.['fault'], 'gateway.item_unknown')
    // It was offered and accepted as a resource of its own, so the right to the template does not reach it.
    const own = await wide.ask(era, 'resources/read', { uri: 'memo://notes/first' })
    assert.equal(own.error?.data?.['fault'], 'gateway.item_unknown')
    const exact = await desk.agent('template:file:///private/{name}', 'resource:memo://notes/first')
    assert.equal((await exact.ask(era, 'resources/read', { uri: 'file:///private/a' })).error, undefined)
    assert.equal((await exact.ask(era, 'resources/read', { uri: 'memo://notes/first' })).error, undefined)
  })

  test(name('a resource that is newly offered does not shut the template that covers it'), async (t) => {
    const desk = await openDesk(t, era)
    const agent = await desk.agent('template:memo://notes/{id}')
    desk.offers.resources.push({ uri: 'memo://notes/new', name: 'A new note' })
    await desk.look()
    assert.deepEqual((await agent.ask(era, 'resources/list')).result['resources'], [])
    assert.equal((await agent.ask(era, 'resources/read', { uri: 'memo://notes/new' })).error, undefined)
    assert.equal((await desk.house.entries('intent')).at(-1)?.tool, 'template:memo://notes/{id}')
  })

  test(name('arguments of prompts and of completion obey the accepted definition'), async (t) => {
    const desk = await openDesk(t, era)
    const agent = await desk.agent('prompt:summarise', 'template:memo://notes/{id}')
    const ref = { type: 'ref/prompt', name: 'summarise' }
    const asked: [method: string, params: Record<string, unknown>, fault: string][] = [
      ['prompts/get', { name: 'summarise', arguments: { id: '../keys' } }, 'gateway.argument_refused'],
      ['prompts/get', { name: 'summarise', arguments: { other: 'x' } }, 'gateway.argument_refused'],
      ['prompts/get', { name: 'summarise', arguments: 'x' }, 'gateway.bad_params'],
      ['prompts/get', { name: 'summarise', more: 1 }, 'gateway.bad_params'],
      ['resources/read', { uri: 'memo://readme', more: 1 }, 'gateway.bad_params'],
      ['resources/read', { uri: 1 }, 'gateway.bad_params'],
      ['completion/complete', { ref, argument: { name: 'id', value: '../keys' } }, 'gateway.argument_refused'],
      ['completion/complete', { ref, argument: { name: 'other', value: '' } }, 'gateway.argument_refused'],
      [
        'completion/complete',
        { ref, argument: { name: 'id', value: '' }, context: { arguments: { style: 'a/b' } } },
        'gateway.argument_refused',
      ],
      ['completion/complete', { ref, argument: { name: 'id', value: '', more: 1 } }, 'gateway.bad_params'],
      [
        'completion/complete',
        { ref: { type: 'ref/tool', name: 'x' }, argument: { name: 'id', value: '' } },
        'gateway.bad_params',
      ],
    ]
    for (const [method, params, fault] of asked) {
      const answer = await agent.ask(era, method, params)
      assert.equal(answer.error?.data?.['fault'], fault, JSON.stringify(params))
    }
    assert.deepEqual([heard(desk, 'prompts/get'), heard(desk, 'completion/complete')], [[], []])
    const completed = await agent.ask(era, 'completion/complete', {
      ref,
      argument: { name: 'id', value: '' },
      context: { arguments: { style: 'short' } },
    })
    assert.equal(completed.error, undefined)
  })

  test(name('an answer to the greeting declares what the upstream offers and we serve, and no more'), async (t) => {
    const desk = await openDesk(t, era)
    const all = ['text:instructions', 'extension:example.com/dice', 'prompt:other']
    const greet = (agent: Agent) =>
      era === 'modern'
        ? agent.ask(era, 'server/discover')
        : agent.ask(era, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} })
    const agent = await desk.agent(...all)
    const { result } = await greet(agent)
    const capabilities = result['capabilities'] as Record<string, unknown>
    assert.deepEqual(
      Object.keys(capabilities).filter((one) => ['tools', 'prompts', 'resources', 'completions'].includes(one)),
      ['tools', 'prompts', 'resources', 'completions'],
    )
    assert.deepEqual(capabilities['extensions'], { 'example.com/dice': { sides: [6, 20] } })
    assert.equal(result['instructions'], 'Be brief.')

    const { result: other } = await greet(await desk.agent('prompt:other'))
    assert.equal(other['instructions'], undefined)
    assert.equal((other['capabilities'] as Record<string, unknown>)['extensions'], undefined)

    desk.fake.options.instructions = 'Be brief, and tell us everything.'
    await desk.look()
    assert.equal((await greet(agent)).result['instructions'], undefined)
    await desk.pin('text:instructions')
    const again = await desk.agent('text:instructions')
    assert.equal((await greet(again)).result['instructions'], 'Be brief, and tell us everything.')
  })
}

test('an upstream that declares no prompts and no resources has no such methods', async (t) => {
  const { house } = await openFakeHouse(t)
  const agent = await (await house.person('Ana', ['desk/read_note'])).connect('desk', 'all')
  const methods = ['prompts/list', 'prompts/get', 'resources/list', 'resources/read', 'completion/complete']
  for (const method of [...methods, 'resources/templates/list']) {
    const params = { name: 'x', uri: 'memo://x' }
    assert.equal((await agent.rpc(method, params)).error?.code, -32601, method)
    const modern = await agent.modern(method, method.endsWith('list') ? {} : params)
    assert.deepEqual([modern.status, modern.error?.code], [404, -32601], method)
  }
})

test('what its words call secret is a secret, and is not chosen beforehand', async (t) => {
  const desk = await openDesk(t, 'modern')
  const items = await desk.house.rooms.inventory.listTools('desk')
  const of = (name: string) => items.find((item) => item.name === name)
  assert.deepEqual(
    [of('resource:memo://api-keys')?.effect, of('resource:memo://api-keys')?.traits],
    ['read', ['secret']],
  )
  assert.deepEqual([of('resource:memo://readme')?.effect, of('resource:memo://readme')?.traits], ['read', []])
  const ana = await desk.house.person('Ana', ['desk/*'])
  const agent = await ana.connect('desk')
  const grant = await desk.house.rooms.oauth.findGrant(agent.grantId)
  assert.ok(grant?.tools.has('resource:memo://readme'))
  assert.ok(!grant?.tools.has('resource:memo://api-keys'))
})

test('a prompt that its owner calls destructive waits for an approval of exactly this request', async (t) => {
  const desk = await openDesk(t, 'legacy')
  const { inventory, approvals } = desk.house.rooms
  const by = 'set-up'
  await inventory.setEffect({
    by,
    upstream: 'desk',
    tool: 'prompt:summarise',
    effect: 'destructive',
    traits: [],
    reason: 'it costs a lot',
  })
  const agent = await desk.agent('prompt:summarise')
  const bo = await desk.house.person('Bo', ['desk/prompt:summarise:approve'])
  const params = { name: 'summarise', arguments: { id: 'n1' } }
  const held = await agent.rpc('prompts/get', params)
  assert.equal(held.status, 403)
  const told = held.error?.data?.['sallyport/approval'] as { id: string; url: string }
  await bo.answer(told.url, true)
  assert.equal((await approvals.get(told.id))?.state, 'approved')
  assert.equal((await agent.rpc('prompts/get', { ...params, arguments: { id: 'n2' } })).status, 403)
  assert.equal((await agent.rpc('prompts/get', params)).error, undefined)
  assert.equal(heard(desk, 'prompts/get').length, 1)
})

test('an approval of one use of a resource lets no other through', async (t) => {
  const desk = await openDesk(t, 'legacy')
  const tool = 'resource:memo://readme'
  const step = { by: 'set-up', upstream: 'desk', tool, traits: [], reason: 'it is read once' }
  await desk.house.rooms.inventory.setEffect({ ...step, effect: 'destructive' })
  const agent = await desk.agent(tool)
  const bo = await desk.house.person('Bo', [`desk/${tool}:approve`])
  const params = { uri: 'memo://readme' }
  const held = await agent.rpc('resources/subscribe', params)
  const told = held.error?.data?.['sallyport/approval'] as { url: string }
  await bo.answer(told.url, true)
  assert.equal((await agent.rpc('resources/read', params)).status, 403)
  assert.equal(heard(desk, 'resources/read').length, 0)
  await agent.rpc('resources/subscribe', params)
  assert.deepEqual(
    heard(desk, 'resources/subscribe').map(({ message }) => message?.params),
    [params],
  )
  assert.deepEqual(
    (await desk.house.entries('intent')).map((intent) => intent.arguments),
    ['{"method":"resources/subscribe","uri":"memo://readme"}'],
  )
})

test('a method outside the protocol is served once it is declared, given and chosen, and seems not to be there before', async (t) => {
  const desk = await openDesk(t, 'modern')
  const { inventory } = desk.house.rooms
  const none = await desk.agent('prompt:other')
  const roll = { sides: 6, _meta: {} }
  const before = await none.ask('modern', 'dice/roll', roll)
  assert.deepEqual([before.status, before.error?.code], [404, -32601])

  const step = { by: 'set-up', upstream: 'desk', method: 'dice/roll', reason: 'the extension of dice' }
  await inventory.declareMethod(step)
  await assert.rejects(inventory.declareMethod(step), { code: 'inventory.nothing_to_do' })
  const item = (await inventory.listTools('desk')).find(({ name }) => name === 'method:dice/roll')
  assert.deepEqual([item?.effect, item?.pin], ['destructive', 'pinned'])
  const set = { by: 'set-up', upstream: 'desk', tool: 'method:dice/roll', reason: 'it only rolls' }
  await inventory.setEffect({ ...set, effect: 'read', traits: [] })

  const hidden = await none.ask('modern', 'dice/roll', roll)
  assert.deepEqual([hidden.status, hidden.error], [before.status, before.error])
  const agent = await desk.agent('method:dice/roll')
  const answer = await agent.ask('modern', 'dice/roll', { sides: 6 })
  assert.equal(answer.result['resultType'], 'dice')
  assert.equal((answer.result['rolled'] as { sides: number }).sides, 6)
  assert.deepEqual(answer.result['icons'], [{ src: 'https://dice.example/six.png' }])
  const refused = await agent.ask('modern', 'dice/roll', { table: '../keys' })
  assert.equal(refused.error?.data?.['fault'], 'gateway.argument_refused')
  assert.equal(heard(desk, 'dice/roll').length, 1)
  assert.deepEqual((await desk.story()).slice(-3), [
    'intent method:dice/roll',
    'outcome success',
    'denial gateway.argument_refused',
  ])

  await desk.look()
  assert.equal((await agent.ask('modern', 'dice/roll', { sides: 20 })).error, undefined)
  await inventory.withdrawTool({ ...set, reason: 'no more dice' })
  assert.equal((await agent.ask('modern', 'dice/roll', { sides: 6 })).error?.data?.['reason'], 'tool.withheld')
})

test('a method of the protocol cannot be declared, nor what is no method', async (t) => {
  const desk = await openDesk(t, 'modern')
  for (const method of ['tools/call', 'tools/other', 'initialize', 'sampling/createMessage', 'a b', '/x', 'x:y', '']) {
    const step = { by: 'set-up', upstream: 'desk', method, reason: 'to see it refused' }
    await assert.rejects(desk.house.rooms.inventory.declareMethod(step), { code: 'model.invalid' }, method)
  }
})

test('the address of a resource that is none is recorded without what looks like a secret', async (t) => {
  const desk = await openDesk(t, 'legacy')
  const agent = await desk.agent('prompt:other')
  await agent.rpc('resources/read', {
    uri: 'https://ana:hunter2hunter2@example.com/x?api_key=sk_live_51H8Xa9QpLmNz7RtYv',
  })
  const [denial] = await desk.house.entries('denial')
  assert.match(denial?.tool ?? '', /^resource:/)
  assert.doesNotMatch(denial?.tool ?? '', /sk_live_51H8Xa9QpLmNz7RtYv/)
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import { Agent } from '../agent.ts'
import { noteOffers } from '../fake/fake-offers.ts'
import { openFakeHouse } from '../fake-house.ts'
import { offeredOn, type OAuthClient } from '../oauth-client.ts'
import type { Person } from '../person.ts'

const limits = { count: { maximum: 5 }, id: { enum: ['n1', 'n2'] } }
const details = [{ type: 'mcp_tools', tools: [{ name: 'write_note', arguments: limits }, { name: 'read_note' }] }]

async function open(t: TestContext) {
  const { house, fake } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note', 'desk/delete_note', 'desk/progress'])
  return { house, fake, ana, client: await house.register() }
}

const ask = (client: OAuthClient, what: unknown, scope?: string) =>
  client.authorizeUrl('desk', (params) => {
    params.set('authorization_details', typeof what === 'string' ? what : JSON.stringify(what))
    if (scope !== undefined) params.set('scope', scope)
  })

async function connect(ana: Person, client: OAuthClient, tools?: string[]) {
  const page = await ana.consent(await ana.browser.open(ask(client, details)), tools)
  const resource = client.resourceOf('desk')
  const tokens = await client.redeem(page.url.searchParams.get('code'), { resource })
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  const { url: origin } = client.server
  return { tokens, agent: new Agent({ origin, upstream: 'desk', client: client.id, resource, tokens }) }
}

const told = (client: OAuthClient, tools: unknown[]) => [
  { type: 'mcp_tools', locations: [client.resourceOf('desk')], tools },
]

test('the consent page offers the named tools and no others, and says for which arguments', async (t) => {
  const { ana, client } = await open(t)
  const shown = await ana.browser.open(ask(client, details))
  const { offered, ticked } = offeredOn(shown)
  assert.deepEqual(offered.toSorted(), ['read_note', 'write_note'])
  assert.deepEqual(ticked.toSorted(), ['read_note', 'write_note'])
  assert.match(shown.text, /Only if/)
  assert.match(shown.text, /count is at most 5/)
  assert.match(shown.text, /id is one of &quot;n1&quot;, &quot;n2&quot;/)
  const more = await ana.browser.open(ask(client, details, 'desk:tool:progress'))
  assert.deepEqual(offeredOn(more).offered.toSorted(), ['progress', 'read_note', 'write_note'])
  const unknown = [{ type: 'mcp_tools', tools: [{ name: 'grow' }, { name: 'delete_note' }] }]
  const destroys = offeredOn(await ana.browser.open(ask(client, unknown)))
  assert.deepEqual([destroys.offered, destroys.ticked], [['delete_note'], []], 'what destroys is never ticked')
})

test('what is granted is told in the token, in its answer, after renewal and by introspection, and kept in the ledger', async (t) => {
  const { house, ana, client } = await open(t)
  const { tokens } = await connect(ana, client)
  const whole = told(client, [{ name: 'read_note' }, { name: 'write_note', arguments: limits }])
  assert.deepEqual((tokens as unknown as Record<string, unknown>)['authorization_details'], whole)
  assert.deepEqual(decodeJwt(tokens.access_token)['authorization_details'], whole)
  const renewed = await client.refresh(tokens.refresh_token, { resource: client.resourceOf('desk') })
  assert.deepEqual((renewed as unknown as Record<string, unknown>)['authorization_details'], whole)
  const less = { resource: client.resourceOf('desk'), scope: 'desk:read' }
  const narrow = await client.refresh(renewed.refresh_token, less)
  const within = told(client, [{ name: 'read_note' }])
  assert.deepEqual((narrow as unknown as Record<string, unknown>)['authorization_details'], within)
  assert.deepEqual(decodeJwt(narrow.access_token)['authorization_details'], within, 'what the token reaches')
  const [given] = await house.changes('grant.given')
  assert.deepEqual(given?.details?.['limits'], { read_note: {}, write_note: limits })

  const part = await connect(ana, await house.register(), ['write_note'])
  const { authorization_details: chosen } = part.tokens as unknown as { authorization_details: { tools: unknown[] }[] }
  assert.deepEqual(chosen[0]?.tools, [{ name: 'write_note', arguments: limits }], 'only what was chosen')
  const plain = await ana.connect('desk', ['read_note'])
  assert.equal('authorization_details' in plain.tokens, false)
  assert.equal(decodeJwt(plain.tokens.access_token)['authorization_details'], undefined)
})

for (const era of ['legacy', 'modern'] as const) {
  test(`each call is held to the limits, and what is beyond reaches no upstream (${era})`, async (t) => {
    const { house, fake, ana, client } = await open(t)
    const { agent } = await connect(ana, client)
    const call = (args: object) => agent.ask(era, 'tools/call', { name: 'write_note', arguments: args })
    assert.equal((await call({ id: 'n1', count: 5 })).status, 200)
    for (const [args, beyond] of [
      [{ id: 'n1', count: 6 }, 'count'],
      [{ id: 'n3', count: 1 }, 'id'],
      [{ count: 1 }, 'id'],
      [{ id: 'n1' }, 'count'],
    ] as const) {
      const refused = await call(args)
      assert.equal(refused.status, 403, JSON.stringify(args))
      assert.equal(refused.error?.data?.['reason'], 'grant.argument_beyond')
      assert.match(refused.error?.message ?? '', new RegExp(`other values of \`${beyond}\``))
      assert.equal(refused.headers.get('www-authenticate'), null)
    }
    assert.equal((await agent.ask(era, 'tools/call', { name: 'read_note', arguments: { id: 'n9' } })).status, 200)
    assert.deepEqual(
      fake.calls.map(({ name }) => name),
      ['write_note', 'read_note'],
    )
    assert.equal((await house.entries('denial')).filter(({ reason }) => reason === 'grant.argument_beyond').length, 4)
    assert.deepEqual((await agent.list()).toSorted(), ['read_note', 'write_note'])
  })
}

test('what is not understood to the letter is refused before anybody is asked', async (t) => {
  const { ana, client } = await open(t)
  const one = (tool: unknown, more = {}) => [{ type: 'mcp_tools', tools: [tool], ...more }]
  const name = 'write_note'
  const wrong: [string, unknown][] = [
    ['no JSON', '{'],
    ['no array', { type: 'mcp_tools' }],
    ['another type', [{ type: 'payment_initiation' }]],
    ['one type of two', [...details, { type: 'payment_initiation' }]],
    ['a member of nobody', one({ name }, { privileges: ['admin'] })],
    ['a member of a tool', one({ name, times: 1 })],
    ['a limit of another kind', one({ name, arguments: { count: { multipleOf: 2 } } })],
    ['an empty limit', one({ name, arguments: { count: {} } })],
    ['no tools', [{ type: 'mcp_tools', tools: [] }]],
    ['no tool', [{ type: 'mcp_tools' }]],
    ['a tool twice', [...details, ...details]],
    ['another location', one({ name }, { locations: ['https://elsewhere.example/mcp/desk'] })],
    ['two locations', one({ name }, { locations: [client.resourceOf('desk'), client.resourceOf('mux')] })],
    ['too much', one({ name, arguments: { text: { enum: Array.from({ length: 40 }, () => 'x'.repeat(150)) } } })],
  ]
  for (const [label, what] of wrong) {
    const shown = await ana.browser.open(ask(client, what))
    assert.equal(shown.url.searchParams.get('error'), 'invalid_authorization_details', `${label}: ${shown.text}`)
  }
  const right = one({ name }, { locations: [client.resourceOf('desk')] })
  assert.deepEqual(offeredOn(await ana.browser.open(ask(client, right))).offered, [name])
})

test('a token request cannot change what was given', async (t) => {
  const { ana, client } = await open(t)
  const page = await ana.consent(await ana.browser.open(ask(client, details)))
  const fields = { resource: client.resourceOf('desk'), authorization_details: JSON.stringify(details) }
  const refused = await client.redeem(page.url.searchParams.get('code'), fields)
  assert.deepEqual([refused.status, refused.error], [400, 'invalid_authorization_details'])
})

test('what a client had for certain arguments is not ticked for all of them, and widening leaves the limits', async (t) => {
  const { ana, client, fake } = await open(t)
  const { agent } = await connect(ana, client)
  const { offered, ticked } = offeredOn(await ana.browser.open(client.authorizeUrl('desk')))
  assert.ok(offered.includes('write_note'))
  assert.equal(ticked.includes('write_note'), false)
  const without = [{ type: 'mcp_tools', tools: [{ name: 'write_note' }] }]
  const byScope = client.authorizeUrl('desk', (params) =>
    params.set('scope', 'desk:tool:write_note desk:tool:progress'),
  )
  for (const url of [byScope, ask(client, without), ask(client, without, 'desk:tool:write_note')]) {
    const named = await ana.browser.open(url)
    assert.ok(offeredOn(named).offered.includes('write_note'))
    assert.equal(offeredOn(named).ticked.includes('write_note'), false)
    assert.match(named.text, /Until now only if\s+<strong>count is at most 5/)
  }
  assert.ok(offeredOn(await ana.browser.open(byScope)).ticked.includes('progress'), 'what it had not at all is')
  assert.ok(
    offeredOn(await ana.browser.open(ask(client, details))).ticked.includes('write_note'),
    'as it had it, it is',
  )
  const refused = await agent.call('progress', {})
  const url = new URL(String(refused.error?.data?.['url']))
  await ana.browser.submit(await ana.browser.open(url), {}, { to: url.pathname })
  assert.equal((await agent.call('progress', {})).status, 200)
  assert.equal((await agent.call('write_note', { id: 'n1', count: 6 })).status, 403)
  assert.deepEqual(
    fake.calls.map(({ name }) => name),
    ['progress'],
  )
})

test('completion of a limited prompt is held to the limits of its arguments, and to none of its own form', async (t) => {
  const { house, fake } = await openFakeHouse(t, { fake: { offers: noteOffers() } })
  const ana = await house.person('ana', ['desk/prompt:summarise'])
  const client = await house.register()
  const connectFor = async (limited: object) => {
    const tools = [{ name: 'prompt:summarise', arguments: limited }]
    const page = await ana.consent(await ana.browser.open(ask(client, [{ type: 'mcp_tools', tools }])), 'all')
    const resource = client.resourceOf('desk')
    const tokens = await client.redeem(page.url.searchParams.get('code'), { resource })
    return new Agent({ origin: house.url, upstream: 'desk', client: client.id, resource, tokens })
  }
  const agent = await connectFor({ id: { enum: ['n1', 'n2'] } })
  const complete = (by: Agent, argument: object, given: object = {}) =>
    by.ask('modern', 'completion/complete', {
      ref: { type: 'ref/prompt', name: 'summarise' },
      argument,
      context: { arguments: given },
    })
  const style = { name: 'style', value: 'sh' }
  assert.equal((await complete(agent, style, { id: 'n1' })).status, 200)
  assert.equal((await complete(agent, { name: 'id', value: 'n2' })).status, 200)
  assert.equal((await complete(agent, { name: 'id', value: 'n2' }, { id: 'n2' })).status, 200)
  const sent = fake.journal.length
  for (const refused of [
    await complete(agent, style, { id: 'n3' }),
    await complete(agent, style),
    await complete(agent, { name: 'id', value: 'n3' }),
    await complete(agent, { name: 'id', value: 'n1' }, { id: 'n3' }),
  ])
    assert.deepEqual([refused.status, refused.error?.data?.['reason']], [403, 'grant.argument_beyond'])
  const twisted = await complete(agent, { name: 'style', value: 'short' }, { style: '../keys', id: 'n1' })
  assert.equal(
    twisted.error?.data?.['fault'],
    'gateway.argument_refused',
    'what the context says of it is judged as well',
  )
  const other = await connectFor({ method: { const: 'completion/complete' } })
  assert.equal((await complete(other, style)).status, 403, 'the form of the request is no argument')
  assert.equal(fake.journal.length, sent)
})

test('the metadata names the type', async (t) => {
  const { house } = await open(t)
  for (const path of ['oauth-authorization-server', 'oauth-protected-resource/mcp/desk']) {
    const body = (await (await fetch(`${house.origin}/.well-known/${path}`)).json()) as Record<string, unknown>
    assert.deepEqual(body['authorization_details_types_supported'], ['mcp_tools'], path)
  }
})

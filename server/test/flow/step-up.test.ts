import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import { textOf, type Agent } from '../agent.ts'
import { toolNamed } from '../fake/fake-tools.ts'
import { openFakeMcpServer } from '../fake/mcp-server.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openHouse } from '../house.ts'
import { agentWith } from '../machines.ts'
import { OAuthClient, offeredOn, type Tokens } from '../oauth-client.ts'

const page = (html: string) => html.replaceAll(/name="(csrf|shown)" value="[^"]*"/g, '')

async function open(t: TestContext) {
  const { house, fake } = await openFakeHouse(t)
  const ana = await house.person('ana', ['desk/read_note', 'desk/write_note', 'desk/delete_note', 'desk/progress'])
  return { house, fake, ana }
}

function urlIn(answer: Awaited<ReturnType<Agent['call']>>): string {
  const meta = answer.result['_meta'] as Record<string, { url: string }> | undefined
  const url = meta?.['sallyport/grant']?.url ?? answer.error?.data?.['url']
  assert.equal(typeof url, 'string', JSON.stringify(answer.message))
  return url as string
}

const scopeOf = (header: string | null) => / scope="([^"]*)"/.exec(header ?? '')?.[1]

for (const era of ['legacy', 'modern'] as const) {
  test(`a call of a tool that was not chosen is challenged for exactly that tool (RFC 6750, ${era})`, async (t) => {
    const { house, fake, ana } = await open(t)
    const agent = await ana.connect('desk', ['read_note'])
    const call = (name: string) => agent.ask(era, 'tools/call', { name, arguments: {} })
    const refused = await call('write_note')
    assert.equal(refused.status, 403)
    const challenge = refused.headers.get('www-authenticate')!
    assert.match(challenge, /^Bearer resource_metadata="[^"]*\/mcp\/desk", /)
    assert.match(challenge, /error="insufficient_scope", error_description="[^"]*was not chosen/)
    assert.equal(scopeOf(challenge), 'desk:tool:write_note')
    assert.equal(refused.error?.data?.['reason'], 'grant.tool_not_chosen')
    assert.equal(scopeOf((await call('delete_note')).headers.get('www-authenticate')), 'desk:tool:delete_note')

    const hidden = await call('grow')
    assert.equal(hidden.status, 403)
    assert.equal(hidden.headers.get('www-authenticate'), null, 'nothing is said of what is not the person’s to give')
    const [without] = [await fetch(`${house.origin}/mcp/desk`, { method: 'POST' })]
    assert.equal(scopeOf(without.headers.get('www-authenticate')), 'mcp')
    assert.deepEqual(fake.calls, [])
  })
}

for (const era of ['legacy', 'modern'] as const) {
  test(`a client that comes back as it was gets a result with the link, and passes when the tool was added (${era})`, async (t) => {
    const { house, fake, ana } = await open(t)
    const [agent, other] = [await ana.connect('desk', ['read_note']), await ana.connect('desk', ['read_note'])]
    assert.notEqual(agent.grantId, other.grantId)
    const call = (of: Agent, name = 'write_note') => of.ask(era, 'tools/call', { name, arguments: { id: 'n1' } })
    assert.equal((await call(agent)).status, 403)
    assert.equal((await agent.refresh()).status, 200, 'a new token is no step up')
    const told = await call(agent)
    assert.deepEqual([told.status, told.result['isError']], [200, true])
    assert.equal(told.headers.get('www-authenticate'), null)
    const url = urlIn(told)
    assert.ok(textOf(told).includes(url))
    assert.deepEqual(told.result['_meta'], { 'sallyport/grant': { scope: 'desk:tool:write_note', url } })
    assert.equal((await call(agent, 'delete_note')).status, 403, 'of another tool it was not told')
    assert.equal((await call(other)).status, 403, 'another grant was not told')
    assert.ok(urlIn(await call(other)).includes(other.grantId))
    for (let round = 0; round < 2; round++) {
      assert.equal((await call(agent, 'grow')).status, 403, 'what is not the person’s to give is refused each time')
    }
    assert.deepEqual(fake.calls, [])
    const denials = (await house.entries('denial')).map(({ tool, reason }) => `${tool} ${reason}`)
    assert.deepEqual(denials, [
      ...Array.from({ length: 2 }, () => 'write_note grant.tool_not_chosen'),
      'delete_note grant.tool_not_chosen',
      ...Array.from({ length: 2 }, () => 'write_note grant.tool_not_chosen'),
      ...Array.from({ length: 2 }, () => 'grow entitlement.missing'),
    ])

    const shown = await ana.browser.open(url)
    await ana.browser.submit(shown, {}, { to: new URL(url).pathname })
    assert.equal((await call(agent)).result['isError'], undefined)
    assert.equal((await call(other)).result['isError'], true, 'nothing was added to the other')
    assert.equal(fake.calls.length, 1)
    house.clock.pass(10 * 60_000)
    assert.equal((await other.refresh()).status, 200)
    assert.equal((await call(other)).status, 403, 'after a while it is challenged anew')
  })
}

test('what a client was told by a challenge is remembered by the house, and not by one process of it', async (t) => {
  const fake = await openFakeMcpServer({ tools: ['read_note', 'write_note'].map((name) => toolNamed(name)) })
  t.after(() => fake.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'sallyport-told-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  const first = await openHouse(t, { dataDir, reach: [fake.url] })
  await first.httpUpstream('desk', fake.url)
  const ana = await first.person('ana', ['desk/read_note', 'desk/write_note'])
  const [agent, other] = [await ana.connect('desk', ['read_note']), await ana.connect('desk', ['read_note'])]
  assert.equal((await agent.call('write_note')).status, 403)
  await first.close()
  await openHouse(t, { dataDir, reach: [fake.url], port: Number(new URL(first.url).port) })
  const told = await agent.call('write_note')
  assert.deepEqual([told.status, told.result['isError']], [200, true])
  assert.equal((await other.call('write_note')).status, 403, 'to each grant its own')
})

test('a client that stepped up comes back with another grant, which is challenged before it gets a link', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const before = await ana.connect('desk', ['read_note'], { client })
  assert.equal((await before.call('write_note', {})).status, 403)
  const refused = await ana.connect('desk', ['read_note'], { client })
  assert.equal((await refused.call('write_note', {})).status, 403)
  const stepped = await ana.connect('desk', ['read_note', 'write_note'], { client })
  assert.equal((await stepped.call('write_note', {})).result['isError'], undefined)
})

test('a modern client that takes links is sent to the page, once, and passes when it comes back from there', async (t) => {
  const { fake, ana } = await open(t)
  const agent = await ana.connect('desk', ['read_note'])
  const params = { name: 'write_note', arguments: { id: 'n1' } }
  const call = (more: object = {}) => agent.modern('tools/call', { ...params, ...more }, { elicitation: { url: {} } })
  assert.equal((await call()).status, 403)
  const sent = await call()
  assert.equal(sent.result['resultType'], 'input_required')
  const asked = sent.result['inputRequests'] as Record<string, { params: { mode: string; url: string } }>
  const { mode, url } = asked['sallyport-grant']!.params
  assert.equal(mode, 'url')
  const back = { inputResponses: { 'sallyport-grant': { action: 'accept' } } }
  const early = await call(back)
  assert.equal(early.result['isError'], true, 'nothing was added yet')
  assert.equal(urlIn(early), url)
  const shown = await ana.browser.open(url)
  await ana.browser.submit(shown, {}, { to: new URL(url).pathname })
  assert.equal((await call(back)).result['isError'], undefined)
  assert.deepEqual(fake.calls, [{ name: 'write_note', arguments: { id: 'n1' } }])
})

test('the consent page offers what was asked for and what the client had; a named tool is ticked unless it destroys', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const ask = async (scope: string) => {
    const shown = await ana.browser.open(client.authorizeUrl('desk', (params) => params.set('scope', scope)))
    const { offered, ticked } = offeredOn(shown)
    return [offered.toSorted(), ticked.toSorted()]
  }
  const all = ['delete_note', 'progress', 'read_note', 'write_note']
  assert.deepEqual(await ask('mcp'), [all, ['progress', 'read_note']])
  assert.deepEqual(await ask('openid profile whatever'), [all, ['progress', 'read_note']])
  assert.deepEqual(await ask('desk:read'), [
    ['progress', 'read_note'],
    ['progress', 'read_note'],
  ])
  assert.deepEqual(await ask('desk:write'), [
    ['progress', 'read_note', 'write_note'],
    ['progress', 'read_note'],
  ])
  assert.deepEqual(await ask('desk:tool:write_note'), [['write_note'], ['write_note']])
  assert.deepEqual(await ask('desk:tool:delete_note'), [['delete_note'], []])
  assert.deepEqual(await ask('desk:tool:unknown'), [[], []])
  await ana.connect('desk', ['read_note'], { client })
  assert.deepEqual(await ask('desk:tool:write_note'), [
    ['read_note', 'write_note'],
    ['read_note', 'write_note'],
  ])
})

test('who renews with fewer scopes gets a token that reaches only those; the grant and the next renewal stay whole (RFC 6749, section 6)', async (t) => {
  const { house, ana } = await open(t)
  const agent = await ana.connect('desk', ['read_note', 'write_note'])
  const client = new OAuthClient(house, { id: agent.client })
  const resource = client.resourceOf('desk')
  let tokens: Tokens = agent.tokens
  const renew = async (scope?: string) => {
    const answer = await client.refresh(tokens.refresh_token, { resource, ...(scope !== undefined && { scope }) })
    if (answer.status !== 200) return answer.error
    tokens = answer
    return [answer.scope, (await agentWith(house, 'desk', answer).list()).toSorted()]
  }
  assert.deepEqual(await renew('desk:read'), ['desk:read', ['read_note']])
  const narrow = agentWith(house, 'desk', tokens)
  const refused = await narrow.call('write_note', { id: 'n1' })
  assert.equal(scopeOf(refused.headers.get('www-authenticate')), 'desk:tool:write_note')
  assert.deepEqual(await renew('desk:tool:write_note'), ['desk:tool:write_note', ['write_note']])
  assert.equal(await renew('desk:tool:delete_note'), 'invalid_scope')
  const whole = ['mcp', ['read_note', 'write_note']]
  assert.deepEqual(await renew(), whole, 'what was refused has used nothing up')
  for (const scope of ['mcp', 'openid profile', 'other:read', 'mcp desk:read', ''])
    assert.deepEqual(await renew(scope), whole, scope)
  assert.deepEqual(await renew('desk:write'), ['desk:write', ['read_note', 'write_note']])

  const shown = await ana.browser.open(
    client.authorizeUrl('desk', (params) => params.set('scope', 'desk:tool:write_note')),
  )
  const answer = await ana.consent(shown, ['read_note', 'write_note'])
  const redeemed = await client.redeem(answer.url.searchParams.get('code'), { resource })
  tokens = redeemed
  assert.equal(redeemed.scope, 'desk:tool:write_note', 'what it had before is given again, and not told')
  assert.equal(await renew('desk:tool:read_note'), 'invalid_scope')
  assert.deepEqual(await renew('desk:write'), ['desk:tool:write_note', ['read_note', 'write_note']])
})

test('token, answer and introspection tell the scopes that were given, also after a renewal that repeats them', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const connect = async (scope: string, tools: string[]) => {
    const shown = await ana.browser.open(client.authorizeUrl('desk', (params) => params.set('scope', scope)))
    const answer = await ana.consent(shown, tools)
    return client.redeem(answer.url.searchParams.get('code'), { resource: client.resourceOf('desk') })
  }
  const whole = await connect('desk:read', ['read_note', 'progress'])
  assert.equal(whole.scope, 'desk:read')
  assert.equal(decodeJwt(whole.access_token)['scope'], 'desk:read')
  const part = await connect('desk:write', ['write_note'])
  assert.equal(part.scope, 'desk:tool:write_note')
  const renewed = await client.refresh(part.refresh_token, {
    resource: client.resourceOf('desk'),
    scope: 'desk:tool:write_note',
  })
  assert.deepEqual([renewed.status, renewed.scope], [200, 'desk:tool:write_note'])
  assert.equal(
    decodeJwt(renewed.access_token)['narrowed'],
    undefined,
    'to repeat what one was told is not to ask for less',
  )
  const plain = await ana.connect('desk', ['read_note'])
  assert.equal(decodeJwt(plain.tokens.access_token)['scope'], 'mcp')
  const metadata = await (await fetch(`${house.origin}/.well-known/oauth-protected-resource/mcp/desk`)).json()
  assert.deepEqual((metadata as { scopes_supported: string[] }).scopes_supported, ['mcp', 'desk:read', 'desk:write'])
})

test('a client known to make nothing of a challenge gets the link at once, and its next call passes once the person has added the tool', async (t) => {
  const { house, fake, ana } = await open(t)
  const agent = await ana.connect('desk', ['read_note'])
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'claude-code', version: '2' },
  }
  const call = (name: string) => {
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name }
    return agent.rpc('tools/call', { name, arguments: { id: 'n1' }, _meta: meta }, { headers })
  }
  const told = await call('write_note')
  assert.equal(told.status, 200)
  assert.equal(told.result['isError'], true)
  const url = urlIn(told)
  assert.match(JSON.stringify(told.result['content']), /\/grants\/[\w-]+\/widen\?tool=write_note/)
  assert.equal((await house.entries('denial')).at(-1)?.reason, 'grant.tool_not_chosen')

  const shown = await ana.browser.open(url)
  const { offered, ticked } = offeredOn(shown)
  assert.deepEqual(offered.toSorted(), ['delete_note', 'progress', 'write_note'])
  assert.deepEqual(ticked, ['write_note'])
  await ana.browser.submit(shown, {}, { to: new URL(url).pathname })
  assert.equal((await call('write_note')).result['isError'], undefined)
  assert.deepEqual(
    fake.calls.map(({ name }) => name),
    ['write_note'],
  )
  assert.ok((await agent.list()).includes('write_note'), 'by the token that it had')
  const [widened] = await house.changes('grant.widened')
  assert.deepEqual([widened?.by, widened?.about.id], [ana.principal.id, agent.grantId])
  assert.deepEqual(Object.keys(widened?.details?.['tools'] as object), ['write_note'])
  assert.equal((await call('delete_note')).result['isError'], true, 'nothing else was added')
})

test('who repeats at a renewal what it was told has what was added since; who names less has less', async (t) => {
  const { house, ana } = await open(t)
  const client = await house.register()
  const resource = client.resourceOf('desk')
  const first = 'desk:read desk:tool:delete_note'
  const shown = await ana.browser.open(client.authorizeUrl('desk', (params) => params.set('scope', first)))
  const answer = await ana.consent(shown, ['read_note', 'progress', 'delete_note'])
  let tokens: Tokens & { scope?: string } = await client.redeem(answer.url.searchParams.get('code'), { resource })
  assert.equal(tokens.scope, first)
  const { grant_id: grantId } = decodeJwt(tokens.access_token)
  const add = async (tool: string) => {
    const page = await ana.browser.open(`/grants/${String(grantId)}/widen?tool=${tool}`)
    await ana.browser.submit(page, {}, { to: `/grants/${String(grantId)}/widen` })
  }
  /** What a token of a renewal with these scopes is told, and whether it reaches what was added. */
  const renewed = async (scope?: string) => {
    const asked = await client.refresh(tokens.refresh_token, { resource, ...(scope !== undefined && { scope }) })
    assert.equal(asked.status, 200, scope)
    tokens = asked
    const called = await agentWith(house, 'desk', asked).call('write_note', { id: 'n1' })
    return [asked.scope, called.error?.data?.['reason'] ?? called.status]
  }
  assert.deepEqual(await renewed(first), [first, 'grant.tool_not_chosen'])
  await add('write_note')
  const whole = `${first} desk:tool:write_note`
  assert.deepEqual(await renewed(first), [whole, 200])
  assert.deepEqual(await renewed(), [whole, 200])
  for (const more of [whole, `other:read ${first}`, 'desk:write desk:tool:delete_note', 'mcp'])
    assert.deepEqual(await renewed(more), [whole, 200], more)
  for (const less of ['desk:read', 'desk:tool:read_note', 'desk:tool:delete_note desk:tool:read_note'])
    assert.deepEqual(await renewed(less), [less, 'token.tool_beyond'], less)
  assert.deepEqual(await renewed('desk:write'), ['desk:read desk:tool:write_note', 200], 'what destroys was left out')
  assert.deepEqual(await renewed(first), [whole, 200])
})

test('the link adds nothing destructive by itself, and nothing that the person may not use', async (t) => {
  const { ana, house } = await open(t)
  const agent = await ana.connect('desk', ['read_note'])
  const url = urlIn(await agent.call('delete_note', {}))
  const shown = await ana.browser.open(url)
  assert.deepEqual(offeredOn(shown).ticked, [])
  const to = new URL(url).pathname
  const nothing = await ana.browser.submit(shown, {}, { to })
  assert.equal(nothing.status, 400)
  assert.equal((await ana.browser.submit(shown, { tool: 'grow' }, { to })).status, 400)
  const entitled = (await house.rooms.inventory.listRights(ana.principal.id)).find(
    ({ tool }) => tool === 'delete_note',
  )!
  const reason = 'no longer needed'
  await house.rooms.inventory.revokeEntitlement({ by: 'set-up', id: entitled.id, reason })
  assert.equal((await ana.browser.submit(shown, { tool: 'delete_note' }, { to })).status, 400)
  assert.equal((await house.changes('grant.widened')).length, 0)
})

test('a link is good for the holder of the grant alone, while it is in force', async (t) => {
  const { house, ana } = await open(t)
  const agent = await ana.connect('desk', ['read_note'])
  const url = urlIn(await agent.call('write_note', {}))
  const bo = await house.person('bo', ['administer', 'desk/write_note'])
  const foreign = await bo.browser.open(url)
  assert.equal(foreign.status, 404)
  const made = await bo.browser.open(url.replace(agent.grantId, '0'.repeat(36)))
  assert.equal(page(foreign.text), page(made.text), 'whose it is, nobody learns')
  const nobody = await house.browser().open(url)
  assert.equal(nobody.url.pathname, '/sign-in')
  const shown = await ana.browser.open(url)
  const to = new URL(url)
  const csrf = /name="csrf" value="([^"]*)"/.exec((await bo.browser.open('/you')).text)![1]!
  const form = /name="shown" value="([^"]*)"/.exec(shown.text)![1]!
  const body = new URLSearchParams({ csrf, shown: form, tool: 'write_note' })
  const own = { site: 'same-origin', origin: house.origin }
  assert.equal((await bo.browser.post(new URL(to.pathname, house.origin), body, own)).status, 404)
  assert.equal((await ana.browser.post(new URL(to.pathname, house.origin), body, own)).status, 403)
  await house.rooms.oauth.revokeGrant({ by: ana.principal.id, id: agent.grantId, reason: 'done with it' })
  assert.equal((await ana.browser.open(url)).status, 404)
  assert.equal((await ana.browser.submit(shown, {}, { to: to.pathname })).status, 404)
})

test('a definition that changed since is challenged too, and is given again by what is accepted now', async (t) => {
  const { house, fake, ana } = await open(t)
  const agent = await ana.connect('desk', ['read_note'])
  const tool = fake.tools.find(({ name }) => name === 'read_note')!
  Object.assign(tool, { description: 'Reads a note, and says when it was written' })
  const upstream = (await house.rooms.inventory.findUpstream('desk'))!
  await house.rooms.gateway.look(upstream)
  const digest = (await house.rooms.inventory.listTools('desk')).find(({ name }) => name === 'read_note')!.liveDigest!
  await house.rooms.inventory.pinTools({
    by: 'set-up',
    upstream: 'desk',
    digests: { read_note: digest },
    reason: 'looked at it',
  })
  const refused = await agent.call('read_note', { id: 'n1' })
  assert.equal(refused.error?.data?.['reason'], 'grant.definition_changed')
  assert.equal(scopeOf(refused.headers.get('www-authenticate')), 'desk:tool:read_note')
  const url = urlIn(refused)
  const shown = await ana.browser.open(url)
  await ana.browser.submit(shown, {}, { to: new URL(url).pathname })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
})

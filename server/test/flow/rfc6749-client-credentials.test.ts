import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import type { Agent } from '../agent.ts'
import { clientProof, type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import type { FakeMcpServer } from '../fake/mcp-server.ts'
import { openFakeHouse } from '../fake-house.ts'
import { holdTransaction } from '../held.ts'
import { type House, openHouse } from '../house.ts'
import { agentWith, entitle, grantTo, makeMachine, offers } from '../machines.ts'
import { OAuthClient, type TokenAnswer } from '../oauth-client.ts'

// A machine is a client of the configuration that signs, and a principal of its own (RFC 6749, section 4.4).

const tools = ['desk/read_note', 'desk/write_note']
const client = { id: 'nightly-job', name: 'Nightly job', machine: 'nightly' }

interface Open {
  house: House
  fake: FakeMcpServer
  key: FakeIssuer
  /** Asks for a token as the machine; `fields` write over what is right. */
  ask(fields?: Record<string, string | undefined>): Promise<TokenAnswer>
}

async function open(t: TestContext): Promise<Open> {
  const key = await openFakeIssuer(t)
  const yaml = `clients: ${JSON.stringify({ preregistered: [{ ...client, jwks: key.jwks }] })}`
  const { house, fake } = await openFakeHouse(t, { house: { yaml } })
  const machine = new OAuthClient(house, { id: client.id })
  const ask = async (fields: Record<string, string | undefined> = {}) => {
    const right = { grant_type: 'client_credentials', resource: machine.resourceOf('desk') }
    return machine.token({ ...right, ...(await clientProof(key, { id: client.id, origin: house.origin })), ...fields })
  }
  return { house, fake, key, ask }
}

test('a machine that signs calls in its own name what an administrator gave it', async (t) => {
  const { house, key } = await open(t)
  const { id } = await makeMachine(house, 'nightly', tools)
  const grant = await grantTo(house, 'nightly', { upstream: 'desk' })
  const signs = oidc.PrivateKeyJwt({ key: key.privateKey, kid: 'one' })
  const config = await oidc.discovery(new URL(house.origin), client.id, undefined, signs, {
    execute: [oidc.allowInsecureRequests],
    algorithm: 'oauth2',
  })
  assert.ok(config.serverMetadata().grant_types_supported?.includes('client_credentials'))
  const tokens = await oidc.clientCredentialsGrant(config, { resource: `${house.origin}/mcp/desk` })
  assert.equal(tokens.refresh_token, undefined)
  const claims = decodeJwt(tokens.access_token)
  assert.deepEqual(
    [claims.sub, claims['client_id'], claims['grant_id'], claims['act']],
    [id, client.id, grant.id, undefined],
  )
  const agent = agentWith(house, 'desk', tokens as unknown as TokenAnswer)
  assert.deepEqual((await agent.list()).sort(), ['read_note', 'write_note'])
  assert.equal((await agent.call('write_note', { id: 'n1', text: 'x' })).status, 200)
  const [intent] = await house.entries('intent')
  assert.deepEqual([intent?.principal.issuer, intent?.principal.subject], ['machine', 'nightly'])
  assert.equal(intent?.client.id, client.id)
})

test('what it holds is what it was granted and what it is entitled to, at this moment', async (t) => {
  const { house, ask } = await open(t)
  assert.equal((await ask()).error, 'invalid_grant', 'no such machine')
  const { id } = await makeMachine(house, 'nightly', ['desk/read_note'])
  assert.equal((await ask()).error, 'invalid_grant', 'no grant')
  await grantTo(house, 'nightly', { upstream: 'desk' })
  await entitle(house, id, ['desk/write_note'])
  const agent = agentWith(house, 'desk', await ask())
  assert.deepEqual(await agent.list(), ['read_note'], 'a right that came later is not in the grant')
  const second = await grantTo(house, 'nightly', { upstream: 'desk' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401, 'the earlier grant ended')
  const renewed = agentWith(house, 'desk', await ask())
  assert.equal((await renewed.call('write_note', { id: 'n1', text: 'x' })).status, 200)
  for (const right of await house.rooms.inventory.listRights(id))
    if (right.tool === 'write_note')
      await house.rooms.inventory.revokeEntitlement({ by: 'set-up', id: right.id, reason: 'for a test' })
  assert.deepEqual(await renewed.list(), ['read_note'])
  await house.rooms.oauth.revokeGrant({ by: 'set-up', id: second.id, reason: 'for a test' })
  assert.equal((await renewed.call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await ask()).error, 'invalid_grant')
})

test('who asks for less than it was granted gets a token that reaches just that, in every decision', async (t) => {
  const { house, fake, ask } = await open(t)
  await makeMachine(house, 'nightly', tools)
  const grant = await grantTo(house, 'nightly', { upstream: 'desk' })
  const both = ['read_note', 'write_note']
  const table: [asked: string, told: string, reached: string[]][] = [
    ['desk:read', 'desk:read', ['read_note']],
    ['desk:tool:write_note', 'desk:tool:write_note', ['write_note']],
    ['desk:read profile other:write desk:tool:delete_note', 'desk:read', ['read_note']],
    ['desk:write', 'desk:write', both],
    ['mcp', 'mcp', both],
    ['desk:read mcp', 'mcp', both],
  ]
  for (const [scope, told, reached] of table) {
    const answer = await ask({ scope })
    const claims = decodeJwt(answer.access_token)
    assert.deepEqual([answer.scope, claims['scope'], claims['grant_id']], [told, told, grant.id], scope)
    assert.deepEqual((await agentWith(house, 'desk', answer).list()).toSorted(), reached, scope)
  }
  for (const scope of ['other:write', 'profile', 'DESK:write', 'desk:tool:delete_note'])
    assert.equal((await ask({ scope })).error, 'invalid_scope', scope)
  const details = JSON.stringify([{ type: 'mcp_tools', tools: [{ name: 'read_note' }] }])
  assert.equal((await ask({ authorization_details: details })).error, 'invalid_authorization_details')
  assert.deepEqual(fake.calls, [])
})

for (const era of ['legacy', 'modern'] as const) {
  test(`a call beyond the scope of a token is refused, told what it lacks, and recorded with that scope (${era})`, async (t) => {
    const { house, fake, ask } = await open(t)
    const { id } = await makeMachine(house, 'nightly', tools)
    await grantTo(house, 'nightly', { upstream: 'desk' })
    const narrow = agentWith(house, 'desk', await ask({ scope: 'desk:read' }))
    const call = (agent: Agent, name: string) => agent.ask(era, 'tools/call', { name, arguments: { id: 'n1' } })
    assert.equal((await call(narrow, 'read_note')).status, 200)
    for (let round = 0; round < 2; round++) {
      const refused = await call(narrow, 'write_note')
      const challenge = refused.headers.get('www-authenticate') ?? ''
      assert.equal(refused.status, 403)
      assert.match(challenge, /error="insufficient_scope"/)
      assert.match(challenge, / scope="desk:tool:write_note"/)
      assert.deepEqual(
        [refused.error?.data?.['reason'], refused.error?.data?.['url']],
        ['token.tool_beyond', undefined],
      )
    }
    const hidden = await call(narrow, 'delete_note')
    assert.doesNotMatch(
      hidden.headers.get('www-authenticate') ?? '',
      /scope=/,
      'of what is not its own nothing is said',
    )
    assert.equal((await call(agentWith(house, 'desk', await ask()), 'write_note')).status, 200)
    assert.deepEqual(
      fake.calls.map(({ name }) => name),
      ['read_note', 'write_note'],
    )
    assert.deepEqual(
      (await house.entries('intent')).map(({ tool, scope }) => [tool, scope]),
      [
        ['read_note', 'desk:read'],
        ['write_note', undefined],
      ],
    )
    const [denial] = await house.entries('denial')
    assert.deepEqual([denial?.principal?.id, denial?.reason, denial?.scope], [id, 'token.tool_beyond', 'desk:read'])
  })
}

test('a scope of a token reaches what it names as it is now: a tool that writes from now on is beyond what reads', async (t) => {
  const { house, ask } = await open(t)
  await makeMachine(house, 'nightly', tools)
  await grantTo(house, 'nightly', { upstream: 'desk' })
  const agent = agentWith(house, 'desk', await ask({ scope: 'desk:read' }))
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const set = { upstream: 'desk', tool: 'read_note', by: 'set-up', reason: 'for a test' }
  await house.rooms.inventory.setEffect({ ...set, effect: 'write', traits: [] })
  assert.deepEqual(await agent.list(), [])
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 403)
})

test('at the address of a bundle it gets what it may use of each member', async (t) => {
  const { house, ask } = await open(t)
  const { owner } = await makeMachine(house, 'nightly', ['desk/read_note'])
  await house.rooms.inventory.makeBundle({
    name: 'work',
    purpose: 'all of it',
    members: [{ upstream: 'desk', prefix: 'notes' }],
    by: 'set-up',
    ownerId: owner.principal.id,
    reason: 'for a test',
  })
  await grantTo(house, 'nightly', { upstream: 'work' })
  const tokens = await ask({ resource: `${house.origin}/mcp/work` })
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  const agent = agentWith(house, 'work', tokens)
  assert.deepEqual(await agent.list(), ['notes_read_note'])
  assert.equal((await agent.call('notes_read_note', { id: 'n1' })).status, 200)
  const within = (scope: string) => ask({ resource: `${house.origin}/mcp/work`, scope })
  assert.deepEqual(await agentWith(house, 'work', await within('desk:read')).list(), ['notes_read_note'])
  assert.equal((await within('work:read')).error, 'invalid_scope', 'scopes name members')
  assert.equal((await ask()).error, 'invalid_grant', 'a grant at one address is none at another')
})

test('a machine that is disabled, and a client that is revoked, get nothing and end at once', async (t) => {
  const { house, ask } = await open(t)
  await house.person('Ida', ['administer'])
  const { id } = await makeMachine(house, 'nightly', tools)
  await grantTo(house, 'nightly', { upstream: 'desk' })
  const agent = agentWith(house, 'desk', await ask())
  await house.rooms.identity.disablePrincipal({ by: 'set-up', id, reason: 'for a test' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await ask()).error, 'invalid_grant')
  await house.rooms.identity.enablePrincipal({ by: 'set-up', id, reason: 'for a test' })
  assert.equal((await ask()).error, 'invalid_grant', 'grants do not come back')
  await grantTo(house, 'nightly', { upstream: 'desk' })
  assert.equal((await ask()).status, 200)
  await house.rooms.oauth.revokeClient({ by: 'set-up', id: client.id, reason: 'for a test' })
  assert.equal((await ask()).error, 'invalid_client')
})

test('it asks for one resource of ours, and gets no other way in', async (t) => {
  const { house, ask } = await open(t)
  await house.upstream('mux', ['get_asset'])
  await makeMachine(house, 'nightly', [...tools, 'mux/get_asset'])
  await grantTo(house, 'nightly', { upstream: 'desk' })
  for (const resource of [
    undefined,
    `${house.origin}/mcp/mux`,
    `${house.origin}/mcp/desk/`,
    `${house.origin}/mcp/other`,
    'https://other.example/mcp/desk',
  ])
    assert.equal((await ask({ resource })).error, 'invalid_grant', resource)
  assert.equal((await ask({ client_assertion: undefined, client_assertion_type: undefined })).error, 'invalid_client')
  assert.equal((await ask({ grant_type: 'refresh_token', refresh_token: 'x' })).error, 'invalid_request')
  const page = await house.browser().open(new OAuthClient(house, { id: client.id }).authorizeUrl('desk'))
  assert.equal(page.status, 400)
})

test('other clients are no machines, and where there is none, nothing is offered', async (t) => {
  const { house } = await open(t)
  assert.ok(await offers(house, 'client_credentials'))
  const other = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const asked = { grant_type: 'client_credentials', resource: other.resourceOf('desk') }
  assert.equal((await other.token(asked)).error, 'invalid_request')
  const plain = await openHouse(t)
  assert.ok(!(await offers(plain, 'client_credentials')))
  const there = await plain.register({ token_endpoint_auth_method: 'client_secret_post' })
  assert.equal((await there.token(asked)).error, 'unsupported_grant_type')
})

test('a shared secret does only where the file says so, and then the log says so at each start', async (t) => {
  const secret = { preregistered: [{ ...client, secretEnv: 'NIGHTLY_SECRET' }] }
  const env = { NIGHTLY_SECRET: 'a-secret-of-both-sides' }
  await assert.rejects(openHouse(t, { yaml: `clients: ${JSON.stringify(secret)}`, env }), /a machine signs/)
  const accepted = { preregistered: [{ ...secret.preregistered[0], acceptSharedSecret: true }] }
  const house = await openHouse(t, { yaml: `clients: ${JSON.stringify(accepted)}`, env })
  assert.match(house.log.join('\n'), /proves itself by a shared secret/)
  await house.upstream('mux', ['get_asset'])
  await makeMachine(house, 'nightly', ['mux/get_asset'])
  await grantTo(house, 'nightly', { upstream: 'mux' })
  const ask = (of: { id: string; secret: string }) =>
    new OAuthClient(house, of).token({ grant_type: 'client_credentials', resource: `${house.origin}/mcp/mux` })
  assert.equal((await ask({ id: client.id, secret: env.NIGHTLY_SECRET })).status, 200)
  assert.equal((await ask({ id: client.id, secret: 'guess' })).error, 'invalid_client')
})

test('nothing is given to a machine that nobody answers for, or that it may not use', async (t) => {
  const { house } = await open(t)
  await house.person('Ida', ['administer'])
  const { owner, id } = await makeMachine(house, 'nightly', ['desk/read_note'])
  const usual = { by: 'set-up', machine: 'nightly', upstream: 'desk', tools: [], durationSeconds: 60 }
  const give = (more: object) =>
    house.rooms.oauth.giveToMachine({
      ...usual,
      reason: 'for a test',
      ...more,
    })
  const refused = { code: 'oauth.machine_refused' }
  await assert.rejects(give({ tools: ['write_note'] }), refused, 'not entitled')
  await assert.rejects(give({}), refused, 'nothing chosen')
  await assert.rejects(give({ upTo: 'read', clientId: 'workloads' }), refused, 'not its client')
  await assert.rejects(give({ upTo: 'read', upstream: 'other' }), refused, 'no such upstream')
  await assert.rejects(give({ upTo: 'read', machine: 'other' }), refused, 'no such machine')
  await house.rooms.identity.disablePrincipal({ by: 'set-up', id: owner.principal.id, reason: 'left' })
  await assert.rejects(give({ upTo: 'read' }), refused, 'its owner left')
  const bea = await house.person('Bea')
  const named = { by: 'set-up', name: 'nightly', reason: 'for a test' }
  await assert.rejects(house.rooms.identity.setMachineOwner({ ...named, ownerId: id }), {
    code: 'identity.machine_refused',
  })
  await house.rooms.identity.setMachineOwner({ ...named, ownerId: bea.principal.id })
  assert.equal((await give({ upTo: 'read' })).tools.size, 1)
  const right = { by: 'set-up', principalId: id, upstream: 'desk', tools: ['read_note'], reason: 'for a test' }
  await assert.rejects(house.rooms.inventory.entitle({ ...right, right: 'approve' }), { code: 'inventory.unknown' })
  const all = { ...right, right: 'administer' as const, upstream: '*', tools: ['*'] }
  await assert.rejects(house.rooms.inventory.entitle(all), { code: 'inventory.unknown' })
})

for (const who of ['machine', 'owner'] as const)
  test(`nothing is given to a machine when the ${who} is disabled while it is being given`, async (t) => {
    const { house } = await open(t)
    const { id, owner } = await makeMachine(house, 'nightly', tools)
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const given = grantTo(house, 'nightly', { upstream: 'desk' })
    await held.reached
    const left = who === 'machine' ? id : owner.principal.id
    await house.rooms.identity.disablePrincipal({ by: 'set-up', id: left, reason: 'left' })
    held.go()
    await assert.rejects(given, { code: 'oauth.machine_refused' })
    assert.deepEqual(await house.rooms.oauth.listGrants({ principalId: id }), [])
    assert.deepEqual(await house.changes('grant.given'), [])
  })

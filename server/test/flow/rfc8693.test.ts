import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeJwt, generateKeyPair } from 'jose'
import * as oidc from 'openid-client'
import { redirectUri } from '../browser.ts'
import { clientProof, type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import { openFakeHouse } from '../fake-house.ts'
import { type House, openHouse } from '../house.ts'
import { agentWith, entitle, offers } from '../machines.ts'
import { OAuthClient, type TokenAnswer } from '../oauth-client.ts'

// Token exchange: an agent platform gives its person's token and gets one of ours, which says who acts (RFC 8693).

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const platform = { id: 'agents', name: 'Agent platform', redirectUris: [redirectUri] }
/** What the platform is called at the company's provider. */
const audience = 'platform-at-company'

interface Open {
  house: House
  company: FakeIssuer
  key: FakeIssuer
  client: OAuthClient
  /** Exchanges an ID token, unless `fields` say otherwise. */
  exchange(subject: string, fields?: Record<string, string | undefined>): Promise<TokenAnswer>
  /** An actor token of the platform for one of its agents. */
  agent(sub: string, claims?: Record<string, unknown>): Promise<Record<string, string>>
}

async function open(t: TestContext, more: Record<string, unknown> = {}): Promise<Open> {
  const [company, key] = [await openFakeIssuer(t), await openFakeIssuer(t)]
  const from = [{ issuer: company.issuer, jwksUri: company.jwksUri, audience }]
  const client = { ...platform, jwks: key.jwks, exchange: { from, ...more } }
  const yaml = `clients: ${JSON.stringify({ preregistered: [client] })}`
  const { house } = await openFakeHouse(t, { reach: [company.issuer], house: { yaml } })
  const known = new OAuthClient(house, { id: platform.id })
  return {
    house,
    company,
    key,
    client: known,
    exchange: async (subject, fields = {}) =>
      known.token({
        grant_type: grantType,
        subject_token: subject,
        subject_token_type: type('id_token'),
        resource: known.resourceOf('desk'),
        ...(await clientProof(key, { id: platform.id, origin: house.origin })),
        ...fields,
      }),
    agent: async (sub, claims = {}) => ({
      actor_token: await key.sign({ iss: platform.id, sub, aud: house.origin, ...claims }),
      actor_token_type: type('jwt'),
    }),
  }
}

/** Makes the person of the subject tokens known, and entitles her. */
async function entitled({ house, company, exchange }: Open): Promise<string> {
  assert.equal(
    (await exchange(await company.sign({ aud: audience }))).error,
    'invalid_grant',
    'entitled to nothing yet',
  )
  const all = await house.rooms.identity.listPrincipals({ limit: 100 })
  const { id } = all.find(({ subject }) => subject === 'u-1')!
  await entitle(house, id, ['desk/read_note', 'desk/write_note', 'desk/delete_note'])
  return id
}

test('a platform gets a token for its person that says who acts, and each call says both', async (t) => {
  const all = await open(t)
  const { house, company, key } = all
  const principalId = await entitled(all)
  const signs = oidc.PrivateKeyJwt({ key: key.privateKey, kid: 'one' })
  const config = await oidc.discovery(new URL(house.origin), platform.id, undefined, signs, {
    execute: [oidc.allowInsecureRequests],
    algorithm: 'oauth2',
  })
  assert.ok(config.serverMetadata().grant_types_supported?.includes(grantType))
  const tokens = await oidc.genericGrantRequest(config, grantType, {
    subject_token: await company.sign({ aud: audience, name: 'Ana' }),
    subject_token_type: type('id_token'),
    resource: `${house.origin}/mcp/desk`,
    ...(await all.agent('planner')),
  })
  assert.equal(tokens.issued_token_type, type('access_token'))
  assert.equal(tokens.refresh_token, undefined)
  const claims = decodeJwt(tokens.access_token)
  assert.deepEqual([claims.sub, claims['client_id']], [principalId, platform.id])
  assert.deepEqual(claims['act'], { sub: 'planner', iss: platform.id })
  const agent = agentWith(house, 'desk', tokens as unknown as TokenAnswer)
  assert.deepEqual(await agent.list(), ['read_note'])
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const [intent] = await house.entries('intent')
  assert.deepEqual([intent?.principal.id, intent?.actor], [principalId, `planner at ${platform.id}`])
  const [given] = await house.changes('grant.given')
  assert.equal(given?.details?.['issuer'], company.issuer)
  const [grant] = await house.rooms.oauth.listGrants({ principalId })
  await house.rooms.oauth.revokeGrant({ by: principalId, id: grant!.id, reason: 'not any more' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  const again = await all.exchange(await company.sign({ aud: audience }))
  assert.equal(again.error, 'invalid_grant', 'what was withdrawn does not come back')
})

test('without an agent of its own it is the platform that acts; the configuration says how grave', async (t) => {
  const all = await open(t, { effects: 'write' })
  await entitled(all)
  const answer = await all.exchange(await all.company.sign({ aud: audience }))
  assert.equal(answer.status, 200, JSON.stringify(answer))
  assert.deepEqual(decodeJwt(answer.access_token)['act'], { sub: platform.id })
  assert.deepEqual((await agentWith(all.house, 'desk', answer).list()).sort(), ['read_note', 'write_note'])
})

test('what is granted is within the scopes of the subject token and of the request, and is told', async (t) => {
  const all = await open(t, { effects: 'write' })
  await entitled(all)
  const [read, write] = ['desk:tool:read_note', 'desk:tool:write_note']
  const table: [claimed: unknown, asked: string | undefined, told: string, tools: string[], scp?: unknown][] = [
    [undefined, undefined, 'mcp', ['read_note', 'write_note']],
    // As some providers say it: a list, or a text.
    [undefined, undefined, 'desk:read', ['read_note'], ['openid', 'desk:read']],
    [undefined, undefined, 'desk:read', ['read_note'], 'openid desk:read'],
    [undefined, 'desk:read', 'desk:read', ['read_note'], ['mcp']],
    [undefined, undefined, 'invalid_grant', [], ['openid']],
    [undefined, undefined, 'invalid_grant', [], []],
    [undefined, undefined, 'invalid_grant', [], 'access_as_user'],
    [undefined, undefined, 'invalid_grant', [], ['desk:read', 7]],
    [undefined, undefined, 'invalid_grant', [], { desk: 'read' }],
    [undefined, write, 'invalid_scope', [], 'desk:read'],
    // Where both are there, the narrower.
    ['mcp', undefined, 'desk:read', ['read_note'], ['desk:read']],
    ['desk:read', undefined, 'desk:read', ['read_note'], ['mcp']],
    ['desk:write', undefined, read, ['read_note'], [read]],
    ['desk:read', undefined, 'invalid_grant', [], [write]],
    ['desk:read', undefined, 'invalid_grant', [], []],
    ['desk:read', undefined, 'desk:read', ['read_note']],
    [undefined, write, write, ['write_note']],
    ['openid mcp', 'desk:read', 'desk:read', ['read_note']],
    [`${read} ${write}`, 'desk:read', read, ['read_note']],
    ['openid profile', undefined, 'invalid_grant', []],
    [['desk:read'], undefined, 'invalid_grant', []],
    ['desk:tool:delete_note', undefined, 'invalid_grant', []],
    ['desk:read', write, 'invalid_scope', []],
    [undefined, 'other:read', 'invalid_scope', []],
  ]
  for (const [claimed, asked, told, tools, scp] of table) {
    const subject = await all.company.sign({ aud: audience, scope: claimed, scp })
    const answer = await all.exchange(subject, { scope: asked })
    const listed = answer.status === 200 ? (await agentWith(all.house, 'desk', answer).list()).toSorted() : []
    assert.deepEqual([answer.error ?? answer.scope, listed], [told, tools], `${JSON.stringify(claimed)} ${asked}`)
  }
})

test('a token of ours is exchanged for a narrower one, under the same grant, and never for a wider one', async (t) => {
  const all = await open(t, { effects: 'write', actorsMax: 4 })
  await entitled(all)
  const own = { subject_token_type: type('access_token'), ...(await all.agent('planner')) }
  const subject = async (scope?: string) =>
    (await all.exchange(await all.company.sign({ aud: audience, scope }))).access_token
  const cut = await all.exchange(await subject('desk:read'), { ...own, scope: 'mcp' })
  assert.equal(cut.scope, 'desk:read', 'the grant is not wider')
  assert.deepEqual(await agentWith(all.house, 'desk', cut).list(), ['read_note'])

  const wide = await subject()
  const table: [asked: string | undefined, told: string, tools: string[]][] = [
    [undefined, 'mcp', ['read_note', 'write_note']],
    ['desk:read', 'desk:read', ['read_note']],
    ['desk:tool:write_note', 'desk:tool:write_note', ['write_note']],
    ['profile', 'invalid_scope', []],
  ]
  for (const [scope, told, tools] of table) {
    const answer = await all.exchange(wide, { ...own, scope })
    assert.equal(answer.error ?? answer.scope, told, scope)
    if (answer.error !== undefined) continue
    assert.equal(decodeJwt(answer.access_token)['grant_id'], decodeJwt(wide)['grant_id'])
    assert.deepEqual((await agentWith(all.house, 'desk', answer).list()).toSorted(), tools, scope)
  }
  const narrow = (await all.exchange(wide, { ...own, scope: 'desk:read' })).access_token
  for (const scope of [undefined, 'mcp', 'desk:write', 'desk:tool:read_note desk:tool:write_note']) {
    const again = await all.exchange(narrow, { subject_token_type: type('access_token'), scope })
    assert.deepEqual(await agentWith(all.house, 'desk', again).list(), ['read_note'], scope)
  }
  const beyond = { subject_token_type: type('access_token'), scope: 'desk:tool:write_note' }
  assert.equal((await all.exchange(narrow, beyond)).error, 'invalid_scope')
})

test('a token does not outlive the one that it stands on', async (t) => {
  const all = await open(t)
  await entitled(all)
  const exp = Math.floor(Date.now() / 1_000) + 60
  const answer = await all.exchange(await all.company.sign({ aud: audience, exp }))
  assert.ok(answer.expires_in <= 60)
  const again = { subject_token_type: type('access_token'), ...(await all.agent('planner')) }
  const narrower = await all.exchange(answer.access_token, again)
  assert.ok(Number(decodeJwt(narrower.access_token).exp) <= Number(decodeJwt(answer.access_token).exp))
})

test('actors act one for another so often as is configured, by default twice', async (t) => {
  const all = await open(t)
  await entitled(all)
  const first = await all.exchange(await all.company.sign({ aud: audience }), await all.agent('planner'))
  const own = { subject_token_type: type('access_token') }
  const second = await all.exchange(first.access_token, { ...own, ...(await all.agent('reader')) })
  assert.equal(second.status, 200, JSON.stringify(second))
  assert.deepEqual(decodeJwt(second.access_token)['act'], {
    sub: 'reader',
    iss: platform.id,
    act: { sub: 'planner', iss: platform.id },
  })
  assert.equal((await agentWith(all.house, 'desk', second).call('read_note', { id: 'n1' })).status, 200)
  const [intent] = await all.house.entries('intent')
  assert.equal(intent?.actor, `reader at ${platform.id} for planner at ${platform.id}`)
  const third = await all.exchange(second.access_token, { ...own, ...(await all.agent('writer')) })
  assert.equal(third.error, 'invalid_grant')
  const nested = { sub: 'a', act: { sub: 'b' } }
  const deep = await all.exchange(await all.company.sign({ aud: audience, act: nested }))
  assert.equal(deep.error, 'invalid_grant')
  for (const act of ['x', { sub: 'a b' }, { iss: 'x' }, [], { sub: 'a', act: 7 }])
    assert.equal((await all.exchange(await all.company.sign({ aud: audience, act }))).error, 'invalid_grant')
})

test('a token of ours is exchanged by the client that it was issued to, at the resource that it is for', async (t) => {
  const all = await open(t)
  const { house, client, key, exchange } = all
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('Ana', ['desk/read_note', 'mux/get_asset'])
  const proof = () => clientProof(key, { id: platform.id, origin: house.origin })
  const code = (await client.authorize(ana.browser, 'desk')).get('code')
  const tokens = await client.redeem(code, { resource: client.resourceOf('desk'), ...(await proof()) })
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  const own = { subject_token_type: type('access_token'), ...(await all.agent('planner')) }
  const answer = await exchange(tokens.access_token, own)
  assert.equal(answer.status, 200, JSON.stringify(answer))
  const [before, after] = [decodeJwt(tokens.access_token), decodeJwt(answer.access_token)]
  assert.deepEqual([after['grant_id'], after.sub], [before['grant_id'], before.sub])
  assert.deepEqual(after['act'], { sub: 'planner', iss: platform.id })
  const elsewhere = await exchange(tokens.access_token, { ...own, resource: client.resourceOf('mux') })
  assert.equal(elsewhere.error, 'invalid_grant')
  const other = await house.register()
  const theirs = await other.connect(ana.browser, 'desk')
  assert.equal((await exchange(theirs.access_token, own)).error, 'invalid_grant')
  assert.equal((await exchange(tokens.refresh_token, own)).error, 'invalid_grant')
  await house.rooms.oauth.revokeGrant({ by: 'set-up', id: String(before['grant_id']), reason: 'for a test' })
  assert.equal((await exchange(tokens.access_token, own)).error, 'invalid_grant')
})

test('whatever is wrong, the platform learns only that it was not taken', async (t) => {
  const all = await open(t)
  await entitled(all)
  const { house, company, key, exchange, agent } = all
  const now = Math.floor(Date.now() / 1_000)
  const strange = await generateKeyPair('ES256')
  const logout = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const good = () => company.sign({ aud: audience })
  const wrong: [string, string, Record<string, string | undefined>?][] = [
    ['the token of another client of the company', await company.sign({ aud: 'other-at-company' })],
    ['a token for several', await company.sign({ aud: [audience, 'other-at-company'] })],
    ['a token for us', await company.sign({ aud: house.origin })],
    ['another issuer', await company.sign({ aud: audience, iss: 'https://other.example' })],
    ['a foreign key', await company.sign({ aud: audience }, {}, strange.privateKey)],
    ['signed by the platform itself', await key.sign({ iss: company.issuer, aud: audience })],
    ['ended', await company.sign({ aud: audience, iat: now - 600, exp: now - 60 })],
    ['no beginning', await company.sign({ aud: audience, iat: undefined })],
    ['an identity assertion', await company.sign({ aud: audience }, { typ: 'oauth-id-jag+jwt' })],
    ['a logout', await company.sign({ aud: audience }, { typ: 'logout+jwt' })],
    ['a logout that names no type of its own', await company.sign({ aud: audience, events: logout })],
    [
      'an event of whatever kind',
      await company.sign({ aud: audience, events: {} }),
      { subject_token_type: type('jwt') },
    ],
    ['when something happened', await company.sign({ aud: audience, toe: now })],
    ['what it happened in', await company.sign({ aud: audience, txn: 't-1' }), { subject_token_type: type('jwt') }],
    [
      'an event as an access token',
      await company.sign({ aud: audience, events: logout }, { typ: 'at+jwt' }),
      { subject_token_type: type('access_token') },
    ],
    ['an agent by an event', await good(), await agent('planner', { events: logout })],
    ['an access token as an ID token', await company.sign({ aud: audience }, { typ: 'at+jwt' })],
    ['an ID token as an access token', await good(), { subject_token_type: type('access_token') }],
    ['a refresh token', await good(), { subject_token_type: type('refresh_token') }],
    ['no type', await good(), { subject_token_type: undefined }],
    ['bound to a key', await company.sign({ aud: audience, cnf: { jkt: 'x' } })],
    ['another may act', await company.sign({ aud: audience, may_act: { sub: 'other' } })],
    ['no resource', await good(), { resource: undefined }],
    ['another resource', await good(), { resource: 'https://other.example/mcp' }],
    ['an audience that differs', await good(), { audience: `${house.origin}/mcp/other` }],
    ['another token wanted', await good(), { requested_token_type: type('refresh_token') }],
    ['an agent of somebody else', await good(), await agent('planner', { iss: 'other' })],
    ['an agent for somebody else', await good(), await agent('planner', { aud: 'https://other.example' })],
    ['an agent for a day', await good(), await agent('planner', { exp: now + 86_400 })],
    ['an agent by its name alone', await good(), { actor_token: 'planner', actor_token_type: type('jwt') }],
    ['an agent that is two', await good(), await agent('planner', { act: { sub: 'x' } })],
    ['an agent whose name has spaces', await good(), await agent('planner for root')],
    ['limited by details', await company.sign({ aud: audience, authorization_details: [{ type: 'mcp_tools' }] })],
    ['an agent without a type', await good(), { ...(await agent('planner')), actor_token_type: undefined }],
  ]
  for (const [what, subject, fields] of wrong) {
    const { status, error, error_description: said } = await exchange(subject, fields)
    assert.deepEqual([status, error, said], [400, 'invalid_grant', 'grant request is invalid'], what)
  }
  const allowed = await company.sign({ aud: audience, may_act: { sub: platform.id } })
  assert.equal((await exchange(allowed)).status, 200)
  const byAudience = { resource: undefined, audience: `${house.origin}/mcp/desk` }
  assert.equal((await exchange(await good(), byAudience)).status, 200)
  const access = await company.sign({ aud: audience }, { typ: 'at+jwt' })
  assert.equal((await exchange(access, { subject_token_type: type('access_token') })).status, 200)
  assert.ok(!house.log.join('').includes('eyJ'), 'a token was written to the log')
})

test('only the platform itself may exchange, and only where it is configured', async (t) => {
  const all = await open(t)
  await entitled(all)
  const { house, company, exchange } = all
  const subject = await company.sign({ aud: audience })
  const nobody = { client_assertion: undefined, client_assertion_type: undefined }
  assert.equal((await exchange(subject, nobody)).error, 'invalid_client')
  const other = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const asked = { grant_type: grantType, subject_token: subject, subject_token_type: type('id_token') }
  assert.equal((await other.token({ ...asked, resource: other.resourceOf('desk') })).error, 'invalid_request')
  const plain = await openHouse(t)
  assert.ok(!(await offers(plain, grantType)))
})

test('a person who is disabled, and one who lost the right, get nothing through it', async (t) => {
  const all = await open(t)
  await all.house.person('Ida', ['administer'])
  const id = await entitled(all)
  const answer = await all.exchange(await all.company.sign({ aud: audience }))
  for (const right of await all.house.rooms.inventory.listRights(id))
    await all.house.rooms.inventory.revokeEntitlement({ by: 'set-up', id: right.id, reason: 'for a test' })
  assert.deepEqual(await agentWith(all.house, 'desk', answer).list(), [])
  assert.equal((await all.exchange(await all.company.sign({ aud: audience }))).error, 'invalid_grant')
  await all.house.rooms.identity.disablePrincipal({ by: 'set-up', id, reason: 'left' })
  assert.equal((await agentWith(all.house, 'desk', answer).call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await all.exchange(await all.company.sign({ aud: audience }))).error, 'invalid_grant')
})

test('a platform that gives its token back may come again, until somebody withdraws the grant', async (t) => {
  const all = await open(t)
  await entitled(all)
  const again = async () => all.exchange(await all.company.sign({ aud: audience }))
  const { access_token: token } = await again()
  const proof = await clientProof(all.key, { id: platform.id, origin: all.house.origin })
  const answer = await fetch(`${all.house.url}/oauth/revoke`, {
    method: 'POST',
    body: all.client.form({ token, ...proof }),
  })
  assert.equal(answer.status, 200)
  assert.equal((await agentWith(all.house, 'desk', { access_token: token } as never).call('read_note', {})).status, 401)
  assert.equal((await again()).status, 200)
})

test('a token that says less than a login takes nothing of what is known of the person', async (t) => {
  const all = await open(t)
  const id = await entitled(all)
  const exchange = async (claims: object) => all.exchange(await all.company.sign({ aud: audience, ...claims }))
  await exchange({ name: 'Ana Lima', email: 'ana@example.com' })
  const changes = async () => (await all.house.changes('principal.changed')).length
  const before = await changes()
  assert.equal((await exchange({})).status, 200)
  const ana = await all.house.rooms.identity.findPrincipal(id)
  assert.deepEqual([ana?.name, ana?.email, await changes()], ['Ana Lima', 'ana@example.com', before])
  await exchange({ name: 'Ana Berg' })
  assert.equal((await all.house.rooms.identity.findPrincipal(id))?.name, 'Ana Berg')
})

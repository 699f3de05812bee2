import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { countSpent } from '../../src/store/spent.ts'
import { Agent } from '../agent.ts'
import { audience, caep, openFakeTransmitter } from '../fake/transmitter.ts'
import { whoIs } from '../administrator.ts'
import { redirectUri } from '../browser.ts'
import {
  entitleVouched,
  jwtBearer,
  muxTools,
  openEnterpriseHouse,
  registerPresenter,
  type EnterpriseHouse,
} from '../enterprise-house.ts'
import { openClientHost } from '../fake/client-host.ts'
import { openFakeEnterprise } from '../fake/enterprise.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { clientProof, type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openHouse } from '../house.ts'
import { agentWith, entitle } from '../machines.ts'
import { claimsOf, OAuthClient, type TokenAnswer } from '../oauth-client.ts'
import { startPostgres } from '../postgres.ts'
import { Prover } from '../prover.ts'

// Enterprise-managed authorization: the company's identity provider lets a client in, without a consent page.

/** What a client holds by an assertion with this scope that asks for this scope. */
async function granted(all: EnterpriseHouse, { claimed, asked }: { claimed?: unknown; asked?: string }) {
  const assertion = await all.company.assert({ ...all.claims, scope: claimed })
  const answer = await all.present(assertion, asked === undefined ? {} : { scope: asked })
  if (answer.status !== 200) return { answer, told: answer.error, tools: [] }
  assert.equal(decodeJwt(answer.access_token)['scope'], answer.scope)
  return { answer, told: answer.scope, tools: (await agentOf(all, answer).list()).toSorted() }
}

const agentOf = ({ house, client }: EnterpriseHouse, tokens: TokenAnswer) =>
  new Agent({ origin: house.url, upstream: 'mux', client: client.id, resource: client.resourceOf('mux'), tokens })

test('an assertion of the company lets the client in for what the person may read, and for nothing graver', async (t) => {
  const all = await openEnterpriseHouse(t)
  const { house, company, claims, present } = all
  const principalId = await entitleVouched(all)
  const answer = await present(await company.assert(claims))
  assert.equal(answer.status, 200, JSON.stringify(answer))
  assert.equal(answer.refresh_token, undefined)
  const token = decodeJwt(answer.access_token)
  assert.deepEqual([token.sub, token.aud, token['client_id']], [principalId, claims['resource'], claims['client_id']])
  assert.deepEqual((await agentOf(all, answer).list()).sort(), ['get_asset', 'list_assets'])
  const [grant] = await house.rooms.oauth.listGrants({ principalId })
  assert.equal(grant?.issuer, company.issuer)
  const [entry] = await house.changes('grant.given')
  assert.equal(entry?.details?.['issuer'], company.issuer)
  const principal = await house.rooms.identity.findPrincipal(principalId)
  assert.deepEqual([principal?.issuer, principal?.name], [company.issuer, 'Ana Lima'])
})

test('an issuer may be trusted with writes; what destroys and what returns keys is never granted so', async (t) => {
  const all = await openEnterpriseHouse(t, { effects: 'write' })
  await entitleVouched(all)
  const answer = await all.present(await all.company.assert(all.claims))
  assert.deepEqual((await agentOf(all, answer).list()).sort(), ['create_asset', 'get_asset', 'list_assets'])
})

test('what is granted is what effects, entitlement, the scope of the assertion and the scope asked for all reach', async (t) => {
  const all = await openEnterpriseHouse(t, { effects: 'write' })
  await entitleVouched(all)
  await all.house.upstream('memory', ['list_memories'])
  const [get, list, create] = ['mux:tool:get_asset', 'mux:tool:list_assets', 'mux:tool:create_asset']
  const [read, write] = [
    ['get_asset', 'list_assets'],
    ['create_asset', 'get_asset', 'list_assets'],
  ]
  const table: [claimed: unknown, asked: string | undefined, told: string, tools: string[]][] = [
    [undefined, undefined, 'mcp', write],
    ['mcp', undefined, 'mcp', write],
    ['mux:read', undefined, 'mux:read', read],
    [get, undefined, get, ['get_asset']],
    [`mux:read ${create}`, undefined, `mux:read ${create}`, write],
    [undefined, 'mux:read', 'mux:read', read],
    [undefined, `${create} ${get}`, `${create} ${get}`, ['create_asset', 'get_asset']],
    ['mux:read', 'mcp', 'mux:read', read],
    ['mux:read', 'mux:write', 'mux:read', read],
    [`${list} ${create}`, `mux:read ${create}`, `${list} ${create}`, ['create_asset', 'list_assets']],
    [create, 'mux:write', create, ['create_asset']],
    ['mux:read', 'profile mux:read other:read', 'mux:read', read],
    [`${get} mux:tool:delete_asset mux:tool:create_signing_key`, undefined, get, ['get_asset']],
    ['mux:tool:delete_asset', undefined, 'invalid_grant', []],
    ['memory:read', undefined, 'invalid_grant', []],
    ['profile', undefined, 'invalid_grant', []],
    ['MUX:read', undefined, 'invalid_grant', []],
    ['', undefined, 'invalid_grant', []],
    [null, undefined, 'invalid_grant', []],
    [['mux:read'], undefined, 'invalid_grant', []],
    // What is no scope of this resource, beside those that are (7.6.2).
    ['memory:read mux:read', undefined, 'invalid_grant', []],
    ['mcp profile', undefined, 'invalid_grant', []],
    // What the client does not ask for (7.2.1).
    ['mux:write', `mux:read ${create}`, 'invalid_grant', []],
    ['mux:write', 'mux:read', 'invalid_grant', []],
    ['mcp', 'mux:write', 'invalid_grant', []],
    ['mux:read', `${create} ${list}`, 'invalid_grant', []],
    [create, 'mux:read', 'invalid_grant', []],
    [`${get} ${list}`, `${list} ${create}`, 'invalid_grant', []],
    ['mux:read', create, 'invalid_grant', []],
    [get, list, 'invalid_grant', []],
    [undefined, 'profile', 'invalid_grant', []],
    ['profile', create, 'invalid_grant', []],
  ]
  for (const [claimed, asked, told, tools] of table) {
    const { answer: _, ...held } = await granted(all, { claimed, ...(asked !== undefined && { asked }) })
    assert.deepEqual(held, { told, tools }, `${JSON.stringify(claimed)} ${asked}`)
  }
  // `scp` is a claim like `scope`.
  for (const scp of ['mux:read profile', ['mux:read', 'memory:read'], 'mux:write'])
    assert.equal(
      (await all.present(await all.company.assert({ ...all.claims, scp }), { scope: 'mux:read' })).error,
      'invalid_grant',
    )
  const kept = await all.company.assert({ ...all.claims, scope: 'mux:write' })
  assert.equal((await all.present(kept, { scope: 'mux:read' })).error, 'invalid_grant')
  assert.equal((await all.present(kept, { scope: 'mux:write' })).status, 200, 'which was not spent')
  const authorization_details = [{ type: 'mcp_tools', tools: [{ name: 'get_asset' }] }]
  const detailed = await all.present(await all.company.assert({ ...all.claims, authorization_details }))
  assert.equal(detailed.error, 'invalid_grant')
  const plain = await all.company.assert(all.claims)
  const asks = await all.present(plain, { authorization_details: JSON.stringify(authorization_details) })
  assert.equal(asks.error, 'invalid_authorization_details')
  assert.equal((await all.present(plain)).status, 200, 'what was not looked at is not spent')
})

test('a narrower assertion gets no wider grant that stands, and a wider one does not widen the narrower', async (t) => {
  const all = await openEnterpriseHouse(t, { effects: 'write' })
  const principalId = await entitleVouched(all)
  const wide = await granted(all, {})
  const narrow = await granted(all, { claimed: 'mux:read' })
  const again = await granted(all, {})
  assert.deepEqual([wide.tools.length, narrow.tools.length, again.tools.length], [3, 2, 3])
  const reader = agentOf(all, narrow.answer)
  // What passes the second door finds nobody behind it.
  assert.equal((await reader.call('get_asset', {})).status, 502)
  assert.equal((await reader.call('create_asset', {})).status, 403)
  assert.equal((await agentOf(all, wide.answer).call('create_asset', {})).status, 502, 'they stand side by side')
  const grants = async () => all.house.rooms.oauth.listGrants({ principalId, activeAt: all.house.clock.now() })
  const holds = async () => (await grants()).map(({ scope, tools: held }) => [scope, held.size])
  assert.deepEqual(await holds(), [
    ['mux:read', 2],
    [undefined, 3],
  ])
  const [right] = (await all.house.rooms.inventory.listRights(principalId)).filter(({ tool }) => tool === 'list_assets')
  await all.house.rooms.inventory.revokeEntitlement({ by: 'set-up', id: right!.id, reason: 'for a test' })
  await granted(all, { claimed: 'mux:read' })
  assert.deepEqual(await holds(), [
    ['mux:read', 1],
    [undefined, 3],
  ])
  assert.equal((await reader.call('get_asset', {})).status, 401, 'what it should hold has changed')
})

test('what was withdrawn comes back by no other scope, until the person has given it', async (t) => {
  const all = await openEnterpriseHouse(t)
  const principalId = await entitleVouched(all)
  const wide = await granted(all, {})
  await granted(all, { claimed: 'mux:read' })
  const grantId = String(decodeJwt(wide.answer.access_token)['grant_id'])
  await all.house.rooms.oauth.revokeGrant({ by: principalId, id: grantId, reason: 'not any more' })
  for (const claimed of [undefined, 'mux:read', 'mux:tool:get_asset'])
    assert.equal((await granted(all, { claimed })).told, 'invalid_grant')
})

test('a grant of her own that stands does not undo a withdrawal; one that she gives after it does', async (t) => {
  const provider = { id: 'sallyport', secret: 'the client secret' }
  const idp = await openFakeIdp(provider, { sub: 'u-1', name: 'Ana Lima' })
  t.after(() => idp.close())
  const company = await openFakeEnterprise(t)
  const login = { id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: provider.id, clientSecretEnv: 'IDP_SECRET' }
  const enterprise = [{ issuer: idp.issuer, jwksUri: company.jwksUri }]
  const yaml = `login: ${JSON.stringify({ oidc: [login] })}\nclients: ${JSON.stringify({ enterprise })}`
  const env = { IDP_SECRET: provider.secret }
  const house = await openHouse(t, { yaml, env, reach: [idp.issuer, company.issuer] })
  await house.upstream('mux', muxTools)
  const browser = house.browser()
  const page = await browser.open('/sign-in?return_to=/sign-out')
  await browser.follow(page, '/sign-in/with/okta?return_to=/sign-out')
  const { principal } = (await whoIs(house, browser))!
  await entitle(house, principal.id, ['mux/get_asset'])
  const client = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const claims = { iss: idp.issuer, aud: house.origin, client_id: client.id, resource: client.resourceOf('mux') }
  const vouched = async () => client.token({ grant_type: jwtBearer, assertion: await company.assert(claims) })
  const first = await vouched()
  const token = decodeJwt(first.access_token)
  assert.equal(token.sub, principal.id)
  const own = await client.connect(browser, 'mux')
  assert.equal(own.status, 200)
  const id = String(token['grant_id'])
  await house.rooms.oauth.revokeGrant({ by: principal.id, id, reason: 'not any more' })
  assert.equal((await vouched()).error, 'invalid_grant')
  await client.connect(browser, 'mux')
  assert.equal((await vouched()).status, 200)
})

test('who asks by ever other scopes has no more than twenty grants beside one another', async (t) => {
  const all = await openEnterpriseHouse(t)
  const names = Array.from({ length: 24 }, (_, at) => `read_${at}`)
  await all.house.upstream('many', names)
  const principalId = await entitleVouched(all)
  await entitle(
    all.house,
    principalId,
    names.map((name) => `many/${name}`),
  )
  const claims = { ...all.claims, resource: all.client.resourceOf('many') }
  for (const name of names) {
    const answer = await all.present(await all.company.assert({ ...claims, scope: `many:tool:${name}` }))
    assert.equal(answer.scope, `many:tool:${name}`)
  }
  const standing = await all.house.rooms.oauth.listGrants({ principalId, activeAt: all.house.clock.now() })
  assert.deepEqual(
    standing.map(({ scope }) => scope),
    names
      .slice(-20)
      .toReversed()
      .map((name) => `many:tool:${name}`),
  )
  const back = await all.present(await all.company.assert({ ...claims, scope: 'many:tool:read_0' }))
  assert.equal(back.status, 200, 'nobody withdrew it')
})

test('at the address of a bundle scopes name its members', async (t) => {
  const all = await openEnterpriseHouse(t)
  await all.house.upstream('memory', ['list_memories'])
  const ana = await all.house.person('Ana')
  const principalId = await entitleVouched(all)
  await entitle(all.house, principalId, ['memory/list_memories'])
  await all.house.rooms.inventory.makeBundle({
    name: 'work',
    purpose: 'all of it',
    members: [
      { upstream: 'mux', prefix: 'mux' },
      { upstream: 'memory', prefix: 'memory' },
    ],
    by: 'set-up',
    ownerId: ana.principal.id,
    reason: 'for a test',
  })
  const claims = { ...all.claims, resource: all.client.resourceOf('work') }
  const listed = async (scope: string) => {
    const answer = await all.present(await all.company.assert({ ...claims, scope }))
    return answer.status === 200 ? (await agentWith(all.house, 'work', answer).list()).toSorted() : answer.error
  }
  assert.deepEqual(await listed('memory:read'), ['memory_list_memories'])
  assert.deepEqual(await listed('mux:tool:get_asset memory:read'), ['memory_list_memories', 'mux_get_asset'])
  assert.equal(await listed('work:read'), 'invalid_grant')
})

test('a client that no administrator admitted gets nothing by an assertion, where they are reviewed', async (t) => {
  const all = await openEnterpriseHouse(t, { admission: 'reviewed' })
  const { house, client } = all
  const ida = await house.person('Ida', ['administer'])
  const step = { by: ida.principal.id, id: client.id, reason: 'for a test' }
  await house.rooms.oauth.admitClient({ ...step, ownerId: ida.principal.id })
  await entitleVouched(all)
  assert.equal((await granted(all, {})).answer.status, 200)
  const other = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const assertion = await all.company.assert({ ...all.claims, client_id: other.id })
  const { status, error, error_description: said } = await other.token({ grant_type: jwtBearer, assertion })
  assert.deepEqual([status, error, said], [400, 'invalid_grant', 'grant request is invalid'])
})

test('who proves a key with its assertion gets a token that is bound to it, and a bad proof spends no assertion', async (t) => {
  const all = await openEnterpriseHouse(t)
  await entitleVouched(all)
  const { house, company, claims, client, present } = all
  const prover = await Prover.make()
  const fields = { grant_type: jwtBearer, assertion: await company.assert(claims) }
  assert.equal((await prover.token(client, fields, { payload: { htm: 'GET' } })).error, 'invalid_dpop_proof')
  const bound = await prover.token(client, fields)
  assert.deepEqual([bound.status, bound.token_type], [200, 'DPoP'])
  assert.deepEqual(claimsOf(bound.access_token).payload['cnf'], { jkt: prover.thumbprint })
  const required = { by: 'set-up', name: 'mux', proof: 'required', reason: 'for a test' } as const
  await house.rooms.inventory.setProof(required)
  const again = { ...fields, assertion: await company.assert(claims) }
  assert.equal((await present(again.assertion)).error, 'invalid_dpop_proof')
  assert.equal((await prover.token(client, again)).token_type, 'DPoP')
})

test('a request that is refused for another reason spends no proof, and a proof of before spends no assertion', async (t) => {
  const all = await openEnterpriseHouse(t)
  await entitleVouched(all)
  const { house, company, claims, client } = all
  const prover = await Prover.make()
  await prover.token(client, { grant_type: jwtBearer, assertion: 'x' })
  const send = async (dpop: string, fields: Record<string, string>) => {
    const body = client.form({ grant_type: jwtBearer, ...fields })
    const answer = await fetch(`${house.url}/oauth/token`, { method: 'POST', headers: { dpop }, body })
    return ((await answer.json()) as { error?: string; token_type?: string }).error ?? answer.status
  }
  const proof = await prover.proof('POST', `${house.origin}/oauth/token`)
  const assertion = await company.assert(claims)
  const foreign = await company.assert({ ...claims, aud: 'https://other.example' })
  assert.equal(await send(proof, { assertion: foreign }), 'invalid_grant')
  assert.equal(await send(proof, { assertion, client_secret: 'guessed' }), 'invalid_client')
  assert.equal(await send(proof, { assertion, client_id: 'workloads' }), 'invalid_client')
  assert.equal(await countSpent(house.rooms.store, 'proof', 0), 0)
  assert.equal(await send(proof, { assertion }), 200)
  const next = await company.assert(claims)
  assert.equal(await send(proof, { assertion: next }), 'invalid_dpop_proof')
  assert.equal(await send(await prover.proof('POST', `${house.origin}/oauth/token`), { assertion: next }), 200)
  assert.equal(await countSpent(house.rooms.store, 'proof', 0), 2)
})

test('the metadata says that it is offered, only where it is', async (t) => {
  const { house } = await openEnterpriseHouse(t)
  const read = async (url: string) =>
    (await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()) as Record<string, string[]>
  const offered = await read(house.url)
  assert.ok(offered['grant_types_supported']!.includes(jwtBearer))
  assert.deepEqual(offered['authorization_grant_profiles_supported'], ['urn:ietf:params:oauth:grant-profile:id-jag'])
  const plain = await openHouse(t)
  const other = await read(plain.url)
  assert.ok(!other['grant_types_supported']!.includes(jwtBearer))
  assert.equal(other['authorization_grant_profiles_supported'], undefined)
  const client = await plain.register({ token_endpoint_auth_method: 'client_secret_post' })
  assert.equal((await client.token({ grant_type: jwtBearer, assertion: 'x' })).error, 'unsupported_grant_type')
})

test('whatever is wrong with an assertion, the client learns only that it was not taken', async (t) => {
  const all = await openEnterpriseHouse(t)
  await entitleVouched(all)
  const { house, company, claims, present } = all
  const now = Math.floor(Date.now() / 1_000)
  const other = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const hmac = (): string => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'HS256', typ: 'oauth-id-jag+jwt' })}.${part({ ...claims, iss: company.issuer, sub: 'u-1', jti: 'h', iat: now, exp: now + 60 })}`
    return `${text}.${createHmac('sha256', company.jwksUri).update(text).digest('base64url')}`
  }
  const wrong: [string, Promise<string> | string][] = [
    ['the type of another token', company.assert(claims, { typ: 'JWT' })],
    ['the type of an access token', company.assert(claims, { typ: 'at+jwt' })],
    ['no type', company.assert(claims, { typ: undefined })],
    ['a foreign key', company.forge(claims)],
    ['another algorithm', hmac()],
    ['no signature', `${(await company.assert(claims)).split('.').slice(0, 2).join('.')}.`],
    ['another issuer', company.assert({ ...claims, iss: 'https://other.example' })],
    ['a slash more in the issuer', company.assert({ ...claims, iss: `${company.issuer}/` })],
    ['another audience', company.assert({ ...claims, aud: 'https://other.example' })],
    ['the token endpoint as audience', company.assert({ ...claims, aud: `${house.origin}/oauth/token` })],
    ['several audiences', company.assert({ ...claims, aud: [house.origin, 'https://other.example'] })],
    ['another resource', company.assert({ ...claims, resource: 'https://other.example/mcp' })],
    ['a resource that does not exist', company.assert({ ...claims, resource: `${house.origin}/mcp/other` })],
    ['several resources', company.assert({ ...claims, resource: [claims['resource']] })],
    ['no resource', company.assert({ ...claims, resource: undefined })],
    ['another client', company.assert({ ...claims, client_id: other.id })],
    ['no client', company.assert({ ...claims, client_id: undefined })],
    ['a security event', company.assert({ ...claims, events: {} })],
    ['no subject', company.assert({ ...claims, sub: undefined })],
    ['a subject that hides', company.assert({ ...claims, sub: 'u-1\u200b' })],
    ['no number', company.assert({ ...claims, jti: undefined })],
    ['an end that is past', company.assert({ ...claims, iat: now - 600, exp: now - 300 })],
    ['no end', company.assert({ ...claims, exp: undefined })],
    ['a life of a day', company.assert({ ...claims, exp: now + 86_400 })],
    ['a beginning that lies ahead', company.assert({ ...claims, iat: now + 600, exp: now + 900 })],
    ['no assertion at all', 'a.b.c'],
  ]
  for (const [what, assertion] of wrong) {
    const { status, error, error_description: said } = await present(await assertion)
    assert.deepEqual([status, error, said], [400, 'invalid_grant', 'grant request is invalid'], what)
  }
  const elsewhere = await present(await company.assert(claims), { resource: `${house.origin}/mcp/other` })
  assert.equal(elsewhere.error, 'invalid_grant')
  assert.equal((await present(await company.assert(claims), { resource: String(claims['resource']) })).status, 200)
  assert.ok(!house.log.join('').includes('eyJ'), 'an assertion was written to the log')
})

test('a flood of unknown keys does not become a flood of questions to the company', async (t) => {
  const all = await openEnterpriseHouse(t)
  await entitleVouched(all)
  const before = all.company.fetched
  const assertions = await Promise.all(
    Array.from({ length: 30 }, (_, at) => all.company.assert(all.claims, { kid: `k${at}` })),
  )
  for (const { error } of await Promise.all(assertions.map((one) => all.present(one))))
    assert.equal(error, 'invalid_grant')
  assert.ok(all.company.fetched - before <= 1, `${all.company.fetched - before} questions`)
  assert.equal((await all.present(await all.company.assert(all.claims))).status, 200)
})

test('while the company cannot be asked, its known keys serve; without any, nothing is decided', async (t) => {
  const all = await openEnterpriseHouse(t)
  all.company.silent = true
  const first = await all.present(await all.company.assert(all.claims))
  assert.equal(first.error, 'temporarily_unavailable')
  all.company.silent = false
  await entitleVouched(all)
  assert.equal((await all.present(await all.company.assert(all.claims))).status, 200)
  all.company.silent = true
  all.house.clock.pass(11 * 60_000)
  const now = Math.floor(all.house.clock.now() / 1_000)
  const later = () => all.company.assert({ ...all.claims, iat: now, exp: now + 300 })
  assert.equal((await all.present(await later())).status, 200)
  all.house.clock.pass(25 * 3_600_000)
  assert.equal((await all.present(await later())).error, 'temporarily_unavailable')
})

test('an assertion is good once, at all replicas', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const databaseUrl = await postgres.createDatabase()
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const all = await openEnterpriseHouse(t, { options: { databaseUrl, env } })
  const { house, company, claims, client } = all
  await entitleVouched(all)
  const yaml = `clients: ${JSON.stringify({ enterprise: [{ issuer: company.issuer, jwksUri: company.jwksUri }] })}`
  const second = await openHouse(t, {
    yaml,
    reach: [company.issuer],
    databaseUrl,
    env: { ...env, SALLYPORT_ORIGIN: house.origin },
  })
  const urls = [house.url, await openHostProxy(t, second)]
  const assertion = await company.assert(claims)
  const form = client.form({ grant_type: jwtBearer, assertion })
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => fetch(`${urls[at % 2]}/oauth/token`, { method: 'POST', body: form })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a client that is known by its metadata document presents one, and proves itself by the key in it', async (t) => {
  const [host, key, stranger] = [await openClientHost(t), await openFakeIssuer(t), await openFakeIssuer(t)]
  const redirects = { client_name: 'Editor', redirect_uris: [redirectUri] }
  host.document = { ...redirects, token_endpoint_auth_method: 'private_key_jwt', jwks: key.jwks }
  const all = await openEnterpriseHouse(t, { options: { reach: [host.id] } })
  await entitleVouched(all)
  const { house, company } = all
  const client = new OAuthClient(house, { id: host.id })
  const claims = { ...all.claims, client_id: host.id }
  const present = async (assertion: string, by: FakeIssuer) =>
    client.token({
      grant_type: jwtBearer,
      assertion,
      ...(await clientProof(by, { id: host.id, origin: house.origin })),
    })
  const assertion = await company.assert(claims)
  assert.equal((await present(assertion, stranger)).error, 'invalid_client')
  assert.equal((await client.token({ grant_type: jwtBearer, assertion })).error, 'invalid_client')
  const answer = await present(assertion, key)
  assert.equal(answer.status, 200, JSON.stringify(answer))
  assert.equal(decodeJwt(answer.access_token)['client_id'], host.id)
  assert.deepEqual((await agentOf({ ...all, client }, answer).list()).toSorted(), ['get_asset', 'list_assets'])
  assert.equal((await house.rooms.oauth.findClient(host.id))?.source, 'metadata-document')
  const others = await company.assert(all.claims)
  assert.equal((await present(others, key)).error, 'invalid_grant', 'that of another client')
})

test('a client that cannot prove who it is may not present one', async (t) => {
  const { house, company, claims } = await openEnterpriseHouse(t)
  const open_ = await house.register({ token_endpoint_auth_method: 'none' })
  const assertion = await company.assert({ ...claims, client_id: open_.id })
  const answer = await open_.token({ grant_type: jwtBearer, assertion })
  assert.deepEqual([answer.status, answer.error], [400, 'invalid_request'])
})

test('what was withdrawn does not come back by the next assertion', async (t) => {
  const all = await openEnterpriseHouse(t)
  const principalId = await entitleVouched(all)
  const { house, company, claims, present } = all
  const again = async () => (await present(await company.assert(claims))).status
  const tokens = await present(await company.assert(claims))
  const [grant] = await house.rooms.oauth.listGrants({ principalId })
  await house.rooms.oauth.revokeGrant({ by: principalId, id: grant!.id, reason: 'not any more' })
  assert.equal((await agentOf(all, tokens).call('get_asset', {})).status, 401)
  assert.equal(await again(), 400)
  house.clock.pass(2 * 3_600_000)
  assert.equal((await house.rooms.oauth.listGrants({ principalId })).length, 1)
})

test('the same grant serves until what it should hold has changed', async (t) => {
  const all = await openEnterpriseHouse(t)
  const principalId = await entitleVouched(all)
  const { house, company, claims, present } = all
  for (let at = 0; at < 3; at++) assert.equal((await present(await company.assert(claims))).status, 200)
  assert.equal((await house.rooms.oauth.listGrants({ principalId })).length, 1)
  const [right] = (await house.rooms.inventory.listRights(principalId)).filter(({ tool }) => tool === 'list_assets')
  await house.rooms.inventory.revokeEntitlement({ by: 'set-up', id: right!.id, reason: 'for a test' })
  const less = await present(await company.assert(claims))
  assert.deepEqual(await agentOf(all, less).list(), ['get_asset'])
  const grants = await house.rooms.oauth.listGrants({ principalId })
  assert.deepEqual(
    grants.map(({ revokedAt }) => revokedAt === undefined),
    [true, false],
  )
})

test('a principal that is disabled, and a client that is revoked, get nothing', async (t) => {
  const all = await openEnterpriseHouse(t)
  await all.house.person('Ida', ['administer'])
  const principalId = await entitleVouched(all)
  await all.house.rooms.identity.disablePrincipal({ by: 'set-up', id: principalId, reason: 'left' })
  assert.equal((await all.present(await all.company.assert(all.claims))).error, 'invalid_grant')
  await all.house.rooms.identity.enablePrincipal({ by: 'set-up', id: principalId, reason: 'came back' })
  await all.house.rooms.oauth.revokeClient({ by: 'set-up', id: all.client.id, reason: 'for a test' })
  assert.equal((await all.present(await all.company.assert(all.claims))).error, 'invalid_client')
})

test('what the provider has ended by an event it can vouch for anew, and an assertion of before is void', async (t) => {
  const transmitter = await openFakeTransmitter(t)
  const company = await openFakeEnterprise(t)
  const { issuer: iss, jwksUri } = transmitter
  const signals = [{ id: 'company', issuer: iss, jwksUri, audience, people: company.issuer, push: {} }]
  const enterprise = [{ issuer: company.issuer, jwksUri: company.jwksUri }]
  const yaml = `clients: ${JSON.stringify({ enterprise })}\nsignals: ${JSON.stringify(signals)}`
  const house = await openHouse(t, { yaml, reach: [company.issuer, iss] })
  await house.upstream('mux', muxTools)
  const { client, claims, present } = await registerPresenter(house)
  await entitleVouched({ house, company, client, claims, present })
  const first = await present(await company.assert(claims))
  assert.equal(first.status, 200)
  const seconds = Math.floor(Date.now() / 1_000)
  const kept = await company.assert({ ...claims, iat: seconds - 5 })
  const sub_id = { format: 'iss_sub', iss: company.issuer, sub: 'u-1' }
  const body = await transmitter.write({ events: { [`${caep}session-revoked`]: {} }, sub_id })
  const headers = { 'content-type': 'application/secevent+jwt' }
  assert.equal((await fetch(`${house.url}/signals/company`, { method: 'POST', headers, body })).status, 202)
  assert.equal((await present(kept)).error, 'invalid_grant', 'kept from before')
  // The assertion says when it was made in whole seconds.
  const later = { iat: seconds + 5, exp: seconds + 300 }
  assert.equal((await present(await company.assert({ ...claims, ...later }))).status, 200, 'vouched for anew')
  const [grant] = await house.rooms.oauth.listGrants({ activeAt: Date.now() })
  await house.rooms.oauth.revokeGrant({ by: 'set-up', id: grant!.id, reason: 'for a test' })
  const much = { iat: seconds + 10, exp: seconds + 300 }
  assert.equal(
    (await present(await company.assert({ ...claims, ...much }))).error,
    'invalid_grant',
    'withdrawn by somebody',
  )
})

import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { decodeJwt } from 'jose'
import { Agent } from '../agent.ts'
import { audience, caep, openFakeTransmitter } from '../fake/transmitter.ts'
import { type FakeEnterprise, openFakeEnterprise } from '../fake/enterprise.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { openHouse, type House, type HouseOptions } from '../house.ts'
import { claimsOf, type OAuthClient, type TokenAnswer } from '../oauth-client.ts'
import { startPostgres } from '../postgres.ts'
import { Prover } from '../prover.ts'

// Enterprise-managed authorization: the company's identity provider lets a client in, without a consent page.

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const tools = ['get_asset', 'list_assets', 'create_asset', 'delete_asset', 'create_signing_key']

interface Open {
  house: House
  company: FakeEnterprise
  client: OAuthClient
  claims: Record<string, unknown>
  present(assertion: string, more?: Record<string, string>): Promise<TokenAnswer>
}

async function open(t: TestContext, more: { effects?: string; options?: HouseOptions } = {}): Promise<Open> {
  const company = await openFakeEnterprise(t)
  const issuer = { issuer: company.issuer, jwksUri: company.jwksUri, ...(more.effects && { effects: more.effects }) }
  const yaml = `clients: ${JSON.stringify({ enterprise: [issuer] })}`
  const house = await openHouse(t, { yaml, reach: [company.issuer], ...more.options })
  await house.upstream('mux', tools)
  const client = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const claims = { aud: house.origin, client_id: client.id, resource: client.resourceOf('mux') }
  const present = (assertion: string, fields: Record<string, string> = {}) =>
    client.token({ grant_type: grantType, assertion, ...fields })
  return { house, company, client, claims, present }
}

/** Makes the principal of the assertions known, and entitles it. */
async function entitle({ house, company, claims, present }: Open, names = tools): Promise<string> {
  assert.equal((await present(await company.assert(claims))).error, 'invalid_grant', 'entitled to nothing yet')
  const [principal] = (await house.rooms.identity.listPrincipals({ limit: 100 })).filter(
    ({ subject }) => subject === 'u-1',
  )
  await house.rooms.inventory.entitle({
    by: 'set-up',
    principalId: principal!.id,
    right: 'use',
    upstream: 'mux',
    tools: names,
    reason: 'for a test',
  })
  return principal!.id
}

const agentOf = ({ house, client }: Open, tokens: TokenAnswer) =>
  new Agent({ origin: house.url, upstream: 'mux', client: client.id, resource: client.resourceOf('mux'), tokens })

test('an assertion of the company lets the client in for what the person may read, and for nothing graver', async (t) => {
  const all = await open(t)
  const { house, company, claims, present } = all
  const principalId = await entitle(all)
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
  const all = await open(t, { effects: 'write' })
  await entitle(all)
  const answer = await all.present(await all.company.assert(all.claims))
  assert.deepEqual((await agentOf(all, answer).list()).sort(), ['create_asset', 'get_asset', 'list_assets'])
})

test('who proves a key with its assertion gets a token that is bound to it, and a bad proof spends no assertion', async (t) => {
  const all = await open(t)
  await entitle(all)
  const { house, company, claims, client, present } = all
  const prover = await Prover.make()
  const fields = { grant_type: grantType, assertion: await company.assert(claims) }
  assert.equal((await prover.token(client, fields, { payload: { htm: 'GET' } })).error, 'invalid_dpop_proof')
  const bound = await prover.token(client, fields)
  assert.deepEqual([bound.status, bound.token_type], [200, 'DPoP'])
  assert.deepEqual(claimsOf(bound.access_token).payload['cnf'], { jkt: prover.thumbprint })
  const required = { by: 'set-up', name: 'mux', proof: 'required', reason: 'for a test' } as const
  await house.rooms.inventory.setProof(required)
  assert.equal((await present(await company.assert(claims))).error, 'invalid_dpop_proof')
  const again = { ...fields, assertion: await company.assert(claims) }
  assert.equal((await prover.token(client, again)).token_type, 'DPoP')
})

test('the metadata says that it is offered, only where it is', async (t) => {
  const { house } = await open(t)
  const read = async (url: string) =>
    (await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()) as Record<string, string[]>
  const offered = await read(house.url)
  assert.ok(offered['grant_types_supported']!.includes(grantType))
  assert.deepEqual(offered['authorization_grant_profiles_supported'], ['urn:ietf:params:oauth:grant-profile:id-jag'])
  const plain = await openHouse(t)
  const other = await read(plain.url)
  assert.ok(!other['grant_types_supported']!.includes(grantType))
  assert.equal(other['authorization_grant_profiles_supported'], undefined)
  const client = await plain.register({ token_endpoint_auth_method: 'client_secret_post' })
  assert.equal((await client.token({ grant_type: grantType, assertion: 'x' })).error, 'unsupported_grant_type')
})

test('whatever is wrong with an assertion, the client learns only that it was not taken', async (t) => {
  const all = await open(t)
  await entitle(all)
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
  const all = await open(t)
  await entitle(all)
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
  const all = await open(t)
  all.company.silent = true
  const first = await all.present(await all.company.assert(all.claims))
  assert.equal(first.error, 'temporarily_unavailable')
  all.company.silent = false
  await entitle(all)
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
  const all = await open(t, { options: { databaseUrl, env } })
  const { house, company, claims, client } = all
  await entitle(all)
  const yaml = `clients: ${JSON.stringify({ enterprise: [{ issuer: company.issuer, jwksUri: company.jwksUri }] })}`
  const second = await openHouse(t, {
    yaml,
    reach: [company.issuer],
    databaseUrl,
    env: { ...env, SALLYPORT_ORIGIN: house.origin },
  })
  const urls = [house.url, await openHostProxy(t, second)]
  const assertion = await company.assert(claims)
  const form = client.form({ grant_type: grantType, assertion })
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => fetch(`${urls[at % 2]}/oauth/token`, { method: 'POST', body: form })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a client that cannot prove who it is may not present one', async (t) => {
  const { house, company, claims } = await open(t)
  const open_ = await house.register({ token_endpoint_auth_method: 'none' })
  const assertion = await company.assert({ ...claims, client_id: open_.id })
  const answer = await open_.token({ grant_type: grantType, assertion })
  assert.deepEqual([answer.status, answer.error], [400, 'invalid_request'])
})

test('what was withdrawn does not come back by the next assertion', async (t) => {
  const all = await open(t)
  const principalId = await entitle(all)
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
  const all = await open(t)
  const principalId = await entitle(all)
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
  const all = await open(t)
  await all.house.person('Ida', ['administer'])
  const principalId = await entitle(all)
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
  await house.upstream('mux', tools)
  const client = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  const claims = { aud: house.origin, client_id: client.id, resource: client.resourceOf('mux') }
  const present = (assertion: string) => client.token({ grant_type: grantType, assertion })
  await entitle({ house, company, client, claims, present })
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

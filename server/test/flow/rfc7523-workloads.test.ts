import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { decodeJwt, generateKeyPair } from 'jose'
import * as oidc from 'openid-client'
import { type Agent, linkOf } from '../agent.ts'
import { type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openHostProxy } from '../fake/host-proxy.ts'
import { type House, type HouseOptions, openHouse } from '../house.ts'
import { agentWith, entitle, grantTo, makeMachine, offers } from '../machines.ts'
import { tokenRequest } from '../oauth-client.ts'
import { openCommandLine, textOn } from '../operator.ts'
import { startPostgres } from '../postgres.ts'

// Workloads present the token of their platform, and name no client (RFC 7523, section 2.1).

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const nightly = 'system:serviceaccount:prod:nightly'

interface Open {
  house: House
  cluster: FakeIssuer
  aud: string
  present(assertion: string, more?: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }>
}

interface Platform {
  alg?: string
  use?: string
  /** What is configured of the issuer beside its name. */
  issuer?: (cluster: FakeIssuer) => Record<string, unknown>
  options?: HouseOptions
}

function yamlOf(cluster: FakeIssuer, issuer: Record<string, unknown>): string {
  const rules = [{ machine: 'nightly', claims: { sub: nightly } }]
  return `workloads: ${JSON.stringify([{ issuer: cluster.issuer, jwksUri: cluster.jwksUri, rules, ...issuer }])}`
}

async function open(t: TestContext, { issuer = () => ({}), options, ...keys }: Platform = {}): Promise<Open> {
  const cluster = await openFakeIssuer(t, keys)
  const yaml = yamlOf(cluster, issuer(cluster))
  const { house } = await openFakeHouse(t, { reach: [cluster.issuer], house: { yaml, ...options } })
  await makeMachine(house, 'nightly', ['desk/read_note', 'desk/write_note'])
  await grantTo(house, 'nightly', { upstream: 'desk' })
  const resource = `${house.origin}/mcp/desk`
  const present = (assertion: string, more: Record<string, string> = {}) =>
    tokenRequest(house.url, { grant_type: grantType, assertion, resource, ...more })
  return { house, cluster, aud: house.origin, present }
}

test('the token of a service account gets one of ours, in the name of the machine that a rule says it is', async (t) => {
  const { house, cluster, aud } = await open(t)
  const config = await oidc.discovery(new URL(house.origin), 'workloads', undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests],
    algorithm: 'oauth2',
  })
  assert.ok(config.serverMetadata().grant_types_supported?.includes(grantType))
  const assertion = await cluster.sign({ sub: nightly, aud: [aud] }, { typ: undefined })
  const resource = `${house.origin}/mcp/desk`
  const tokens = await oidc.genericGrantRequest(config, grantType, { assertion, resource })
  assert.equal(tokens.refresh_token, undefined)
  const claims = decodeJwt(tokens.access_token)
  assert.deepEqual(claims['act'], { sub: nightly, iss: cluster.issuer })
  const agent = agentWith(house, 'desk', tokens as never)
  assert.deepEqual((await agent.list()).sort(), ['read_note', 'write_note'])
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const [intent] = await house.entries('intent')
  assert.deepEqual([intent?.principal.subject, intent?.client.id], ['nightly', 'workloads'])
  assert.equal(intent?.actor, `${nightly} at ${cluster.issuer}`)
  assert.notEqual((await agent.call('delete_note', { id: 'n1' })).status, 200)
  const [denial] = await house.entries('denial')
  assert.equal(denial?.actor, `${nightly} at ${cluster.issuer}`)
})

test('it names no client, and its token ends with the one that it stands on', async (t) => {
  const { cluster, aud, present } = await open(t)
  const exp = Math.floor(Date.now() / 1_000) + 100
  const { status, body } = await present(await cluster.sign({ sub: nightly, aud, exp }))
  assert.equal(status, 200, JSON.stringify(body))
  assert.ok(Number(body['expires_in']) <= 100)
  const long = await present(await cluster.sign({ sub: nightly, aud }))
  assert.ok(Number(long.body['expires_in']) <= 300)
})

for (const [platform, alg, subject, claims] of [
  ['a pipeline of GitHub Actions', 'RS256', 'repo:acme/*:ref:refs/heads/main', { repository_owner_id: '65' }],
  ['a service account of a cloud', 'RS256', '1098765432101234', { email_verified: true }],
  ['an application of Entra ID', 'PS256', '6b5a-0c1d', { tid: 't-1' }],
] as const) {
  test(`${platform} is a machine by its subject and other claims`, async (t) => {
    const rules = [{ machine: 'nightly', claims: { sub: subject, ...strings(claims) } }]
    const { cluster, aud, present } = await open(t, { alg, issuer: () => ({ rules }) })
    const sub = subject.replace('*', 'web')
    const sign = (more: object) => cluster.sign({ sub, aud, ...claims, ...more }, { typ: 'JWT' })
    assert.equal((await present(await sign({}))).status, 200)
    const [name] = Object.keys(claims) as [string]
    assert.equal((await present(await sign({ [name]: 'other' }))).body['error'], 'invalid_grant')
    assert.equal((await present(await sign({ sub: `${sub}x/y` }))).body['error'], 'invalid_grant')
  })
}

function strings(claims: object): Record<string, string> {
  return Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, String(value)]))
}

test('a JWT-SVID need not say who issued it: its trust domain does', async (t) => {
  const domain = 'spiffe://prod.example'
  const issuer = () => ({
    issuer: domain,
    audience: 'sallyport',
    rules: [{ machine: 'nightly', claims: { sub: `${domain}/ns/prod/sa/*` } }],
  })
  const { house, cluster, present } = await open(t, { use: 'jwt-svid', issuer })
  const svid = (sub: string, more: object = {}) =>
    cluster.sign({ iss: undefined, jti: undefined, sub, aud: ['sallyport'], ...more }, { typ: 'JOSE' })
  const { status, body } = await present(await svid(`${domain}/ns/prod/sa/nightly`))
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(decodeJwt(String(body['access_token']))['act'], { sub: `${domain}/ns/prod/sa/nightly`, iss: domain })
  for (const [what, assertion] of [
    ['another domain', svid('spiffe://prod.example.evil/ns/prod/sa/nightly')],
    ['another path', svid(`${domain}/ns/test/sa/nightly`)],
    ['another issuer', svid(`${domain}/ns/prod/sa/nightly`, { iss: 'https://other.example' })],
    ['another audience', svid(`${domain}/ns/prod/sa/nightly`, { aud: house.origin })],
  ] as const)
    assert.equal((await present(await assertion)).body['error'], 'invalid_grant', what)
})

test('what the token of a workload is limited to, and what it asks for, bounds what it gets', async (t) => {
  const { cluster, aud, present } = await open(t)
  const said = async (claimed: unknown, asked?: string, scp?: unknown) => {
    const assertion = await cluster.sign({ sub: nightly, aud, scope: claimed, scp })
    const { status, body } = await present(assertion, asked === undefined ? {} : { scope: asked })
    return status === 200 ? body['scope'] : body['error']
  }
  for (const claimed of ['desk:tool:delete_note', 'email profile', '', ['desk:write'], 7])
    assert.equal(await said(claimed), 'invalid_grant', JSON.stringify(claimed))
  const details = await cluster.sign({ sub: nightly, aud, authorization_details: [{ type: 'mcp_tools', tools: [] }] })
  assert.equal((await present(details)).body['error'], 'invalid_grant')
  const write = 'desk:tool:write_note'
  assert.equal(await said('desk:read', write), 'invalid_scope', 'named by the one and beyond the other')
  assert.equal(await said('desk:read', undefined, [write]), 'invalid_grant', 'so of two claims')
  assert.equal(await said('desk:write', undefined, ['desk:read']), 'desk:read')
  for (const [claimed, asked, told] of [
    [undefined, 'mcp', 'mcp'],
    [undefined, 'desk:read', 'desk:read'],
    ['desk:write', undefined, 'desk:write'],
    ['email mcp', 'desk:write', 'desk:write'],
    ['desk:write', 'desk:tool:read_note', 'desk:tool:read_note'],
    [`${write} desk:tool:read_note`, 'desk:read', 'desk:tool:read_note'],
  ] as const)
    assert.equal(await said(claimed, asked), told, `${claimed} ${asked}`)
})

test('whatever is wrong with it, the workload learns only that it was not taken', async (t) => {
  const { house, cluster, aud, present } = await open(t)
  const now = Math.floor(Date.now() / 1_000)
  const good = { sub: nightly, aud }
  const strange = await generateKeyPair('ES256')
  const hmac = () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'HS256', kid: 'one' })}.${part({ ...good, iss: cluster.issuer, iat: now, exp: now + 60 })}`
    return `${text}.${createHmac('sha256', JSON.stringify(cluster.jwks.keys[0])).update(text).digest('base64url')}`
  }
  const wrong: [string, Promise<string> | string][] = [
    ['no rule', cluster.sign({ ...good, sub: 'system:serviceaccount:prod:other' })],
    ['a look-alike', cluster.sign({ ...good, sub: `${nightly}2` })],
    ['a subject that hides', cluster.sign({ ...good, sub: `${nightly}\u200b` })],
    ['a security event', cluster.sign({ ...good, events: {} })],
    ['no subject', cluster.sign({ ...good, sub: undefined })],
    ['another issuer', cluster.sign({ ...good, iss: 'https://other.example' })],
    ['a slash more in the issuer', cluster.sign({ ...good, iss: `${cluster.issuer}/` })],
    ['no issuer', cluster.sign({ ...good, iss: undefined })],
    ['another audience', cluster.sign({ ...good, aud: 'https://other.example' })],
    ['several audiences', cluster.sign({ ...good, aud: [aud, 'https://other.example'] })],
    ['a slash more in the audience', cluster.sign({ ...good, aud: `${aud}/` })],
    ['no audience', cluster.sign({ ...good, aud: undefined })],
    ['a foreign key', cluster.sign(good, {}, strange.privateKey)],
    ['another kid', cluster.sign(good, { kid: '../one' })],
    ['a key in the header', cluster.sign(good, { jwk: cluster.jwks.keys[0] })],
    ['an address of keys in the header', cluster.sign(good, { jku: cluster.jwksUri })],
    ['an address of certificates in the header', cluster.sign(good, { x5u: cluster.jwksUri })],
    [
      'something critical',
      `${Buffer.from('{"alg":"ES256","kid":"one","crit":["x"],"x":1}').toString('base64url')}.e30.AA`,
    ],
    ['the type of an access token', cluster.sign(good, { typ: 'at+jwt' })],
    ['the type of an identity assertion', cluster.sign(good, { typ: 'oauth-id-jag+jwt' })],
    ['the type of a logout', cluster.sign(good, { typ: 'logout+jwt' })],
    ['its public key as a secret', hmac()],
    ['no signature', `${(await cluster.sign(good)).split('.').slice(0, 2).join('.')}.`],
    ['ended', cluster.sign({ ...good, iat: now - 600, exp: now - 60 })],
    ['no end', cluster.sign({ ...good, exp: undefined })],
    ['a beginning that lies ahead', cluster.sign({ ...good, nbf: now + 120 })],
    ['of the future', cluster.sign({ ...good, iat: now + 120, exp: now + 300 })],
    ['a life of a day', cluster.sign({ ...good, exp: now + 86_400 })],
    ['a life of a day that does not say when it began', cluster.sign({ ...good, iat: undefined, exp: now + 86_400 })],
    ['a number that is no text', cluster.sign({ ...good, jti: 7 })],
    ['bound to a key', cluster.sign({ ...good, cnf: { jkt: 'x' } })],
    ['much too long', 'a'.repeat(20_000)],
    ['nothing', 'a.b.c'],
  ]
  for (const [what, assertion] of wrong) {
    const { status, body } = await present(await assertion)
    const { error, error_description: said } = body
    assert.deepEqual([status, error, said], [400, 'invalid_grant', 'grant request is invalid'], what)
  }
  const elsewhere = await present(await cluster.sign(good), { resource: `${house.origin}/mcp/other` })
  assert.equal(elsewhere.body['error'], 'invalid_grant')
  assert.equal((await present(await cluster.sign(good))).status, 200)
  assert.ok(!house.log.join('').includes('eyJ'), 'a token was written to the log')
})

test('an approver sees which workload acts, and what he approves for it serves no other under the same grant', async (t) => {
  const rules = [{ machine: 'nightly', claims: { sub: 'system:serviceaccount:prod:*' } }]
  const { house, cluster, aud, present } = await open(t, { issuer: () => ({ rules }) })
  const machine = (await house.rooms.identity.findMachine('nightly'))!
  await entitle(house, machine.id, ['desk/delete_note'])
  await grantTo(house, 'nightly', { upstream: 'desk', upTo: 'destructive' })
  const agentOf = async (sub: string) =>
    agentWith(house, 'desk', (await present(await cluster.sign({ sub, aud: [aud] }, { typ: undefined }))).body as never)
  const cleaner = 'system:serviceaccount:prod:cleaner'
  const [asking, other] = [await agentOf(nightly), await agentOf(cleaner)]
  const remove = (agent: Agent) => agent.call('delete_note', { id: 'n1' })
  const id = linkOf(await remove(asking))
    .split('/')
    .at(-1)!
  const bo = await house.person('Bo', ['desk/delete_note:approve'])
  const page = textOn(await bo.browser.open(`/approvals/${id}`))
  assert.ok(page.includes(`Asked by nightly Acting in this name ${nightly} by the word of ${cluster.issuer}`), page)
  assert.ok(textOn(await bo.browser.open('/approvals')).includes(`nightly by ${nightly} at ${cluster.issuer}`))
  const { out } = await (await openCommandLine(house, bo))('approval', id)
  assert.match(out, new RegExp(`asked by: +nightly\nacting: +${nightly} at `))
  const [requested] = await house.changes('approval.requested')
  assert.equal(requested?.details?.['actor'], `${nightly} at ${cluster.issuer}`)
  await house.rooms.approvals.answer({ by: bo.principal.id, id, approve: true, reason: 'as agreed' })
  const held = await remove(other)
  assert.notEqual(linkOf(held).split('/').at(-1), id, 'it is asked for anew')
  assert.equal((await remove(asking)).result['isError'], undefined)
  const intents = (await house.entries('intent')).map(({ actor }) => actor)
  assert.deepEqual(intents, [`${nightly} at ${cluster.issuer}`])
})

test('a client of its own does not help: neither a registered one nor that of another machine', async (t) => {
  const { house, cluster, aud, present } = await open(t)
  const client = await house.register({ token_endpoint_auth_method: 'none' })
  const sign = () => cluster.sign({ sub: nightly, aud })
  assert.equal((await present(await sign(), { client_id: client.id })).body['error'], 'invalid_request')
  const guess = { client_id: 'workloads', client_secret: 'guess' }
  assert.equal((await present(await sign(), guess)).body['error'], 'invalid_client')
  assert.equal((await present(await sign(), { client_id: 'nobody' })).body['error'], 'invalid_client')
  const revocation = house.rooms.oauth.revokeClient({ by: 'set-up', id: 'workloads', reason: 'for a test' })
  await assert.rejects(revocation, { code: 'oauth.machine_refused' }, 'it could never come back')
  assert.equal((await present(await sign())).status, 200)
})

test('a token with a number is good once, at all replicas', async (t) => {
  const postgres = await startPostgres()
  t.after(() => postgres.stop())
  const databaseUrl = await postgres.createDatabase()
  const env = { SALLYPORT_MASTER_KEY: randomBytes(32).toString('base64') }
  const { house, cluster, aud, present } = await open(t, { options: { databaseUrl, env } })
  const second = await openHouse(t, {
    yaml: yamlOf(cluster, {}),
    reach: [cluster.issuer],
    databaseUrl,
    env: { ...env, SALLYPORT_ORIGIN: house.origin },
  })
  const urls = [house.url, await openHostProxy(t, second)]
  const assertion = await cluster.sign({ sub: nightly, aud })
  const body = new URLSearchParams({ grant_type: grantType, assertion, resource: `${house.origin}/mcp/desk` })
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) => fetch(`${urls[at % 2]}/oauth/token`, { method: 'POST', body })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal((await present(await cluster.sign({ sub: nightly, aud }))).status, 200)
})

test('a platform that renews its tokens seldom may be told so: then one serves until it ends', async (t) => {
  const { cluster, aud, present } = await open(t, { issuer: () => ({ reusable: true }) })
  const assertion = await cluster.sign({ sub: nightly, aud })
  for (let at = 0; at < 3; at++) assert.equal((await present(assertion)).status, 200)
})

test('keys may be discovered, if the document is of the issuer that was configured; or stand in the file', async (t) => {
  const found = await open(t, { issuer: () => ({ jwksUri: undefined }) })
  assert.equal((await found.present(await found.cluster.sign({ sub: nightly, aud: found.aud }))).status, 200)
  assert.deepEqual(found.cluster.asked, ['/.well-known/openid-configuration', '/jwks'])
  const other = await open(t, { issuer: () => ({ jwksUri: undefined }) })
  other.cluster.discovery = { issuer: 'https://other.example' }
  const refused = await other.present(await other.cluster.sign({ sub: nightly, aud: other.aud }))
  assert.equal(refused.body['error'], 'invalid_grant')
  const filed = await open(t, { issuer: ({ jwks }) => ({ jwksUri: undefined, jwks }) })
  assert.equal((await filed.present(await filed.cluster.sign({ sub: nightly, aud: filed.aud }))).status, 200)
  assert.deepEqual(filed.cluster.asked, [])
})

test('a machine that is disabled ends at once, and one whose rule went gets nothing', async (t) => {
  const { house, cluster, aud, present } = await open(t)
  await house.person('Ida', ['administer'])
  const { body } = await present(await cluster.sign({ sub: nightly, aud }))
  const agent = agentWith(house, 'desk', body as never)
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const [machine] = await house.rooms.identity.listMachines()
  await house.rooms.identity.disablePrincipal({ by: 'set-up', id: machine!.id, reason: 'for a test' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await present(await cluster.sign({ sub: nightly, aud }))).body['error'], 'invalid_grant')
})

test('no instance of a machine ends the grant of all by giving its token back', async (t) => {
  const { house, cluster, aud, present } = await open(t)
  const { body } = await present(await cluster.sign({ sub: nightly, aud }))
  const given = new URLSearchParams({ token: String(body['access_token']), client_id: 'workloads' })
  const answer = await fetch(`${house.url}/oauth/revoke`, { method: 'POST', body: given })
  assert.equal(answer.status, 400)
  assert.equal(((await answer.json()) as { error: string }).error, 'unsupported_token_type')
  assert.equal((await agentWith(house, 'desk', body as never).call('read_note', { id: 'n1' })).status, 200)
  assert.equal((await present(await cluster.sign({ sub: nightly, aud }))).status, 200)
})

test('where no issuer is configured, nothing is offered', async (t) => {
  const house = await openHouse(t)
  assert.ok(!(await offers(house, grantType)))
  const { body } = await tokenRequest(house.url, { grant_type: grantType, assertion: 'a.b.c' })
  assert.equal(body['error'], 'invalid_client')
})

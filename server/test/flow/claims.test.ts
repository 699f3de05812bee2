import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { whoIs } from '../administrator.ts'
import { entitleVouched, jwtBearer, openEnterpriseHouse } from '../enterprise-house.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { openHouse, type House } from '../house.ts'
import { entitle } from '../machines.ts'
import { Prover } from '../prover.ts'

// Whatever is said beside what is asked gives nothing: by providers, by clients, in requests.

/** Everything by which somebody might be taken for more than he is. */
function boasts(house: House, admin: { id: string; email: string }): Record<string, unknown> {
  return {
    email: admin.email,
    email_verified: true,
    preferred_username: admin.email,
    principal_id: admin.id,
    principalId: admin.id,
    user_id: admin.id,
    groups: ['administrators', 'admin', 'root', 'wheel', '*'],
    roles: ['administer', 'admin', 'owner'],
    role: 'administer',
    entitlements: ['*/*', 'administer'],
    rights: [{ right: 'administer', upstream: '*', tool: '*' }],
    permissions: '*',
    scope: 'mcp admin *',
    scp: ['admin'],
    admin: true,
    is_admin: true,
    superuser: true,
    act: { sub: admin.id },
    may_act: { sub: admin.id },
    azp: 'somebody',
    authorization_details: [{ type: 'all' }],
    amr: ['mfa', 'hwk'],
    acr: '99',
    auth_time: 4_000_000_000,
    tenant: house.origin,
    __proto__: { admin: true },
    constructor: { admin: true },
  }
}

async function administrator(house: House) {
  const ida = await house.person('ida', ['administer'])
  return { ida, admin: { id: ida.principal.id, email: 'ida@example.org' } }
}

async function demandNothing({ rooms }: House, principalId: string): Promise<void> {
  assert.equal(await rooms.inventory.isAdministrator(principalId), false)
  assert.deepEqual(await rooms.inventory.listRights(principalId), [])
}

test('a person is no more here than the subject of a provider, whatever the provider says of him', async (t) => {
  const provider = { id: 'sallyport', secret: 'the client secret' }
  const idp = await openFakeIdp(provider, { sub: 'a-1', name: 'Ana' })
  t.after(() => idp.close())
  const okta = { id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: provider.id, clientSecretEnv: 'IDP_SECRET' }
  const yaml = `login: ${JSON.stringify({ oidc: [{ ...okta, scopes: ['openid', 'profile', 'email'] }] })}`
  const house = await openHouse(t, { yaml, env: { IDP_SECRET: provider.secret }, reach: [idp.issuer] })
  const { admin } = await administrator(house)
  const { acr: _acr, auth_time: _authTime, azp: _azp, ...claims } = boasts(house, admin)
  for (const sub of ['a-1', admin.id, 'ida']) {
    idp.person = { ...claims, sub, name: 'Ida' }
    idp.knobs = { claims: { ...claims, sub } }
    const browser = house.browser()
    const page = await browser.open('/sign-in?return_to=/sign-out')
    await browser.follow(page, '/sign-in/with/okta?return_to=/sign-out')
    const { principal } = (await whoIs(house, browser))!
    assert.deepEqual([principal.issuer, principal.subject], [idp.issuer, sub])
    assert.notEqual(principal.id, admin.id)
    await demandNothing(house, principal.id)
  }
})

test('an identity assertion lets in whom it names, for what he is entitled to, whatever else it says', async (t) => {
  const { house, company, client, claims, present } = await openEnterpriseHouse(t, {
    tools: ['get_asset', 'delete_asset'],
  })
  const { ida, admin } = await administrator(house)
  await entitle(house, admin.id, ['mux/get_asset', 'mux/delete_asset'])
  const theirs = await ida.connect('mux', 'all')
  const { authorization_details, scp, scope, ...others } = boasts(house, admin)
  const asked = { ...others, grant_id: theirs.grantId, ...claims }
  const ask = async (more = {}) => present(await company.assert({ ...asked, ...more }))
  assert.equal((await ask()).error, 'invalid_grant', 'entitled to nothing yet')
  const [known] = (await house.rooms.identity.listPrincipals({ limit: 10 })).filter(({ subject }) => subject === 'u-1')
  await demandNothing(house, known!.id)
  await entitle(house, known!.id, ['mux/get_asset', 'mux/delete_asset'])
  const answer = await ask()
  assert.equal(answer.status, 200, JSON.stringify(answer))
  const token = decodeJwt(answer.access_token)
  assert.deepEqual([token.sub, token['scope'], token['client_id']], [known!.id, 'mcp', client.id])
  assert.notEqual(token['grant_id'], theirs.grantId)
  const limited = await ask({ scope: 'mux:tool:get_asset mux:tool:delete_asset' })
  assert.equal(decodeJwt(limited.access_token)['scope'], 'mux:tool:get_asset', 'its scope takes, and gives nothing')
  assert.equal((await ask({ scope })).error, 'invalid_grant')
  assert.equal((await ask({ authorization_details })).error, 'invalid_grant')
  assert.equal((await ask({ scp })).error, 'invalid_grant')
  assert.deepEqual(Object.keys(token).toSorted(), [
    'aud',
    'client_id',
    'exp',
    'grant_id',
    'iat',
    'iss',
    'jti',
    'scope',
    'sub',
  ])
  const grant = await house.rooms.oauth.findGrant(String(token['grant_id']))
  assert.deepEqual([...grant!.tools.keys()], ['get_asset'])
  assert.equal(await house.rooms.inventory.isAdministrator(known!.id), false)
})

test('an identity assertion that is bound to a key is nothing to who does not prove that key', async (t) => {
  const all = await openEnterpriseHouse(t)
  const { company, client, claims, present } = all
  await entitleVouched(all)
  const [own, thief] = [await Prover.make(), await Prover.make()]
  const bound = (cnf: object = { jkt: own.thumbprint }) => company.assert({ ...claims, cnf })
  const prove = async (by: Prover, assertion: string) => by.token(client, { grant_type: jwtBearer, assertion })
  assert.equal((await present(await bound())).error, 'invalid_grant')
  assert.equal((await prove(thief, await bound())).error, 'invalid_grant')
  assert.equal((await prove(own, await bound({ 'x5t#S256': own.thumbprint }))).error, 'invalid_grant')
  assert.equal((await prove(own, await bound())).token_type, 'DPoP')
})

test('a client is what it is registered as, whatever it says of itself and asks for', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset', 'delete_asset'])
  const { admin } = await administrator(house)
  const ana = await house.person('ana', ['mux/get_asset'])
  const said = {
    ...boasts(house, admin),
    client_id: 'chosen',
    client_secret: 'chosen-by-the-client-itself-and-long-enough',
    source: 'configuration',
    state: 'active',
    introspects: ['mux'],
    ownerId: admin.id,
    first_party: true,
    skip_consent: true,
    grant_types: ['authorization_code', 'client_credentials', 'password', 'implicit'],
    require_pushed_authorization_requests: false,
    token_endpoint_auth_method: 'client_secret_post',
  }
  const client = await house.register(said)
  assert.notEqual(client.id, 'chosen')
  const { source, name } = (await house.rooms.oauth.findClient(client.id))!
  assert.deepEqual([source, name], ['registration', 'Editor'])
  const url = client.authorizeUrl('mux', (params) => {
    for (const [name, value] of Object.entries({ ...said, login_hint: admin.email, sub: admin.id }))
      if (!params.has(name) && typeof value === 'string') params.set(name, value)
    params.set('claims', JSON.stringify({ id_token: { sub: { value: admin.id }, groups: { essential: true } } }))
    params.set('scope', 'openid mcp admin *')
  })
  const shown = await ana.browser.open(url)
  assert.equal(shown.url.pathname.startsWith('/consent/'), true, `nobody skips it: ${shown.url.href}`)
  const code = (
    await client.answer(ana.browser, shown, (fields) => fields.append('tool', 'delete_asset'))
  ).url.searchParams.get('code')
  assert.equal(code, null, 'a tool that was not offered')
  const again = (await client.answer(ana.browser, await ana.browser.open(url))).url.searchParams.get('code')
  const more = {
    sub: admin.id,
    principal_id: admin.id,
    grant_id: 'x',
    actor_token: 'x',
    subject_token: 'x',
    claims: '{}',
  }
  const tokens = await client.redeem(again, { ...more, resource: client.resourceOf('mux') })
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  const token = decodeJwt(tokens.access_token)
  assert.deepEqual([token.sub, token['scope'], token['client_id']], [ana.principal.id, 'mcp', client.id])
  const asks = await fetch(`${house.url}/oauth/introspect`, {
    method: 'POST',
    body: client.form({ token: tokens.access_token }),
  })
  assert.deepEqual(await asks.json(), { active: false })
  for (const grant_type of ['client_credentials', 'password', 'implicit'])
    assert.notEqual((await client.token({ grant_type, ...more, resource: client.resourceOf('mux') })).status, 200)
})

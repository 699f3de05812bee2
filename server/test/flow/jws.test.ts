import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, importJWK } from 'jose'
import { entitleVouched, openEnterpriseHouse } from '../enterprise-house.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { about, caep } from '../fake/transmitter.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { clientProof, openFakeIssuer } from '../fake/issuer.ts'
import { openHouse } from '../house.ts'
import { jwsVectors, seal, type Signer } from '../jws-vectors.ts'
import { entitle, grantTo, makeMachine } from '../machines.ts'
import { tokenRequest } from '../oauth-client.ts'
import { openProviderHouse } from '../provider-house.ts'
import { Prover } from '../prover.ts'
import { issSub, push, signalOptions } from '../signal-house.ts'

// RFC 7515 and what went wrong with it elsewhere, RFC 8725: at every place where something signed is taken.

/** Where the headers of forgeries point; it must never be asked. */
async function openElsewhere(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(String(request.url))
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Presents every vector, and what is good before and after them. */
async function present(
  t: TestContext,
  { signer, own, takes }: { signer: Signer; own: readonly unknown[] | undefined; takes(jws: string): Promise<boolean> },
): Promise<void> {
  const { url, asked } = await openElsewhere(t)
  const good = () => takes(seal(signer, JSON.stringify(signer.header)))
  assert.equal(await good(), true, 'the signer is believed')
  const vectors = Object.entries(jwsVectors(signer, { elsewhere: url, own }))
  assert.ok(vectors.length > 100, String(vectors.length))
  for (const [name, jws] of vectors) assert.equal(await takes(jws), false, name)
  assert.equal(await good(), true, 'the signer is believed still')
  assert.deepEqual(asked, [])
}

const seconds = () => Math.floor(Date.now() / 1_000)

test('access tokens', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const [jwk] = (await house.rooms.vault.tokenKeys()).keys
  const signer: Signer = {
    key: (await importJWK(jwk!, 'ES256')) as CryptoKey,
    header: { alg: 'ES256', typ: 'at+jwt', kid: jwk!.kid },
    claims: () => ({ ...decodeJwt(agent.tokens.access_token), jti: randomUUID() }),
  }
  const before = fake.journal.length
  const takes = async (jws: string) => {
    // What no header can hold never gets as far.
    if (/[\0\n]/.test(jws)) return false
    const answer = await agent.rpc('ping', {}, { headers: { authorization: `Bearer ${jws}` } })
    assert.ok([200, 401].includes(answer.status), String(answer.status))
    return answer.status === 200
  }
  await present(t, { signer, own: ['at+jwt'], takes })
  assert.equal(fake.journal.length, before)
})

test('proofs of possession', async (t) => {
  const { house } = await openFakeHouse(t)
  const { person } = await connectAll(house)
  const client = await house.register()
  const prover = await Prover.make()
  const { access_token: token } = await prover.redeem(
    client,
    (await client.authorize(person.browser, 'desk')).get('code'),
  )
  const door = `${house.origin}/mcp/desk`
  const fresh = await prover.rpc(door, token, { method: 'ping' })
  assert.equal(fresh.status, 200)
  const { payload } = JSON.parse(
    `{"payload":${Buffer.from((await prover.proof('POST', door, { token })).split('.')[1]!, 'base64url').toString()}}`,
  ) as { payload: Record<string, unknown> }
  const signer: Signer = {
    key: prover.privateKey,
    header: { alg: 'ES256', typ: 'dpop+jwt', jwk: prover.publicKey },
    claims: () => ({ ...payload, jti: randomUUID() }),
  }
  const takes = async (jws: string) => {
    if (/[\0\n]/.test(jws)) return false
    const headers = { authorization: `DPoP ${token}`, dpop: jws, 'content-type': 'application/json' }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
    return (await fetch(door, { method: 'POST', headers, body })).status === 200
  }
  await present(t, { signer, own: ['dpop+jwt'], takes })
})

test('identity assertions', async (t) => {
  const all = await openEnterpriseHouse(t)
  await entitleVouched(all)
  const { company, claims } = all
  const signer: Signer = {
    key: company.key,
    header: { alg: 'ES256', typ: 'oauth-id-jag+jwt', kid: 'one' },
    claims: () => company.claims(claims),
  }
  const takes = async (assertion: string) => {
    const answer = await all.present(assertion)
    if (answer.status !== 200) assert.deepEqual([answer.status, answer.error], [400, 'invalid_grant'])
    return answer.status === 200
  }
  await present(t, { signer, own: ['oauth-id-jag+jwt'], takes })
})

test('assertions by which clients prove who they are', async (t) => {
  const house = await openHouse(t)
  const own = await generateKeyPair('ES256', { extractable: true })
  const jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'c1' }] }
  const client = await house.register({ token_endpoint_auth_method: 'private_key_jwt', jwks })
  const signer: Signer = {
    key: own.privateKey,
    header: { alg: 'ES256', kid: 'c1' },
    claims: () => {
      const whose = { iss: client.id, sub: client.id, aud: house.origin }
      return { ...whose, jti: randomUUID(), iat: seconds(), exp: seconds() + 60 }
    },
  }
  const takes = async (client_assertion: string) => {
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const proof = { client_assertion, client_assertion_type }
    const answer = await client.token({ grant_type: 'refresh_token', refresh_token: 'made-up', ...proof })
    assert.ok(['invalid_grant', 'invalid_client', 'invalid_request'].includes(String(answer.error)), answer.error)
    return answer.error === 'invalid_grant'
  }
  await present(t, { signer, own: undefined, takes })
})

test('security event tokens, pushed', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const signer: Signer = {
    key: transmitter.key,
    header: { alg: 'ES256', typ: 'secevent+jwt', kid: 'one' },
    claims: () => transmitter.claims(about(issSub('nobody'), `${caep}session-revoked`)),
  }
  const takes = async (jws: string) => {
    const answer = await push(house, jws)
    assert.ok(answer.status === 202 || (answer.status === 400 && answer.err !== undefined), answer.text)
    return answer.status === 202
  }
  await present(t, { signer, own: ['secevent+jwt'], takes })
})

test('logout tokens', async (t) => {
  const idp = await openFakeIdp({ id: 'sallyport', secret: 'unused' }, { sub: 'a-1' })
  t.after(() => idp.close())
  const oidc = [{ id: 'okta', name: 'Okta', issuer: idp.issuer, clientId: 'sallyport' }]
  const house = await openHouse(t, { yaml: `login: ${JSON.stringify({ oidc })}`, reach: [idp.issuer] })
  const signer: Signer = {
    key: idp.key,
    header: { alg: 'ES256', typ: 'logout+jwt', kid: idp.kid },
    claims: () => idp.logoutClaims({ sub: 'nobody' }),
  }
  const takes = async (jws: string) => {
    const body = new URLSearchParams({ logout_token: jws })
    const answer = await fetch(`${house.url}/sign-in/backchannel-logout/okta`, { method: 'POST', body })
    assert.ok([200, 400].includes(answer.status), String(answer.status))
    return answer.status === 200
  }
  // Older providers give the token no type, so that not every foreign one is refused by that.
  await present(t, { signer, own: ['logout+jwt', 'JWT', undefined], takes })
})

test('ID tokens', async (t) => {
  const { house, idp, signIn, whoIs } = await openProviderHouse(t)
  const { url, asked } = await openElsewhere(t)
  // Nobody knows the nonce of a login before it is begun, so each vector is made while its login is under way.
  const takes = async (write: (signer: Signer) => string) => {
    idp.knobs.raw = (said) => {
      const claims = () => ({ ...said, jti: randomUUID() })
      return write({ key: idp.key, header: { alg: 'ES256', kid: idp.kid }, claims })
    }
    // A network begins 60 logins in a quarter of an hour.
    house.clock.pass(16_000)
    const browser = house.browser()
    const landed = await signIn(browser)
    const principal = await whoIs(browser)
    if (principal === undefined) assert.match(landed.text, /did not give an answer that can be believed/)
    return principal !== undefined
  }
  const good = () => takes((signer) => seal(signer, JSON.stringify(signer.header)))
  const vectors = (signer: Signer) => jwsVectors(signer, { elsewhere: url, own: undefined })
  assert.equal(await good(), true, 'the provider is believed')
  const names = Object.keys(vectors({ key: idp.key, header: {}, claims: () => ({}) }))
  assert.ok(names.length > 100, String(names.length))
  for (const name of names) assert.equal(await takes((signer) => vectors(signer)[name]!), false, name)
  assert.equal(await good(), true, 'the provider is believed still')
  assert.deepEqual(asked, [])
})

test('tokens of workloads', async (t) => {
  const cluster = await openFakeIssuer(t)
  const rules = [{ machine: 'nightly', claims: { sub: 'nightly' } }]
  const yaml = `workloads: ${JSON.stringify([{ issuer: cluster.issuer, jwksUri: cluster.jwksUri, rules }])}`
  const house = await openHouse(t, { yaml, reach: [cluster.issuer] })
  await house.upstream('mux', ['get_asset'])
  await makeMachine(house, 'nightly', ['mux/get_asset'])
  await grantTo(house, 'nightly', { upstream: 'mux' })
  const whose = { iss: cluster.issuer, sub: 'nightly', aud: house.origin }
  const signer: Signer = {
    key: cluster.privateKey,
    header: { alg: 'ES256', kid: 'one' },
    claims: () => ({ ...whose, jti: randomUUID(), iat: seconds(), exp: seconds() + 60 }),
  }
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const takes = async (assertion: string) => {
    const asked = { grant_type, assertion, resource: `${house.origin}/mcp/mux` }
    const { status, body } = await tokenRequest(house.url, asked)
    if (status !== 200) assert.deepEqual([status, body['error']], [400, 'invalid_grant'])
    return status === 200
  }
  await present(t, { signer, own: undefined, takes })
})

test('tokens of people that an agent platform exchanges, and those that name its agents', async (t) => {
  const [company, key] = [await openFakeIssuer(t), await openFakeIssuer(t)]
  const from = [{ issuer: company.issuer, jwksUri: company.jwksUri, audience: 'platform' }]
  const platform = { id: 'agents', name: 'Agents', jwks: key.jwks, exchange: { from } }
  const yaml = `clients: ${JSON.stringify({ preregistered: [platform] })}`
  const house = await openHouse(t, { yaml, reach: [company.issuer] })
  await house.upstream('mux', ['get_asset'])
  const subject = () => company.sign({ aud: 'platform' })
  const ask = async (fields: Record<string, string>) => {
    const { status, body } = await tokenRequest(house.url, {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      resource: `${house.origin}/mcp/mux`,
      ...(await clientProof(key, { id: platform.id, origin: house.origin })),
      ...fields,
    })
    if (status !== 200) assert.deepEqual([status, body['error']], [400, 'invalid_grant'])
    return status === 200
  }
  await ask({ subject_token: await subject() })
  const [ana] = await house.rooms.identity.listPrincipals({ limit: 1 })
  await entitle(house, ana!.id, ['mux/get_asset'])
  const life = () => ({ jti: randomUUID(), iat: seconds(), exp: seconds() + 60 })
  const ofPeople: Signer = {
    key: company.privateKey,
    header: { alg: 'ES256', kid: 'one' },
    claims: () => ({ iss: company.issuer, sub: 'u-1', aud: 'platform', ...life() }),
  }
  await present(t, { signer: ofPeople, own: undefined, takes: (subject_token) => ask({ subject_token }) })
  const ofAgents: Signer = {
    key: key.privateKey,
    header: { alg: 'ES256', kid: 'one' },
    claims: () => ({ iss: platform.id, sub: 'planner', aud: house.origin, ...life() }),
  }
  const actor_token_type = 'urn:ietf:params:oauth:token-type:jwt'
  const takes = async (actor_token: string) => ask({ subject_token: await subject(), actor_token, actor_token_type })
  await present(t, { signer: ofAgents, own: undefined, takes })
})

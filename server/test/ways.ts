import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { openBoundHouse } from './bound-house.ts'
import { clientProof, openFakeIssuer } from './fake/issuer.ts'
import { jwtBearer } from './enterprise-house.ts'
import type { HouseOptions } from './house.ts'
import { entitle, grantTo, makeMachine } from './machines.ts'
import { OAuthClient } from './oauth-client.ts'

/** A request for a token at `notes`, of a new thing each time that it is written. */
export type WayIn = () => Promise<URLSearchParams>

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'

/**
 * A house in which each way to a token is open, with Ana's prover.
 *
 * @param metadata Of the client that presents identity assertions.
 * @returns `options` open further replicas.
 */
export async function openEveryWay(t: TestContext, metadata: Record<string, unknown> = {}, more: HouseOptions = {}) {
  const company = await openFakeIssuer(t)
  const { issuer, jwksUri, jwks } = company
  const preregistered = [
    { id: 'job', name: 'Job', machine: 'nightly', jwks },
    { id: 'agents', name: 'Agents', jwks, exchange: { from: [{ issuer, jwksUri, audience: 'agents' }] } },
  ]
  const rules = [{ machine: 'nightly', claims: { sub: 'nightly' } }]
  const yaml = [
    `clients: ${JSON.stringify({ preregistered, enterprise: [{ issuer, jwksUri }] })}`,
    `workloads: ${JSON.stringify([{ issuer, jwksUri, rules }])}`,
  ].join('\n')
  const options = { ...more, yaml }
  const opened = await openBoundHouse(t, { ...options, reach: [issuer] })
  const { house, client, code, prover } = opened
  const vouched = await house.rooms.identity.admitClaims(issuer, { sub: 'u-1' })
  await entitle(house, vouched.id, ['notes/read_note'])
  await makeMachine(house, 'nightly', ['notes/read_note'])
  for (const clientId of ['job', 'workloads']) await grantTo(house, 'nightly', { upstream: 'notes', clientId })
  const presenter = await house.register({ token_endpoint_auth_method: 'client_secret_post', ...metadata })
  const resource = client.resourceOf('notes')
  const signed = async (id: string, fields: Record<string, string>) =>
    new OAuthClient(house, { id }).form({
      ...fields,
      resource,
      ...(await clientProof(company, { id, origin: house.origin })),
    })
  const ways: Record<string, WayIn> = {
    // Of a client each: the next grant of one would take the place of the last.
    authorization_code: async () => {
      const one = await house.register()
      const { redirectUri: redirect_uri, verifier: code_verifier } = one
      return one.form({ grant_type: 'authorization_code', code: (await code(one))!, redirect_uri, code_verifier })
    },
    refresh_token: async () => {
      const one = await house.register()
      const { refresh_token } = await prover.redeem(one, await code(one))
      return one.form({ grant_type: 'refresh_token', refresh_token })
    },
    'identity assertion': async () => {
      const claims = { jti: randomUUID(), aud: house.origin, client_id: presenter.id, resource }
      const assertion = await company.sign(claims, { typ: 'oauth-id-jag+jwt' })
      return presenter.form({ grant_type: jwtBearer, assertion })
    },
    'workload token': async () => {
      const assertion = await company.sign({ sub: 'nightly', jti: randomUUID(), aud: house.origin })
      return new URLSearchParams({ grant_type: jwtBearer, assertion, resource })
    },
    client_credentials: () => signed('job', { grant_type: 'client_credentials' }),
    'token-exchange': async () => {
      const subject_token = await company.sign({ aud: 'agents' })
      const subject_token_type = 'urn:ietf:params:oauth:token-type:id_token'
      return signed('agents', { grant_type: exchange, subject_token, subject_token_type })
    },
  }
  return { ...opened, options: { ...options, reach: [opened.upstream.url, issuer] }, ways }
}

/** Sends a request for a token with a proof. Answers `taken`, or with the error. */
export async function sendWith(url: string, form: URLSearchParams, dpop: string | undefined): Promise<string> {
  const headers: Record<string, string> = dpop === undefined ? {} : { dpop }
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', headers, body: form })
  const { error, token_type: type } = (await answer.json()) as { error?: string; token_type?: string }
  return error ?? (type === 'DPoP' ? 'taken' : `taken as ${type}`)
}

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type FakeEnterprise, openFakeEnterprise } from './fake/enterprise.ts'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { entitle } from './machines.ts'
import type { OAuthClient, TokenAnswer } from './oauth-client.ts'

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** The tools of the upstream `mux`, unless a test says otherwise: their names say their effect. */
export const muxTools = ['get_asset', 'list_assets', 'create_asset', 'delete_asset', 'create_signing_key']

/** A house with the upstream `mux`, a company's provider that vouches for people, and a client that it may let in. */
export interface EnterpriseHouse {
  house: House
  company: FakeEnterprise
  client: OAuthClient
  /** What an assertion must say beside whom it is about. */
  claims: Record<string, unknown>
  present(assertion: string, more?: Record<string, string>): Promise<TokenAnswer>
}

export async function openEnterpriseHouse(
  t: TestContext,
  more: { effects?: string; admission?: string; tools?: string[]; options?: HouseOptions } = {},
): Promise<EnterpriseHouse> {
  const company = await openFakeEnterprise(t)
  const issuer = { issuer: company.issuer, jwksUri: company.jwksUri, ...(more.effects && { effects: more.effects }) }
  const yaml = `clients: ${JSON.stringify({ enterprise: [issuer], admission: more.admission })}`
  const house = await openHouse(t, { yaml, ...more.options, reach: [company.issuer, ...(more.options?.reach ?? [])] })
  await house.upstream('mux', more.tools ?? muxTools)
  return { house, company, ...(await registerPresenter(house)) }
}

/** A client that presents assertions for `mux`. */
export async function registerPresenter(house: House): Promise<Pick<EnterpriseHouse, 'client' | 'claims' | 'present'>> {
  const client = await house.register({ token_endpoint_auth_method: 'client_secret_post' })
  return {
    client,
    claims: { aud: house.origin, client_id: client.id, resource: client.resourceOf('mux') },
    present: (assertion, more = {}) => client.token({ grant_type: jwtBearer, assertion, ...more }),
  }
}

/** Makes the principal of the assertions known, and entitles it to tools of `mux`. */
export async function entitleVouched(
  { house, company, claims, present }: EnterpriseHouse,
  tools: readonly string[] = muxTools,
): Promise<string> {
  assert.equal((await present(await company.assert(claims))).error, 'invalid_grant', 'entitled to nothing yet')
  const known = await house.rooms.identity.listPrincipals({ limit: 100 })
  const { id } = known.find(({ subject }) => subject === 'u-1')!
  await entitle(
    house,
    id,
    tools.map((tool) => `mux/${tool}`),
  )
  return id
}

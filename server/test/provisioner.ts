import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { openFakeIdp, type FakeIdp } from './fake/idp.ts'
import { openFakeHouse, type FakeHouse } from './fake-house.ts'
import type { House, HouseOptions } from './house.ts'
import type { Person } from './person.ts'

export const userUrn = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const groupUrn = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const patchUrn = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
export const bulkUrn = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest'
export const errorUrn = 'urn:ietf:params:scim:api:messages:2.0:Error'

/** What is read of an attribute of the schema. */
export interface ToldAttribute extends Record<string, unknown> {
  name: string
  subAttributes: ToldAttribute[]
}

/** What is read of any answer: of each a part of it. */
interface Known {
  schemas: string[]
  id: string
  userName: string
  displayName: string
  active: boolean
  name: Record<string, string>
  emails: { value: string; type?: string; primary?: boolean }[]
  members: { value: string; type: string; $ref: string }[] | undefined
  groups: unknown
  patch: { supported: boolean }
  sort: { supported: boolean }
  etag: { supported: boolean }
  changePassword: { supported: boolean }
  meta: { resourceType: string; created: string; lastModified: string; location: string; version: string }
  totalResults: number
  startIndex: number
  itemsPerPage: number
  Resources: [Told, ...Told[]]
  Operations: [ToldOperation, ...ToldOperation[]]
  status: string
  detail: string
  scimType: string
  endpoint: string
  schema: string
  attributes: ToldAttribute[]
  supported: boolean
  bulk: { supported: boolean; maxOperations: number; maxPayloadSize: number }
  filter: { supported: boolean; maxResults: number }
  authenticationSchemes: { type: string }[]
}

/** What is read of one operation of a bulk. */
interface ToldOperation {
  method: string
  bulkId?: string
  status: string
  location: string
  response: Told
}

/** What the SCIM server told. */
export type Told = Known & Record<string, unknown>

/** An answer of the SCIM server. */
export interface ScimAnswer {
  status: number
  headers: Headers
  body: Told
}

/** A client of the SCIM protocol that knows nothing of our code. */
export class Provisioner {
  readonly base: string
  readonly key: string

  constructor(base: string, key: string) {
    this.base = base
    this.key = key
  }

  async send(
    method: string,
    path: string,
    given: { body?: unknown; text?: string; headers?: Record<string, string> } = {},
  ): Promise<ScimAnswer> {
    const text = given.text ?? (given.body === undefined ? undefined : JSON.stringify(given.body))
    const answer = await fetch(`${this.base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        accept: 'application/scim+json',
        ...(text !== undefined && { 'content-type': 'application/scim+json' }),
        ...given.headers,
      },
      ...(text !== undefined && { body: text }),
    })
    const read = await answer.text()
    if (read !== '') assert.match(answer.headers.get('content-type') ?? '', /^application\/scim\+json/)
    return { status: answer.status, headers: answer.headers, body: (read === '' ? {} : JSON.parse(read)) as Told }
  }

  get(path: string, headers: Record<string, string> = {}): Promise<ScimAnswer> {
    return this.send('GET', path, { headers })
  }

  post(path: string, body: unknown): Promise<ScimAnswer> {
    return this.send('POST', path, { body })
  }

  put(path: string, body: unknown, headers: Record<string, string> = {}): Promise<ScimAnswer> {
    return this.send('PUT', path, { body, headers })
  }

  patch(path: string, ...Operations: unknown[]): Promise<ScimAnswer> {
    return this.send('PATCH', path, { body: { schemas: [patchUrn], Operations } })
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<ScimAnswer> {
    return this.send('DELETE', path, { headers })
  }

  find(endpoint: string, filter: string, more = ''): Promise<ScimAnswer> {
    return this.get(`${endpoint}?filter=${encodeURIComponent(filter)}${more}`)
  }

  /** Makes a person; `externalId` is the subject at the provider. */
  async user(userName: string, more: Record<string, unknown> = {}): Promise<Told> {
    const answer = await this.post('/Users', { schemas: [userUrn], userName, externalId: `sub-${userName}`, ...more })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body
  }

  /** Makes a group of these people. */
  async group(displayName: string, ...ids: string[]): Promise<Told> {
    const members = ids.map((value) => ({ value }))
    const answer = await this.post('/Groups', { schemas: [groupUrn], displayName, members })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body
  }
}

/** A house with the upstream `desk`, whose people come from two identity providers that provision. */
export interface ProvisionedHouse extends FakeHouse {
  administrator: Person
  idp: FakeIdp
  /** The one through which people sign in here. */
  company: Provisioner
  other: Provisioner
  /** Makes another key. */
  keyOf(provider: string): Promise<string>
}

/** Opens it; at `company` the subject is `externalId`, at `other` it is `userName`. */
export async function openProvisionedHouse(
  t: TestContext,
  { provisioning = {}, ...options }: HouseOptions & { provisioning?: { endingsPerHour?: number } } = {},
): Promise<ProvisionedHouse> {
  const client = { id: 'sallyport', secret: 'the client secret' }
  const [idp, second] = [await openFakeIdp(client, { sub: 'sub-ana' }), await openFakeIdp(client, { sub: 'ana' })]
  for (const one of [idp, second]) t.after(() => one.close())
  const shared = { clientId: client.id, clientSecretEnv: 'IDP_SECRET' }
  const oidc = [
    {
      id: 'company',
      name: 'Company',
      issuer: idp.issuer,
      provisioning: { subject: 'externalId', ...provisioning },
      ...shared,
    },
    {
      id: 'other',
      name: 'Other',
      issuer: second.issuer,
      provisioning: { subject: 'userName', ...provisioning },
      ...shared,
    },
    { id: 'plain', name: 'Plain', issuer: 'https://plain.example', ...shared },
  ]
  const opened = await openFakeHouse(t, {
    reach: [idp.issuer, second.issuer],
    house: { yaml: `login: ${JSON.stringify({ oidc })}`, env: { IDP_SECRET: client.secret }, ...options },
  })
  const { house } = opened
  const administrator = await house.person('Ada', ['administer'])
  const keyOf = (provider: string) => makeKey(house, administrator, provider)
  const open = async (provider: string) => new Provisioner(`${house.url}/scim/v2`, await keyOf(provider))
  return { ...opened, administrator, idp, company: await open('company'), other: await open('other'), keyOf }
}

async function makeKey(house: House, administrator: Person, provider: string): Promise<string> {
  const given = { by: administrator.principal.id, provider, label: 'for a test', expiresInDays: 30 }
  return (await house.rooms.identity.makeProvisionerKey(given)).key
}

/** Who a group says is in it, in the order of their ids. */
export function memberIdsOf({ members }: Told): string[] {
  return (members ?? []).map(({ value }) => value).sort()
}

/** The statuses of answers, in their order as numbers. */
export function statusesOf(answers: readonly ScimAnswer[]): number[] {
  return answers.map(({ status }) => status).sort((a, b) => a - b)
}

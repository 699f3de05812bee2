import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupUrn, memberIdsOf, openProvisionedHouse, userUrn } from '../provisioner.ts'

// The documents of RFC 7643, section 8, with addresses of our own; what they are about stands in their names.
const minimal = { schemas: [userUrn], externalId: 'sub-1', userName: 'bjensen@example.com' }

const full = {
  schemas: [userUrn],
  id: '2819c223-7f76-453a-919d-413861904646',
  externalId: '701984',
  userName: 'bjensen@example.com',
  name: {
    formatted: 'Ms. Barbara J Jensen, III',
    familyName: 'Jensen',
    givenName: 'Barbara',
    middleName: 'Jane',
    honorificPrefix: 'Ms.',
    honorificSuffix: 'III',
  },
  displayName: 'Babs Jensen',
  nickName: 'Babs',
  profileUrl: 'https://login.example.com/bjensen',
  emails: [
    { value: 'bjensen@example.com', type: 'work', primary: true },
    { value: 'babs@jensen.org', type: 'home' },
  ],
  addresses: [{ streetAddress: '100 Universal City Plaza', locality: 'Hollywood', type: 'work', primary: true }],
  phoneNumbers: [{ value: '555-555-5555', type: 'work' }],
  ims: [{ value: 'someaimhandle', type: 'aim' }],
  photos: [{ value: 'https://photos.example.com/profilephoto/F', type: 'photo' }],
  userType: 'Employee',
  title: 'Tour Guide',
  preferredLanguage: 'en-US',
  locale: 'en-US',
  timezone: 'America/Los_Angeles',
  active: true,
  password: 't1meMa$heen',
  groups: [{ value: 'e9e30dba-f08f-4109-8486-d5c6a331660a', display: 'Tour Guides' }],
  x509Certificates: [{ value: 'MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx' }],
  meta: {
    resourceType: 'User',
    created: '2010-01-23T04:56:22Z',
    lastModified: '2011-05-13T04:42:34Z',
    version: 'W/"a330bc54f0671c9"',
    location: 'https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646',
  },
}

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

test('section 8.1: a minimal person gets an id, metadata and a version, and nothing that was not said', async (t) => {
  const { house, company } = await openProvisionedHouse(t)
  const { status, headers, body } = await company.post('/Users', minimal)
  assert.equal(status, 201)
  const { id, meta, ...rest } = body
  assert.deepEqual(rest, { ...minimal, active: true })
  assert.match(id, /^[0-9a-f-]{36}$/)
  const { created, lastModified, ...more } = meta
  assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(lastModified, created)
  const location = `${house.origin}/scim/v2/Users/${id}`
  assert.deepEqual(more, { resourceType: 'User', location, version: 'W/"1"' })
  assert.deepEqual([headers.get('location'), headers.get('etag')], [location, 'W/"1"'])
})

test('sections 8.2 and 8.3: of a whole person is kept what the schema has; what is read only has no effect', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const manager = { value: '26118915-6090-4610-87e4-49d8ca9f808d', displayName: 'John Smith' }
  const extended = { ...full, schemas: [userUrn, enterprise], [enterprise]: { employeeNumber: '701984', manager } }
  const { status, body } = await company.post('/Users', extended)
  assert.equal(status, 201)
  assert.notEqual(body['id'], full.id)
  assert.notEqual(body['meta'].version, full.meta.version)
  const { id: _id, meta: _meta, ...kept } = body
  assert.deepEqual(kept, {
    schemas: [userUrn],
    externalId: '701984',
    userName: 'bjensen@example.com',
    name: { formatted: 'Ms. Barbara J Jensen, III', familyName: 'Jensen', givenName: 'Barbara' },
    displayName: 'Babs Jensen',
    emails: full.emails,
    active: true,
  })
  assert.deepEqual((await company.get(`/Users/${body['id']}`)).body, body)
})

test('section 8.4: a group tells its members with their addresses, and a person the groups', async (t) => {
  const { house, company } = await openProvisionedHouse(t)
  const [babs, mandy] = [await company.user('bjensen'), await company.user('mandy')]
  const guides = await company.group('Tour Guides', babs['id'], mandy['id'])
  assert.deepEqual(memberIdsOf(guides), [babs['id'], mandy['id']].sort(byText))
  for (const one of guides.members ?? []) {
    assert.deepEqual(one, { value: one.value, type: 'User', $ref: `${house.origin}/scim/v2/Users/${one.value}` })
  }
  assert.deepEqual(guides['schemas'], [groupUrn])
  assert.equal(guides['meta'].resourceType, 'Group')
  const { groups } = (await company.get(`/Users/${babs['id']}`)).body
  const $ref = `${house.origin}/scim/v2/Groups/${guides['id']}`
  assert.deepEqual(groups, [{ value: guides['id'], $ref, display: 'Tour Guides', type: 'direct' }])
})

test('section 5: the configuration says what is supported, and within which bounds', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { status, body } = await company.get('/ServiceProviderConfig')
  assert.equal(status, 200)
  assert.deepEqual(body['schemas'], ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'])
  const { patch, bulk, filter, sort, etag } = body
  for (const feature of [patch, bulk, filter, sort, etag]) assert.equal(feature.supported, true)
  assert.equal(body['changePassword'].supported, false)
  assert.ok(body['bulk'].maxOperations > 0 && body['bulk'].maxPayloadSize > 0 && body['filter'].maxResults > 0)
  assert.deepEqual(
    body['authenticationSchemes'].map(({ type }) => type),
    ['oauthbearertoken'],
  )
})

test('section 6: the kinds of resources name their addresses and schemas', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { body } = await company.get('/ResourceTypes')
  assert.equal(body['totalResults'], 2)
  assert.deepEqual(
    body['Resources'].map(({ id, endpoint, schema }) => [id, endpoint, schema]),
    [
      ['User', '/Users', userUrn],
      ['Group', '/Groups', groupUrn],
    ],
  )
  const one = await company.get('/ResourceTypes/Group')
  assert.deepEqual(one.body, body['Resources'][1])
  assert.equal((await company.get('/ResourceTypes/Device')).status, 404)
})

test('section 7: the schemas describe every attribute that is told, by all the characteristics', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { body } = await company.get('/Schemas')
  const schemas = new Map(body.Resources.map((one) => [one.id, one]))
  assert.deepEqual([...schemas.keys()], [userUrn, groupUrn])
  for (const schema of schemas.values()) {
    for (const one of schema.attributes) {
      for (const name of ['type', 'multiValued', 'description', 'required', 'mutability', 'returned', 'uniqueness'])
        assert.notEqual(one[name], undefined, `${one.name}: ${name}`)
      if (one.type === 'string') assert.equal(typeof one.caseExact, 'boolean', one.name)
    }
  }
  const attributeOf = (urn: string, name: string) => schemas.get(urn)?.attributes.find((one) => one.name === name)
  const { required, uniqueness, caseExact } = attributeOf(userUrn, 'userName')!
  assert.deepEqual([required, uniqueness, caseExact], [true, 'server', false])
  assert.equal(attributeOf(userUrn, 'groups')?.['mutability'], 'readOnly')
  assert.equal(attributeOf(userUrn, 'password'), undefined)
  assert.deepEqual(
    attributeOf(groupUrn, 'members')?.subAttributes.map(({ mutability }) => mutability),
    ['immutable', 'immutable', 'immutable'],
  )
  const told = await company.post('/Users', full)
  const described = new Set(schemas.get(userUrn)?.attributes.map(({ name }) => name))
  const common = ['schemas', 'id', 'externalId', 'meta']
  assert.deepEqual(
    Object.keys(told.body).filter((name) => !described.has(name) && !common.includes(name)),
    [],
  )
  assert.deepEqual((await company.get(`/Schemas/${userUrn}`)).body, schemas.get(userUrn))
})

test('section 2.1: names of attributes mean the same in any case, and with their schema before them', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { status, body } = await company.post('/Users', {
    SCHEMAS: [userUrn.toUpperCase()],
    [`${userUrn}:userName`]: 'babs',
    EXTERNALID: 'sub-babs',
    Name: { GIVENNAME: 'Barbara' },
  })
  assert.equal(status, 201)
  assert.deepEqual([body['userName'], body['externalId'], body['name']], ['babs', 'sub-babs', { givenName: 'Barbara' }])
  const twice = { schemas: [userUrn], userName: 'one', username: 'two', externalId: 'x' }
  assert.deepEqual(scimTypeOf(await company.post('/Users', twice)), [400, 'invalidSyntax'])
})

test('section 2.5: null, an empty list and an empty text are no value', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const none = { ...minimal, displayName: null, emails: [], name: {}, title: '' }
  const { status, body } = await company.post('/Users', none)
  assert.equal(status, 201)
  for (const name of ['displayName', 'emails', 'name']) assert.equal(body[name], undefined, name)
  for (const userName of [null, '', undefined]) {
    assert.deepEqual(scimTypeOf(await company.post('/Users', { ...minimal, userName })), [400, 'invalidValue'])
  }
})

const wrong: [what: string, members: Record<string, unknown>, scimType: string][] = [
  ['without its schema', { schemas: ['urn:example:other'] }, 'invalidSyntax'],
  ['without a subject', { externalId: undefined }, 'invalidValue'],
  ['with a subject that could be mistaken', { externalId: 'sub\u00e9' }, 'invalidValue'],
  ['with a user name that is no text', { userName: 7 }, 'invalidValue'],
  ['with a user name that is too long', { userName: 'x'.repeat(501) }, 'invalidValue'],
  ['with control characters', { displayName: 'Ana\nBo' }, 'invalidValue'],
  ['with a name that is a text', { name: 'Babs' }, 'invalidValue'],
  ['that is active perhaps', { active: 'perhaps' }, 'invalidValue'],
  ['with two preferred addresses', { emails: ['a', 'b'].map((value) => ({ value, primary: true })) }, 'invalidValue'],
  ['with more addresses than anybody has', { emails: Array.from({ length: 21 }, (_, at) => `${at}@x.org`) }, 'tooMany'],
]

test('section 2: what is no person is refused, with the type of error that says why', async (t) => {
  const { company } = await openProvisionedHouse(t)
  for (const [what, members, scimType] of wrong) {
    assert.deepEqual(scimTypeOf(await company.post('/Users', { ...minimal, ...members })), [400, scimType], what)
  }
  assert.equal((await company.get('/Users')).body['totalResults'], 0)
})

test('section 4: user names and names of groups are taken once, whatever their case', async (t) => {
  const { company } = await openProvisionedHouse(t)
  await company.user('Babs')
  const again = { schemas: [userUrn], userName: 'BABS', externalId: 'sub-2' }
  assert.deepEqual(scimTypeOf(await company.post('/Users', again)), [409, 'uniqueness'])
  const same = { schemas: [userUrn], userName: 'other', externalId: 'sub-Babs' }
  assert.deepEqual(scimTypeOf(await company.post('/Users', same)), [409, 'uniqueness'])
  await company.group('Guides')
  const group = { schemas: [groupUrn], displayName: 'guides' }
  assert.deepEqual(scimTypeOf(await company.post('/Groups', group)), [409, 'uniqueness'])
})

function byText(one: string, other: string): number {
  return one < other ? -1 : 1
}

function scimTypeOf({ status, body }: { status: number; body: Record<string, unknown> }): unknown[] {
  return [status, body['scimType']]
}

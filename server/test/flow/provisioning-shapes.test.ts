import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupUrn, memberIdsOf, openProvisionedHouse, userUrn } from '../provisioner.ts'

// What the two providers that most people use send, as they send it, where it differs from the examples of the standard.
const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

test('Okta: looks for a person, makes him, changes him whole, and takes him out without a path', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const none = await company.get('/Users?filter=userName%20eq%20%22test.user%40okta.local%22&startIndex=1&count=100')
  assert.deepEqual([none.status, none.body['totalResults'], none.body['Resources']], [200, 0, []])
  const made = await company.post('/Users', {
    schemas: [userUrn],
    userName: 'test.user@okta.local',
    name: { givenName: 'Test', familyName: 'User' },
    emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
    displayName: 'Test User',
    locale: 'en-US',
    externalId: '00ujl29u0le5T6Aj10h7',
    groups: [],
    password: '1mz050nq',
    active: true,
  })
  assert.equal(made.status, 201)
  assert.equal(JSON.stringify(made.body).includes('1mz050nq'), false)
  const { id } = made.body
  const put = await company.put(`/Users/${id}`, { ...made.body, name: { givenName: 'Another', familyName: 'User' } })
  assert.deepEqual([put.status, put.body['name'].givenName], [200, 'Another'])
  const off = await company.patch(`/Users/${id}`, { op: 'replace', value: { active: false } })
  assert.deepEqual([off.status, off.body['active']], [200, false])
  const on = await company.put(`/Users/${id}`, { ...put.body, active: true })
  assert.deepEqual([on.status, on.body['active']], [200, true])
})

test('Okta: makes a group empty, names it anew with its id in the value, and changes its members', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const [one, two] = [await company.user('one'), await company.user('two')]
  const made = await company.post('/Groups', { schemas: [groupUrn], displayName: 'Test SCIMv2', members: [] })
  const path = `/Groups/${made.body['id']}`
  const members = async () => memberIdsOf((await company.get(path)).body)
  await company.patch(path, { op: 'replace', value: { id: made.body['id'], displayName: 'Test SCIMv2 b' } })
  assert.equal((await company.get(path)).body['displayName'], 'Test SCIMv2 b')
  const display = 'test.user@okta.local'
  await company.patch(
    path,
    { op: 'add', path: 'members', value: [{ value: one['id'], display }] },
    { op: 'add', path: 'members', value: [{ value: two['id'], display }] },
    { op: 'remove', path: `members[value eq "${one['id']}"]` },
  )
  assert.deepEqual(await members(), [two['id']])
  await company.patch(path, { op: 'replace', path: 'members', value: [{ value: one['id'], display }] })
  assert.deepEqual(await members(), [one['id']])
  const whole = { schemas: [groupUrn], id: made.body['id'], displayName: 'Test SCIMv2 b', members: [] }
  assert.equal((await company.put(path, whole)).status, 200)
  assert.deepEqual(await members(), [])
})

test('Entra ID: tries the connection, looks for a person by either name, and makes him with what it knows', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const tried = await company.find('/Users', 'userName eq "5d48a0a8-e9aa-4d2a-b4b5-2b5a1d6e9b7c"')
  assert.deepEqual([tried.status, tried.body['totalResults'], tried.body['Resources']], [200, 0, []])
  const oid = '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef'
  const made = await company.post('/Users', {
    schemas: [userUrn, enterprise],
    externalId: oid,
    userName: 'Test_User_ab6490ee@testuser.com',
    active: true,
    emails: [{ primary: true, type: 'work', value: 'Test_User_fd0ea19b@testuser.com' }],
    meta: { resourceType: 'User' },
    name: { formatted: 'givenName familyName', familyName: 'familyName', givenName: 'givenName' },
    [enterprise]: { department: 'Sales', manager: { value: '26118915' } },
    roles: [],
  })
  assert.equal(made.status, 201)
  for (const filter of [`externalId eq "${oid}"`, 'userName eq "test_user_AB6490ee@testuser.com"'])
    assert.equal((await company.find('/Users', filter)).body['Resources'][0].id, made.body['id'])
})

test('Entra ID: operations in capitals, booleans as texts, parts of values, and names with dots in a value', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { id } = await company.user('test', { name: { givenName: 'Test' } })
  const patch = async (...operations: unknown[]) => {
    const { status, body } = await company.patch(`/Users/${id}`, ...operations)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const added = await patch(
    { op: 'Add', path: 'emails[type eq "work"].value', value: 'work@microsoft.com' },
    { op: 'Replace', path: 'name.familyName', value: 'updatedFamilyName' },
    { op: 'Add', path: `${enterprise}:department`, value: 'Sales' },
    { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '555' },
    { op: 'Add', path: 'title', value: 'Tour guide' },
  )
  assert.deepEqual(added['emails'], [{ type: 'work', value: 'work@microsoft.com' }])
  assert.deepEqual(added['name'], { givenName: 'Test', familyName: 'updatedFamilyName' })
  const replaced = await patch({ op: 'Replace', path: 'emails[type eq "work"].value', value: 'w2@microsoft.com' })
  assert.deepEqual(replaced['emails'], [{ type: 'work', value: 'w2@microsoft.com' }])
  const value = {
    displayName: 'Shown',
    'name.givenName': 'Given',
    'emails[type eq "work"].primary': 'True',
    [`${enterprise}:employeeNumber`]: '7',
    [`${userUrn}:active`]: 'False',
  }
  const whole = await patch({ op: 'Replace', value })
  assert.deepEqual([whole['displayName'], whole['name'].givenName, whole['active']], ['Shown', 'Given', false])
  assert.deepEqual(whole['emails'], [{ type: 'work', value: 'w2@microsoft.com', primary: true }])
  assert.equal((await patch({ op: 'Replace', path: 'active', value: 'True' }))['active'], true)
  assert.equal((await patch({ op: 'Add', path: 'active', value: 'False' }))['active'], false)
})

test('Entra ID: members as a value of a removal leave, and nobody else does', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const [one, two] = [await company.user('one'), await company.user('two')]
  const made = await company.post('/Groups', {
    schemas: [groupUrn, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
    externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
    displayName: 'displayName',
    meta: { resourceType: 'Group' },
  })
  assert.equal(made.status, 201)
  const path = `/Groups/${made.body['id']}`
  const of = (...ids: string[]) => ids.map((value) => ({ $ref: null, value }))
  await company.patch(path, { op: 'Add', path: 'members', value: of(one['id'], two['id']) })
  const removed = await company.patch(path, { op: 'Remove', path: 'members', value: of(one['id']) })
  assert.equal(removed.status, 204)
  assert.deepEqual(memberIdsOf((await company.get(path)).body), [two['id']])
  const empty = await company.patch(path, { op: 'Remove', path: 'members', value: [] })
  assert.deepEqual([empty.status, empty.body['scimType']], [400, 'invalidValue'])
  const brief = await company.get(`${path}?excludedAttributes=members`)
  assert.deepEqual([brief.status, brief.body['members']], [200, undefined])
  const inside = (id: string) => company.find('/Groups', `id eq "${made.body['id']}" and members eq "${id}"`)
  assert.equal((await inside(two['id'])).body['totalResults'], 1)
  assert.equal((await inside(one['id'])).body['totalResults'], 0)
})

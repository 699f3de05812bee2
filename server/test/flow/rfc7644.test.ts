import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  bulkUrn,
  errorUrn,
  groupUrn,
  memberIdsOf,
  openProvisionedHouse,
  patchUrn,
  type ScimAnswer,
  userUrn,
} from '../provisioner.ts'

const searchUrn = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest'
const listUrn = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'

/** Three people and a group, as the examples of the standard have them. */
async function openExamples(t: TestContext) {
  const opened = await openProvisionedHouse(t)
  const { company } = opened
  const babs = await company.user('bjensen', {
    name: { familyName: "O'Malley", givenName: 'Barbara' },
    displayName: 'Babs',
    emails: [
      { value: 'bjensen@example.com', type: 'work', primary: true },
      { value: 'babs@example.org', type: 'home' },
    ],
  })
  const jim = await company.user('jsmith', { displayName: 'Jim', emails: [{ value: 'jim@example.net', type: 'work' }] })
  const mandy = await company.user('Mandy', { active: false })
  const guides = await company.group('Tour Guides', babs['id'], jim['id'])
  return { ...opened, babs, jim, mandy, guides }
}

const typeOf = ({ status, body }: ScimAnswer): unknown[] => [status, body['scimType']]

test('section 3.12: errors have their schema, the status as text, a type, and nothing of the inside', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const { status, body } = await company.get('/Users/2819c223-7f76-453a-919d-413861904646')
  assert.equal(status, 404)
  assert.deepEqual([body['schemas'], body['status'], typeof body['detail']], [[errorUrn], '404', 'string'])
  const broken = await company.send('POST', '/Users', { text: '{ "schemas": [' })
  assert.deepEqual(typeOf(broken), [400, 'invalidSyntax'])
  const doubled = `{"schemas":["${userUrn}"],"userName":"a","userName":"b","externalId":"x"}`
  assert.deepEqual(typeOf(await company.send('POST', '/Users', { text: doubled })), [400, 'invalidSyntax'])
  const form = { text: 'userName=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  assert.equal((await company.send('POST', '/Users', form)).status, 415)
  for (const [method, path, expected] of [
    ['DELETE', '/Users', 405],
    ['POST', '/Schemas', 405],
    ['GET', '/Bulk', 405],
    ['GET', '/Me', 501],
    ['POST', '/.search', 501],
    ['GET', '/Devices', 404],
    ['GET', '/Users/a/b', 404],
    ['GET', '/Schemas?filter=id%20pr', 403],
  ] as const) {
    const sent = method === 'POST' ? { body: {} } : {}
    assert.equal((await company.send(method, path, sent)).status, expected, `${method} ${path}`)
  }
  const plain = {
    body: { schemas: [userUrn], userName: 'a', externalId: 'a' },
    headers: { 'content-type': 'application/json' },
  }
  assert.equal((await company.send('POST', '/Users', plain)).status, 201)
})

test('section 2: without a key, or with one that is none, nothing is told but that one is needed', async (t) => {
  const { company, house } = await openProvisionedHouse(t)
  for (const authorization of ['', 'Bearer', 'Bearer sps_x', `Basic ${company.key}`, `Bearer ${company.key}x`]) {
    const answer = await company.get('/Users', { authorization })
    assert.equal(answer.status, 401, authorization)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/)
    assert.deepEqual(answer.body['schemas'], [errorUrn])
  }
  assert.equal((await fetch(`${house.url}/scim/v1/Users`)).status, 401)
  assert.equal((await company.get('/../v1/Users')).status, 404)
})

const filters: [filter: string, found: string][] = [
  ['userName eq "bjensen"', 'babs'],
  ['userName Eq "BJENSEN"', 'babs'],
  [`name.familyName co "O'Malley"`, 'babs'],
  ['userName sw "J"', 'jim'],
  [`${userUrn}:userName sw "J"`, 'jim'],
  ['title pr', ''],
  ['displayName pr', 'babs jim'],
  ['meta.lastModified gt "2011-05-13T04:42:34Z"', 'babs jim mandy'],
  ['meta.lastModified ge "2011-05-13T04:42:34Z"', 'babs jim mandy'],
  ['meta.lastModified lt "2011-05-13T04:42:34Z"', ''],
  ['meta.lastModified le "2011-05-13T04:42:34Z"', ''],
  ['title pr and userType eq "Employee"', ''],
  ['title pr or userName eq "jsmith"', 'jim'],
  ['schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"', ''],
  [`schemas eq "${userUrn}"`, 'babs jim mandy'],
  ['userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', ''],
  ['userName pr and (emails co "example.com" or emails.value co "example.net")', 'babs jim'],
  ['userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")', 'jim mandy'],
  ['userName pr and (emails.type eq "work")', 'babs jim'],
  ['userName pr and emails[type eq "work" and value co "@example.com"]', 'babs'],
  ['emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]', 'babs'],
  ['emails[type eq "home" and value co "@example.com"]', ''],
  ['active eq true', 'babs jim'],
  ['active eq "False"', 'mandy'],
  ['active ne true', 'mandy'],
  ['displayName eq null', 'mandy'],
  ['not (displayName pr)', 'mandy'],
  ['externalId eq "sub-jsmith"', 'jim'],
  ['externalId eq "SUB-JSMITH"', ''],
  ['userName eq "bjensen" or userName eq "jsmith" and displayName eq "Babs"', 'babs'],
  ['(userName eq "bjensen" or userName eq "jsmith") and displayName eq "Jim"', 'jim'],
  ['userName ew "SMITH"', 'jim'],
  ['userName eq "b\\u006aensen"', 'babs'],
  ['groups.display eq "Tour Guides"', 'babs jim'],
  ['userName eq ""', ''],
]

test('section 3.4.2.2: filters find what they mean, those of the standard among them', async (t) => {
  const { company, babs, jim, mandy } = await openExamples(t)
  const named = new Map([
    [babs['id'], 'babs'],
    [jim['id'], 'jim'],
    [mandy['id'], 'mandy'],
  ])
  for (const [filter, found] of filters) {
    const { status, body } = await company.find('/Users', filter)
    assert.equal(status, 200, `${filter}: ${body['detail']}`)
    assert.deepEqual(body['schemas'], [listUrn])
    const names = body['Resources'].map(({ id }) => named.get(id) ?? '?')
    assert.equal(names.sort().join(' '), found, filter)
    assert.equal(body['totalResults'], names.length, filter)
  }
})

test('section 3.4.2.2: what is no filter is refused, and so is what asks for what there is not', async (t) => {
  const { company } = await openProvisionedHouse(t)
  for (const filter of [
    'userName',
    'userName eq',
    'userName eq bjensen',
    'userName eq "a" and',
    'userName eq "a" userName eq "b"',
    '(userName eq "a"',
    'userName eq "a")',
    'emails[type eq "work"',
    'userName like "a"',
    'nothing eq "a"',
    'userName.first eq "a"',
    'emails[street eq "a"]',
    'userName[value eq "a"]',
    'active gt true',
    'active eq "perhaps"',
    'userName eq 7',
    'name eq "a"',
    'meta.created gt "yesterday"',
    'userName eq "a\\q"',
    'urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "a"',
    '"a" eq userName',
  ]) {
    assert.deepEqual(typeOf(await company.find('/Users', filter)), [400, 'invalidFilter'], filter)
  }
})

test('section 3.4.2.4: pages begin at 1, count all, and a wrong number is refused', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const ids: string[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e']) ids.push((await company.user(name))['id'])
  const page = async (query: string) => {
    const { body } = await company.get(`/Users?${query}`)
    const found = body['Resources'].map(({ id }) => ids.indexOf(id))
    return [body['totalResults'], body['startIndex'], body['itemsPerPage'], ...found]
  }
  assert.deepEqual(await page('startIndex=1&count=2'), [5, 1, 2, 0, 1])
  assert.deepEqual(await page('startIndex=4&count=2'), [5, 4, 2, 3, 4])
  assert.deepEqual(await page('startIndex=6&count=2'), [5, 6, 0])
  assert.deepEqual(await page('startIndex=0&count=0'), [5, 1, 0])
  assert.deepEqual(await page('count=-3'), [5, 1, 0])
  assert.deepEqual(await page('filter=userName%20ge%20%22b%22&startIndex=2&count=2'), [4, 2, 2, 2, 3])
  assert.deepEqual(typeOf(await company.get('/Users?count=many')), [400, 'invalidValue'])
})

test('section 3.4.2.3: sorted by an attribute, without regard to case, and what has none last', async (t) => {
  const { company, babs, jim, mandy } = await openExamples(t)
  const sorted = async (query: string) => (await company.get(`/Users?${query}`)).body['Resources'].map(({ id }) => id)
  const [b, j, m] = [babs['id'], jim['id'], mandy['id']]
  assert.deepEqual(await sorted('sortBy=userName'), [b, j, m])
  assert.deepEqual(await sorted('sortBy=userName&sortOrder=descending'), [m, j, b])
  assert.deepEqual(await sorted('sortBy=displayName'), [b, j, m])
  assert.deepEqual(await sorted('sortBy=emails'), [b, j, m])
  assert.deepEqual(await sorted('sortBy=name.familyName&sortOrder=ascending&count=1'), [b])
  assert.deepEqual(typeOf(await company.get('/Users?sortBy=nothing')), [400, 'invalidPath'])
  assert.deepEqual(typeOf(await company.get('/Users?sortBy=userName&sortOrder=up')), [400, 'invalidValue'])
})

test('section 3.4.2.5: an answer has the attributes that are asked for, and always the id', async (t) => {
  const { company, babs, guides } = await openExamples(t)
  const keys = async (path: string) => Object.keys((await company.get(path)).body).sort()
  assert.deepEqual(await keys(`/Users/${babs['id']}?attributes=userName`), ['id', 'schemas', 'userName'])
  assert.deepEqual(await keys(`/Users/${babs['id']}?attributes=USERNAME,${userUrn}:displayName,nothing`), [
    'displayName',
    'id',
    'schemas',
    'userName',
  ])
  const { body } = await company.get(`/Users/${babs['id']}?attributes=name.givenName,emails.value`)
  assert.deepEqual(body['name'], { givenName: 'Barbara' })
  assert.deepEqual(body['emails'], [{ value: 'bjensen@example.com' }, { value: 'babs@example.org' }])
  assert.deepEqual(await keys(`/Groups/${guides['id']}?excludedAttributes=members,id`), [
    'displayName',
    'id',
    'meta',
    'schemas',
  ])
  const found = await company.find('/Groups', 'displayName eq "tour guides"', '&excludedAttributes=members')
  assert.equal(found.body['Resources'][0].members, undefined)
})

test('section 3.4.3: a question may be sent in a body', async (t) => {
  const { company, babs } = await openExamples(t)
  const search = {
    schemas: [searchUrn],
    attributes: ['displayName'],
    filter: 'displayName sw "ba"',
    startIndex: 1,
    count: 10,
  }
  const { status, body } = await company.post('/Users/.search', search)
  assert.equal(status, 200)
  assert.deepEqual(body['Resources'], [{ schemas: [userUrn], id: babs['id'], displayName: 'Babs' }])
  assert.deepEqual(typeOf(await company.post('/Users/.search', { ...search, schemas: [] })), [400, 'invalidSyntax'])
  assert.deepEqual(typeOf(await company.post('/Users/.search', { ...search, filter: 7 })), [400, 'invalidValue'])
})

test('section 3.5.1: what is put replaces all that was said, but who it is, and whether he may be here', async (t) => {
  const { company, babs, mandy } = await openExamples(t)
  const path = `/Users/${babs['id']}`
  const put = { schemas: [userUrn], id: 'another', userName: 'babs', externalId: 'sub-bjensen', displayName: 'B' }
  const { status, body } = await company.put(path, put)
  assert.equal(status, 200)
  assert.deepEqual([body['id'], body['userName'], body['displayName']], [babs['id'], 'babs', 'B'])
  assert.deepEqual([body['emails'], body['name'], body['active']], [undefined, undefined, true])
  assert.deepEqual(typeOf(await company.put(path, { ...put, externalId: 'sub-jsmith' })), [400, 'mutability'])
  assert.deepEqual(typeOf(await company.put(path, { ...put, userName: 'JSMITH' })), [409, 'uniqueness'])
  assert.deepEqual(typeOf(await company.put(path, { ...put, userName: undefined })), [400, 'invalidValue'])
  const same = await company.put(path, { ...put, externalId: undefined })
  assert.deepEqual([same.body['externalId'], same.body['meta'].version], ['sub-bjensen', body['meta'].version])
  const silent = { schemas: [userUrn], userName: 'mandy' }
  assert.equal((await company.put(`/Users/${mandy['id']}`, silent)).body['active'], false)
})

test('section 3.5.2.1: add', async (t) => {
  const { company, babs, mandy, guides } = await openExamples(t)
  const group = `/Groups/${guides['id']}`
  const members = async () => memberIdsOf((await company.get(group)).body)
  const one = { display: 'Mandy', $ref: 'https://example.com/v2/Users/x', value: mandy['id'] }
  const added = await company.patch(group, { op: 'add', path: 'members', value: [one] })
  assert.equal(added.status, 204)
  assert.equal(added.headers.get('etag'), 'W/"2"')
  assert.equal((await members()).length, 3)
  assert.equal((await company.patch(group, { op: 'add', path: 'members', value: [one] })).headers.get('etag'), 'W/"2"')
  const person = `/Users/${babs['id']}`
  const emails = [{ value: 'new@example.com', type: 'other', primary: true }]
  const { status, body } = await company.patch(person, { op: 'add', value: { emails, displayName: 'Babs J' } })
  assert.equal(status, 200)
  assert.equal(body['displayName'], 'Babs J')
  assert.deepEqual(
    body['emails'].map(({ value, primary }: Record<string, unknown>) => [value, primary]),
    [
      ['bjensen@example.com', false],
      ['babs@example.org', undefined],
      ['new@example.com', true],
    ],
  )
})

test('section 3.5.2.2: remove', async (t) => {
  const { company, babs, jim, guides } = await openExamples(t)
  const group = `/Groups/${guides['id']}`
  const members = async () => memberIdsOf((await company.get(group)).body)
  await company.patch(group, { op: 'remove', path: `members[value eq "${babs['id']}"]` })
  assert.deepEqual(await members(), [jim['id']])
  await company.patch(group, { op: 'remove', path: 'members' })
  assert.deepEqual(await members(), [])
  const person = `/Users/${babs['id']}`
  const path = 'emails[type eq "work" and value ew "example.com"]'
  assert.equal((await company.patch(person, { op: 'remove', path })).body['emails'].length, 1)
  assert.equal(
    (await company.patch(person, { op: 'remove', path: 'name.givenName' })).body['name'].givenName,
    undefined,
  )
  assert.equal((await company.patch(person, { op: 'remove', path: 'displayName' })).body['displayName'], undefined)
  assert.deepEqual(typeOf(await company.patch(person, { op: 'remove', path: 'userName' })), [400, 'mutability'])
  assert.deepEqual(typeOf(await company.patch(person, { op: 'remove' })), [400, 'noTarget'])
  assert.deepEqual(typeOf(await company.patch(group, { op: 'remove', path: 'displayName' })), [400, 'mutability'])
})

test('section 3.5.2.3: replace', async (t) => {
  const { company, babs, jim, mandy, guides } = await openExamples(t)
  const group = `/Groups/${guides['id']}`
  await company.patch(group, { op: 'replace', path: 'members', value: [{ value: mandy['id'] }, { value: jim['id'] }] })
  assert.deepEqual(memberIdsOf((await company.get(group)).body), [jim['id'], mandy['id']].sort(byText))
  const person = `/Users/${babs['id']}`
  const path = 'emails[type eq "work"].value'
  const changed = await company.patch(person, { op: 'replace', path, value: 'b@example.com' })
  assert.deepEqual(changed.body['emails'][0], { value: 'b@example.com', type: 'work', primary: true })
  const whole = { op: 'replace', value: { emails: [{ value: 'only@example.com' }], name: { givenName: 'B' } } }
  const { body } = await company.patch(person, whole)
  assert.deepEqual(body['emails'], [{ value: 'only@example.com' }])
  assert.deepEqual(body['name'], { familyName: "O'Malley", givenName: 'B' })
  const none = { op: 'replace', path: 'emails[type eq "fax"].value', value: 'x' }
  assert.deepEqual(typeOf(await company.patch(person, none)), [400, 'noTarget'])
  assert.deepEqual(typeOf(await company.patch(person, { op: 'replace', path: 'id', value: 'x' })), [400, 'mutability'])
  assert.deepEqual(typeOf(await company.patch(person, { op: 'replace', path: 'groups', value: [] })), [
    400,
    'mutability',
  ])
})

test('section 3.5.2: operations are done in their order, and all of them or none', async (t) => {
  const { company, babs } = await openExamples(t)
  const person = `/Users/${babs['id']}`
  const first = { op: 'replace', path: 'displayName', value: 'First' }
  for (const [second, scimType] of [
    [{ op: 'replace', path: 'nothing', value: 'x' }, 'invalidPath'],
    [{ op: 'replace', path: 'emails[', value: 'x' }, 'invalidPath'],
    [{ op: 'replace', path: 'userName[value eq "x"]', value: 'x' }, 'invalidPath'],
    [{ op: 'replace', path: 'active', value: 'x' }, 'invalidValue'],
    [{ op: 'move', path: 'active', value: true }, 'invalidSyntax'],
    [{ op: 'add', value: 'x' }, 'invalidValue'],
    [{ op: 'add', path: 'emails', value: ['a', 'b'].map((value) => ({ value, primary: true })) }, undefined],
  ] as const) {
    const answer = await company.patch(person, first, second)
    if (scimType === undefined) assert.equal(answer.status, 200)
    else {
      assert.deepEqual(typeOf(answer), [400, scimType], JSON.stringify(second))
      assert.equal((await company.get(person)).body['displayName'], 'Babs')
    }
  }
  const twice = await company.patch(person, first, { op: 'replace', path: 'displayName', value: 'Second' })
  assert.equal(twice.body['displayName'], 'Second')
  const empty = { schemas: [patchUrn], Operations: [] }
  assert.deepEqual(typeOf(await company.send('PATCH', person, { body: empty })), [400, 'invalidSyntax'])
  const other = { schemas: [userUrn], Operations: [first] }
  assert.deepEqual(typeOf(await company.send('PATCH', person, { body: other })), [400, 'invalidSyntax'])
})

test('section 3.6: what is deleted is not there any more, and its name is free', async (t) => {
  const { company, babs, jim, guides } = await openExamples(t)
  assert.equal((await company.delete(`/Users/${babs['id']}`)).status, 204)
  for (const method of ['GET', 'DELETE'])
    assert.equal((await company.send(method, `/Users/${babs['id']}`)).status, 404, method)
  assert.equal((await company.find('/Users', 'userName eq "bjensen"')).body['totalResults'], 0)
  const { body } = await company.get(`/Groups/${guides['id']}`)
  assert.deepEqual([...memberIdsOf(body), body.meta.version], [jim['id'], 'W/"2"'])
  const again = await company.user('bjensen')
  assert.equal(again['groups'], undefined)
  assert.equal((await company.delete(`/Groups/${guides['id']}`)).status, 204)
  assert.equal((await company.get(`/Groups/${guides['id']}`)).status, 404)
  assert.notEqual((await company.group('Tour Guides'))['id'], guides['id'])
})

test('section 3.14: a version is asked for and held to, weakly', async (t) => {
  const { company, babs } = await openExamples(t)
  const path = `/Users/${babs['id']}`
  assert.equal((await company.get(path, { 'if-none-match': 'W/"1"' })).status, 304)
  assert.equal((await company.get(path, { 'if-none-match': 'W/"7"' })).status, 200)
  const put = { schemas: [userUrn], userName: 'babs' }
  assert.equal((await company.put(path, put, { 'if-match': 'W/"7"' })).status, 412)
  assert.equal((await company.put(path, put, { 'if-match': 'W/"7", "1"' })).status, 200)
  assert.equal((await company.delete(path, { 'if-match': 'W/"1"' })).status, 412)
  assert.equal((await company.delete(path, { 'if-match': '*' })).status, 204)
})

test('section 3.7.2: a bulk makes a person and the group that names him, in whichever order', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const group = {
    method: 'POST',
    path: '/Groups',
    bulkId: 'ytrewq',
    data: { schemas: [groupUrn], displayName: 'Tour Guides', members: [{ type: 'User', value: 'bulkId:qwerty' }] },
  }
  const person = {
    method: 'POST',
    path: '/Users',
    bulkId: 'qwerty',
    data: { schemas: [userUrn], userName: 'Alice', externalId: 'sub-alice' },
  }
  const rename = { op: 'replace', path: 'displayName', value: 'A' }
  const patch = { method: 'PATCH', path: '/Users/bulkId:qwerty', data: { schemas: [patchUrn], Operations: [rename] } }
  const { status, body } = await company.post('/Bulk', { schemas: [bulkUrn], Operations: [group, patch, person] })
  assert.equal(status, 200)
  assert.deepEqual(body['schemas'], ['urn:ietf:params:scim:api:messages:2.0:BulkResponse'])
  assert.deepEqual(
    body['Operations'].map((one) => [one.method, one.bulkId, one.status]),
    [
      ['POST', 'ytrewq', '201'],
      ['PATCH', undefined, '200'],
      ['POST', 'qwerty', '201'],
    ],
  )
  const made = (await company.get(new URL(body['Operations'][0].location).pathname.slice('/scim/v2'.length))).body
  const alice = (await company.find('/Users', 'userName eq "alice"')).body['Resources'][0]
  assert.deepEqual([...memberIdsOf(made), alice.displayName], [alice.id, 'A'])
})

test('section 3.7: operations of a bulk fail each by itself, until there are too many', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const make = (userName: string, more: object = {}) => ({
    method: 'POST',
    path: '/Users',
    bulkId: userName,
    data: { schemas: [userUrn], userName, externalId: userName, ...more },
  })
  const lost = { method: 'DELETE', path: '/Users/bulkId:bad' }
  const operations = [make('bad', { active: 'perhaps' }), make('good'), lost, make('late')]
  const bulk = { schemas: [bulkUrn], Operations: operations }
  const { body } = await company.post('/Bulk', bulk)
  assert.deepEqual(
    body['Operations'].map((one) => one.status),
    ['400', '201', '409', '201'],
  )
  assert.deepEqual(body['Operations'][0].response.scimType, 'invalidValue')
  const stopped = await company.post('/Bulk', { ...bulk, failOnErrors: 1 })
  assert.equal(stopped.body['Operations'].length, 1)
  const circle = ['a', 'b'].map((bulkId, at) => ({
    method: 'POST',
    path: '/Groups',
    bulkId,
    data: { schemas: [groupUrn], displayName: bulkId, members: [{ value: `bulkId:${'ba'[at]}` }] },
  }))
  const turned = await company.post('/Bulk', { schemas: [bulkUrn], Operations: circle })
  assert.deepEqual(
    turned.body['Operations'].map((one) => one.status),
    ['409', '409'],
  )
})

test('section 3.7.4: a bulk is bounded in operations and in bytes, and reaches people and groups only', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const bulk = (...Operations: unknown[]) => company.post('/Bulk', { schemas: [bulkUrn], Operations })
  const one = { method: 'DELETE', path: '/Users/x' }
  assert.equal((await bulk(...Array.from({ length: 101 }, () => one))).status, 413)
  const large = { text: JSON.stringify({ schemas: [bulkUrn], Operations: [], more: 'x'.repeat(1024 * 1024) }) }
  assert.equal((await company.send('POST', '/Bulk', large)).status, 413)
  assert.deepEqual(typeOf(await bulk({ method: 'GET', path: '/Users' })), [400, 'invalidSyntax'])
  for (const path of ['/Bulk', '/Schemas', '/Users?filter=id', '/Users/a/b', 'https://example.com/Users', 7])
    assert.deepEqual(typeOf(await bulk({ method: 'DELETE', path })), [400, 'invalidPath'], String(path))
  assert.deepEqual(typeOf(await bulk({ method: 'POST', path: '/Users', data: {} })), [400, 'invalidSyntax'])
})

function byText(one: string, other: string): number {
  return one < other ? -1 : 1
}

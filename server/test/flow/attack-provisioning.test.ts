import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal } from '../../src/model/principal.ts'
import { insertPrincipal } from '../../src/store/principals.ts'
import { whoIs } from '../administrator.ts'
import { formPaths, openCommandLine, sendForm, textOn } from '../operator.ts'
import { bulkUrn, groupUrn, openProvisionedHouse, patchUrn, Provisioner, userUrn } from '../provisioner.ts'

test('the key of one provider neither sees nor touches what another provisioned', async (t) => {
  const { company, other } = await openProvisionedHouse(t)
  const ana = await company.user('ana')
  const staff = await company.group('Staff', ana['id'])
  for (const path of [`/Users/${ana['id']}`, `/Groups/${staff['id']}`]) {
    const schemas = [path.startsWith('/Users') ? userUrn : groupUrn]
    const never = '/Users/01a219b3-9820-7341-be3d-83bffd03a0a2'
    const unknown = await other.get(never)
    for (const answer of [
      await other.get(path),
      await other.delete(path),
      await other.put(path, { schemas, userName: 'x', displayName: 'x', externalId: 'x' }),
      await other.patch(path, { op: 'replace', path: 'displayName', value: 'x' }),
    ]) {
      assert.equal(answer.status, 404)
      assert.deepEqual(answer.body, unknown.body)
    }
  }
  for (const filter of [`id eq "${ana['id']}"`, 'userName eq "ana"', 'externalId eq "sub-ana"', 'userName pr'])
    assert.equal((await other.find('/Users', filter)).body['totalResults'], 0, filter)
  assert.equal((await other.get('/Groups')).body['totalResults'], 0)
  const stolen = await other.post('/Groups', { schemas: [groupUrn], displayName: 'x', members: [{ value: ana['id'] }] })
  assert.equal(stolen.status, 400)
  const operation = { method: 'DELETE', path: `/Users/${ana['id']}` }
  const bulk = await other.post('/Bulk', { schemas: [bulkUrn], Operations: [operation] })
  assert.equal(bulk.body['Operations'][0].status, '404')
  assert.equal((await company.get(`/Users/${ana['id']}`)).body['active'], true)
  // The same names at another provider are other people and groups.
  const twin = await other.user('ana')
  assert.notEqual(twin['id'], ana['id'])
  assert.notEqual((await other.group('Staff', twin['id']))['id'], staff['id'])
})

test('nobody who was not provisioned is reached: local people, and those of no provider', async (t) => {
  const { house, company, administrator } = await openProvisionedHouse(t)
  const { id } = administrator.principal
  for (const subject of ['local', 'Ada', id]) {
    const made = await company.user(`try-${subject}`, { externalId: subject, emails: [{ value: 'ada@example.org' }] })
    assert.notEqual(made['id'], id)
  }
  assert.equal((await company.patch(`/Users/${id}`, { op: 'replace', value: { active: false } })).status, 404)
  assert.equal((await company.delete(`/Users/${id}`)).status, 404)
  const group = await company.post('/Groups', { schemas: [groupUrn], displayName: 'x', members: [{ value: id }] })
  assert.deepEqual([group.status, group.body['scimType']], [400, 'invalidValue'])
  const by = id
  const made = await house.rooms.identity.makeGroup({ by, name: 'By hand', reason: 'for a test' })
  assert.equal((await company.patch(`/Groups/${made.id}`, { op: 'remove', path: 'members' })).status, 404)
  assert.equal((await house.rooms.identity.findPrincipal(id))?.state, 'active')
})

test('the last administrator is disabled and deleted by no provider, and the log says that one tried', async (t) => {
  const { house, company, administrator } = await openProvisionedHouse(t)
  const { identity, inventory } = house.rooms
  const boss = await company.user('boss')
  const everything = { right: 'administer', upstream: '*', tools: ['*'], reason: 'for a test' } as const
  const by = administrator.principal.id
  await inventory.entitle({ ...everything, tools: ['*'], by, principalId: boss['id'] })
  await identity.disablePrincipal({ by: boss['id'], id: by, reason: 'for a test' })
  for (const answer of [
    await company.patch(`/Users/${boss['id']}`, { op: 'replace', value: { active: false } }),
    await company.delete(`/Users/${boss['id']}`),
  ]) {
    assert.equal(answer.status, 409)
    assert.match(answer.body['detail'], /last administrator/)
  }
  const logged = house.log.map((line) => JSON.parse(line)).filter(({ msg }) => /last administrator/.test(msg))
  const said = { level: 'warn', provider: 'company', principal: boss['id'] }
  assert.deepEqual(
    logged.map(({ level, provider, principal }) => ({ level, provider, principal })),
    [said, said],
  )
  const { body } = await company.get(`/Users/${boss['id']}`)
  assert.deepEqual([body['active'], body['meta'].version], [true, 'W/"1"'])
  await identity.enablePrincipal({ by: boss['id'], id: by, reason: 'for a test' })
  assert.equal((await company.delete(`/Users/${boss['id']}`)).status, 204)
  assert.equal(await inventory.isAdministrator(boss['id']), false)
})

test('no attribute gives a right, another identity or another provider', async (t) => {
  const { house, company } = await openProvisionedHouse(t)
  const more = {
    id: 'mine',
    meta: { version: 'W/"9"', created: '2000-01-01T00:00:00Z' },
    roles: [{ value: 'administer' }],
    entitlements: [{ value: 'administer' }],
    groups: [{ value: 'x' }],
    issuer: 'local',
    subject: 'admin',
    provider: 'other',
    kind: 'group',
    state: 'active',
    ended: false,
    password: 'a password',
    constructor: { prototype: { administrator: true } },
    x509Certificates: [{ value: 'x' }],
  }
  const made = await company.user('mallory', more)
  const staff = await company.group('Staff')
  for (const path of ['groups', 'id', 'meta.version', 'schemas']) {
    const answer = await company.patch(`/Users/${made['id']}`, { op: 'replace', path, value: 'x' })
    assert.deepEqual([answer.status, answer.body['scimType']], [400, 'mutability'], path)
  }
  for (const path of ['issuer', 'kind', '__proto__', 'constructor', 'emails.constructor.x']) {
    const answer = await company.patch(`/Users/${made['id']}`, { op: 'replace', path, value: 'x' })
    assert.deepEqual([answer.status, answer.body['scimType']], [400, 'invalidPath'], path)
  }
  await company.patch(`/Users/${made['id']}`, { op: 'add', value: { ...more, 'groups.value': staff['id'] } })
  await company.put(`/Users/${made['id']}`, { ...more, schemas: [userUrn], userName: 'mallory' })
  const proto = `{"schemas":["${userUrn}"],"userName":"p","externalId":"p","__proto__":{"x":1}}`
  assert.equal((await company.send('POST', '/Users', { text: proto })).status, 400)
  const principal = await house.rooms.identity.findPrincipal(made['id'])
  assert.equal(principal?.kind, 'person')
  assert.deepEqual(await house.rooms.inventory.listRights(made['id']), [])
  assert.deepEqual(await house.rooms.identity.listMemberships({ memberId: made['id'] }), [])
  assert.deepEqual(Object.keys((await company.get(`/Users/${made['id']}`)).body).sort(), [
    'active',
    'externalId',
    'id',
    'meta',
    'schemas',
    'userName',
  ])
})

test('a filter that would cost much is refused before anything is looked at', async (t) => {
  const { company } = await openProvisionedHouse(t)
  const one = 'userName eq "a"'
  for (const filter of [
    `${'('.repeat(300)}${one}${')'.repeat(300)}`,
    `${'not ('.repeat(9)}${one}${')'.repeat(9)}`,
    Array.from({ length: 51 }, () => 'id pr').join(' or '),
    `userName eq "${'x'.repeat(2_000)}"`,
    `userName eq "${'\\'.repeat(1_001)}"`,
    `${'a.'.repeat(900)}b pr`,
    `${'urn:'.repeat(400)}a pr`,
  ]) {
    const answer = await company.post('/Users/.search', {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'],
      filter,
    })
    assert.deepEqual([answer.status, answer.body['scimType']], [400, 'invalidFilter'], filter.slice(0, 40))
  }
  assert.equal((await company.find('/Users', `${'('.repeat(8)}${one}${')'.repeat(8)}`)).status, 200)
})

test('questions that look through everything are limited, those for one person are not', async (t) => {
  const { company } = await openProvisionedHouse(t)
  let refused
  for (let at = 0; at <= 60 && refused?.status !== 429; at++)
    refused = await company.find('/Users', 'displayName co "a"')
  assert.equal(refused?.status, 429)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.equal((await company.find('/Users', 'userName eq "a"')).status, 200)
})

test('however many groups a provider keeps or has deleted, administrators make groups and see those that live', async (t) => {
  const { house, administrator, company, other } = await openProvisionedHouse(t)
  const by = administrator.principal.id
  const rest = { issuer: 'group', kind: 'group', email: undefined, createdAt: 1 } as const
  // As 2,000 groups that were made and deleted leave it, and 2,000 that are there: all older than what follows.
  await house.rooms.store.transaction(async (tx) => {
    for (const state of ['disabled', 'active'] satisfies Principal['state'][])
      for (let at = 0; at < 2_000; at++) {
        const id = `0-${state}-${at}`
        await insertPrincipal(tx, { ...rest, id, subject: `scim:company:${id}`, name: id, state })
      }
  })
  const theirs = [(await company.group('Theirs'))['id'], (await other.group('Others'))['id']]
  const made = await house.rooms.identity.makeGroup({ by, name: 'On call', reason: 'for a test' })
  await assert.rejects(house.rooms.identity.makeGroup({ by, name: '0-active-1999', reason: 'for a test' }), {
    code: 'identity.input_invalid',
  })
  const groups = await house.rooms.identity.listGroups()
  assert.equal(groups.length, 2_003)
  assert.ok(groups.every(({ state }) => state === 'active'))
  assert.deepEqual(
    groups
      .slice(-3)
      .map(({ id }) => id)
      .sort(),
    [...theirs, made.id].sort(),
  )
  const command = await openCommandLine(house, administrator)
  assert.ok((await command('groups')).out.includes(made.id))
  const first = textOn(await administrator.browser.open(`${house.origin}/groups`))
  assert.match(first, /Those that were made later/)
  const last = await administrator.browser.open(`${house.origin}/groups?after=${theirs[0]}`)
  assert.match(textOn(last), /On call/)
  assert.doesNotMatch(textOn(last), /Those that were made later/)
})

test('a key that is stolen ends no more than an hour’s budget, and whoever operates it hears of it', async (t) => {
  const opened = await openProvisionedHouse(t, { provisioning: { endingsPerHour: 5 } })
  const { house, company, other, clock } = opened
  const people = []
  for (const name of ['ana', 'bo', 'cy', 'di']) people.push((await company.user(name))['id'])
  const [ana, bo, cy, di] = people
  const groups = [(await company.group('Staff', cy!))['id'], (await company.group('Guests'))['id']]
  const off = { op: 'replace', path: 'active', value: false }
  assert.equal((await company.patch(`/Users/${ana}`, off)).status, 200)
  assert.equal((await company.patch(`/Users/${ana}`, off)).status, 200, 'nothing ends twice')
  const whole = { schemas: [userUrn], userName: 'bo', externalId: 'sub-bo', active: false }
  assert.equal((await company.put(`/Users/${bo}`, whole)).status, 200)
  assert.equal((await company.delete(`/Groups/${groups[0]}`)).status, 204)
  assert.equal((await company.delete('/Users/nobody')).status, 404)
  assert.equal((await company.delete(`/Users/${ana}`)).status, 204)
  const refused = [
    await company.delete(`/Users/${cy}`),
    await company.delete(`/Groups/${groups[1]}`),
    await company.patch(`/Users/${di}`, off),
  ]
  for (const { status, headers } of refused) {
    assert.equal(status, 429)
    assert.ok(Number(headers.get('retry-after')) > 3_000)
  }
  const bulk = await company.post('/Bulk', {
    schemas: [bulkUrn],
    Operations: [{ method: 'DELETE', path: `/Users/${cy}` }],
  })
  assert.equal(bulk.body['Operations'][0].status, '429')
  for (const path of [`/Users/${cy}`, `/Users/${di}`]) assert.equal((await company.get(path)).body['active'], true)
  assert.equal((await house.rooms.identity.findPrincipal(cy!))?.state, 'active')
  assert.deepEqual(
    (await house.changes('provisioning.limited')).map(({ by, about, details }) => [by, about.id, details]),
    [['scim:company', 'provisioning:company', { perHour: 5 }]],
  )
  assert.match(house.log.join(''), /a provider asked to end more than it may/)
  // Another provider has a budget of its own, and everything else goes on.
  assert.equal((await other.delete(`/Users/${(await other.user('ana'))['id']}`)).status, 204)
  assert.equal((await company.patch(`/Users/${bo}`, { ...off, value: true })).status, 200)
  clock.pass(60 * 60 * 1_000)
  assert.equal((await company.delete(`/Users/${cy}`)).status, 204)
})

test('who is taken out of a group is counted like who is deleted, by whichever request, and what is refused counts nothing', async (t) => {
  const { house, company } = await openProvisionedHouse(t, { provisioning: { endingsPerHour: 4 } })
  const people = []
  for (const name of ['ana', 'bo', 'cy', 'di', 'eve']) people.push((await company.user(name))['id'])
  const { id } = await company.group('Staff', ...people)
  const members = async () => (await company.get(`/Groups/${id}`)).body['members']?.length ?? 0
  const whole = (...ids: string[]) => ({
    schemas: [groupUrn],
    displayName: 'Staff',
    members: ids.map((value) => ({ value })),
  })
  const tooMany = {
    'a patch of all': () => company.patch(`/Groups/${id}`, { op: 'remove', path: 'members' }),
    'a patch to none': () => company.patch(`/Groups/${id}`, { op: 'replace', path: 'members', value: [] }),
    'the whole without members': () => company.put(`/Groups/${id}`, whole()),
    'the group itself': () => company.delete(`/Groups/${id}`),
  }
  for (const [what, ask] of Object.entries(tooMany)) {
    assert.equal((await ask()).status, 429, what)
    assert.equal(await members(), 5, what)
  }
  assert.equal((await house.changes('provisioning.limited')).length, 1)
  const [ana, bo, cy, di, eve] = people as [string, string, string, string, string]
  const one = { op: 'remove', path: `members[value eq "${ana}"]` }
  assert.equal((await company.patch(`/Groups/${id}`, one)).status, 204)
  assert.equal((await company.patch(`/Groups/${id}`, one)).status, 204, 'nobody leaves twice')
  assert.equal((await company.put(`/Groups/${id}`, whole(di, eve))).status, 200)
  assert.equal(await members(), 2)
  const bulk = await company.post('/Bulk', {
    schemas: [bulkUrn],
    Operations: [di, eve].map((value) => ({
      method: 'PATCH',
      path: `/Groups/${id}`,
      data: { schemas: [patchUrn], Operations: [{ op: 'remove', path: `members[value eq "${value}"]` }] },
    })),
  })
  assert.deepEqual(
    bulk.body['Operations'].map(({ status }) => status),
    ['204', '429'],
  )
  assert.equal((await company.delete(`/Users/${bo}`)).status, 429)
  const back = { op: 'add', path: 'members', value: [{ value: cy }] }
  assert.equal((await company.patch(`/Groups/${id}`, back)).status, 204, 'who joins is not counted')
})

test('who has no key is limited by his address, and who has one is not kept out by it', async (t) => {
  const { company, house } = await openProvisionedHouse(t)
  const stranger = new Provisioner(company.base, `sps_${'x'.repeat(43)}`)
  for (let at = 0; at < 60; at++) assert.equal((await stranger.get('/Users')).status, 401)
  assert.equal((await stranger.get('/Users')).status, 429)
  assert.equal((await company.get('/Users')).status, 200)
  assert.equal(house.log.join('').includes(stranger.key), false)
})

test('a body that is too large or too deep is refused', async (t) => {
  const { company } = await openProvisionedHouse(t)
  assert.equal((await company.send('POST', '/Users', { text: 'x'.repeat(1024 * 1024 + 1) })).status, 413)
  const deep = `{"schemas":["${userUrn}"],"userName":"a","externalId":"a","name":${'['.repeat(20)}${']'.repeat(20)}}`
  const answer = await company.send('POST', '/Users', { text: deep })
  assert.deepEqual([answer.status, answer.body['scimType']], [400, 'invalidSyntax'])
})

test('a key is shown once, kept as a digest, bound to its provider, and refused once it is revoked', async (t) => {
  const { house, administrator, company, keyOf } = await openProvisionedHouse(t)
  const page = await administrator.browser.open(`${house.origin}/provisioning`)
  assert.ok(formPaths(page).includes('/provisioning/company/key'))
  assert.equal(formPaths(page).includes('/provisioning/plain/key'), false)
  const made = await sendForm(administrator, page, {
    to: '/provisioning/company/key',
    label: 'second',
    expiresInDays: '9',
  })
  const key = /sps_[\w-]{43}/.exec(textOn(made))![0]
  const second = new Provisioner(company.base, key)
  assert.equal((await second.get('/Users')).status, 200)
  const [changes, keys] = [await house.entries('change'), await house.rooms.identity.listProvisionerKeys()]
  assert.equal(JSON.stringify([changes, keys]).includes(key), false)
  assert.equal(textOn(await administrator.browser.open(`${house.origin}/provisioning`)).includes(key), false)
  const command = await openCommandLine(house, administrator)
  const listed = await command('provisioning')
  assert.match(listed.out, /second/)
  const { id } = keys.find(({ label }) => label === 'second')!
  assert.equal((await command('revoke-provisioning-key', id, '--reason', 'replaced')).code, 0)
  assert.equal((await second.get('/Users')).status, 401)
  assert.equal((await company.get('/Users')).status, 200)
  assert.deepEqual(
    (await house.changes('provisioner_key.revoked')).map(({ by, reason }) => [by, reason]),
    [[administrator.principal.id, 'replaced']],
  )
  await keyOf('company')
  await keyOf('company')
  await assert.rejects(keyOf('company'), { code: 'identity.input_invalid' })
  await assert.rejects(keyOf('plain'), { code: 'identity.not_found' })
  await assert.rejects(keyOf('local'), { code: 'identity.not_found' })
})

test('a key ends with its time, and is good for nothing but provisioning', async (t) => {
  const { house, company, clock } = await openProvisionedHouse(t)
  for (const path of ['/api/v1/people', '/mcp/desk']) {
    const answer = await fetch(house.url + path, { headers: { authorization: `Bearer ${company.key}` } })
    assert.equal(answer.status, 401, path)
  }
  clock.pass(31 * 24 * 60 * 60 * 1_000)
  assert.equal((await company.get('/Users')).status, 401)
})

test('only an administrator makes and revokes keys', async (t) => {
  const { house } = await openProvisionedHouse(t)
  const bo = await house.person('Bo')
  const { identity } = house.rooms
  const given = { by: bo.principal.id, provider: 'company', label: 'mine', expiresInDays: 1 }
  await assert.rejects(identity.makeProvisionerKey(given), { code: 'identity.not_allowed' })
  const [key] = await identity.listProvisionerKeys()
  const step = { by: bo.principal.id, id: key!.id, reason: 'not mine' }
  await assert.rejects(identity.revokeProvisionerKey(step), { code: 'identity.not_allowed' })
  const page = await bo.browser.open(`${house.origin}/provisioning`)
  assert.equal(page.status, 403)
})

test('a provider that spells its issuer otherwise than the configuration lets nobody in past his provisioning', async (t) => {
  const { house, idp } = await openProvisionedHouse(t)
  idp.knobs = { discoveredIssuer: `${idp.issuer}/` }
  const browser = house.browser()
  await browser.follow(await browser.open(`${house.origin}/sign-in`), '/sign-in/with/company').catch(() => undefined)
  assert.equal(await whoIs(house, browser), undefined)
})

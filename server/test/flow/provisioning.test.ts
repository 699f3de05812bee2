import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { linkOf } from '../agent.ts'
import { whoIs } from '../administrator.ts'
import { hang } from '../fake-house.ts'
import { openFakeIdp } from '../fake/idp.ts'
import { holdTransaction } from '../held.ts'
import { openHouse } from '../house.ts'
import { Person } from '../person.ts'
import { openProvisionedHouse, Provisioner, userUrn, type ProvisionedHouse } from '../provisioner.ts'

const reason = 'for a test'

/** Signs somebody of the provider in, by the provider. */
async function signIn({ house, idp }: Pick<ProvisionedHouse, 'house' | 'idp'>, sub: string): Promise<Person> {
  idp.person = { sub, name: sub }
  const browser = house.browser()
  await browser.follow(await browser.open(`${house.origin}/sign-in`), '/sign-in/with/company')
  const { principal } = (await whoIs(house, browser))!
  return new Person(house, principal, browser)
}

/** A person who was provisioned, has rights through a group that was, is signed in and has connected a client. */
async function openMember(t: TestContext) {
  const opened = await openProvisionedHouse(t)
  const { house, company, administrator } = opened
  const by = administrator.principal.id
  const ana = await company.user('ana', { displayName: 'Ana Work' })
  const staff = await company.group('Staff', ana['id'])
  await house.rooms.inventory.entitle({
    by,
    principalId: staff['id'],
    right: 'use',
    upstream: 'desk',
    tools: ['read_note', 'delete_note', 'hang'],
    reason,
  })
  const person = await signIn(opened, 'sub-ana')
  const agent = await person.connect('desk', 'all')
  return { ...opened, by, ana, staff, person, agent }
}

test('who is provisioned and signs in as the same subject is one principal, with the rights of his groups', async (t) => {
  const { house, ana, person, agent, staff } = await openMember(t)
  assert.equal(person.principal.id, ana['id'])
  assert.deepEqual(await agent.list(), ['read_note', 'delete_note', 'hang'])
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const [joined] = await house.changes('principal.joined')
  assert.deepEqual([joined?.by, joined?.about.id], ['scim:company', ana['id']])
  const [made] = await house.changes('group.made')
  assert.deepEqual([made?.by, made?.about.id, made?.details?.['members']], ['scim:company', staff['id'], [ana['id']]])
})

test('who has signed in before he is provisioned stays the same principal; an e-mail address links nobody', async (t) => {
  const opened = await openProvisionedHouse(t)
  const { company, other } = opened
  const early = await signIn(opened, 'sub-early')
  const made = await company.user('early', { emails: [{ value: 'shared@example.org' }] })
  assert.equal(made['id'], early.principal.id)
  const stranger = await other.user('early', { emails: [{ value: 'shared@example.org' }] })
  assert.notEqual(stranger['id'], early.principal.id)
  assert.equal((await opened.house.changes('principal.joined')).at(-2)?.details?.['known'], true)
})

test('a person who is not active loses at once what is open, sign-ins, grants, approvals, keys and connections', async (t) => {
  const { house, company, ana, person, agent, fake } = await openMember(t)
  const { rooms } = house
  const { key } = await rooms.identity.makeOperatorKey({ principal: person.principal, label: 'mine' })
  const asked = await agent.call('delete_note', { id: 'n1' })
  const approval = linkOf(asked).split('/').at(-1)!
  const own = { upstream: 'desk', principalId: person.principal.id, createdBy: person.principal.id }
  const values = { 'x-key': 'of Ana' }
  await rooms.store.transaction((tx) => rooms.vault.putConnection(tx, { ...own, placement: 'headers', values }))
  const { ended } = await hang({ fake }, agent)
  const { status, body } = await company.patch(`/Users/${ana['id']}`, { op: 'replace', value: { active: false } })
  assert.deepEqual([status, body['active']], [200, false])
  assert.match(await ended, /withdrawn|broken off/)
  assert.equal((await rooms.identity.findPrincipal(ana['id']))?.state, 'disabled')
  assert.equal(await whoIs(house, person.browser), undefined)
  assert.equal(await rooms.identity.whoHasKey(key), undefined)
  assert.notEqual((await rooms.oauth.listGrants({ principalId: ana['id'] }))[0]?.revokedAt, undefined)
  assert.equal((await rooms.approvals.get(approval)).state, 'cancelled')
  assert.equal(await rooms.vault.openCredential('desk', ana['id']), undefined)
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  const [change] = await house.changes('principal.disabled')
  assert.deepEqual([change?.by, change?.about.id], ['scim:company', ana['id']])
})

test('who is not active cannot sign in; active again he can, and nothing that had ended comes back but his groups', async (t) => {
  const opened = await openMember(t)
  const { house, company, ana, agent } = opened
  const path = `/Users/${ana['id']}`
  await company.put(path, { schemas: [userUrn], userName: 'ana', active: 'False' })
  await assert.rejects(signIn(opened, 'sub-ana'))
  await company.put(path, { schemas: [userUrn], userName: 'ana', active: 'True' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  const again = await signIn(opened, 'sub-ana')
  assert.equal(again.principal.id, ana['id'])
  assert.deepEqual(await (await again.connect('desk', 'all')).list(), ['read_note', 'delete_note', 'hang'])
  assert.equal((await house.changes('principal.enabled'))[0]?.by, 'scim:company')
})

test('who is deleted loses his own rights too, cannot come back by a login, and has none when he is made anew', async (t) => {
  const opened = await openMember(t)
  const { house, company, by, ana, agent, fake } = opened
  const { inventory } = house.rooms
  await inventory.entitle({ by, principalId: ana['id'], right: 'use', upstream: 'desk', tools: ['write_note'], reason })
  const { ended } = await hang({ fake }, agent)
  assert.equal((await company.delete(`/Users/${ana['id']}`)).status, 204)
  assert.match(await ended, /withdrawn|broken off/)
  assert.deepEqual(await inventory.listRights(ana['id']), [])
  await assert.rejects(signIn(opened, 'sub-ana'))
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  const again = await company.user('ana')
  assert.equal(again['id'], ana['id'])
  assert.equal((await signIn(opened, 'sub-ana')).principal.id, ana['id'])
  assert.deepEqual(await inventory.listRights(ana['id']), [])
  assert.deepEqual((await house.changes('principal.deleted'))[0]?.by, 'scim:company')
})

test('who leaves a group loses its rights at the next call, and a call under way is broken off', async (t) => {
  const { house, company, ana, staff, agent, fake } = await openMember(t)
  const asked = await agent.call('delete_note', { id: 'n1' })
  const approval = linkOf(asked).split('/').at(-1)!
  const { ended } = await hang({ fake }, agent)
  const remove = { op: 'Remove', path: 'members', value: [{ value: ana['id'] }] }
  assert.equal((await company.patch(`/Groups/${staff['id']}`, remove)).status, 204)
  assert.match(await ended, /withdrawn|broken off/)
  const before = fake.calls.length
  assert.deepEqual(await agent.list(), [])
  assert.notEqual((await agent.call('read_note', { id: 'n1' })).error, undefined)
  assert.equal(fake.calls.length, before)
  assert.equal((await house.rooms.approvals.get(approval)).state, 'cancelled')
  const change = (await house.changes('group.changed')).at(-1)
  assert.deepEqual([change?.by, change?.details?.['left']], ['scim:company', [ana['id']]])
})

test('a group that is deleted takes its rights with it, and one of the same name has none', async (t) => {
  const { house, company, ana, staff, agent, fake } = await openMember(t)
  const { ended } = await hang({ fake }, agent)
  assert.equal((await company.delete(`/Groups/${staff['id']}`)).status, 204)
  assert.match(await ended, /withdrawn|broken off/)
  await company.group('Staff', ana['id'])
  assert.deepEqual(await agent.list(), [])
  assert.deepEqual(await house.rooms.inventory.listEntitlements({ principalId: staff['id'], activeAt: Date.now() }), [])
})

test('a membership that an administrator gave stays when the provider takes its own back', async (t) => {
  const { house, company, by, ana, staff, agent } = await openMember(t)
  await house.rooms.identity.addMember({ by, group: staff['id'], member: ana['id'], reason })
  await company.patch(`/Groups/${staff['id']}`, { op: 'remove', path: 'members' })
  assert.equal((await company.get(`/Groups/${staff['id']}`)).body['members'], undefined)
  assert.deepEqual(await agent.list(), ['read_note', 'delete_note', 'hang'])
})

test('what an administrator has disabled the provider cannot enable, and what the provider has he cannot', async (t) => {
  const { house, company, by, ana } = await openMember(t)
  const { identity } = house.rooms
  const step = { by, id: ana['id'], reason }
  const say = (active: boolean) =>
    company.patch(`/Users/${ana['id']}`, { op: 'replace', path: 'active', value: active })
  const state = async () => (await identity.findPrincipal(ana['id']))?.state
  await identity.disablePrincipal(step)
  await say(false)
  await say(true)
  assert.equal(await state(), 'disabled')
  await identity.enablePrincipal(step)
  await say(false)
  await assert.rejects(identity.enablePrincipal(step), { code: 'identity.provisioned' })
  // Disabled by both: the provider alone cannot take it back any more.
  await identity.disablePrincipal(step)
  await say(true)
  assert.equal(await state(), 'disabled')
  await identity.enablePrincipal(step)
  assert.equal(await state(), 'active')
  assert.equal(
    (await house.changes('principal.enabled')).every((change) => change.by === by),
    true,
  )
})

test('somebody who is made inactive never was in, and can come in once he is active', async (t) => {
  const opened = await openProvisionedHouse(t)
  const made = await opened.company.user('ana', { active: false })
  assert.equal((await opened.house.rooms.identity.findPrincipal(made['id']))?.state, 'disabled')
  await assert.rejects(signIn(opened, 'sub-ana'))
  await opened.company.patch(`/Users/${made['id']}`, { op: 'Replace', path: 'active', value: 'True' })
  assert.equal((await signIn(opened, 'sub-ana')).principal.id, made['id'])
})

test('who joins at the moment at which he is provisioned as inactive is out, whichever comes first', async (t) => {
  for (const first of ['login', 'provider'] as const) {
    const { house, idp, company } = await openProvisionedHouse(t)
    idp.person = { sub: 'sub-ana', name: 'Ana' }
    const browser = house.browser()
    const join = async () => browser.follow(await browser.open(`${house.origin}/sign-in`), '/sign-in/with/company')
    const provision = () => company.user('ana', { active: false })
    const held = holdTransaction(t, house.rooms.store, 'begin')
    const late = first === 'login' ? provision() : join()
    await held.reached
    await (first === 'login' ? join() : provision())
    held.go()
    await late
    assert.equal(await whoIs(house, browser), undefined, `first the ${first}`)
    const people = await house.rooms.identity.listPrincipals({ limit: 100 })
    assert.deepEqual(
      people.filter(({ subject }) => subject === 'sub-ana').map(({ state }) => state),
      ['disabled'],
    )
  }
})

test('what says nothing new is not recorded, and does not count as a version', async (t) => {
  const { house, company, ana, staff } = await openMember(t)
  const before = (await house.entries('change')).length
  await company.put(`/Users/${ana['id']}`, {
    schemas: [userUrn],
    userName: 'ana',
    displayName: 'Ana Work',
    active: true,
  })
  await company.patch(`/Groups/${staff['id']}`, { op: 'add', path: 'members', value: [{ value: ana['id'] }] })
  await company.patch(`/Groups/${staff['id']}`, { op: 'remove', path: 'members[value eq "nobody"]' })
  assert.equal((await company.get(`/Users/${ana['id']}`)).body['meta'].version, 'W/"1"')
  assert.equal((await house.entries('change')).length, before)
})

test('where the subject differs by application, people are known by the claim that is configured', async (t) => {
  const idp = await openFakeIdp({ id: 'sallyport', secret: 'x' }, { sub: 'pairwise', name: 'Ana' })
  t.after(() => idp.close())
  const entra = {
    id: 'company',
    name: 'Company',
    issuer: idp.issuer,
    clientId: 'sallyport',
    clientSecretEnv: 'IDP_SECRET',
    provisioning: { subject: 'externalId', claim: 'oid' },
  }
  const yaml = `login: ${JSON.stringify({ oidc: [entra] })}`
  const house = await openHouse(t, { yaml, env: { IDP_SECRET: 'x' }, reach: [idp.issuer] })
  const by = (await house.person('Ada', ['administer'])).principal.id
  const { identity } = house.rooms
  const { key } = await identity.makeProvisionerKey({ by, provider: 'company', label: 'a key', expiresInDays: 1 })
  const company = new Provisioner(`${house.url}/scim/v2`, key)
  const ana = await company.user('ana', { externalId: 'object-1' })
  idp.knobs = { claims: { oid: 'object-1' } }
  const signed = await signIn({ house, idp }, 'pairwise')
  assert.equal(signed.principal.id, ana['id'])
  const vouched = await identity.admitClaims(idp.issuer, { sub: 'another', oid: 'object-1' })
  assert.equal(vouched.id, ana['id'])
  idp.knobs = {}
  await assert.rejects(signIn({ house, idp }, 'object-1'))
})

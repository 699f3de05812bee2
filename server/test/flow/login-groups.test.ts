import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Fault } from '../../src/base/fault.ts'
import type { FakePerson } from '../fake/idp.ts'
import { openCommandLine, sendForm, textOn } from '../operator.ts'
import { hang } from '../fake-house.ts'
import { openProviderHouse } from '../provider-house.ts'

const reason = 'for a test'
const ana: FakePerson = { sub: 'a-1', name: 'Ana Work', email: 'ana@example.org' }
const inGroups = (...groups: string[]): FakePerson => ({ ...ana, groups })

async function openMapped(
  t: TestContext,
  settings: Parameters<typeof openProviderHouse>[1] = { claims: { groups: 'groups' } },
) {
  const opened = await openProviderHouse(t, settings)
  const { house } = opened
  const ada = await house.person('Ada', ['administer'])
  const by = ada.principal.id
  const { identity, inventory } = house.rooms
  const make = async (name: string, ...tools: string[]) => {
    const { id } = await identity.makeGroup({ by, name, reason })
    if (tools.length > 0)
      await inventory.entitle({ by, principalId: id, right: 'use', upstream: 'desk', tools, reason })
    return id
  }
  const rule = (match: 'exact' | 'prefix', value: string, groupId: string) =>
    identity.addGroupRule({ by, provider: 'company', match, value, groupId, reason })
  const groupsOf = async (principalId: string) => {
    const held = await identity.listMemberships({ memberId: principalId })
    const names = await Promise.all(held.map(async (one) => (await identity.findPrincipal(one.groupId))!.name))
    return names.toSorted()
  }
  return { ...opened, ada, by, make, rule, groupsOf }
}

test('nobody is in a group by what his provider says, unless a rule leads there', async (t) => {
  const { enter, make, rule, groupsOf } = await openMapped(t)
  const support = await make('support', 'read_note')
  const { principal } = await enter(inGroups('support', 'eng-tools'))
  assert.deepEqual(await groupsOf(principal.id), [])
  await rule('exact', 'support', support)
  await rule('prefix', 'eng-', await make('Engineers'))
  await enter()
  assert.deepEqual(await groupsOf(principal.id), ['Engineers', 'support'])
  await enter(inGroups('Support', 'engineering'))
  assert.deepEqual(await groupsOf(principal.id), [], 'neither another case nor another beginning fits')
})

test('what the provider no longer says ends at the next sign-in, with what was open by it; what was given by hand stays', async (t) => {
  const { house, enter, make, rule, groupsOf, by, fake } = await openMapped(t)
  const [staff, desk] = [await make('Staff'), await make('Desk', 'read_note', 'hang')]
  await rule('exact', 'staff', staff)
  await rule('exact', 'desk', desk)
  const person = await enter(inGroups('staff', 'desk'))
  await house.rooms.identity.addMember({ by, group: staff, member: person.principal.id, reason })
  const agent = await person.connect('desk', 'all')
  assert.deepEqual(await agent.list(), ['read_note', 'hang'])
  const { ended } = await hang({ fake }, agent)
  const before = house.rooms.feed.revision
  await enter(inGroups())
  assert.deepEqual(await groupsOf(person.principal.id), ['Staff'])
  assert.ok(house.rooms.feed.revision > before)
  assert.match(await ended, /withdrawn|broken off/)
  assert.deepEqual(await agent.list(), [])
  const [entry] = (await house.changes('group.refreshed')).slice(-1)
  assert.deepEqual(entry!.details, { source: 'company', joined: [], left: [staff, desk].toSorted() })
})

test('groups are read where the configuration says: in a nested object, as one text, or from userinfo', async (t) => {
  for (const [at, person, thin] of [
    [['realm_access', 'roles'], { ...ana, realm_access: { roles: ['staff'] } }, false],
    ['https://example.com/groups', { ...ana, 'https://example.com/groups': 'staff' }, false],
    ['groups', inGroups('staff'), true],
  ] as const) {
    const { enter, make, rule, groupsOf, idp } = await openMapped(t, { claims: { groups: at } })
    await rule('exact', 'staff', await make('Staff'))
    idp.knobs = { thin }
    const { principal } = await enter(person as FakePerson)
    assert.deepEqual(await groupsOf(principal.id), ['Staff'], String(at))
  }
})

test('name and e-mail come from the claims that are named, and never say who somebody is', async (t) => {
  const { enter } = await openMapped(t, { claims: { name: ['profile', 'display'], email: 'upn' } })
  const person = {
    sub: 'a-1',
    name: 'x',
    email: 'y@example.org',
    profile: { display: 'Ana L.' },
    upn: 'ana@example.net',
  }
  const first = await enter(person)
  assert.deepEqual([first.principal.name, first.principal.email], ['Ana L.', 'ana@example.net'])
  const second = await enter({ ...person, sub: 'a-2' })
  assert.notEqual(second.principal.id, first.principal.id)
})

const overages: [what: string, claims: Record<string, unknown>][] = [
  [
    '_claim_names',
    { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://evil.example' } } },
  ],
  ['hasgroups', { hasgroups: true }],
  ['a list that is too long', { groups: Array.from({ length: 2_001 }, (_, at) => `g${at}`) }],
  ['a list of what are no texts', { groups: [{ id: 'staff' }] }],
]
for (const [what, claims] of overages) {
  test(`groups that are not told (${what}) are not taken for none: the sign-in fails and what was held stays`, async (t) => {
    const { house, enter, make, rule, groupsOf, idp, signIn } = await openMapped(t)
    await rule('exact', 'staff', await make('Staff'))
    const { principal } = await enter(inGroups('staff'))
    idp.person = ana
    idp.knobs = { claims }
    const shown = await signIn()
    assert.equal(shown.status, 403)
    assert.match(textOn(shown), /an administrator can read in the log .* identity\.login_refused/)
    assert.deepEqual(await groupsOf(principal.id), ['Staff'])
    const [login] = (await house.entries('login')).slice(-1)
    assert.deepEqual([login!.status, login!.reason], ['failure', 'identity.login_refused'])
  })
}

test('groups that are too many for a token are asked for at the address of the configuration, all of them or none', async (t) => {
  const opened = await openMapped(t, (issuer) => ({
    claims: { groups: 'groups' },
    groupsEndpoint: `${issuer}/groups`,
  }))
  const { idp, enter, make, rule, groupsOf, signIn } = opened
  await rule('exact', 'staff', await make('Staff'))
  const overage = { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://evil.example' } } }
  idp.knobs = { claims: overage, groups: ['other', 'staff'] }
  const { principal } = await enter()
  assert.deepEqual(await groupsOf(principal.id), ['Staff'])
  for (const groups of [403, 500, ['staff', 7 as unknown as string]]) {
    idp.knobs = { claims: overage, groups }
    assert.equal((await signIn()).status, 403)
  }
  assert.deepEqual(await groupsOf(principal.id), ['Staff'])
  idp.knobs = { claims: overage, groups: [] }
  await enter()
  assert.deepEqual(await groupsOf(principal.id), [], 'an empty list is an answer')
})

test('groups that only userinfo could tell, and does not, let nobody in', async (t) => {
  const { idp, signIn } = await openMapped(t)
  idp.person = ana
  idp.knobs = { userinfoStatus: 500 }
  assert.equal((await signIn()).status, 502)
})

test('a rule that is removed takes its memberships along at once', async (t) => {
  const { house, enter, make, rule, groupsOf, by } = await openMapped(t)
  const staff = await make('Staff', 'read_note')
  const { id } = await rule('exact', 'staff', staff)
  const person = await enter(inGroups('staff'))
  const agent = await person.connect('desk', 'all')
  assert.deepEqual(await agent.list(), ['read_note'])
  await house.rooms.identity.removeGroupRule({ by, id, reason })
  assert.deepEqual(await groupsOf(person.principal.id), [])
  assert.deepEqual(await agent.list(), [])
})

test('an administrator tries a rule on pasted claims and on the last sign-in of somebody, then makes it', async (t) => {
  const { ada, enter, make, groupsOf } = await openMapped(t)
  const staff = await make('Staff', 'read_note')
  const { principal } = await enter(inGroups('company-staff', 'x'))
  const page = await ada.browser.open('/providers/company')
  const to = '/providers/company/preview'
  const claims = JSON.stringify({ groups: ['company-staff'] })
  const draft = { match: 'prefix', value: 'company-', groupId: staff }
  const tried = await sendForm(ada, page, { to, claims, ...draft })
  assert.match(textOn(tried), /do not say who it is: sub must be .* A sign-in with these claims fails\./)
  assert.match(textOn(tried), /Groups here Staff by company-staff Rights by them Use of desk, 1 tool read_note/)
  const whole = JSON.stringify({ sub: 'a-1', name: 'Ana New', groups: ['company-staff'] })
  const known = await sendForm(ada, page, { to, claims: whole, ...draft })
  assert.match(textOn(known), /Name Ana New E-mail not said Known by a-1 from sub , of http.* Here the same person/)
  assert.ok(known.text.includes(`href="/people/${principal.id}"`))
  const [, last] = page.text.split('With the last sign-in of somebody')
  assert.ok(last?.includes(principal.id))
  const none = await sendForm(ada, page, { to, claims, match: 'exact', value: 'company-', groupId: staff })
  assert.match(textOn(none), /Groups here None\. Rights by them None\./)
  assert.equal((await sendForm(ada, page, { to, claims: '{"groups": [', ...draft })).status, 400)
  assert.deepEqual(await groupsOf(principal.id), [], 'nothing was changed')
  const made = await sendForm(ada, page, { to: '/providers/company/rules', ...draft, reason })
  assert.match(textOn(made), /begins with company- → Staff/)
  await enter()
  assert.deepEqual(await groupsOf(principal.id), ['Staff'])
})

test('the preview tells the person whom the sign-in then makes, by the claims that say it', async (t) => {
  const { house, enter, signIn, idp } = await openMapped(t, {
    claims: { name: ['profile', 'display'], email: 'upn', groups: 'groups' },
    provisioning: { subject: 'externalId', claim: 'oid' },
  })
  const { oid, ...rest } = { ...ana, oid: 'o-1', profile: { display: 'Ana L.' }, upn: 'ana@example.net', groups: [] }
  const claims = { oid, ...rest }
  const preview = () => house.rooms.identity.previewGroups({ provider: 'company', claims })
  const person = { issuer: idp.issuer, subject: 'o-1', name: 'Ana L.', email: 'ana@example.net' }
  const before = await preview()
  assert.deepEqual([before.subjectClaim, before.person], ['oid', { ...person, principalId: undefined }])
  const { principal } = await enter(claims)
  const { id, issuer, subject, name, email } = principal
  assert.deepEqual({ issuer, subject, name, email }, person)
  assert.equal((await preview()).person?.principalId, id)
  const without = await house.rooms.identity.previewGroups({ provider: 'company', claims: rest })
  assert.equal(without.person, undefined)
  idp.person = rest
  assert.equal((await signIn()).status, 502, 'nor does a sign-in')
})

test('the command line makes, tries and removes rules', async (t) => {
  const { house, ada, enter, make } = await openMapped(t)
  const staff = await make('Staff', 'read_note')
  const { principal } = await enter(inGroups('staff'))
  const run = await openCommandLine(house, ada)
  assert.match((await run('providers')).out, /company +Company +asked for/)
  const file = join(house.dataDir, 'claims.json')
  writeFileSync(file, JSON.stringify({ groups: ['staff'] }))
  const tried = await run('preview-groups', 'company', '--claims', file, '--exact', 'staff', '--group', staff)
  assert.match(tried.out, /^person: nobody, for `sub` does not say who it is\n/)
  assert.match(tried.out, /provider says: staff\ngroups: Staff \(staff\)\nrights: use desk\/read_note/)
  const last = await run('preview-groups', 'company', '--person', principal.id)
  assert.match(last.out, /^person: Ana Work <ana@example\.org>, known by sub a-1 of \S+, here /)
  assert.match(last.out, /provider says: staff\ngroups: none/)
  const id = (await run('add-group-rule', 'company', staff, '--exact', 'staff', '--reason', reason)).out.trim()
  assert.match((await run('group-rules', 'company')).out, new RegExp(`${id} +exact +staff +${staff}`))
  assert.equal((await run('remove-group-rule', 'company', id, '--reason', reason)).code, 0)
  assert.equal((await run('add-group-rule', 'company', staff, '--reason', reason)).code, 1)
})

test('what a provider said last is kept sealed, and without what proves a login', async (t) => {
  const { house, enter } = await openMapped(t)
  const { principal } = await enter(inGroups('staff'))
  const { claims } = (await house.rooms.identity.lastClaimsOf(principal.id))!
  assert.deepEqual([claims['sub'], claims['groups'], claims['nonce']], ['a-1', ['staff'], undefined])
  await assert.rejects(
    house.rooms.identity.previewGroups({ provider: 'nobody', claims: {} }),
    (error) => error instanceof Fault && error.code === 'identity.not_found',
  )
})

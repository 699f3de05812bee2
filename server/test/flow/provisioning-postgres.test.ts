import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPostgres, type TestPostgres } from '../postgres.ts'
import { memberIdsOf, openProvisionedHouse, statusesOf, userUrn } from '../provisioner.ts'

// On PostgreSQL transactions run side by side: what SQLite gives by having one writer must come from versions here.
let postgres: TestPostgres | undefined
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres?.stop())

test('of many changes of one group at once, on PostgreSQL and on SQLite, none is lost', async (t) => {
  for (const databaseUrl of [await postgres!.createDatabase(), undefined]) {
    const { company } = await openProvisionedHouse(t, { databaseUrl })
    const ids: string[] = []
    for (let at = 0; at < 12; at++) ids.push((await company.user(`user-${at}`))['id'])
    const staff = await company.group('Staff', ...ids.slice(0, 6))
    const path = `/Groups/${staff['id']}`
    const answers = await Promise.all([
      ...ids.slice(0, 6).map((id) => company.patch(path, { op: 'remove', path: `members[value eq "${id}"]` })),
      ...ids.slice(6).map((value) => company.patch(path, { op: 'add', path: 'members', value: [{ value }] })),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 204),
    )
    const { body } = await company.get(path)
    assert.deepEqual(memberIdsOf(body), ids.slice(6).sort())
    assert.equal(body.meta.version, 'W/"13"')
  }
})

test('of many who make the same person or group at once one does, and the others are told that he is there', async (t) => {
  const { house, company } = await openProvisionedHouse(t, { databaseUrl: await postgres!.createDatabase() })
  const body = { schemas: [userUrn], userName: 'ana', externalId: 'sub-ana' }
  const made = await Promise.all(Array.from({ length: 6 }, () => company.post('/Users', body)))
  assert.deepEqual(statusesOf(made), [201, 409, 409, 409, 409, 409])
  assert.equal((await house.changes('principal.joined')).length, 1)
  const [one, two] = [await company.user('one'), await company.user('two')]
  const renamed = await Promise.all(
    [one, two].map(({ id }) => company.patch(`/Users/${id}`, { op: 'replace', path: 'userName', value: 'three' })),
  )
  assert.deepEqual(statusesOf(renamed), [200, 409])
})

test('a version that is demanded is demanded to the end: of many with the same one wins', async (t) => {
  const { company } = await openProvisionedHouse(t, { databaseUrl: await postgres!.createDatabase() })
  const { id } = await company.user('ana')
  const put = (displayName: string) =>
    company.put(`/Users/${id}`, { schemas: [userUrn], userName: 'ana', displayName }, { 'if-match': 'W/"1"' })
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map(put))
  assert.deepEqual(statusesOf(answers), [200, 412, 412, 412])
})

test('two administrators of a provider that disables both at once: one stays', async (t) => {
  const { house, company, administrator } = await openProvisionedHouse(t, {
    databaseUrl: await postgres!.createDatabase(),
  })
  const by = administrator.principal.id
  const people = [await company.user('one'), await company.user('two')]
  const everything = { right: 'administer', upstream: '*', tools: ['*'], reason: 'for a test' } as const
  for (const { id } of people) {
    await house.rooms.inventory.entitle({ ...everything, tools: ['*'], by, principalId: id })
  }
  await house.rooms.identity.disablePrincipal({ by: people[0]!['id'], id: by, reason: 'for a test' })
  const answers = await Promise.all(people.map(({ id }) => company.delete(`/Users/${id}`)))
  assert.deepEqual(statusesOf(answers), [204, 409])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Door } from '../../src/base/listen.ts'
import { groupKind, userKind } from '../../src/identity/scim/schema.ts'
import type { Rooms } from '../../src/main.ts'
import { endpoints } from '../../src/oauth/metadata.ts'
import { about, caep } from '../fake/transmitter.ts'
import { openHouse } from '../house.ts'
import { bulkUrn, groupUrn, openProvisionedHouse, userUrn } from '../provisioner.ts'
import { issSub, push, type Pushed, pushEvent, signalOptions } from '../signal-house.ts'
import { patternOf, type Told, Writes, type WritingRoute } from '../writes.ts'

// What programs write to besides the API: the authorization server, what provisions and what says that somebody is gone.
// The forms and actions have files of their own; the last test says that there are no other doors.

const route = (method: string, path: string, proved: boolean): WritingRoute => {
  return { method, path, pattern: patternOf(path), proved }
}
const provisioned = [userKind, groupKind].flatMap(({ endpoint }) => [
  route('POST', `/scim/v2${endpoint}`, true),
  route('POST', `/scim/v2${endpoint}/.search`, true),
  ...['PUT', 'PATCH', 'DELETE'].map((method) => route(method, `/scim/v2${endpoint}/{id}`, true)),
])
const gets: string[] = [endpoints.authorization, endpoints.jwks]
const writes = new Writes([
  ...provisioned,
  route('POST', '/scim/v2/Bulk', true),
  route('POST', '/signals/{id}', true),
  route('POST', '/sign-in/backchannel-logout/{id}', true),
  route('POST', '/consent/{request}', false),
  ...Object.values(endpoints)
    .filter((path) => !gets.includes(path))
    .map((path) => route('POST', path, false)),
])

test('what identity providers provision, and a logout there', async (t) => {
  const { house, company, idp } = await openProvisionedHouse(t)
  writes.watch(t, house)
  const user = { schemas: [userUrn], userName: 'ana', externalId: 'sub-ana' }
  const { id } = await company.user('ana')
  await company.put(`/Users/${id}`, { ...user, displayName: 'Ana' })
  await company.patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false })
  const group = await company.group('Writers', id)
  await company.put(`/Groups/${group.id}`, { schemas: [groupUrn], displayName: 'Authors' })
  await company.patch(`/Groups/${group.id}`, { op: 'add', path: 'members', value: [{ value: id }] })
  const search = { schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'] }
  for (const many of ['/Users', '/Groups']) assert.equal((await company.post(`${many}/.search`, search)).status, 200)
  const bo = { method: 'POST', path: '/Users', bulkId: 'bo', data: { ...user, userName: 'bo', externalId: 'sub-bo' } }
  assert.equal((await company.post('/Bulk', { schemas: [bulkUrn], Operations: [bo] })).status, 200)
  for (const path of [`/Groups/${group.id}`, `/Users/${id}`]) assert.equal((await company.delete(path)).status, 204)

  const body = new URLSearchParams({ logout_token: await idp.writeLogout({ sub: 'sub-ana' }) })
  const logOut = () => fetch(`${house.url}/sign-in/backchannel-logout/company`, { method: 'POST', body })
  assert.equal((await logOut()).status, 200)
  assert.equal((await logOut()).status, 400, 'taken before')
})

test('a signal tells the state that it made: one later, whether anybody is known here or not', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  writes.watch(t, house)
  await house.upstream('mux', ['get_asset'])
  await (await house.person('ana', ['mux/get_asset'])).connect('mux', 'all')
  const tell = async (sub: string) => {
    const answer = await pushEvent(house, transmitter, { sub, event: `${caep}session-revoked` })
    assert.equal(answer.status, 202)
    return Number(answer.headers.get('sallyport-revision'))
  }
  const { revision } = house.rooms.feed
  assert.deepEqual(
    [await tell('nobody'), await tell('ana'), await tell('ana')],
    [1, 2, 3].map((n) => revision + n),
  )
  const token = await transmitter.write(about(issSub('ana'), `${caep}session-revoked`))
  const [first, again] = [await push(house, token), await push(house, token)]
  const revisionOf = (answer: Pushed) => answer.headers.get('sallyport-revision')
  assert.deepEqual([again.status, revisionOf(again)], [202, revisionOf(first)], 'the answer to the first may be lost')
  const strange = await push(house, 'no token', { authorization: 'Bearer of another header' })
  assert.deepEqual([strange.status, revisionOf(strange)], [400, null])
})

test('what clients of the authorization server do', async (t) => {
  const secret = 'a secret of the upstream that is long enough'
  const checker = { id: 'mux-server', name: 'The Mux server', secretEnv: 'MUX_CHECKS', introspects: ['mux'] }
  const yaml = `clients: ${JSON.stringify({ preregistered: [checker] })}`
  const house = await openHouse(t, { yaml, env: { MUX_CHECKS: secret } })
  writes.watch(t, house)
  await house.upstream('mux', ['get_asset'])
  const ana = await house.person('ana', ['mux/get_asset'])
  const client = await house.register()
  const tokens = await client.connect(ana.browser, 'mux')
  const { refresh_token: token } = await client.refresh(tokens.refresh_token)
  const authorization = `Basic ${Buffer.from(`mux-server:${encodeURIComponent(secret)}`).toString('base64')}`
  const body = new URLSearchParams({ token: tokens.access_token })
  await fetch(`${house.url}/oauth/introspect`, { method: 'POST', headers: { authorization }, body })
  assert.equal(await client.revoke(token), 200)
  assert.equal(await client.revoke(token), 200, 'whoever revokes it again changes nothing, and hears of nobody else')
})

test('each has told the revision of its change; tokens are no change of anybody’s right', () => {
  const changes = (path: string, ...methods: string[]) =>
    methods.map((method): [string, Told] => [`${method} ${path}`, 'its change'])
  const of = (kind: string) => [
    ...changes(`/scim/v2/${kind}`, 'POST'),
    ...changes(`/scim/v2/${kind}/{id}`, 'PUT', 'PATCH', 'DELETE'),
  ]
  assert.deepEqual(writes.told(), {
    ...Object.fromEntries([...of('Users'), ...of('Groups'), ...changes('/scim/v2/Bulk', 'POST')]),
    'POST /scim/v2/Users/.search': 'what is',
    'POST /scim/v2/Groups/.search': 'what is',
    'POST /signals/{id}': 'its change',
    'POST /sign-in/backchannel-logout/{id}': 'its change',
    'POST /consent/{request}': 'its change',
    'POST /oauth/register': 'its change',
    'POST /oauth/revoke': 'its change',
    'POST /oauth/token': 'nothing',
    'POST /oauth/introspect': 'nothing',
  })
})

test('there are no other doors: what comes to be written through a new one is to be shown', async (t) => {
  const house = await openHouse(t)
  const shownHere = ['consent', 'logout', 'oauth', 'provisioning', 'signals']
  const readOnly = ['client-document', 'metadata']
  // Calls: they change nobody's right, and tell none.
  const calls = ['mcp']
  const elsewhere = ['identity']
  assert.deepEqual(doorsOf(house.rooms), [...shownHere, ...readOnly, ...calls, ...elsewhere].toSorted())
})

function doorsOf(rooms: Rooms): string[] {
  const isDoor = (one: unknown): one is Door =>
    typeof one === 'object' && one !== null && 'match' in one && 'handle' in one
  const inside = (one: unknown): unknown[] => (typeof one === 'object' && one !== null ? Object.values(one) : [])
  const parts = Object.values(rooms).flatMap(inside)
  return [...parts, ...parts.flatMap(inside)]
    .filter(isDoor)
    .map(({ name }) => name)
    .toSorted()
}

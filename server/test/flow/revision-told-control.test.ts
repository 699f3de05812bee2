import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { actions } from '../../src/control/actions.ts'
import { listRoutes } from '../../src/control/routes.ts'
import { digestOf } from '../../src/base/ids.ts'
import type { Principal } from '../../src/model/principal.ts'
import { finishConnection, leadBack } from '../comeback.ts'
import { administratorOf, whoIs } from '../administrator.ts'
import { linkOf } from '../agent.ts'
import { openFakeIssuer } from '../fake/issuer.ts'
import { openFakeHouse } from '../fake-house.ts'
import { openGuardedHouse } from '../guarded-house.ts'
import { openHouse, type House } from '../house.ts'
import { openOnBehalfHouse } from '../on-behalf-house.ts'
import { sendForm } from '../operator.ts'
import { Person } from '../person.ts'
import { openProvisionedHouse } from '../provisioner.ts'
import { patternOf, Writes } from '../writes.ts'

// Everything that operators can do tells its revision, by a call of the API and by a form of a page: here is all of it, so
// a new action must be shown here too.

const prefix = '/api/v1'
const writes = new Writes(
  listRoutes()
    .filter(({ method }) => method === 'POST')
    .map(({ method, path }) => ({ method, path, pattern: patternOf(path), proved: true })),
)

const reason = 'for a test'

type Given = Record<string, unknown>
/** Takes an action, by its name, in the name of somebody. */
type Take = (name: string, given?: Given) => Promise<void>

const findAction = (name: string) => actions.find((one) => one.name === name)!
const pathFor = (name: string, given: Given) =>
  findAction(name).path.replaceAll(/\{(\w+)\}/g, (_, part: string) => String(given[part]))

const faces = {
  async call(house: House, { principal }: Person): Promise<Take> {
    const { key } = await house.rooms.identity.makeOperatorKey({ principal, label: 'test' })
    return async (name, given = {}) => {
      const answer = await fetch(house.url + prefix + pathFor(name, given), {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ reason, ...given }),
      })
      assert.equal(answer.status, 200, `${name}: ${await answer.text()}`)
    }
  },
  async form(house: House, { browser }: Person): Promise<Take> {
    const csrf = /name="csrf" value="([^"]+)"/.exec((await browser.open('/you')).text)![1]!
    return async (name, given = {}) => {
      const body = new URLSearchParams([['csrf', csrf], ['reason', reason], ...fieldsFor(name, given)])
      const from = { site: 'same-origin', origin: house.origin, follow: false }
      const { status, text } = await browser.post(new URL(pathFor(name, given), house.origin), body, from)
      assert.ok(status < 400, `${name}: ${text}`)
    }
  },
}

/** The fields of the form of an action, where they are not the members of its call. */
const written: Record<string, (given: never) => [string, string][]> = {
  acceptTools: ({ digests }: { digests: Record<string, string> }) =>
    Object.entries(digests).map(([tool, digest]) => ['accept', `${digest} ${tool}`]),
  answerApproval: () => [['answer', 'approve']],
  demandLogin: ({ entitlements }: { entitlements: string[] }) => [
    ...entitlements.map((id): [string, string] => ['entitlements', id]),
    ['maxAgeMinutes', '10'],
  ],
  previewGroups: ({ claims }: { claims: object }) => [['claims', JSON.stringify(claims)]],
  putCredential: ({ values }: { values: Record<string, string> }) =>
    Object.entries(values).map(([name, value]) => [`value.${name}`, value]),
}

function fieldsFor(name: string, given: Given): [string, string][] {
  const own = written[name]
  if (own !== undefined) return own(given as never)
  return Object.entries(given).flatMap(([field, value]) => {
    if (field === 'members')
      return [[field, (value as Member[]).map((one) => `${one.upstream} ${one.prefix}`).join('\n')]]
    return [value].flat().map((one): [string, string] => [field, String(one)])
  })
}

interface Member {
  upstream: string
  prefix: string
}

async function openWatched(t: TestContext, face: keyof typeof faces) {
  const opened = await openProvisionedHouse(t)
  const { house, administrator } = opened
  const act = await faces[face](house, administrator)
  writes.watch(t, house)
  return { ...opened, act, by: administrator.principal.id }
}

for (const face of ['call', 'form'] as const) {
  test(`of people, groups, rules and keys, by a ${face}`, async (t) => {
    const { house, act, company } = await openWatched(t, face)
    const { inventory, identity } = house.rooms
    const { id: ana } = (await house.person('ana')).principal
    await act('entitle', { id: ana, right: 'use', upstream: 'desk', tools: ['read_note'] })
    const entitlements = (await inventory.listRights(ana)).map(({ id }) => id)
    await act('demandLogin', { id: ana, entitlements, login: { maxAgeSeconds: 600 } })
    await act('revokeEntitlements', { id: ana, entitlements })
    await act('disablePrincipal', { id: ana })
    await act('enablePrincipal', { id: ana })
    await act('invite', { name: 'Bo' })

    await act('makeGroup', { name: 'Writers' })
    const [{ id }] = (await identity.listGroups()) as [Principal]
    await act('addMember', { id, member: ana })
    await act('removeMember', { id, member: ana })
    const draft = { provider: 'company', match: 'exact', value: 'writers', groupId: id }
    await act('addGroupRule', draft)
    const [rule] = await identity.listGroupRules('company')
    await act('previewGroups', { provider: 'company', claims: { groups: ['writers'] } })
    await act('removeGroupRule', { provider: 'company', id: rule!.id })
    await act('retireGroup', { id })

    await act('makeProvisionerKey', { provider: 'company', label: 'another' })
    await act('revokeProvisionerKey', { id: digestOf(company.key) })
    await act('rotateKeys')
  })

  test(`of upstreams, tools and bundles, by a ${face}`, async (t) => {
    const { house, fake, act, by } = await openWatched(t, face)
    await act('proposeUpstream', { name: 'notes', url: fake.url, purpose: 'to be tested', ownerId: by })
    await act('stepUpstream', { name: 'notes', to: 'in_review' })
    await act('lookAtUpstream', { name: 'notes' })
    const { id: other } = (await house.person('Bo')).principal
    await act('setUpstreamOwner', { name: 'notes', ownerId: other })
    const openapi = (version: string) =>
      JSON.stringify({
        openapi: '3.1.0',
        info: { title: 'Shop', version },
        servers: [{ url: 'https://shop.example.com' }],
        paths: { '/orders': { get: { operationId: 'listOrders', responses: { 200: { description: 'all' } } } } },
      })
    await act('proposeUpstream', { name: 'shop', openapi: openapi('1'), purpose: 'to be tested', ownerId: by })
    await act('replaceDocument', { name: 'shop', openapi: openapi('2') })
    await act('setCeiling', { name: 'desk', ceiling: 'write' })
    await act('setProof', { name: 'desk', proof: 'optional' })
    await act('putCredential', { name: 'desk', values: { 'x-key': 'a secret' } })
    const [credential] = await house.rooms.vault.listConnections('desk')
    await act('revokeCredential', { name: 'desk', id: credential!.id })

    const of = { upstream: 'desk', tool: 'read_note' }
    await act('withdrawTool', of)
    const live = (await house.rooms.inventory.listTools('desk')).find(({ name }) => name === of.tool)!.liveDigest!
    await act('acceptTools', { upstream: 'desk', digests: { read_note: live } })
    await act('setEffect', { ...of, effect: 'write', traits: [] })
    await act('allowArgument', { ...of, argument: 'id' })
    await act('declareMethod', { upstream: 'desk', method: 'notes/sort' })
    await act('setToolOwner', { ...of, ownerId: other })

    const bundle = { name: 'all', purpose: 'to be tested', ownerId: by, members: [{ upstream: 'desk', prefix: 'd' }] }
    await act('makeBundle', bundle)
    await act('changeBundle', { ...bundle, purpose: 'something else' })
    await act('retireBundle', { name: 'all' })
  })

  test(`of clients, grants and approvals, by a ${face}`, async (t) => {
    const { house, act, by } = await openWatched(t, face)
    const { id } = await house.register()
    await act('refuseClient', { id })
    await act('admitClient', { id })
    await act('setClientOwner', { id, ownerId: by })
    await act('revokeClient', { id })

    const ana = await house.person('ana', ['desk/*'])
    const agent = await ana.connect('desk', 'all')
    const approver = await house.person('Cy', ['desk/delete_note:approve'])
    const link = new URL(linkOf(await agent.call('delete_note', { id: 'n1' })))
    const answer = await faces[face](house, approver)
    await answer('answerApproval', { id: link.pathname.split('/').at(-1), approve: true })
    await act('revokeGrant', { id: agent.grantId })

    const narrow = await ana.connect('desk', ['read_note'])
    const wider = `/grants/${narrow.grantId}/widen`
    await sendForm(ana, await ana.browser.open(wider), { to: wider, tool: 'write_note' })
    const held = await house.rooms.inventory.listEntitlements({ principalId: ana.principal.id, tool: 'read_note' })
    const entitlements = held.map((one) => one.id)
    await act('demandLogin', { id: ana.principal.id, entitlements, login: { maxAgeSeconds: 600 } })
    const page = `/grants/${narrow.grantId}/login`
    await sendForm(ana, await ana.browser.open(`${page}?upstream=desk&tool=read_note`), { to: page })
  })

  test(`of machines, by a ${face}`, async (t) => {
    const key = await openFakeIssuer(t)
    const preregistered = [{ id: 'job', name: 'Job', machine: 'nightly', jwks: key.jwks }]
    const { house } = await openFakeHouse(t, { house: { yaml: `clients: ${JSON.stringify({ preregistered })}` } })
    writes.watch(t, house)
    const ada = await house.person('Ada', ['administer'])
    const act = await faces[face](house, ada)
    await act('makeMachine', { name: 'nightly', title: 'Nightly', ownerId: ada.principal.id })
    const { id } = (await house.rooms.identity.findMachine('nightly'))!
    await act('entitle', { id, right: 'use', upstream: 'desk', tools: ['read_note'] })
    await act('grantToMachine', { name: 'nightly', upstream: 'desk', client: 'job', tools: ['read_note'] })
    const { id: other } = (await house.person('Bo')).principal
    await act('setMachineOwner', { name: 'nightly', ownerId: other })
  })

  test(`of connections, by a ${face}`, async (t) => {
    const guarded = await openGuardedHouse(t)
    // Whoever begins to connect it looks at it too, and it says what it did before: that it wants a token.
    await guarded.house.rooms.gateway.look((await guarded.house.rooms.inventory.findUpstream('vaulted'))!)
    writes.watch(t, guarded.house)
    const act = await faces[face](guarded.house, guarded.admin)
    await act('connectUpstream', { name: 'vaulted' })
    const client = { clientId: 'robot', clientSecret: 'of the robot' }
    await act('connectUnattended', { name: 'vaulted', issuer: guarded.server.issuer, ...client })

    const own = await openOnBehalfHouse(t, ({ fake, server }) => {
      return { way: 'connection', url: fake.url, issuer: server.issuer, scope: 'notes:read' }
    })
    writes.watch(t, own.house)
    const ana = await own.person('ana')
    const actOfAna = await faces[face](own.house, ana)
    await actOfAna('connectForMyself', { name: 'vaulted' })
    const begun = await sendForm(ana, await ana.browser.open('/connections/vaulted'), {
      to: '/connections/vaulted/connect',
    })
    await finishConnection(ana, await ana.browser.open(await leadBack(begun, own.house.origin)))
    await actOfAna('removeMyConnection', { name: 'vaulted' })
  })
}

test('of what only a page can do, and never of what a stranger cannot', async (t) => {
  const house = await openHouse(t)
  const browser = await administratorOf(house)
  writes.watch(t, house)
  const { url } = await house.rooms.identity.invite({
    by: (await whoIs(house, browser))!.principal.id,
    name: 'Bo',
    rights: [],
  })
  const bo = house.browser()
  await bo.submit(await bo.open(url), { name: 'Bo', login: 'bo', password: 'correct horse battery' })
  const { principal } = (await whoIs(house, bo))!
  const ana = new Person(house, (await whoIs(house, browser))!.principal, browser)
  await sendForm(ana, await browser.open('/you'), { to: '/you/key', label: 'laptop', hours: '1' })
  const to = `/people/${principal.id}`
  await sendForm(ana, await browser.open(to), { to: `${to}/reset`, reason })

  const strange = await fetch(`${house.url}${to}/disable`, { method: 'POST', redirect: 'manual' })
  assert.deepEqual([strange.status, strange.headers.get('sallyport-revision')], [303, null])
})

test('each action has told the revision of its change, or the one that is where it changes nothing', () => {
  const told = writes.told()
  const changing = Object.entries(told).filter(([, what]) => what === 'its change')
  const others = Object.entries(told).filter(([, what]) => what !== 'its change')
  assert.ok(changing.length > 90)
  const none = ['/connections/{name}/connect', '/providers/{provider}/preview', '/upstreams/{name}/connect']
  const rows = none.flatMap((path) => [`POST ${path}`, `POST ${prefix}${path}`])
  assert.deepEqual(Object.fromEntries(others), Object.fromEntries(rows.map((row) => [row, 'what is'])))
})

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { linkOf } from '../agent.ts'
import { EventReader } from '../event-reader.ts'
import { inTime, until } from '../patience.ts'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { about, caep, type FakeTransmitter, risc } from '../fake/transmitter.ts'
import { openHouse, type House } from '../house.ts'
import { issSub, people, push, pushEvent, signalOptions } from '../signal-house.ts'

// What each event takes. Events come by push here; by polling they take the same way.

type Effect = 'disabled' | 'grants end' | 'must sign in' | 'grants end, must sign in' | 'nothing'

const cases: [event: string, payload: Record<string, unknown>, effect: Effect][] = [
  [`${caep}session-revoked`, {}, 'grants end'],
  [`${caep}session-revoked`, { initiating_entity: 'policy', reason_admin: { en: 'gone' } }, 'grants end'],
  [`${caep}credential-change`, { credential_type: 'password', change_type: 'update' }, 'must sign in'],
  [`${caep}credential-change`, { credential_type: 'fido2-roaming', change_type: 'create' }, 'must sign in'],
  [`${caep}token-claims-change`, { claims: { role: 'admin' } }, 'must sign in'],
  [`${caep}assurance-level-change`, { current_level: 'nist-aal1', change_direction: 'decrease' }, 'must sign in'],
  [`${caep}assurance-level-change`, { current_level: 'nist-aal1' }, 'must sign in'],
  [`${caep}assurance-level-change`, { current_level: 'nist-aal3', change_direction: 'increase' }, 'nothing'],
  [`${caep}device-compliance-change`, { current_status: 'not-compliant' }, 'must sign in'],
  [`${caep}device-compliance-change`, { current_status: 'unheard of' }, 'must sign in'],
  [`${caep}device-compliance-change`, { previous_status: 'compliant' }, 'must sign in'],
  [`${caep}device-compliance-change`, { current_status: 'compliant' }, 'nothing'],
  [`${caep}session-established`, {}, 'nothing'],
  [`${risc}account-disabled`, { reason: 'hijacking' }, 'disabled'],
  [`${risc}account-purged`, {}, 'disabled'],
  [`${risc}account-enabled`, {}, 'nothing'],
  [`${risc}sessions-revoked`, {}, 'grants end'],
  [`${risc}account-credential-change-required`, {}, 'must sign in'],
  [`${risc}credential-compromise`, { credential_type: 'password' }, 'grants end, must sign in'],
  ['https://events.example/something-else', { grant: 'administer' }, 'nothing'],
  ['constructor', {}, 'nothing'],
]

async function effectOn(house: House, of: { id: string; grantId: string }): Promise<Effect> {
  const state = (await house.rooms.identity.findPrincipal(of.id))!.state
  if (state === 'disabled') return 'disabled'
  const ended = (await house.rooms.oauth.findGrant(of.grantId))!.revokedAt !== undefined
  if (state === 'must_sign_in') return ended ? 'grants end, must sign in' : 'must sign in'
  return ended ? 'grants end' : 'nothing'
}

test('what each event takes: sign-ins, grants, or the person', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset'])
  for (const [at, [event, payload, expected]] of cases.entries()) {
    const person = await house.person(`p${at}`, ['mux/get_asset'])
    const { grantId } = await person.connect('mux', 'all')
    assert.equal((await pushEvent(house, transmitter, { sub: `p${at}`, event, payload })).status, 202)
    const label = `${event} ${JSON.stringify(payload)}`
    assert.equal(await effectOn(house, { id: person.principal.id, grantId }), expected, label)
    const signedIn = (await person.browser.open('/you')).url.pathname === '/you'
    assert.equal(signedIn, expected === 'nothing', label)
  }
})

test('the people of an application that signs people in are spoken about by their ids there', async (t) => {
  const { transmitter, options } = await signalOptions(t, { push: true, bridge: 'app' })
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset'])
  const person = await house.person('u-17', ['mux/get_asset'])
  const { grantId } = await person.connect('mux', 'all')
  const say = async (subject: object, event: string) => {
    assert.equal((await push(house, await transmitter.write(about(subject, event)))).status, 202)
    return effectOn(house, { id: person.principal.id, grantId })
  }
  assert.equal(await say(issSub('u-17'), `${risc}account-disabled`), 'nothing')
  assert.equal(await say({ format: 'opaque', id: 'u-17' }, `${caep}session-revoked`), 'grants end')
  assert.equal(await say(issSub('u-17', 'bridge:app'), `${risc}account-disabled`), 'disabled')
})

async function openScene(t: TestContext) {
  const { transmitter, options } = await signalOptions(t)
  const reach = [transmitter.issuer]
  const { house, fake } = await openFakeHouse(t, {
    reach,
    house: { people, yaml: options.yaml!, env: options.env! },
  })
  return { house, fake, transmitter, ...(await connectAll(house)) }
}

for (const [event, payload, reason] of [
  [`${caep}session-revoked`, {}, 'grant.revoked'],
  [`${caep}credential-change`, { credential_type: 'password', change_type: 'update' }, 'principal.must_sign_in'],
  [`${caep}token-claims-change`, { claims: { role: 'guest' } }, 'principal.must_sign_in'],
  [
    `${caep}assurance-level-change`,
    { current_level: 'nist-aal1', change_direction: 'decrease' },
    'principal.must_sign_in',
  ],
  [`${caep}device-compliance-change`, { current_status: 'not-compliant' }, 'principal.must_sign_in'],
  [`${risc}account-disabled`, { reason: 'hijacking' }, 'principal.disabled'],
] as const) {
  test(`${event.split('/').at(-1)}: streams end, the call in flight is cut, the next one and a renewal are refused`, async (t) => {
    const { house, fake, transmitter, agent } = await openScene(t)
    const stream = await EventReader.open(agent)
    const hanging = () => fake.journal.find((heard) => heard.message?.params?.['name'] === 'hang')
    const call = agent.call('hang', {})
    await until(() => hanging() !== undefined, 'the call reaches the upstream')
    assert.equal((await pushEvent(house, transmitter, { sub: 'ana', event, payload })).status, 202)
    const cut = await inTime(call, 'the call in flight is cut')
    assert.ok(cut.status === 403 || cut.status === 502, JSON.stringify(cut.message))
    assert.equal(await stream.ended, 'ended')
    const next = await agent.call('read_note', { id: 'n1' })
    assert.deepEqual([next.status, next.error?.data?.['reason']], [401, reason])
    const renewed = await agent.refresh()
    assert.deepEqual([renewed.status, renewed.body['error']], [400, 'invalid_grant'])
    assert.deepEqual(
      fake.calls.filter(({ name }) => name !== 'hang'),
      [],
    )
  })
}

test('an event ends operator keys, invitations and, with the grants, what waits for an approval', async (t) => {
  const { house, transmitter, agent, person } = await openScene(t)
  await house.person('root', ['administer'])
  await house.rooms.inventory.entitle({
    by: 'set-up',
    principalId: person.principal.id,
    right: 'administer',
    upstream: '*',
    tools: ['*'],
    reason: 'for a test',
  })
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: person.principal, label: 'laptop' })
  const { url } = await house.rooms.identity.invite({ by: person.principal.id, name: 'Cy', rights: [] })
  const held = linkOf(await agent.call('delete_note', { id: 'n1' }))
    .split('/')
    .at(-1)!
  await pushEvent(house, transmitter, { sub: 'ana', event: `${caep}session-revoked` })
  assert.equal(await house.rooms.identity.whoHasKey(key), undefined)
  assert.equal((await house.browser().open(url)).status, 404)
  assert.equal((await house.rooms.approvals.get(held)).state, 'cancelled')
})

test('several events in one token are taken together, and the ledger says all of them', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  const events = { [`${caep}credential-change`]: {}, [`${risc}account-disabled`]: {}, 'https://x.example/y': {} }
  assert.equal((await push(house, await transmitter.write({ events, sub_id: issSub('ana') }))).status, 202)
  assert.equal((await house.rooms.identity.findPrincipal(ana.principal.id))?.state, 'disabled')
  const [change] = await house.changes('principal.disabled')
  assert.deepEqual(change?.details?.['events'], Object.keys(events))
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`https://x.example/${at}`, {}]))
  assert.equal((await push(house, await transmitter.write({ events: many }))).err, 'invalid_request')
})

test('an administrator enables again whom an event has disabled; no event does', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const root = await house.person('root', ['administer'])
  const ana = await house.person('ana')
  const stateOf = async () => (await house.rooms.identity.findPrincipal(ana.principal.id))?.state
  await pushEvent(house, transmitter, { sub: 'ana', event: `${risc}account-disabled` })
  await pushEvent(house, transmitter, { sub: 'ana', event: `${risc}account-enabled` })
  assert.equal(await stateOf(), 'disabled')
  const step = { by: root.principal.id, id: ana.principal.id, reason: 'asked the provider' }
  await house.rooms.identity.enablePrincipal(step)
  assert.equal(await stateOf(), 'must_sign_in', 'that he must sign in anew stands')
  await house.rooms.identity.enablePrincipal(step)
  assert.equal(await stateOf(), 'active')
})

// RFC 9493: whom a subject identifier means.

async function meansAna(t: TestContext, subject: unknown, where: 'sub_id' | 'event' = 'sub_id'): Promise<boolean> {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  return await endsBy(house, transmitter, { person: ana.principal.id, subject, where })
}

async function endsBy(
  house: House,
  transmitter: FakeTransmitter,
  of: { person: string; subject: unknown; where: 'sub_id' | 'event' },
): Promise<boolean> {
  const event = `${risc}account-disabled`
  const claims = of.where === 'sub_id' ? about(of.subject, event) : about(undefined, event, { subject: of.subject })
  const answer = await push(house, await transmitter.write(claims))
  assert.equal(answer.status, 202, answer.text)
  return (await house.rooms.identity.findPrincipal(of.person))?.state === 'disabled'
}

test('issuer and subject, opaque ids and the user of a complex subject mean a person of the one provider', async (t) => {
  const user = issSub('ana')
  assert.equal(await meansAna(t, user), true)
  assert.equal(await meansAna(t, { format: 'opaque', id: 'ana' }), true)
  assert.equal(await meansAna(t, { format: 'complex', user, device: { format: 'opaque', id: 'd1' } }), true)
  assert.equal(await meansAna(t, { format: 'aliases', identifiers: [{ format: 'email', email: 'x@y.z' }, user] }), true)
  assert.equal(await meansAna(t, { user, tenant: { format: 'opaque', id: 't' } }), true, 'a draft of the framework')
  assert.equal(
    await meansAna(t, { subject_type: 'iss-sub', iss: people, sub: 'ana' }, 'event'),
    true,
    'a draft of RISC',
  )
})

test('e-mail addresses and all else that does not identify, other issuers and other people mean nobody', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  const subjects: unknown[] = [
    { format: 'email', email: 'ana' },
    { format: 'account', uri: 'acct:ana@login.example' },
    { format: 'phone_number', phone_number: '+12065550100' },
    { format: 'uri', uri: 'ana' },
    { format: 'did', url: 'did:example:ana' },
    { format: 'unheard_of', id: 'ana', iss: people, sub: 'ana' },
    issSub('ana', transmitter.issuer),
    issSub('ana', `${people}/`),
    issSub('Ana'),
    { format: 'opaque', id: 'ANA' },
    { format: 'complex', device: issSub('ana') },
    { format: 'complex', user: { format: 'email', email: 'ana' } },
    { format: 'aliases', identifiers: [] },
  ]
  for (const subject of subjects) {
    const label = JSON.stringify(subject)
    assert.equal(await endsBy(house, transmitter, { person: ana.principal.id, subject, where: 'sub_id' }), false, label)
  }
  const wrong: unknown[] = [
    'ana',
    ['ana'],
    null,
    { format: 'iss_sub', iss: people },
    { format: 'iss_sub', iss: people, sub: 'a\nb' },
    { format: 'opaque', id: 7 },
    { format: 'aliases', identifiers: 'ana' },
    { format: 'complex', user: 'ana' },
  ]
  for (const subject of wrong) {
    const token = await transmitter.write(about(subject, `${risc}account-disabled`))
    assert.equal((await push(house, token)).err, 'invalid_request', JSON.stringify(subject))
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffAfter } from '../../src/identity/signals/poll.ts'
import { until } from '../patience.ts'
import { about, caep, type FakeTransmitter, risc } from '../fake/transmitter.ts'
import { openHouse } from '../house.ts'
import { issSub, push, signalOptions } from '../signal-house.ts'

const revoked = `${caep}session-revoked`

test('events that wait at a transmitter are taken, and acknowledged after that', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  transmitter.waiting.set('j1', await transmitter.write({ ...about(issSub('ana'), revoked), jti: 'j1' }))
  const house = await openHouse(t, options)
  await until(() => transmitter.waiting.size === 0, 'it is acknowledged')
  const [first, second] = transmitter.polled
  assert.equal(first!.authorization, 'Bearer the-poll-token')
  assert.equal(first!.contentType, 'application/json')
  assert.deepEqual(first!.body, { maxEvents: 50, returnImmediately: true, ack: [], setErrs: {} })
  assert.deepEqual(second!.body.ack, ['j1'])
  assert.equal((await house.changes('signal.received')).length, 1)
})

test('people lose what they have by an event that came by polling', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  transmitter.waiting.set(
    'j1',
    await transmitter.write({ ...about(issSub('ana'), `${risc}account-disabled`), jti: 'j1' }),
  )
  const stateOf = async () => (await house.rooms.identity.findPrincipal(ana.principal.id))?.state
  await until(async () => (await stateOf()) === 'disabled', 'she is disabled')
  const [change] = await house.changes('principal.disabled')
  assert.equal(change?.by, 'transmitter:okta')
})

test('what cannot be taken is told with its error, and the others are taken', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  const good = about(issSub('ana'), revoked)
  transmitter.waiting.set('forged', await transmitter.forge({ ...good, jti: 'forged' }))
  transmitter.waiting.set('other', await transmitter.write({ ...good, jti: 'another name' }))
  transmitter.waiting.set('elsewhere', await transmitter.write({ ...good, jti: 'elsewhere', aud: 'https://x.example' }))
  transmitter.waiting.set('good', await transmitter.write({ ...good, jti: 'good' }))
  const house = await openHouse(t, options)
  await until(() => transmitter.waiting.size === 0, 'all are answered')
  const { ack, setErrs } = transmitter.polled[1]!.body
  assert.deepEqual(ack, ['good'])
  assert.deepEqual(
    Object.entries(setErrs!).map(([jti, { err }]) => [jti, err]),
    [
      ['forged', 'invalid_key'],
      ['other', 'invalid_request'],
      ['elsewhere', 'invalid_audience'],
    ],
  )
  assert.equal((await house.changes('signal.received')).length, 1)
})

test('nothing is acknowledged that could not be recorded; it comes again and is taken then', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  const broken = t.mock.method(house.rooms.ledger, 'recordChange', () => Promise.reject(new Error('no ledger')))
  transmitter.waiting.set('j1', await transmitter.write({ ...about(issSub('ana'), revoked), jti: 'j1' }))
  await until(() => broken.mock.callCount() > 0, 'it is tried')
  assert.equal(transmitter.waiting.size, 1)
  broken.mock.restore()
  await until(() => transmitter.waiting.size === 0, 'it is acknowledged')
  assert.equal((await house.changes('principal.signed_out'))[0]?.about.id, ana.principal.id)
  assert.ok(transmitter.polled.every(({ body }, at) => at === transmitter.polled.length - 1 || body.ack?.length === 0))
})

test('one event that cannot be taken, or is too large, keeps no other from being taken', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  const { recordChange } = house.rooms.ledger
  t.mock.method(house.rooms.ledger, 'recordChange', (...given: Parameters<typeof recordChange>) => {
    if (given[0].details?.['jti'] === 'odd') throw new TypeError('nobody thought of this')
    return recordChange(...given)
  })
  const write = async (jti: string, more: object = {}) =>
    transmitter.waiting.set(jti, await transmitter.write({ ...about(issSub('ana'), revoked), jti, ...more }))
  await write('odd')
  await write('large', { padding: 'x'.repeat(70_000) })
  await write('good')
  await until(() => transmitter.waiting.size === 1, 'the others are answered')
  assert.deepEqual([...transmitter.waiting.keys()], ['odd'])
  assert.equal((await house.changes('principal.signed_out'))[0]?.about.id, ana.principal.id)
  assert.equal(
    transmitter.polled.find(({ body }) => 'large' in (body.setErrs ?? {}))?.body.setErrs?.['large']?.err,
    'invalid_request',
  )
})

test('when what waits is too large together, less is asked for at once', async (t) => {
  const { transmitter, options } = await signalOptions(t, { poll: true })
  for (let at = 0; at < 30; at++) {
    const claims = { ...about(issSub('nobody'), revoked), jti: `j${at}`, padding: 'x'.repeat(40_000) }
    transmitter.waiting.set(`j${at}`, await transmitter.write(claims))
  }
  const house = await openHouse(t, options)
  await until(() => transmitter.waiting.size === 0, 'all are taken')
  assert.equal((await house.changes('signal.received')).length, 30)
})

test('what came by push before counts as taken, and a transmitter that forgets nothing is asked at its pace', async (t) => {
  const { transmitter, options } = await signalOptions(t, { push: true, poll: true })
  const house = await openHouse(t, options)
  await house.person('ana')
  const token = await transmitter.write({ ...about(issSub('ana'), revoked), jti: 'j1' })
  assert.equal((await push(house, token)).status, 202)
  transmitter.forgetful = true
  transmitter.waiting.set('j1', token)
  await until(() => transmitter.polled.some(({ body }) => body.ack?.includes('j1')), 'it is acknowledged')
  const so = transmitter.polled.length
  await until(() => transmitter.polled.length > so, 'it is asked again')
  assert.equal((await house.changes('principal.signed_out')).length, 1)
  assert.ok(transmitter.polled.length < 20, 'it is not asked without a pause')
})

test('a transmitter that fails or talks nonsense harms nothing, is left in peace for a while, and shown', async (t) => {
  const spoils: ((one: FakeTransmitter) => unknown)[] = [
    (one) => (one.pollStatus = 500),
    (one) => (one.pollStatus = 401),
    (one) => (one.pollBody = 'hello'),
    (one) => (one.pollBody = '{"sets":["x"]}'),
    (one) => (one.pollBody = `{"sets":{"x":"${'y'.repeat(2_000_000)}"}}`),
  ]
  const meet = async (spoil: (one: FakeTransmitter) => unknown) => {
    const { transmitter, options } = await signalOptions(t, { poll: true })
    spoil(transmitter)
    const house = await openHouse(t, options)
    const state = async () => (await house.rooms.identity.signals.listTransmitters())[0]!.polling!
    await until(async () => (await state()).problem !== undefined, 'it is noticed')
    assert.equal((await state()).answeredAt, undefined)
    transmitter.pollStatus = 200
    transmitter.pollBody = undefined
    await until(async () => (await state()).answeredAt !== undefined, 'it is asked again')
    assert.equal((await state()).problem, undefined)
  }
  await Promise.all(spoils.map(meet))
})

test('pauses after failures grow up to five minutes', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 9, 10, 1_000].map(backoffAfter),
    [1_000, 2_000, 4_000, 8_000, 256_000, 300_000, 300_000],
  )
})

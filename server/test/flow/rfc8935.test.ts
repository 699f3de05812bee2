import assert from 'node:assert/strict'
import { test } from 'node:test'
import { about, caep, risc, ssf } from '../fake/transmitter.ts'
import { openHouse } from '../house.ts'
import { issSub, push, pushEvent, signalOptions } from '../signal-house.ts'

const revoked = `${caep}session-revoked`

test('a pushed event is answered 202 without a body, and what it takes has been taken', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  assert.equal((await ana.browser.open('/you')).status, 200)
  const answer = await pushEvent(house, transmitter, { sub: 'ana', event: revoked })
  assert.deepEqual([answer.status, answer.text], [202, ''])
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.match((await ana.browser.open('/you')).url.pathname, /^\/sign-in/)
  const [change] = await house.changes('principal.signed_out')
  assert.equal(change?.by, 'transmitter:okta')
  assert.deepEqual(change?.about, { kind: 'principal', id: ana.principal.id })
  assert.deepEqual(change?.details?.['events'], [revoked])
})

test('an event that is sent again is taken once, and answered as the first time', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const ana = await house.person('ana')
  const token = await transmitter.write(about(issSub('ana'), revoked))
  const answers = await Promise.all(Array.from({ length: 5 }, () => push(house, token)))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [202, 202, 202, 202, 202],
  )
  const again = await house.signIn(ana)
  assert.equal((await push(house, token)).status, 202)
  assert.equal((await again.browser.open('/you')).status, 200, 'whoever replays it ends nothing')
  assert.equal((await house.changes('principal.signed_out')).length, 1)
})

test('whether anybody is known here cannot be told from the answer', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset', 'get_playback'])
  const ana = await house.person('ana', ['mux/*'])
  for (const tools of [['get_asset'], ['get_playback']]) await ana.connect('mux', tools)
  const told = async (sub: string) => {
    const before = house.rooms.feed.revision
    const { status, text, headers } = await pushEvent(house, transmitter, { sub, event: revoked })
    const { date: _, 'sallyport-revision': revision, ...rest } = Object.fromEntries(headers)
    return { status, text, rest, moved: Number(revision) - before }
  }
  const known = await told('ana')
  assert.equal(known.moved, 1, 'by one, however much ends')
  assert.deepEqual(await told('nobody'), known)
  const [entry] = await house.changes('signal.received')
  assert.equal(JSON.stringify(entry).includes('nobody-'), false)
  assert.equal(entry?.details?.['effect'], 'nothing: about nobody who is known here')
})

test('errors have the form of the RFC', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.person('ana')
  const good = about(issSub('ana'), revoked)
  const none = (claims: object) => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const header = { alg: 'none', typ: 'secevent+jwt' }
    const iat = Math.floor(Date.now() / 1_000)
    const usual = { iss: transmitter.issuer, aud: 'https://gateway.example/signals', iat, jti: 'n1' }
    return `${part(header)}.${part({ ...usual, ...claims })}.`
  }
  const now = Math.floor(Date.now() / 1_000)
  const wrong: [name: string, token: string, err: string][] = [
    ['no token', 'hello', 'invalid_request'],
    ['nothing', '', 'invalid_request'],
    ['nobody signed it', none(good), 'invalid_request'],
    ['a foreign key', await transmitter.forge(good), 'invalid_key'],
    ['an unknown key', await transmitter.write(good, { kid: 'two' }), 'invalid_key'],
    ['another type', await transmitter.write(good, { typ: 'JWT' }), 'invalid_request'],
    ['no type', await transmitter.write(good, { typ: undefined }), 'invalid_request'],
    ['another issuer', await transmitter.write({ ...good, iss: 'https://evil.example' }), 'invalid_issuer'],
    ['another audience', await transmitter.write({ ...good, aud: 'https://other.example' }), 'invalid_audience'],
    ['no audience', await transmitter.write({ ...good, aud: undefined }), 'invalid_audience'],
    ['of the future', await transmitter.write({ ...good, iat: now + 600 }), 'invalid_request'],
    ['too old', await transmitter.write({ ...good, iat: now - 8 * 86_400 }), 'invalid_request'],
    ['no instant', await transmitter.write({ ...good, iat: undefined }), 'invalid_request'],
    ['ended', await transmitter.write({ ...good, exp: now - 600 }), 'invalid_request'],
    ['no id', await transmitter.write({ ...good, jti: undefined }), 'invalid_request'],
    ['an id that is no text', await transmitter.write({ ...good, jti: 7 }), 'invalid_request'],
    ['an id without end', await transmitter.write({ ...good, jti: 'x'.repeat(513) }), 'invalid_request'],
    ['no events', await transmitter.write({ ...good, events: {} }), 'invalid_request'],
    ['events in a list', await transmitter.write({ ...good, events: [revoked] }), 'invalid_request'],
    [
      'an event that is no object',
      await transmitter.write({ ...good, events: { [revoked]: true } }),
      'invalid_request',
    ],
    ['an event type that is no URI', await transmitter.write(about(issSub('ana'), 'x \ud800')), 'invalid_request'],
    ['an id that is no Unicode', await transmitter.write({ ...good, jti: '\ud800' }), 'invalid_request'],
    ['no subject', await transmitter.write(about(undefined, revoked)), 'invalid_request'],
    ['a subject without a format', await transmitter.write(about({ sub: 'ana' }, revoked)), 'invalid_request'],
  ]
  for (const [name, token, err] of wrong) {
    const answer = await push(house, token)
    assert.deepEqual([answer.status, answer.err], [400, err], name)
    assert.match(answer.headers.get('content-type')!, /^application\/json/, name)
    assert.equal(answer.headers.get('content-language'), 'en', name)
    assert.equal(typeof (JSON.parse(answer.text) as { description: string }).description, 'string', name)
  }
  assert.deepEqual(await house.changes('principal.signed_out'), [])
})

test('who does not bring the header that was agreed is not listened to', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.person('ana')
  const token = await transmitter.write(about(issSub('ana'), revoked))
  for (const authorization of ['', 'Bearer something else', 'bearer of the agreed header']) {
    const answer = await push(house, token, { authorization })
    assert.deepEqual([answer.status, answer.err], [400, 'authentication_failed'])
  }
  assert.equal(transmitter.fetched, 0, 'nothing was looked up for him')
  assert.equal((await push(house, token)).status, 202)
})

test('without an agreed header the signature alone counts', async (t) => {
  const { transmitter, options } = await signalOptions(t, { push: true, open: true })
  const house = await openHouse(t, options)
  await house.person('ana')
  const token = await transmitter.write(about(issSub('ana'), revoked))
  assert.equal((await push(house, await transmitter.forge(about(issSub('ana'), revoked)))).err, 'invalid_key')
  assert.equal((await push(house, token, { authorization: '' })).status, 202)
})

test('other addresses, methods and types are refused', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const token = await transmitter.write(about(issSub('ana'), revoked))
  assert.equal((await fetch(`${house.url}/signals/other`, { method: 'POST', body: token })).status, 404)
  const got = await fetch(`${house.url}/signals/okta`)
  assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST'])
  assert.equal((await push(house, token, { 'content-type': 'application/jwt' })).err, 'invalid_request')
  assert.equal((await push(house, 'x'.repeat(70_000))).status, 413)
})

test('when the keys cannot be had the transmitter is told to come again, and then it is taken', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.person('ana')
  const token = await transmitter.write(about(issSub('ana'), revoked))
  transmitter.silent = true
  assert.equal((await push(house, token)).status, 503)
  transmitter.silent = false
  assert.equal((await push(house, token)).status, 202)
  assert.equal((await house.changes('principal.signed_out')).length, 1)
})

test('a verification event and news of the stream are taken, whomever they are about', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const stream = { format: 'opaque', id: 'stream-1' }
  assert.equal(
    (await push(house, await transmitter.write(about(stream, `${ssf}verification`, { state: 's' })))).status,
    202,
  )
  const updated = about(stream, `${ssf}stream-updated`, { status: 'paused', reason: 'maintenance' })
  assert.equal((await push(house, await transmitter.write(updated))).status, 202)
  const told = await house.changes('signal.received')
  assert.deepEqual(
    told.map(({ details }) => details?.['effect']),
    ['about the stream', 'about the stream'],
  )
})

test('who guesses is stopped, and a transmitter that is right never', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const forged = await transmitter.forge(about(issSub('ana'), revoked))
  for (let count = 0; count < 200; count++) await push(house, forged, { authorization: 'x' })
  assert.equal((await push(house, forged)).status, 429)
})

test('the last administrator is not disabled by an event, and yet nothing of theirs passes', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const root = await house.person('root', ['administer'])
  assert.equal((await pushEvent(house, transmitter, { sub: 'root', event: `${risc}account-disabled` })).status, 202)
  const now = await house.rooms.identity.findPrincipal(root.principal.id)
  assert.equal(now?.state, 'must_sign_in')
  assert.match((await root.browser.open('/people')).url.pathname, /^\/sign-in/)
  assert.equal(await house.rooms.identity.firstAdministratorLink(), undefined, 'nobody else can become the first one')
  const [change] = await house.changes('principal.signed_out')
  assert.match(String(change?.details?.['effect']), /not disabled, as the last administrator/)
})

test('administrators see what each transmitter said last, and what it took', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const root = await house.person('root', ['administer'])
  await house.person('ana')
  await pushEvent(house, transmitter, { sub: 'ana', event: revoked })
  await pushEvent(house, transmitter, { sub: 'nobody', event: `${caep}credential-change` })
  const page = await root.browser.open('/signals')
  assert.match(page.text, /session-revoked[^]*ana[^]*signed out, grants ended/)
  assert.match(page.text, /credential-change[^]*about nobody who is known here/)
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: root.principal, label: 'laptop' })
  const answer = await fetch(`${house.url}/api/v1/signals`, { headers: { authorization: `Bearer ${key}` } })
  const { transmitters } = (await answer.json()) as { transmitters: { id: string; signals: { event: string }[] }[] }
  assert.deepEqual(
    transmitters.map(({ id, signals }) => [id, signals.map(({ event }) => event).toSorted()]),
    [['okta', ['credential-change', 'session-revoked']]],
  )
})

test('who must sign in anew can be let off on his page, and by nobody but an administrator', async (t) => {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  const root = await house.person('root', ['administer'])
  const ana = await house.person('ana')
  await pushEvent(house, transmitter, { sub: 'ana', event: `${caep}credential-change` })
  const step = { id: ana.principal.id, reason: 'for a test' }
  for (const by of ['system', 'set-up', ana.principal.id]) {
    await assert.rejects(house.rooms.identity.enablePrincipal({ ...step, by }))
  }
  const page = await root.browser.open(`/people/${ana.principal.id}`)
  assert.match(page.text, /must sign in/)
  const to = `/people/${ana.principal.id}/enable`
  assert.equal((await root.browser.submit(page, { reason: 'the provider says nothing' }, { to })).status, 200)
  assert.equal((await house.rooms.identity.findPrincipal(ana.principal.id))?.state, 'active')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUrlFor } from '../../src/model/connection.ts'
import type { Page } from '../browser.ts'
import { leadBack } from '../comeback.ts'
import { openGuardedHouse, type GuardedHouse } from '../guarded-house.ts'
import { openOnBehalfHouse } from '../on-behalf-house.ts'
import { textOn } from '../operator.ts'

// RFC 9700, 4.4 (and as COAT and CORF in the draft that updates it). `server`, which the upstream names, is the
// attacker's; `other` is honest, names itself in no answer, and knows the gateway. The attacker's page sends the browser
// on to the honest server, which gives a code: that code must reach nobody.

type Servers = Pick<GuardedHouse, 'server' | 'other'>

/** Has the attacker send browsers on to the honest server, with these parameters in the place of what the gateway asked. */
function sendOn({ server, other }: Servers, changed: Record<string, string>): void {
  server.options.sendsOn = (asked) => {
    const onward = new URL(`${other.issuer}/authorize`)
    onward.search = new URLSearchParams({ ...Object.fromEntries(asked), ...changed }).toString()
    return onward.href
  }
}

function assertNothingRedeemed({ server, other }: Servers): void {
  assert.deepEqual([server.asked, other.asked], [[], []], 'a code was sent to somebody')
}

async function openAttackedHouse(t: Parameters<typeof openGuardedHouse>[0], origin?: string): Promise<GuardedHouse> {
  const guarded = await openGuardedHouse(t, origin === undefined ? {} : { origin })
  const { house, server, other } = guarded
  server.options.namesItself = false
  other.options.namesItself = false
  other.registered.push({ client_id: 'gateway', redirect_uris: [redirectUrlFor(house.origin, other.issuer)] })
  return guarded
}

const elsewhere = /came to the address of another authorization server than was asked/

test('each authorization server has an address of its own to answer to, and a client of that address', async (t) => {
  const guarded = await openAttackedHouse(t)
  const { house, server, other } = guarded
  await guarded.connect()
  guarded.asks.issuer = other.issuer
  await guarded.connect()
  const addresses = [server, other].map(({ visits }) => visits[0]!.get('redirect_uri'))
  assert.deepEqual(
    addresses,
    [server, other].map(({ issuer }) => redirectUrlFor(house.origin, issuer)),
  )
  assert.notEqual(addresses[0], addresses[1])
  const registered = [server.registered[0]!, other.registered[1]!].map((client) => client['redirect_uris'])
  assert.deepEqual(
    registered,
    addresses.map((address) => [address]),
  )
})

test('an honest server does not answer to the address of the attacker’s', async (t) => {
  const guarded = await openAttackedHouse(t)
  sendOn(guarded, { client_id: 'gateway' })
  await assert.rejects(guarded.comeBack(await guarded.begin()), /answered 400 and led nowhere/)
  assert.equal(guarded.other.visits.length, 1)
  assertNothingRedeemed(guarded)
})

test('what an honest server gave to its own address is refused for an attempt that was begun with the attacker’s', async (t) => {
  const guarded = await openAttackedHouse(t)
  const { house, server, other, admin } = guarded
  const honest = redirectUrlFor(house.origin, other.issuer)
  sendOn(guarded, { client_id: 'gateway', redirect_uri: honest })
  const shown = await guarded.comeBack(await guarded.begin())
  assert.equal(shown.status, 502)
  assert.match(textOn(shown), elsewhere)

  // Nor when the step of the page is left out.
  const page = await guarded.page()
  const to = new URL(honest).pathname
  const form: Page = { ...page, text: page.text.replace('action="/upstreams/vaulted/connect"', `action="${to}"`) }
  const state = server.visits[0]!.get('state')!
  const mark = new URL(server.visits[0]!.get('redirect_uri')!).pathname.split('/').at(-1)!
  const forced = await admin.browser.submit(form, { state, code: 'of the honest one', mark }, { to })
  assert.equal(forced.status, 502)
  assert.match(textOn(forced), elsewhere)
  assertNothingRedeemed(guarded)
  assert.deepEqual(await house.changes('connection.put'), [])
})

test('who asked for nothing but its own address is answered as ever, without `iss`', async (t) => {
  const guarded = await openAttackedHouse(t)
  await guarded.connect()
  assert.equal(guarded.server.asked.length, 1)
})

test('the metadata document, which anybody can show to every server, is worth nothing without `iss`', async (t) => {
  const guarded = await openAttackedHouse(t, 'https://gate.example')
  const { server, other } = guarded
  for (const one of [server, other]) one.options.readsDocuments = true
  // The attacker promises to name itself, to be met as the client of the document; the honest server takes that too.
  server.options.namesItself = true
  sendOn(guarded, {})
  const shown = await guarded.comeBack(await guarded.begin())
  assert.equal(other.visits[0]!.get('client_id'), 'https://gate.example/client-metadata.json')
  assert.equal(other.visits[0]!.get('redirect_uri'), 'https://gate.example/connect/document')
  assert.equal(shown.status, 502)
  assert.match(textOn(shown), /not from the authorization server that was asked/)

  // One that does not promise it is not shown the document, and its attempts are not finished at that address.
  server.options.namesItself = false
  sendOn(guarded, {
    client_id: 'https://gate.example/client-metadata.json',
    redirect_uri: 'https://gate.example/connect/document',
  })
  const again = await guarded.comeBack(await guarded.begin())
  assert.equal(server.visits[1]!.get('client_id'), server.registered[0]!['client_id'])
  assert.equal(server.visits[1]!.get('redirect_uri'), redirectUrlFor('https://gate.example', server.issuer))
  assert.match(textOn(again), elsewhere)
  assertNothingRedeemed(guarded)
})

test('a server that reads the document and names itself is met as its client', async (t) => {
  const guarded = await openGuardedHouse(t, { origin: 'https://gate.example' })
  guarded.server.options.readsDocuments = true
  await guarded.connect()
  const [asked] = guarded.server.asked
  assert.equal(asked!['client_id'], 'https://gate.example/client-metadata.json')
  assert.equal(asked!['redirect_uri'], 'https://gate.example/connect/document')
  assert.equal(guarded.server.registered.length, 0)
})

test('people’s own connections are answered at the address of their issuer alone', async (t) => {
  const of = await openOnBehalfHouse(t, ({ fake, server }) => ({
    way: 'connection',
    url: fake.url,
    issuer: server.issuer,
  }))
  of.server.options.namesItself = false
  of.other.options.namesItself = false
  const honest = redirectUrlFor(of.house.origin, of.other.issuer)
  sendOn(of, { redirect_uri: honest })
  const ana = await of.person('ana')
  const to = '/connections/vaulted/connect'
  const begun = await ana.browser.submit(await ana.browser.open('/connections/vaulted'), {}, { to })
  const back = await leadBack(begun, of.house.origin)
  assert.equal(new URL(back, of.house.origin).href.split('?')[0], honest)
  const shown = await ana.browser.open(back)
  assert.equal(shown.status, 502)
  assert.match(textOn(shown), elsewhere)
  const codes = [...of.server.asked, ...of.other.asked].filter(({ code }) => code !== undefined)
  assert.deepEqual(codes, [])
  assert.deepEqual(await of.house.rooms.vault.listConnectionsOf(ana.principal.id), [])
})

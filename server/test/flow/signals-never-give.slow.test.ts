import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { takingEvents } from '../../src/identity/signals/events.ts'
import { fulfilSignIn, updatePrincipalState } from '../../src/store/principals.ts'
import { about, caep, risc, ssf, type FakeTransmitter } from '../fake/transmitter.ts'
import { openHouse, type House } from '../house.ts'
import { issSub, people, push, pushEvent, signalOptions } from '../signal-house.ts'
import type { Person } from '../person.ts'

// Whatever a transmitter says, in whatever order: no right of anybody grows by it.

const gone = ['session-established', 'session-presented', 'risk-level-change'].map((name) => caep + name)
const given = ['account-enabled', 'recovery-activated', 'identifier-changed', 'opt-in'].map((name) => risc + name)
const ofStream = ['verification', 'stream-updated'].map((name) => ssf + name)
const events = [...takingEvents, ...gone, ...given, ...ofStream, 'https://events.example/promote', '__proto__']

const words = fc.constantFrom('compliant', 'not-compliant', 'increase', 'decrease', 'enabled', 'active', 'create', '*')
const value = fc.oneof(words, fc.boolean(), fc.integer(), fc.constant(null), fc.jsonValue({ maxDepth: 2 }))
const name = fc.constantFrom(
  'current_status',
  'previous_status',
  'change_direction',
  'change_type',
  'current_level',
  'claims',
  'state',
  'status',
  'rights',
  'event_timestamp',
  'grants',
)
const payloads = fc.dictionary(name, value, { maxKeys: 4 })

interface Scene {
  house: House
  transmitter: FakeTransmitter
  people: Person[]
}

/** Every right that anybody has, one line each: after an event there may be fewer lines, and none that was not there. */
async function rights({ house, people: all }: Scene): Promise<Set<string>> {
  const { identity, oauth, inventory } = house.rooms
  const lines: string[] = []
  for (const [at, { principal, browser }] of all.entries()) {
    const { id, name: called } = principal
    const state = (await identity.findPrincipal(id))!.state
    if (state === 'active') lines.push(`${called} is active`)
    if (state !== 'disabled') lines.push(`${called} is not disabled`)
    for (const one of await inventory.listRights(id)) lines.push(`${called} holds ${one.id} ${String(one.endsAt)}`)
    for (const grant of await oauth.listGrants({ principalId: id, activeAt: house.clock.now() }))
      lines.push(`${called} gave ${grant.id} ${grant.endsAt} ${[...grant.tools].join()}`)
    const headers = { cookie: browser.cookieFor(new URL(house.url)) }
    if (await identity.whoIs({ headers } as never)) lines.push(`${called} is signed in at ${at}`)
  }
  lines.push(`there are ${(await identity.listPrincipals({ limit: 1_000 })).length} principals`)
  return new Set(lines)
}

/** Lets those who lost something have it again, so that the next event meets somebody who has something to lose. */
async function restore({ house: { rooms }, people: all }: Scene): Promise<void> {
  for (const { principal } of all.filter(({ principal }) => ['active', 'root'].includes(principal.name))) {
    await updatePrincipalState(rooms.store, principal.id, { state: 'active', at: 1 })
    await fulfilSignIn(rooms.store, principal.id, Number.MAX_SAFE_INTEGER)
  }
}

async function openScene(t: Parameters<typeof signalOptions>[0]): Promise<Scene> {
  const { transmitter, options } = await signalOptions(t)
  const house = await openHouse(t, options)
  await house.upstream('mux', ['get_asset', 'delete_asset'])
  const root = await house.person('root', ['administer'])
  // What has no owner would be given to the first administrator some time: that is no doing of an event.
  const owner = { by: 'set-up', name: 'mux', ownerId: root.principal.id, reason: 'for a test' }
  await house.rooms.inventory.setUpstreamOwner(owner)
  const all: Person[] = [root]
  for (const who of ['active', 'must-sign-in', 'disabled']) {
    const person = await house.person(who, ['mux/get_asset'])
    await person.connect('mux', 'all')
    all.push(person)
  }
  await pushEvent(house, transmitter, { sub: 'must-sign-in', event: `${caep}credential-change` })
  await pushEvent(house, transmitter, { sub: 'disabled', event: `${risc}account-disabled` })
  return { house, transmitter, people: all }
}

test('no event, with whatever payload and about whomever, makes any right grow', async (t) => {
  const scene = await openScene(t)
  const subjects = fc.oneof(
    fc.constantFrom('root', 'active', 'must-sign-in', 'disabled', 'nobody').map((sub) => issSub(sub)),
    fc.constantFrom('root', 'active', 'disabled', 'nobody').map((id) => ({ format: 'opaque', id })),
    fc.constant({ format: 'complex', user: issSub('active'), session: { format: 'opaque', id: 's' } }),
    fc.constant({ format: 'iss_sub', iss: people, sub: '*' }),
  )
  const one = fc.record({ event: fc.constantFrom(...events), payload: payloads, subject: subjects })
  await fc.assert(
    fc.asyncProperty(one, async ({ event, payload, subject }) => {
      await restore(scene)
      const before = await rights(scene)
      const answer = await push(scene.house, await scene.transmitter.write(about(subject, event, payload)))
      assert.ok(answer.status === 202 || answer.status === 400, answer.text)
      for (const line of await rights(scene)) assert.ok(before.has(line), `${event}: ${line}`)
    }),
    { numRuns: 150, seed: 20_261_126 },
  )
})

test('every event of ours about somebody in every state makes no right grow', async (t) => {
  const scene = await openScene(t)
  const both: Record<string, unknown>[] = [
    {},
    { current_status: 'compliant', change_direction: 'increase', change_type: 'create', status: 'enabled' },
    { current_status: 'not-compliant', change_direction: 'decrease', change_type: 'delete', status: 'disabled' },
  ]
  // What disables comes last, so that all others meet somebody who has something to lose.
  const inOrder = events.toSorted((a, b) => Number(a.includes('account-')) - Number(b.includes('account-')))
  for (const event of inOrder) {
    for (const payload of both) {
      for (const sub of ['active', 'must-sign-in', 'disabled', 'root']) {
        const before = await rights(scene)
        await pushEvent(scene.house, scene.transmitter, { sub, event, payload })
        for (const line of await rights(scene)) assert.ok(before.has(line), `${event} about ${sub}: ${line}`)
      }
    }
  }
  const left = await rights(scene)
  assert.ok(left.has('root is not disabled') && !left.has('active is not disabled'), 'and it took something')
})

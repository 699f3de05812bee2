import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { linkOf } from '../agent.ts'
import { formPaths, sendForm, textOn } from '../operator.ts'

const reason = 'for a test'

test('an invitation is shown once and brings its rights, tool by tool', async (t) => {
  const { house } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const shown = await sendForm(ada, await ada.browser.open('/people'), {
    to: '/people/invite',
    name: 'Bea',
    'use.desk': 'write',
    'approve.desk': 'on',
  })
  const url = /(http:\/\/127\.0\.0\.1:\d+\/join\/[\w-]{43})/.exec(shown.text)?.[1]
  assert.ok(url, textOn(shown))
  assert.match(textOn(shown), /shown this once/)
  const bea = house.browser()
  const joined = await bea.submit(await bea.open(url), { name: 'Bea', login: 'bea', password: 'correct horse battery' })
  assert.match(textOn(joined), /Welcome, Bea/)
  const people = await house.rooms.identity.listPrincipals()
  const rights = await house.rooms.inventory.listRights(people.find(({ name }) => name === 'Bea')!.id)
  const named = (right: string) => rights.filter((one) => one.right === right).map(({ tool }) => tool)
  assert.ok(named('use').includes('write_note') && !named('use').includes('delete_note'))
  assert.deepEqual(named('approve'), ['delete_note'])
  assert.equal((await bea.open(url)).status, 404)
})

test('rights are given up to an effect or one by one, and revoked one by one', async (t) => {
  const { house } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const bob = await house.person('Bob')
  const path = `/people/${bob.principal.id}`
  const held = async () =>
    (await house.rooms.inventory.listRights(bob.principal.id)).map(({ right, tool }) => `${right} ${tool}`)

  const page = await ada.browser.open(path)
  const given = await sendForm(ada, page, {
    to: `${path}/entitle`,
    right: 'use',
    tools: ['read_note', 'delete_note'],
    endsInDays: '30',
    reason,
  })
  assert.deepEqual((await held()).toSorted(), ['use delete_note', 'use read_note'])
  assert.match(textOn(given), /Use tools of desk \(2\)/)
  await sendForm(ada, given, { to: `${path}/entitle`, right: 'use', upTo: 'write', reason })
  assert.ok((await held()).includes('use write_note'))
  const none = await sendForm(ada, given, { to: `${path}/entitle`, right: 'use', reason })
  assert.equal(none.status, 400)
  assert.match(textOn(none), /choose one tool at least/)

  const all = await house.rooms.inventory.listRights(bob.principal.id)
  const entitlements = all.filter(({ tool }) => tool === 'delete_note').map(({ id }) => id)
  await sendForm(ada, await ada.browser.open(path), { to: `${path}/revoke`, entitlements, reason })
  assert.ok(!(await held()).includes('use delete_note'))
  const left = await ada.browser.open(path)
  const foreign = await sendForm(ada, left, { to: `${path}/revoke`, entitlements: 'of-nobody', reason })
  assert.equal(foreign.status, 400)
  await sendForm(ada, left, { to: `${path}/revoke`, all: 'use desk', reason })
  assert.deepEqual(await held(), [])
})

test('the last administrator can neither be disabled nor lose the right', async (t) => {
  const { house } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const path = `/people/${ada.principal.id}`
  const page = await ada.browser.open(path)
  const disabled = await sendForm(ada, page, { to: `${path}/disable`, reason })
  assert.equal(disabled.status, 409)
  const [right] = await house.rooms.inventory.listRights(ada.principal.id)
  const revoked = await sendForm(ada, page, { to: `${path}/revoke`, entitlements: right!.id, reason })
  assert.equal(revoked.status, 409)
  assert.equal((await ada.browser.open('/people')).status, 200)
})

test('who is disabled is signed out, and his clients and keys end with him', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const { person: bob, agent } = await connectAll(house, 'Bob')
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)
  const path = `/people/${bob.principal.id}`
  const page = await sendForm(ada, await ada.browser.open(path), { to: `${path}/disable`, reason: 'left the company' })
  assert.match(textOn(page), /Disabled\. Sign-ins, keys and grants have ended/)
  const before = fake.calls.length
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.equal(fake.calls.length, before)
  assert.equal((await bob.browser.open('/')).url.pathname, '/sign-in')
})

test('a person sees and revokes his own grants; for those of others an administrator says why', async (t) => {
  const { house } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const { person: bob, agent } = await connectAll(house, 'Bob')
  const second = await bob.connect('desk', ['read_note'])
  const path = (grantId: string) => `/grants/${grantId}/revoke`
  const mine = await bob.browser.open('/grants')
  assert.deepEqual(formPaths(mine).toSorted(), [path(agent.grantId), path(second.grantId)].toSorted())
  const done = await sendForm(bob, mine, { to: path(second.grantId) })
  assert.match(textOn(done), /The grant is revoked/)
  assert.equal((await second.call('read_note', { id: 'n1' })).status, 401)
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 200)

  assert.deepEqual(formPaths(await ada.browser.open('/grants')), [])
  const everybody = await ada.browser.open('/grants?whose=all')
  const silent = await sendForm(ada, everybody, { to: path(agent.grantId) })
  assert.equal(silent.status, 400)
  await sendForm(ada, everybody, { to: path(agent.grantId), reason: 'the laptop was lost' })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.match(textOn(await bob.browser.open('/grants?whose=mine&ended=true')), /“the laptop was lost”/)
})

test('an approval is decided by somebody else, on the page that shows the exact arguments', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { person: ana, agent } = await connectAll(house)
  const bob = await house.person('Bob', ['desk/delete_note:approve'])
  const args = { id: 'n1', text: 'p\u0430ypal\u202e <b>' }
  const link = linkOf(await agent.call('delete_note', args))

  const own = await ana.browser.open(link)
  assert.match(textOn(own), /somebody else to decide/)
  assert.deepEqual(formPaths(own), [])
  const start = await bob.browser.open('/')
  assert.match(textOn(start), /A call of delete_note on desk waits for your answer/)
  const page = await bob.browser.open(link)
  assert.ok(page.text.includes('⟨U+202E⟩') && !page.text.includes('\u202e') && !page.text.includes('<b>'))
  assert.ok(page.text.includes('<mark>а</mark>'), 'a letter that only looks like another is marked')
  assert.match(textOn(page), /Asked by ana/)
  const { pathname } = new URL(link)
  const unsaid = await sendForm(bob, page, { to: `${pathname}/answer`, reason: 'looked at it' })
  assert.equal(unsaid.status, 400, 'neither approved nor denied')
  const approved = await sendForm(bob, page, { to: `${pathname}/answer`, answer: 'approve', reason: 'looked at it' })
  assert.match(textOn(approved), /Approved by Bob/)
  const late = await sendForm(bob, page, { to: `${pathname}/answer`, answer: 'deny', reason: 'no, wait' })
  assert.equal(late.status, 409)
  assert.equal((await agent.call('delete_note', args)).status, 200)
  assert.deepEqual(fake.calls, [{ name: 'delete_note', arguments: args }])
  assert.match(textOn(await ana.browser.open(link)), /and used/)
})

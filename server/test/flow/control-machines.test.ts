import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { clientProof, type FakeIssuer, openFakeIssuer } from '../fake/issuer.ts'
import { openFakeHouse } from '../fake-house.ts'
import type { House } from '../house.ts'
import { agentWith } from '../machines.ts'
import { OAuthClient } from '../oauth-client.ts'
import { formPaths, openCommandLine, sendForm, textOn } from '../operator.ts'

const reason = 'for a test'
const client = { id: 'nightly-job', name: 'Nightly job', machine: 'nightly' }

async function open(t: TestContext): Promise<{ house: House; key: FakeIssuer }> {
  const key = await openFakeIssuer(t)
  const rules = [{ machine: 'nightly', claims: { sub: 'nightly' } }]
  const issuer = { issuer: key.issuer, jwksUri: key.jwksUri, rules }
  const yaml = `clients: ${JSON.stringify({ preregistered: [{ ...client, jwks: key.jwks }] })}\nworkloads: ${JSON.stringify([issuer])}`
  return { house: (await openFakeHouse(t, { house: { yaml }, reach: [key.issuer] })).house, key }
}

async function tokensFor(house: House, key: FakeIssuer) {
  const machine = new OAuthClient(house, { id: client.id })
  const proof = await clientProof(key, { id: client.id, origin: house.origin })
  return machine.token({ grant_type: 'client_credentials', resource: machine.resourceOf('desk'), ...proof })
}

test('on the pages a machine is made, entitled, granted, given another owner, and withdrawn', async (t) => {
  const { house, key } = await open(t)
  const ada = await house.person('Ada', ['administer'])
  const bob = await house.person('Bob')
  const list = await ada.browser.open('/machines')
  assert.match(textOn(list), /There is no machine yet/)
  const made = await sendForm(ada, list, {
    to: '/machines',
    name: 'nightly',
    title: 'Nightly <report>',
    ownerId: ada.principal.id,
    reason,
  })
  const [machine] = await house.rooms.identity.listMachines()
  const path = `/people/${machine!.id}`
  assert.equal(made.url.pathname, path)
  assert.match(
    textOn(made),
    /Nightly <report>.*Answers for it Ada.*Nightly job nightly-job it signs by a key of its own/,
  )
  assert.match(textOn(made), /Workload identity workloads its platform vouches for it/)
  assert.match(textOn(made), /It has no rights yet/)
  assert.ok(!textOn(made).includes('Administer this gateway') && !textOn(made).includes('decide calls'))

  const entitled = await sendForm(ada, made, { to: `${path}/entitle`, right: 'use', upTo: 'write', reason })
  const grants = '/machines/nightly/grant'
  const granted = await sendForm(ada, entitled, {
    to: grants,
    upstream: 'desk',
    client: client.id,
    upTo: 'read',
    reason,
  })
  assert.match(textOn(granted), /The grant is given/)
  const agent = agentWith(house, 'desk', await tokensFor(house, key))
  assert.ok((await agent.list()).includes('read_note') && !(await agent.list()).includes('write_note'))
  const [given] = await house.changes('grant.given')
  assert.deepEqual([given?.by, given?.reason], [ada.principal.id, reason])

  const owned = await sendForm(ada, granted, { to: '/machines/nightly/owner', ownerId: bob.principal.id, reason })
  assert.match(textOn(owned), /Answers for it Bob/)
  assert.match(textOn(await ada.browser.open('/machines')), /Nightly <report> nightly active Bob/)
  assert.match(textOn(await ada.browser.open(`/people/${bob.principal.id}`)), /Answers for Nightly <report> nightly/)
  await house.rooms.identity.disablePrincipal({ by: ada.principal.id, id: bob.principal.id, reason })
  assert.match(textOn(await ada.browser.open(path)), /is not active here any more/)
  assert.match(textOn(await ada.browser.open('/machines')), /Bob left/)

  await sendForm(ada, await ada.browser.open(path), { to: `${path}/disable`, reason })
  assert.equal((await agent.call('read_note', { id: 'n1' })).status, 401)
  assert.ok(!formPaths(await ada.browser.open(path)).includes(grants))
})

test('a machine owns nothing, and is no candidate for it', async (t) => {
  const { house } = await open(t)
  const ada = await house.person('Ada', ['administer'])
  const { identity, inventory } = house.rooms
  const made = { by: 'set-up', name: 'nightly', title: 'Nightly', ownerId: ada.principal.id, reason }
  const { id } = await identity.makeMachine(made)
  await assert.rejects(identity.makeMachine(made), { code: 'identity.machine_refused' })
  await assert.rejects(identity.makeMachine({ ...made, name: 'other', ownerId: id }), {
    code: 'identity.machine_refused',
  })
  await assert.rejects(identity.makeMachine({ ...made, name: 'Not a name' }), { code: 'model.invalid' })
  await assert.rejects(identity.makeMachine({ ...made, name: 'other', by: id }), { code: 'identity.not_allowed' })
  const page = await ada.browser.open('/upstreams/desk')
  assert.ok(page.text.includes(ada.principal.id) && !page.text.includes(id))
  const owner = { by: 'set-up', name: 'desk', ownerId: id, reason }
  await assert.rejects(inventory.setUpstreamOwner(owner), { code: 'inventory.no_owner' })
})

test('the command line makes, entitles and grants, and says what each machine proves itself by', async (t) => {
  const { house, key } = await open(t)
  const sallyport = await openCommandLine(house, await house.person('Ada', ['administer']))
  const run = async (...args: string[]) => {
    const ran = await sallyport(...args)
    assert.equal(ran.code, 0, ran.err)
    return ran.out
  }
  const made = JSON.parse(await run('make-machine', 'nightly', '--reason', reason, '--json')) as { id: string }
  assert.match(await run('machines'), /nightly\s.*active\s.*nightly-job \(key\), workloads \(workload\)/)
  await run('entitle', made.id, '--use', 'desk=write', '--reason', reason)
  const ambiguous = await sallyport(
    'grant-machine',
    'nightly',
    '--upstream',
    'desk',
    '--up-to',
    'read',
    '--reason',
    reason,
  )
  assert.match(ambiguous.err, /no such client of this machine \(oauth\.machine_refused\)/)
  const grant = ['grant-machine', 'nightly', '--upstream', 'desk', '--client', client.id, '--reason', reason]
  await run(...grant, '--tools', 'write_note', '--days', '1')
  const tokens = await tokensFor(house, key)
  assert.deepEqual(await agentWith(house, 'desk', tokens).list(), ['write_note'])
})

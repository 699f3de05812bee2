import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOf, textOf } from '../agent.ts'
import { documentOf, openHttpApi, shopComponents, shopPaths } from '../fake/http-api.ts'
import { openHouse } from '../house.ts'
import { sendForm, textOn } from '../operator.ts'

// An HTTP API behind an OpenAPI document, governed like every other upstream.

const reason = 'for a test'

test('an API is proposed by its document, reviewed, and each of its operations governed by its effect', async (t) => {
  const api = await openHttpApi()
  t.after(() => api.close())
  api.describe(documentOf(api.url, shopPaths, shopComponents))
  const house = await openHouse(t, {
    reach: [api.url],
    yaml: `openapi: ${JSON.stringify({ shop: { file: api.file } })}\n`,
  })
  const [ada, bob] = [await house.person('Ada', ['administer']), await house.person('Bob', ['administer'])]
  const page = await ada.browser.open('/upstreams/new')
  const proposal = { name: 'shop', document: 'shop', purpose: 'the pets', ownerId: ada.principal.id, reason }
  const unknown = await sendForm(ada, page, { to: '/upstreams', ...proposal, document: 'other' })
  assert.equal(unknown.status, 400)
  const proposed = await sendForm(ada, await ada.browser.open('/upstreams/new'), { to: '/upstreams', ...proposal })
  assert.match(textOn(proposed), /OpenAPI document shop/)
  const { inventory, gateway } = house.rooms
  await inventory.stepUpstream({ by: ada.principal.id, name: 'shop', to: 'in_review', reason })
  await gateway.look((await inventory.findUpstream('shop'))!)
  await inventory.stepUpstream({ by: bob.principal.id, name: 'shop', to: 'approved', reason })
  const tools = await inventory.listTools('shop')
  const effects = Object.fromEntries(tools.map(({ name, effect }) => [name, effect]))
  assert.deepEqual(
    [effects['pets_get'], effects['pets_update'], effects['create-pet'], effects['pets_delete']],
    ['read', 'write', 'write', 'destructive'],
  )
  const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
  await inventory.pinTools({ by: bob.principal.id, upstream: 'shop', digests, reason })

  const ana = await house.person('ana', ['shop/pets_get', 'shop/pets_delete'])
  const agent = await ana.connect('shop', 'all')
  assert.deepEqual((await agent.list()).toSorted(), ['pets_delete', 'pets_get'])
  const got = await agent.call('pets_get', { petId: 'rex' })
  assert.match(textOf(got), /"url":"\/v1\/pets\/rex"/)
  const held = await agent.call('pets_delete', { petId: 'rex' })
  assert.ok(linkOf(held))
  const refused = await agent.call('pets_get', { petId: '../keys' })
  assert.match(textOf(refused), /was not called/)
  assert.deepEqual(
    api.journal.map(({ method, url }) => `${method} ${url}`),
    ['GET /v1/pets/rex'],
  )

  // The operation of a tool moves: the definition says so, and the tool is withheld.
  const { '/pets/{petId}': pets, ...others } = shopPaths
  api.describe(documentOf(api.url, { ...others, '/animals/{petId}': pets }, shopComponents))
  await gateway.look((await inventory.findUpstream('shop'))!)
  const moved = (await inventory.listTools('shop')).find(({ name }) => name === 'pets_get')
  assert.equal(moved?.pin, 'drifted')
  assert.notEqual((await agent.call('pets_get', { petId: 'rex' })).status, 200)
  assert.equal(api.journal.length, 1)
})

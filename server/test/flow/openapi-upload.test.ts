import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { documentBytesMax } from '../../src/base/limits.ts'
import { textOf } from '../agent.ts'
import { documentOf, openHttpApi, type HttpApi } from '../fake/http-api.ts'
import { openHouse, type House } from '../house.ts'
import { sendForm, sendUpload, textOn } from '../operator.ts'
import type { Person } from '../person.ts'

// An OpenAPI document that an administrator brings on a page: it decides no more than an address that is proposed there.

const reason = 'for a test'
const text = { type: 'string' }
const item = (method: string, path = '/items/{id}') => ({
  [path]: {
    [method]: { operationId: 'item', parameters: [{ name: 'id', in: 'path', required: true, schema: text }] },
  },
})

interface Opened {
  api: HttpApi
  house: House
  ada: Person
  bob: Person
  proposal: Record<string, string>
}

async function openAll(t: TestContext, yaml: (api: HttpApi) => string = () => ''): Promise<Opened> {
  const api = await openHttpApi()
  t.after(() => api.close())
  const house = await openHouse(t, { reach: [api.url], yaml: yaml(api), env: { UPSTREAM_SECRET: 'a secret' } })
  const [ada, bob] = [await house.person('Ada', ['administer']), await house.person('Bob', ['administer'])]
  return { api, house, ada, bob, proposal: { name: 'shop', purpose: 'the pets', ownerId: ada.principal.id, reason } }
}

async function propose({ ada, proposal }: Opened, document: object | string, more: Record<string, string> = {}) {
  const openapi = typeof document === 'string' ? document : JSON.stringify(document)
  const page = await ada.browser.open('/upstreams/new')
  return sendUpload(ada, page, { to: '/upstreams', ...proposal, ...more, files: { openapi } })
}

async function approve({ house, ada, bob }: Opened): Promise<void> {
  const { inventory, gateway } = house.rooms
  await inventory.stepUpstream({ by: ada.principal.id, name: 'shop', to: 'in_review', reason })
  await gateway.look((await inventory.findUpstream('shop'))!)
  await inventory.stepUpstream({ by: bob.principal.id, name: 'shop', to: 'approved', reason })
  const tools = await inventory.listTools('shop')
  const digests = Object.fromEntries(tools.map((tool) => [tool.name, tool.liveDigest!]))
  await inventory.pinTools({ by: bob.principal.id, upstream: 'shop', digests, reason })
}

/** A house in which the operation is served, and Ana's client that has it. */
async function openServed(t: TestContext) {
  const opened = await openAll(t)
  await propose(opened, documentOf(opened.api.url, item('get')))
  await approve(opened)
  const ana = await opened.house.person('ana', ['shop/item'])
  return { ...opened, agent: await ana.connect('shop', 'all') }
}

test('a document that is uploaded is kept, shown to the reviewer by its digest and its address, and served', async (t) => {
  const opened = await openAll(t)
  const { api, house, ada } = opened
  const page = await propose(opened, documentOf(api.url, item('get')))
  assert.equal(page.status, 200)
  assert.ok(textOn(page).includes(`${api.url}/v1 , by an uploaded OpenAPI document`), textOn(page))
  const withheld = textOn(await sendForm(ada, page, { to: '/upstreams/shop/look' }))
  assert.match(withheld, /new, withheld [^⟨]*GET \/items\/\{id\}/)
  await approve(opened)
  const shown = textOn(await ada.browser.open('/upstreams/shop'))
  assert.match(shown, new RegExp(`1 operations at ${api.url}/v1`))
  assert.match(shown, /document with the digest sha256:[0-9a-f]{64}/)
  const [proposed] = await house.changes('upstream.proposed')
  assert.match(JSON.stringify(proposed!.details), /"digest":"[0-9a-f]{64}"/)

  const ana = await house.person('ana', ['shop/item'])
  const agent = await ana.connect('shop', 'all')
  assert.match(textOf(await agent.call('item', { id: 'a1' })), /"url":"\/v1\/items\/a1"/)
})

test('a document that replaces it moves no call elsewhere, and what it changes is withheld', async (t) => {
  const { api, house, ada, agent } = await openServed(t)
  const replace = async (document: object) =>
    sendUpload(ada, await ada.browser.open('/upstreams/shop'), {
      to: '/upstreams/shop/document',
      reason,
      files: { openapi: JSON.stringify(document) },
    })

  const same = await replace(documentOf(api.url, item('get')))
  assert.deepEqual([same.status, /has exactly this document/.test(textOn(same))], [409, true])
  // Elsewhere, by its own word, with one operation more: the calls stay where the proposal was.
  await replace(documentOf('https://evil.example', { ...item('get'), '/more': { get: { operationId: 'more' } } }))
  await agent.call('item', { id: 'a2' })
  assert.deepEqual(
    api.journal.map(({ method, url }) => `${method} ${url}`),
    ['GET /v1/items/a2'],
  )
  const pinOf = async (tool: string) =>
    (await house.rooms.inventory.listTools('shop')).find(({ name }) => name === tool)?.pin
  assert.deepEqual([await pinOf('item'), await pinOf('more')], ['pinned', 'new'])

  const changed = await replace(documentOf(api.url, item('delete')))
  assert.match(textOn(changed), /The document is replaced/)
  assert.equal(await pinOf('item'), 'drifted')
  assert.notEqual((await agent.call('item', { id: 'a3' })).status, 200)
  assert.equal(api.journal.length, 1)
  assert.equal((await house.changes('upstream.document_replaced')).length, 2)
})

test('between a replaced document and the look at it, what was accepted is not called as something else', async (t) => {
  const { api, house, ada, agent } = await openServed(t)
  await agent.call('item', { id: 'a1' })
  const document = JSON.stringify(documentOf(api.url, item('delete')))
  await house.rooms.inventory.replaceDocument({ by: ada.principal.id, name: 'shop', document, reason })
  const told = await agent.call('item', { id: 'a2' })
  assert.match(textOf(told), /^Nothing was sent: what this tool does has just changed/)
  assert.deepEqual(
    api.journal.map(({ method }) => method),
    ['GET'],
  )
})

test('who comes with the upstream as it was a moment ago does not bring back the document of before', async (t) => {
  const opened = await openAll(t)
  const { api, house, ada } = opened
  await propose(opened, documentOf(api.url, item('get')))
  await approve(opened)
  const agent = await (await house.person('ana', ['shop/item'])).connect('shop', 'all')
  const { inventory, gateway } = house.rooms
  const before = (await inventory.findUpstream('shop'))!
  const document = JSON.stringify(documentOf(api.url, { ...item('get'), '/more': { get: { operationId: 'more' } } }))
  house.clock.pass(1_000)
  await inventory.replaceDocument({ by: ada.principal.id, name: 'shop', document, reason })
  await gateway.look(before)
  assert.match(textOf(await agent.call('item', { id: 'a1' })), /"url":"\/v1\/items\/a1"/)
})

const unusable: Record<string, [object | string, RegExp]> = {
  'a reference that leads out of it': [
    { openapi: '3.1.0', servers: [{ url: 'https://a.example' }], paths: { '/a': { $ref: 'https://b.example/x' } } },
    /refers to https:\/\/b\.example\/x \(at #\/paths\/~1a\/\$ref \)/,
  ],
  'no server': [{ openapi: '3.1.0', paths: item('get') }, /no absolute server \(at #\/servers\/0\/url \)/],
  'no operation': [{ openapi: '3.1.0', servers: [{ url: 'https://a.example' }] }, /has no operation \(at #\/paths \)/],
  'no operation that can be a tool': [
    documentOf('https://a.example', { '/a': { get: { servers: [{ url: 'https://b.example' }] } } }),
    /none of its 1 operations can be a tool; of GET \/a: it names a server of its own/,
  ],
  'a colon too few': ['{"openapi": "3.1.0",\n "paths" {}}', /neither JSON nor YAML: .*line 2 column 10/],
}

for (const [what, [document, why]] of Object.entries(unusable)) {
  test(`a document with ${what} is refused: the form is shown again with what was filled in, and where the fault is`, async (t) => {
    const opened = await openAll(t)
    const page = await propose(opened, document)
    assert.equal(page.status, 400)
    assert.match(textOn(page), why)
    assert.match(page.text, /role="alert"/)
    assert.match(page.text, /name="name"\s+value="shop"/)
    assert.match(page.text, /the pets<\/textarea/)
    assert.equal(await opened.house.rooms.inventory.findUpstream('shop'), undefined)
    const mended = await opened.ada.browser.submit(
      page,
      { purpose: 'the pets' },
      { to: '/upstreams', files: { openapi: JSON.stringify(documentOf(opened.api.url, item('get'))) } },
    )
    assert.equal(mended.status, 200)
  })
}

test('where the API is may be said beside the document, which then has no say', async (t) => {
  const opened = await openAll(t)
  const page = await propose(opened, documentOf('https://elsewhere.example', item('get')), {
    server: `${opened.api.url}/v2`,
  })
  assert.ok(textOn(page).includes(`${opened.api.url}/v2 , by an uploaded`), textOn(page))
  const two = await propose(opened, documentOf(opened.api.url, item('get')), {
    name: 'other',
    url: 'https://a.example',
  })
  assert.match(textOn(two), /one of them/)
})

test('a file that is too large, or no text, is refused with a page that says so', async (t) => {
  const opened = await openAll(t)
  const large = await propose(opened, `{"x":"${'x'.repeat(documentBytesMax + 100_000)}"}`)
  assert.deepEqual([large.status, /cannot take a file of more than 16 MiB/i.test(textOn(large))], [413, true])
  const { ada, proposal, house } = opened
  const to = new URL('/upstreams', house.origin)
  const unannounced = await fetch(to, {
    method: 'POST',
    headers: {
      cookie: ada.browser.cookieFor(to),
      accept: 'text/html',
      'content-type': 'multipart/form-data; boundary=x',
    },
    body: ReadableStream.from(Array.from({ length: 18 }, () => new Uint8Array(1024 * 1024))),
    duplex: 'half',
  })
  assert.deepEqual([unannounced.status, /more than 16 MiB/.test(await unannounced.text())], [413, true])
  const binary = await sendUpload(ada, await ada.browser.open('/upstreams/new'), {
    to: '/upstreams',
    ...proposal,
    files: { openapi: new Uint8Array([0xff, 0xfe, 0x00]) },
  })
  assert.deepEqual([binary.status, /no text in UTF-8/.test(textOn(binary))], [400, true])
  const yaml = await propose(opened, `openapi: 3.1.0\nx: ${'x'.repeat(1024 * 1024)}\n`)
  assert.match(textOn(yaml), /give it as JSON/)
})

test('uploads are for administrators, and from our own pages', async (t) => {
  const opened = await openAll(t)
  const { house, ada, proposal } = opened
  const ana = await house.person('ana', [])
  const page = await ada.browser.open('/upstreams/new')
  const form = new FormData()
  for (const [name, value] of Object.entries(proposal)) form.append(name, value)
  form.append('openapi', new File([JSON.stringify(documentOf('https://a.example', item('get')))], 'a.json'))
  const to = new URL('/upstreams', house.origin)
  const foreign = await ada.browser.post(to, form, { site: 'cross-site', origin: 'https://evil.example' })
  assert.equal(foreign.status, 403)
  assert.doesNotMatch(foreign.text, /the pets/)
  const unsigned = await ana.browser.post(to, form, { site: 'same-origin', origin: page.url.origin })
  assert.equal(unsigned.status, 403)
  assert.equal(await house.rooms.inventory.findUpstream('shop'), undefined)
})

test('programs bring a document by the same action of the API', async (t) => {
  const { house, ada, api, proposal } = await openAll(t)
  const { key } = await house.rooms.identity.makeOperatorKey({ principal: ada.principal, label: 'test' })
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const answer = await fetch(`${house.origin}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  // Larger than what other actions take.
  const padded = { ...documentOf(api.url, item('get')), 'x-padding': 'x'.repeat(5 * 1024 * 1024) }
  const made = await post('/upstreams', { ...proposal, openapi: JSON.stringify(padded) })
  assert.deepEqual(made, { status: 200, body: { name: 'shop' } })
  const wrong = await post('/upstreams/shop/document', { openapi: '{}', reason })
  assert.deepEqual([wrong.status, wrong.body['code']], [400, 'gateway.document_unusable'])
  assert.equal((await post('/upstreams/shop/look', { name: 'x'.repeat(5 * 1024 * 1024) })).status, 413)
})

test('who brings a document under a name of `onBehalf` gets nobody’s token, unless its address is the one that stands there', async (t) => {
  const faultWith = async (more: (api: HttpApi) => object) => {
    const opened = await openAll(t, (api) => {
      const issuer = 'https://as.example'
      const entry = { way: 'assertion', issuer, client: { id: 'us', secretEnv: 'UPSTREAM_SECRET' }, ...more(api) }
      return `onBehalf: ${JSON.stringify({ shop: entry })}\n`
    })
    await propose(opened, documentOf(opened.api.url, item('get')))
    await approve(opened)
    const agent = await (await opened.house.person('ana', ['shop/item'])).connect('shop', 'all')
    const { error } = await agent.call('item', { id: 'a1' })
    assert.deepEqual(opened.api.journal, [])
    return error?.data?.['fault']
  }
  // As for a document of the configuration, which says where its API is.
  assert.equal(await faultWith(() => ({})), 'gateway.launch_unknown')
  assert.equal(await faultWith(() => ({ url: 'https://other.example' })), 'gateway.launch_unknown')
  // There the token is asked for, which nobody gives in this test.
  assert.equal(await faultWith((api) => ({ url: `${api.url}/v1` })), 'gateway.exchange_failed')
})

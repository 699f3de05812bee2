import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchDocument } from '../../base/document.ts'
import { Fault } from '../../base/fault.ts'
import { MetadataDocuments } from './metadata-document.ts'

const id = 'https://client.example/oauth/client.json'
const good = { client_id: id, client_name: 'Editor', redirect_uris: ['http://127.0.0.1/cb'] }

interface Answer {
  status?: number
  type?: string
  cache?: string
  body?: unknown
}

function documents(answer: () => Answer | Promise<Answer>, options: { hosts?: string[]; plain?: string[] } = {}) {
  const asked: string[] = []
  const fetch: FetchDocument = async (url) => {
    asked.push(url)
    const { status = 200, type = 'application/json', cache, body = good } = await answer()
    const headers = new Headers({ 'content-type': type })
    if (cache !== undefined) headers.set('cache-control', cache)
    return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
  }
  return {
    asked,
    documents: new MetadataDocuments({ fetch, hosts: options.hosts ?? ['*'], plain: options.plain ?? [] }),
  }
}

const unusable = (error: unknown) => error instanceof Fault && error.code === 'oauth.document_unusable'

test('a document that says what it must is read', async () => {
  const read = await documents(() => ({})).documents.read(id)
  assert.ok('metadata' in read)
  const { metadata, freshForSeconds } = read
  assert.equal(metadata.client_name, 'Editor')
  assert.equal(metadata.token_endpoint_auth_method, 'none')
  assert.deepEqual(metadata.redirect_uris, good.redirect_uris)
  assert.equal(freshForSeconds, 300)
})

test('a document that is not there, not JSON, too large or about another client is refused', async () => {
  const answers: Answer[] = [
    { status: 404 },
    { status: 302 },
    { status: 204 },
    { status: 304 },
    { type: 'text/html' },
    { type: 'application/jsonp' },
    { body: '{' },
    { body: '[]' },
    { body: 'null' },
    { body: `{"client_id":"${id}","client_id":"${id}","client_name":"x","redirect_uris":["http://127.0.0.1/"]}` },
    { body: { ...good, client_id: `${id}?x` } },
    { body: { ...good, client_id: undefined } },
    { body: { ...good, client_name: undefined } },
    { body: { ...good, client_name: '  ' } },
    { body: { ...good, padding: 'x'.repeat(5_120) } },
  ]
  for (const answer of answers) {
    await assert.rejects(documents(() => answer).documents.read(id), unusable, JSON.stringify(answer).slice(0, 80))
  }
  const secret = documents(() => ({ body: { ...good, client_secret: 'x' } })).documents.read(id)
  await assert.rejects(secret, (error) => error instanceof Fault && error.code === 'oauth.client_invalid')
})

test('a host that is silent is told from one that says no', async () => {
  const silent = (error: unknown) => error instanceof Fault && error.code === 'oauth.document_unreachable'
  for (const status of [500, 503, 429]) await assert.rejects(documents(() => ({ status })).documents.read(id), silent)
  const down = documents(() => Promise.reject(new TypeError('connect refused'))).documents
  await assert.rejects(down.read(id), silent)
})

test('a failure is not remembered: the next reading asks again', async () => {
  let down = true
  const { documents: read, asked } = documents(() => {
    if (down) throw new TypeError('connect refused')
    return {}
  })
  await assert.rejects(read.read(id), Fault)
  down = false
  await read.read(id)
  assert.equal(asked.length, 2)
})

test('readings of one document at once are one fetch, and there are never many fetches at once', async () => {
  const gate = Promise.withResolvers<Answer>()
  const { documents: read, asked } = documents(() => gate.promise)
  const same = [read.read(id), read.read(id), read.read(id)]
  assert.equal(asked.length, 1)
  const others = Array.from({ length: 7 }, (_, at) => read.read(`https://client.example/${at}`))
  assert.throws(
    () => read.read('https://client.example/8'),
    (error) => error instanceof Fault && error.code === 'base.busy',
  )
  gate.resolve({})
  await Promise.all(same)
  assert.equal((await Promise.allSettled(others)).length, 7)
  await read.read(id)
})

test('its host says for how long it may be believed, within bounds', async () => {
  const cases: [string, number][] = [
    ['max-age=600', 600],
    ['public, max-age=10', 60],
    ['max-age=99999999', 86_400],
    ['no-store', 60],
    ['no-cache, max-age=600', 60],
    ['s-maxage=4000', 300],
  ]
  for (const [cache, seconds] of cases) {
    assert.equal((await documents(() => ({ cache })).documents.read(id)).freshForSeconds, seconds, cache)
  }
})

test('only an https address in its normal form, with a path, can be a client id', () => {
  const { documents: read } = documents(() => ({}))
  for (const served of [
    id,
    'https://client.example:8443/c',
    'https://client.example/c?v=1',
    'https://a.b.example/x/',
  ]) {
    assert.ok(read.serves(served), served)
  }
  const refused = [
    '',
    'client',
    'http://client.example/c',
    'https://client.example',
    'https://client.example/',
    'https://client.example/a/../c',
    'https://client.example/a/%2e%2e/c',
    'https://client.example/a%2fb',
    'https://client.example/c#f',
    'https://client.example/c#',
    'https://user@client.example/c',
    'https://client.example:443/c',
    'https://CLIENT.example/c',
    'HTTPS://client.example/c',
    'https://client.example./c',
    'https:/client.example/c',
    'https://client.example\\c',
    'https://client.example/c d',
    ' https://client.example/c',
    'ftp://client.example/c',
    'http://127.0.0.1:9000/c',
    `https://client.example/${'c'.repeat(1_024)}`,
  ]
  for (const clientId of refused) assert.ok(!read.serves(clientId), clientId)
})

test('a policy of hosts and the private destinations of the configuration decide whose documents are read', () => {
  const { documents: read } = documents(() => ({}), {
    hosts: ['claude.ai', '*.corp.example'],
    plain: ['localhost:9000'],
  })
  assert.ok(read.serves('https://claude.ai/c'))
  assert.ok(read.serves('https://a.b.corp.example/c'))
  for (const id of [
    'https://corp.example/c',
    'https://evilcorp.example/c',
    'https://xclaude.ai/c',
    'https://claude.ai.evil.example/c',
  ]) {
    assert.ok(!read.serves(id), id)
  }
  const open = documents(() => ({}), { plain: ['localhost:9000'] }).documents
  assert.ok(open.serves('http://localhost:9000/c'))
  assert.ok(!open.serves('http://localhost:9001/c'))
})

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { documentOf, openHttpApi, shopComponents, shopPaths, type HttpApi } from '../../../test/fake/http-api.ts'
import { openReceipts } from '../../../test/receipts.ts'
import { callOf, collect, connectUpstream, resultOf, type Connection } from '../../../test/upstream-client.ts'
import { probeUpstream } from '../probe.ts'
import type { UpstreamNeeds } from './upstream-kind.ts'

// What is true of APIs alone; what is true of every kind stands in server/test/contract/upstream.test.ts.
const receipts = await openReceipts()
after(() => receipts.close())
const never = new AbortController().signal

interface Shop extends Connection {
  api: HttpApi
  call(name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>
}

async function openShop(
  t: TestContext,
  more: { credential?: UpstreamNeeds['credential']; api?: HttpApi; document?: Record<string, unknown> } = {},
): Promise<Shop> {
  const api = more.api ?? (await openHttpApi())
  if (more.api === undefined) t.after(() => api.close())
  api.describe(documentOf(api.url, shopPaths, shopComponents))
  const opened = connectUpstream(t, { kind: 'openapi', file: api.file, server: undefined }, more)
  if (more.document !== undefined) api.describe(more.document)
  const call = async (name: string, args: Record<string, unknown> = {}) =>
    resultOf((await collect(await opened.connection.send(await receipts.next(), callOf(name, { args }), never))).answer)
  return { ...opened, api, call }
}

function textOf(result: Record<string, unknown>): string {
  return (result['content'] as { text: string }[])[0]!.text
}

test('each operation is a tool: its name fits every client, its description says where it goes', async (t) => {
  const { connection } = await openShop(t)
  const { definitions, learnt } = await probeUpstream(connection)
  const byName = new Map(definitions.map((one) => [(one as { name: string }).name, one as Record<string, unknown>]))
  assert.deepEqual(
    [...byName.keys()],
    ['pets_get', 'pets_update', 'pets_delete', 'listPets', 'create-pet', 'picture', 'list', 'away', 'open', 'denied'],
  )
  assert.match(String(byName.get('pets_delete')!['description']), /Deletes: DELETE \/pets\/\{petId\}$/)
  assert.deepEqual(byName.get('pets_get')!['annotations'], {
    readOnlyHint: true,
    destructiveHint: false,
    openWorldHint: true,
  })
  assert.deepEqual([learnt.serverName, learnt.serverVersion, learnt.instructions], ['fake-api', '1.2.3', 'Be kind.'])
})

test('a body is one argument with its schema: what only the API sets is not in it, and what refers to itself is cut', async (t) => {
  const { connection } = await openShop(t)
  const { definitions } = await probeUpstream(connection)
  const update = definitions.find((one) => (one as { name: string }).name === 'pets_update')
  assert.deepEqual((update as { inputSchema: unknown }).inputSchema, {
    type: 'object',
    properties: {
      petId: { type: 'string' },
      body: {
        type: 'object',
        properties: { name: { type: ['string', 'null'] }, parent: { type: 'object' } },
        required: ['name'],
      },
    },
    required: ['petId', 'body'],
    additionalProperties: false,
  })
})

test('what cannot be sent without doubt is left out, and says why', async (t) => {
  const { connection, api } = await openShop(t)
  const [first, second, ...leftOut] = (await connection.learn(never)).runs ?? []
  assert.equal(first, `10 operations at ${api.url}/v1`)
  assert.match(second!, /^document with the digest sha256:[0-9a-f]{64}$/)
  assert.deepEqual(leftOut, [
    'left out: POST /upload: its parts are not described',
    'left out: GET /elsewhere: it names a server of its own',
    'left out: GET /cookie: its parameter `sid` is a cookie',
  ])
})

test('parameters stand where the document says, in its style, encoded', async (t) => {
  const { call, api } = await openShop(t)
  await call('pets_get', { petId: 'a b&c', fields: ['x,y', 'z'] })
  await call('listPets', { tag: ['a', 'b&c=d'], ids: ['1', '2'], filter: { age: 3 }, 'X-Trace': 'abc' })
  assert.deepEqual(
    api.journal.map(({ method, url }) => `${method} ${url}`),
    ['GET /v1/pets/a%20b%26c?fields=x%2Cy,z', 'GET /v1/pets?tag=a&tag=b%26c%3Dd&ids=1%7C2&filter%5Bage%5D=3'],
  )
  assert.equal(api.journal[1]!.headers['x-trace'], 'abc')
})

test('bodies are JSON in canonical form, or a form', async (t) => {
  const { call, api } = await openShop(t)
  await call('pets_update', { petId: '1', body: { name: 'Rex', age: 2 } })
  await call('create-pet', { body: { name: 'R&x', tags: ['a', 'b'], owner: { name: { first: 'Ana' } } } })
  assert.deepEqual(
    api.journal.map(({ headers }) => headers['content-type']),
    ['application/json', 'application/x-www-form-urlencoded'],
  )
  assert.equal(api.journal[0]!.body, '{"age":2,"name":"Rex"}')
  assert.deepEqual(api.journal[1]!.body.split('&').toSorted(), [
    'name=R%26x',
    'owner%5Bname%5D%5Bfirst%5D=Ana',
    'tags=a',
    'tags=b',
  ])
})

test('a file arrives with its name, its type and its bytes, beside the fields; a body may be a file, or text, alone', async (t) => {
  const api = await openHttpApi()
  t.after(() => api.close())
  const post = (operationId: string, mediaType: string, schema: object = {}) => ({
    post: { operationId, requestBody: { content: { [mediaType]: { schema } } } },
  })
  const form = {
    type: 'object',
    properties: { note: { type: 'string' }, picture: { type: 'string', format: 'binary' } },
  }
  const paths = {
    '/parts': post('parts', 'multipart/form-data', form),
    '/bytes': post('bytes', 'application/octet-stream'),
    '/text': post('text', 'text/plain'),
  }
  const { call } = await openShop(t, { api, document: documentOf(api.url, paths) })
  const bytes = Buffer.from([0, 255, 13, 10, 45, 45, 128])
  const picture = { filename: 'ü.png', base64: bytes.toString('base64') }
  await call('parts', { body: { note: 'über', picture } })
  await call('bytes', { body: bytes.toString('base64') })
  await call('text', { body: 'über' })
  const [parts, alone, text] = api.journal
  const heard = await new Response(new Uint8Array(parts!.bytes), {
    headers: { 'content-type': parts!.headers['content-type']! },
  }).formData()
  assert.equal(heard.get('note'), 'über')
  const file = heard.get('picture') as File
  assert.deepEqual([file.name, file.type], ['ü.png', 'application/octet-stream'])
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), bytes)
  assert.deepEqual([alone!.headers['content-type'], alone!.bytes], ['application/octet-stream', bytes])
  assert.deepEqual([text!.headers['content-type'], text!.body], ['text/plain; charset=utf-8', 'über'])
  assert.equal((await call('bytes', { body: 'no base64' }))['isError'], true)
  assert.equal(api.journal.length, 3)
})

test('arguments that would leave their place are told to the model, and nothing is sent', async (t) => {
  const { call, api } = await openShop(t)
  for (const petId of ['..', '.', '', 'a/b', 'a\\b', '%2e%2e', 'a%2Fb', 'a\nb', '\ud800', null, undefined, {}]) {
    const result = await call('pets_delete', { petId })
    assert.equal(result['isError'], true, JSON.stringify(petId))
    assert.match(textOf(result), /^Nothing was sent: `petId`/)
  }
  for (const trace of ['a\r\nHost: evil', ' a', 'ü']) {
    assert.equal((await call('listPets', { 'X-Trace': trace }))['isError'], true)
  }
  assert.equal((await call('listPets', { filter: { 'a]&b': 1 } }))['isError'], true)
  assert.deepEqual(api.journal, [])
})

test('a tool that the document does not have is an error, and nothing is sent', async (t) => {
  const { connection, api } = await openShop(t)
  const { answer } = await collect(await connection.send(await receipts.next(), callOf('upload'), never))
  assert.deepEqual(answer, { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'unknown tool' } })
  assert.deepEqual(api.journal, [])
})

test('an answer passes by what it is: JSON with its digits, a list, text, a picture, nothing', async (t) => {
  const { call } = await openShop(t)
  assert.deepEqual(await call('list'), {
    content: [{ type: 'text', text: '[1,2]' }],
    structuredContent: { result: [1, 2] },
  })
  assert.deepEqual(await call('picture'), { content: [{ type: 'image', data: 'AQID', mimeType: 'image/png' }] })
  assert.deepEqual(await call('pets_delete', { petId: '1' }), { content: [{ type: 'text', text: 'status 204' }] })
})

test('redirects are not followed', async (t) => {
  const { call, api } = await openShop(t)
  const result = await call('away')
  assert.equal(result['isError'], true)
  assert.match(textOf(result), /redirects are not followed/)
  assert.equal(api.journal.length, 1)
})

test('a credential goes where the document says that a key of its name is, and not where it says that none is needed', async (t) => {
  const values = { api_key: 'k&1', Authorization: 'Bearer t' }
  const named: string[] = []
  const credential: UpstreamNeeds['credential'] = async (request) => {
    named.push(`${request?.method} ${request?.url.pathname}`)
    return { placement: 'headers', values }
  }
  const { call, api } = await openShop(t, { credential })
  await call('listPets', { tag: ['a'] })
  await call('open')
  assert.deepEqual(
    api.journal.map(({ url, headers }) => [url, headers.authorization, headers['api_key']]),
    [
      ['/v1/pets?tag=a&api_key=k%261', 'Bearer t', undefined],
      ['/v1/open', undefined, undefined],
    ],
  )
  assert.deepEqual(named, ['GET /v1/pets'], 'which request it is for: a proof is good for no other')
})

test('a credential that is not accepted is a fault of the set-up, not an answer', async (t) => {
  const { connection } = await openShop(t)
  const sent = connection.send(await receipts.next(), callOf('denied'), never)
  await assert.rejects(sent, { code: 'gateway.upstream_refused' })
})

const unusable: Record<string, [Record<string, unknown> | string, RegExp]> = {
  'Swagger 2': [{ swagger: '2.0', paths: {} }, /not OpenAPI 3\.0 or 3\.1 but Swagger 2 \(at `#\/swagger`\)/],
  'an unknown version': [{ openapi: '4.0.0', paths: {} }, /not OpenAPI/],
  'a reference to another host': [
    { openapi: '3.1.0', paths: { '/a': { $ref: 'https://169.254.169.254/a.json' } } },
    /\(at `#\/paths\/~1a\/\$ref`\): references may lead only inside/,
  ],
  'a reference to a file': [
    { openapi: '3.1.0', paths: {}, components: { schemas: { A: { $ref: '../../etc/passwd' } } } },
    /\(at `#\/components\/schemas\/A\/\$ref`\): references may lead only inside/,
  ],
  'no server': [{ openapi: '3.1.0', paths: {} }, /names no absolute server \(at `#\/servers\/0\/url`\)/],
  'a server with a user': [
    { openapi: '3.1.0', servers: [{ url: 'https://u:p@api.example.com' }], paths: {} },
    /user, a query or a fragment/,
  ],
}

for (const [what, [document, why]] of Object.entries(unusable)) {
  test(`a document with ${what} is refused whole, and says why`, async (t) => {
    const { connection } = await openShop(t, { document: document as Record<string, unknown> })
    await assert.rejects(connection.learn(never), (error: Error & { code?: string; detail?: string }) => {
      assert.equal(error.code, 'gateway.upstream_unreachable')
      assert.match(error.detail ?? '', why)
      return true
    })
  })
}

test('a document that changed is read anew with the next look', async (t) => {
  const { connection, api } = await openShop(t)
  assert.equal((await probeUpstream(connection)).definitions.length, 10)
  api.describe(documentOf(api.url, { '/one': { get: { operationId: 'one' } } }))
  const { definitions } = await probeUpstream(connection)
  assert.deepEqual(
    definitions.map((one) => (one as { name: string }).name),
    ['one'],
  )
})

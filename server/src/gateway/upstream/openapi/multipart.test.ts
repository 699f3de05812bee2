import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../../base/json.ts'
import { readApi } from './api.ts'
import { buildRequest } from './request.ts'
import { CannotWrite } from './write.ts'

// Bodies with parts, read back by the reader of the platform, which shares nothing with what writes them.

const text = { type: 'string' }
const binary = { type: 'string', format: 'binary' }

function apiOf(schema: object, more: { encoding?: object; openapi?: string } = {}) {
  const media = { schema, ...(more.encoding !== undefined && { encoding: more.encoding }) }
  const post = { operationId: 'send', requestBody: { required: true, content: { 'multipart/form-data': media } } }
  const servers = [{ url: 'https://api.example.com' }]
  const api = readApi(
    JSON.stringify({ openapi: more.openapi ?? '3.1.0', servers, paths: { '/a': { post } } }),
    undefined,
  )
  return { tool: api.tools.get('send'), why: api.leftOut[0]?.why }
}

const all = apiOf(
  {
    type: 'object',
    required: ['title'],
    properties: {
      title: text,
      tags: { type: 'array', items: text },
      meta: { type: 'object' },
      id: { type: 'integer', readOnly: true },
      file: binary,
      files: { type: 'array', items: binary },
      table: text,
      icon: { description: 'A picture.' },
    },
  },
  { encoding: { table: { contentType: 'text/csv' }, icon: { contentType: 'image/png, image/webp' } } },
).tool!

function build(body: unknown) {
  const { headers, body: bytes } = buildRequest(all.operation, { body })
  return { type: headers['content-type']!, bytes: bytes as Buffer }
}

async function partsOf(body: unknown): Promise<[string, unknown][]> {
  const { type, bytes } = build(body)
  const heard = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData()
  const shown = [...heard].map(async ([name, value]): Promise<[string, unknown]> => [
    name,
    typeof value === 'string'
      ? value
      : [value.name, value.type, Buffer.from(await value.arrayBuffer()).toString('hex')],
  ])
  return Promise.all(shown)
}

test('a file is an argument with its name and either its text or its bytes; what only the API sets is none', () => {
  const { properties } = all.definition['inputSchema'] as {
    properties: { body: { properties: Record<string, unknown> } }
  }
  const file = {
    filename: text,
    text: { type: 'string', description: 'what is in it, where that is text' },
    base64: { type: 'string', contentEncoding: 'base64', description: 'what is in it, where that is not text' },
  }
  const { icon, files, ...others } = properties.body.properties
  assert.deepEqual(others['file'], { type: 'object', properties: file, additionalProperties: false })
  assert.deepEqual(files, { type: 'array', items: others['file'] })
  assert.deepEqual(icon, {
    type: 'object',
    description: 'A picture.',
    properties: { ...file, type: { type: 'string', enum: ['image/png', 'image/webp'] } },
    additionalProperties: false,
  })
  assert.deepEqual(Object.keys(others), ['title', 'tags', 'meta', 'file', 'table'])
})

test('fields, lists, objects and files are parts of their names, in the order of the document', async () => {
  const body = {
    files: [{ text: 'one' }, { filename: 'b.bin', base64: 'AAEC' }],
    icon: { filename: 'i', base64: 'AQ==', type: 'image/webp' },
    meta: { b: 1, a: [true] },
    table: 'a,b\r\nc',
    tags: ['x', 'y'],
    title: 'a title',
  }
  assert.deepEqual(await partsOf(body), [
    ['title', 'a title'],
    ['tags', 'x'],
    ['tags', 'y'],
    ['meta', '{"a":[true],"b":1}'],
    ['files', ['file', 'text/plain; charset=utf-8', Buffer.from('one').toString('hex')]],
    ['files', ['b.bin', 'application/octet-stream', '000102']],
    ['table', 'a,b\r\nc'],
    ['icon', ['i', 'image/webp', '01']],
  ])
  assert.match(build(body).bytes.toString('latin1'), /name="table"\r\nContent-Type: text\/csv\r\n\r\na,b/)
})

test('the same arguments are the same bytes, whatever their order; others have another boundary', () => {
  const one = build({ title: 'a', meta: { x: 1, y: 2 } })
  assert.deepEqual(build({ meta: { y: 2, x: 1 }, title: 'a' }), one)
  assert.notEqual(build({ title: 'b' }).type, one.type)
})

test('whatever is in the parts, they are read as what was given, and no part is added', async () => {
  const near = fc.array(
    fc.constantFrom('\r\n', '--', 'part-', 'a', '"', ';', 'Content-Disposition: form-data; name="x"', '\r\n\r\n'),
  )
  const content = fc.oneof(
    fc.string({ unit: 'binary' }).filter((one) => one.isWellFormed()),
    near.map((parts) => parts.join('')),
  )
  const bytes = fc.oneof(
    fc.uint8Array(),
    content.map((one) => Buffer.from(one)),
  )
  const filename = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a"; name="x', 'a\r\nX: y', '..', 'ü', 'a b', 'a\\', '%22', 'a%'),
  )
  let sent = 0
  await fc.assert(
    fc.asyncProperty(content, bytes, filename, async (title, raw, name) => {
      const body = { title, file: { filename: name, base64: Buffer.from(raw).toString('base64') } }
      let heard
      try {
        heard = await partsOf(body)
      } catch (error) {
        if (!(error instanceof CannotWrite)) throw error
        return
      }
      sent++
      const file = [name, 'application/octet-stream', Buffer.from(raw).toString('hex')]
      assert.deepEqual(heard, [
        ['title', title],
        ['file', file],
      ])
    }),
    { numRuns: 2_000 },
  )
  assert.ok(sent > 200, `only ${sent} could be sent at all`)
})

test('the boundary of another body is content like every other', async () => {
  const [, boundary] = build({ title: 'a' }).type.split('boundary=')
  const title = `\r\n--${boundary}\r\nContent-Disposition: form-data; name="meta"\r\n\r\n{}\r\n--${boundary}--\r\n`
  assert.deepEqual(await partsOf({ title }), [['title', title]])
})

const refused: Record<string, unknown> = {
  'no object': 'a',
  'a part that is not described': { title: 'a', admin: 'true' },
  'a missing part': { tags: ['a'] },
  'a part that only the API sets': { title: 'a', id: 1 },
  'a file that is a text': { title: 'a', file: 'AAEC' },
  'a file with both': { title: 'a', file: { text: 'a', base64: 'AA==' } },
  'a file with neither': { title: 'a', file: { filename: 'a' } },
  'bytes that are not base64': { title: 'a', file: { base64: 'AA' } },
  'bytes with an end that means nothing': { title: 'a', file: { base64: 'AB==' } },
  'bytes in the alphabet of addresses': { title: 'a', file: { base64: '-_-_' } },
  'a file with more than a file has': { title: 'a', file: { text: 'a', headers: 'x' } },
  'a filename that ends its header': { title: 'a', file: { filename: 'a"\r\nX: y', text: '' } },
  'a filename that leaves its folder': { title: 'a', file: { filename: '../a', text: '' } },
  'a filename that some would decode': { title: 'a', file: { filename: 'a%22', text: '' } },
  'a filename that is too long': { title: 'a', file: { filename: 'x'.repeat(256), text: '' } },
  'a media type that is not listed': { title: 'a', icon: { text: '', type: 'text/html' } },
  'half a character': { title: '\ud800' },
}

for (const [what, body] of Object.entries(refused)) {
  test(`a body with ${what} is not sent`, () => {
    assert.throws(() => build(body), CannotWrite)
  })
}

test('many small parts do not make a large body', () => {
  assert.throws(() => build({ title: 'a', tags: Array.from({ length: 100_000 }, () => '') }), /too large/)
})

test('a file is what each version of the format says that a file is', () => {
  const isFile = (schema: object, encoding?: object) => {
    const of = { type: 'object', properties: { f: schema } }
    const { tool } = apiOf(of, encoding === undefined ? {} : { encoding: { f: encoding } })
    return tool!.operation.body!.body.kind === 'multipart' && tool!.operation.body!.body.parts.get('f')!.file
  }
  assert.equal(isFile(binary), true)
  assert.equal(isFile({ type: 'string', contentMediaType: 'image/png' }), true)
  assert.equal(isFile({}, { contentType: 'application/octet-stream' }), true)
  assert.equal(isFile(text, { contentType: 'image/*' }), true)
  assert.equal(isFile(text), false)
  assert.equal(isFile({ type: 'string', contentMediaType: 'image/png', contentEncoding: 'base64' }), false)
  assert.equal(isFile(text, { contentType: 'text/xml' }), false)
  assert.equal(isFile({ type: 'object' }, { contentType: 'image/png' }), false)
})

test('a media type of the document ends no header', () => {
  const encoding = { icon: { contentType: 'image/png;\r\nx=y, image/webp' } }
  const { tool } = apiOf({ type: 'object', properties: { icon: {} } }, { encoding })
  const body = buildRequest(tool!.operation, { body: { icon: { text: '' } } }).body as Buffer
  assert.match(body.toString(), /\r\nContent-Type: image\/webp\r\n\r\n/)
})

test('an operation whose parts cannot be sent without doubt is left out, and says why', () => {
  const whyOf = (properties: object, encoding?: object, required = ['a"b', 'f', '_method']) =>
    apiOf({ type: 'object', properties, required }, encoding === undefined ? {} : { encoding }).why
  assert.equal(whyOf({}), 'its parts are not described')
  assert.match(whyOf({ 'a"b': text })!, /name that cannot be sent/)
  assert.match(whyOf({ _method: text })!, /name that cannot be sent/)
  assert.match(whyOf({ f: text }, { f: { style: 'deepObject' } })!, /style that is not served/)
  assert.match(whyOf({ f: text }, { f: { headers: { 'X-A': { required: true } } } })!, /headers of its own/)
  assert.equal(whyOf({ f: text, 'a"b': text }, undefined, ['f']), undefined)
})

test('a body in JSON says what it always said', () => {
  const post = { operationId: 'x', requestBody: { content: { 'application/json': { schema: {} }, 'text/plain': {} } } }
  const document = { openapi: '3.0.3', servers: [{ url: 'https://api.example.com' }], paths: { '/a': { post } } }
  const { operation } = readApi(JSON.stringify(document), undefined).tools.get('x')!
  assert.equal(buildRequest(operation, { body: { b: 1, a: 2 } }).body, canonicalJson({ a: 2, b: 1 }))
})

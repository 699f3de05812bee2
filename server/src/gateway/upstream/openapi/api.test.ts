import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readApi, toolNameMax } from './api.ts'
import { buildRequest } from './request.ts'
import { fitsTemplate } from './template.ts'
import { CannotWrite } from './write.ts'

const server = 'https://api.example.com/v1'
const text = { type: 'string' }
const inPath = (name: string, more: object = {}) => ({ name, in: 'path', required: true, schema: text, ...more })

function apiOf(paths: object, more: object = {}) {
  return readApi(
    JSON.stringify({ openapi: '3.1.0', info: { title: 'x' }, servers: [{ url: server }], paths, ...more }),
    undefined,
  )
}

function namesOf(paths: object): string[] {
  return [...apiOf(paths).tools.keys()]
}

const everywhere = apiOf({
  '/a/{one}/b/{two}.json/{three}': {
    post: {
      operationId: 'all',
      parameters: [
        inPath('one'),
        inPath('two', { schema: { type: 'array', items: text } }),
        inPath('three', { 'x-multi-segment': true }),
        { name: 'q', in: 'query', schema: text },
        { name: 'list', in: 'query', schema: { type: 'array', items: text } },
        { name: 'joined', in: 'query', explode: false, schema: { type: 'array', items: text } },
        { name: 'deep', in: 'query', style: 'deepObject', schema: { type: 'object' } },
        { name: 'json', in: 'query', content: { 'application/json': { schema: {} } } },
        { name: 'X-H', in: 'header', schema: text },
      ],
      requestBody: { content: { 'application/json': { schema: {} } } },
    },
  },
}).tools.get('all')!.operation

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '..',
    '.',
    '',
    '/',
    '//',
    '../..',
    '%2e%2e',
    '%2F',
    '?a=b',
    '#x',
    '@evil.example',
    ':80',
    '\\',
    'a/b',
    ' ',
    '\u0000',
  ),
  fc
    .array(
      fc.constantFrom(
        '.',
        '/',
        '%',
        '2',
        'e',
        'F',
        '?',
        '#',
        '&',
        '=',
        '[',
        ']',
        '\\',
        '@',
        ':',
        ';',
        ',',
        '\r',
        '\n',
        'ü',
        'a',
      ),
    )
    .map((parts) => parts.join('')),
)
const plain = fc.constantFrom('a', 'b c', 'ü&?', '1.2', 'a=b')
const scalar = fc.oneof(
  { arbitrary: plain, weight: 12 },
  nasty,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)

test('whatever the arguments are, the address is one that the template means, or nothing is sent', () => {
  const args = fc.record(
    {
      one: scalar,
      two: fc.oneof(scalar, fc.array(scalar)),
      three: scalar,
      q: scalar,
      list: fc.array(scalar),
      joined: fc.array(scalar),
      deep: fc.dictionary(nasty, fc.oneof(scalar, fc.array(scalar), fc.dictionary(nasty, scalar))),
      json: fc.jsonValue(),
      'X-H': scalar,
      body: fc.jsonValue(),
    },
    { requiredKeys: ['one', 'two', 'three'] },
  )
  let sent = 0
  fc.assert(
    fc.property(args, (given) => {
      try {
        const { url, headers } = buildRequest(everywhere, given)
        sent++
        // Said here once more, in other words than those of the code.
        assert.equal(url.origin, 'https://api.example.com')
        const steps = url.pathname.split('/')
        assert.equal(steps.length, 7)
        assert.deepEqual([steps[1], steps[2], steps[4]], ['v1', 'a', 'b'])
        assert.ok(steps[5]!.endsWith('.json'))
        for (const step of steps.slice(1)) assert.match(step, /^(?:[\w.~,-]|%[0-9A-F]{2})+$/)
        for (const step of steps.slice(1)) assert.ok(!/^(?:\.|%2e){1,2}$/i.test(step))
        assert.equal(decodeURIComponent(steps[3]!), Array.isArray(given.one) ? '' : String(given.one))
        for (const [name] of url.searchParams) assert.match(name, /^(?:q|list|joined|json|deep\[.*\])$/s)
        assert.deepEqual([url.hash, url.username, url.password], ['', '', ''])
        for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]+$/)
      } catch (error) {
        if (!(error instanceof CannotWrite)) throw error
      }
    }),
    { numRuns: 5_000 },
  )
  assert.ok(sent > 200, `only ${sent} could be sent at all`)
})

test('an address that was made otherwise does not pass the check', () => {
  const { template } = everywhere
  const good = `${server}/a/x/b/y.json/z`
  assert.ok(fitsTemplate(good, template))
  assert.ok(fitsTemplate(`${good}?q=1&deep%5Ba%5D%5Bb%5D=2`, template))
  const bad = [
    'https://evil.example/v1/a/x/b/y.json/z',
    'https://api.example.com@evil.example/v1/a/x/b/y.json/z',
    'http://api.example.com/v1/a/x/b/y.json/z',
    'https://api.example.com:8443/v1/a/x/b/y.json/z',
    `${server}/a/x/b/y.json`,
    `${server}/a/x/b/y.json/z/more`,
    `${server}/a/../b/y.json/z`,
    `${server}/a/%2e%2e/b/y.json/z`,
    `${server}/a/x%2Fy/b/y.json/z`,
    `${server}/a//b/y.json/z`,
    `${server}/a/x/c/y.json/z`,
    `${server}/a/x/b/y.xml/z`,
    `${good}?other=1`,
    `${good}?q[a]=1`,
    `${good}#fragment`,
    `${good}?q=1#fragment`,
    `${server}/a/x/b/y.json/..%2Fz`,
    `https://api.example.com/v2/a/x/b/y.json/z`,
  ]
  assert.deepEqual(
    bad.filter((one) => fitsTemplate(one, template)),
    [],
  )
})

test('names fit every client; those that would be one name carry a mark of their own place, whatever their order', () => {
  const operation = (operationId?: string) => ({ get: operationId === undefined ? {} : { operationId } })
  const long = 'x'.repeat(100)
  const paths = {
    '/a': operation('get item'),
    '/b': operation('get/item'),
    '/c': operation('GET_ITEM'),
    '/d': operation(),
    '/e': operation(long),
    '/f': operation('fine.name'),
  }
  const names = namesOf(paths)
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 6)
  assert.ok(
    names.every((name) => /^[A-Za-z0-9_-]+$/.test(name) && name.length <= toolNameMax),
    names.join(' '),
  )
  assert.match(names[0]!, /^get_item_[0-9a-f]{8}$/)
  assert.deepEqual([names[3], names[5]], ['get_d', 'fine_name'])
  const turned = namesOf(Object.fromEntries(Object.entries(paths).toReversed()))
  assert.deepEqual(turned.toReversed(), names)
})

test('arguments of one name in two places say which they mean, and a body has a name of its own', () => {
  const { tools } = apiOf({
    '/{id}': {
      post: {
        operationId: 'x',
        parameters: [
          inPath('id'),
          { name: 'id', in: 'query', schema: text },
          { name: 'body', in: 'query', schema: text },
        ],
        requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
  })
  const { properties } = tools.get('x')!.definition['inputSchema'] as { properties: object }
  assert.deepEqual(Object.keys(properties), ['path_id', 'query_id', 'body', 'request_body'])
})

test('headers that are ours, that frame a message or that proxies believe cannot be parameters', () => {
  const header = (name: string, required: boolean) => ({ name, in: 'header', required, schema: text })
  const of = (name: string, required: boolean) =>
    apiOf({ '/a': { get: { operationId: 'a', parameters: [header(name, required)] } } })
  for (const name of [
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Cookie',
    'X-Forwarded-For',
    'X-HTTP-Method-Override',
    'a b',
  ]) {
    assert.equal(of(name, true).tools.size, 0, name)
    assert.deepEqual([...of(name, false).tools.get('a')!.operation.parameters], [], name)
  }
  assert.deepEqual([...of('Authorization', true).tools.get('a')!.operation.parameters], [])
})

test('a schema that grows without end is cut until it can be shown', () => {
  const wide = Object.fromEntries(
    Array.from({ length: 60 }, (_, at) => [
      `S${at}`,
      {
        type: 'object',
        properties: {
          a: { $ref: `#/components/schemas/S${(at + 1) % 60}` },
          b: { $ref: `#/components/schemas/S${(at + 7) % 60}` },
        },
      },
    ]),
  )
  const { tools, leftOut } = apiOf(
    {
      '/a': {
        post: {
          operationId: 'a',
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S0' } } } },
        },
      },
    },
    { components: { schemas: wide } },
  )
  assert.deepEqual(leftOut, [])
  assert.ok(JSON.stringify(tools.get('a')!.definition).length <= 32 * 1024)
})

test('references that lead in a circle, nowhere or to the prototype are no schemas', () => {
  const { tools } = apiOf(
    {
      '/a': {
        post: {
          operationId: 'a',
          parameters: [
            { name: 'p', in: 'query', schema: { $ref: '#/components/schemas/Loop' } },
            { name: 'q', in: 'query', schema: { $ref: '#/constructor/prototype' } },
            { name: 'r', in: 'query', schema: { $ref: '#/nowhere' } },
          ],
        },
      },
    },
    { components: { schemas: { Loop: { $ref: '#/components/schemas/Loop' } } } },
  )
  const { properties } = tools.get('a')!.definition['inputSchema'] as { properties: object }
  assert.deepEqual(properties, { p: {}, q: {}, r: {} })
})

test('a document that would be read for minutes is refused at once', () => {
  const open = `{"openapi": "3.1.0", "x": ${'['.repeat(3 * 1024 * 1024)}`
  assert.throws(() => readApi(open, undefined), /it is no JSON/)
  const keys = Array.from({ length: 50_000 }, (_, at) => `k${at}: 1`).join('\n')
  assert.throws(
    () => readApi(`openapi: 3.1.0\n${keys}\nk7: 2\n`, undefined),
    /a key stands twice in it \(line 50002 column 1\)/,
  )
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`/${at}`, { get: {} }]))
  assert.throws(() => apiOf(many), /its operations are too many/)
})

test('a document as YAML reads the same; one with many aliases is refused', () => {
  const yaml =
    'openapi: 3.0.3\ninfo: {title: x}\nservers: [{url: https://a.example}]\npaths:\n  /a:\n    get: {operationId: a}\n'
  assert.deepEqual([...readApi(yaml, undefined).tools.keys()], ['a'])
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]!}`).join(',')}]`),
  ]
  assert.throws(() => readApi(bomb.join('\n'), undefined), /alias/i)
  assert.throws(() => readApi('{"openapi": "3.1.0", "paths": ', undefined), /neither JSON nor YAML/)
  assert.throws(() => readApi('openapi: 3.1.0\na: "b\n', undefined), /neither JSON nor YAML: .*line \d column \d+/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readApi } from './api.ts'
import { buildRequest } from './request.ts'
import { fitsTemplate } from './template.ts'
import { CannotWrite } from './write.ts'

// Every style in every place: what a server reads there, by the rules of RFC 6570 in words of this file alone, is what was
// given. So nothing that an argument holds can be read as more than it, or as another.

const server = 'https://api.example.com/v1'
const text = { type: 'string' }
const shapes = {
  one: text,
  list: { type: 'array', items: text },
  object: { type: 'object', properties: { a: text, 'b-c': text } },
} as const
type Shape = keyof typeof shapes

interface Case {
  in: 'path' | 'query' | 'header'
  style: string
  explode: boolean
  shape: Shape
}

function operationOf(parameter: object, path: string, more: object[] = []) {
  const paths = { [path]: { get: { operationId: 'x', parameters: [parameter, ...more] } } }
  const api = readApi(JSON.stringify({ openapi: '3.1.0', servers: [{ url: server }], paths }), undefined)
  return { operation: api.tools.get('x')?.operation, leftOut: api.leftOut.map(({ why }) => why) }
}

const other = { name: 'other', in: 'query', schema: text }

function caseOf({ shape, ...how }: Case) {
  const required = how.in === 'path'
  const parameter = { name: 'v', required, schema: shapes[shape], ...how }
  return operationOf(parameter, how.in === 'path' ? '/p/{v}/end' : '/p', [other]).operation
}

const cases: Case[] = [
  ...(['simple', 'label', 'matrix'] as const).map((style) => ({ in: 'path' as const, style })),
  ...(['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'] as const).map((style) => ({
    in: 'query' as const,
    style,
  })),
  { in: 'header' as const, style: 'simple' },
].flatMap((one) =>
  [true, false].flatMap((explode) =>
    (Object.keys(shapes) as Shape[])
      .filter((shape) => one.style !== 'deepObject' || shape === 'object')
      .filter((shape) => !(one.style.endsWith('Delimited') && explode && shape === 'object'))
      .map((shape) => ({ ...one, explode, shape })),
  ),
)

const decoded = decodeURIComponent
const pairOf = (text: string): [string, string] => {
  const at = text.indexOf('=')
  return [decoded(text.slice(0, at)), decoded(text.slice(at + 1))]
}

/** What stands between signs, as the shape that it is. */
function apart(items: string[], { explode, shape }: Pick<Case, 'explode' | 'shape'>): unknown {
  if (shape === 'one') return decoded(items.join('?'))
  if (shape === 'list') return items.map(decoded)
  if (explode) return Object.fromEntries(items.map(pairOf))
  return Object.fromEntries(
    items.flatMap((item, at) => (at % 2 === 0 ? [[decoded(item), decoded(items[at + 1]!)]] : [])),
  )
}

function readPath(step: string, how: Case): unknown {
  if (how.style === 'simple') return apart(step.split(','), how)
  if (how.style === 'label') {
    assert.ok(step.startsWith('.'))
    return apart(step.slice(1).split(how.explode ? '.' : ','), how)
  }
  const parts = step.split(';')
  assert.equal(parts.shift(), '')
  if (how.explode && how.shape === 'object') return apart(parts, how)
  const values = parts.map((part) => {
    assert.ok(part.startsWith('v='), part)
    return part.slice(2)
  })
  if (!how.explode) assert.equal(values.length, 1)
  return apart(how.explode ? values : values[0]!.split(','), how)
}

const signs: Record<string, string> = { form: ',', spaceDelimited: '%20', pipeDelimited: '%7C' }

function readQuery(search: string, how: Case): unknown {
  const raw = search.slice(1).split('&')
  const all = raw.map(pairOf)
  assert.deepEqual(
    all.filter(([name]) => name === 'other'),
    [['other', 'mine']],
  )
  const pairs = all.filter(([name]) => name !== 'other')
  if (how.style === 'deepObject')
    return Object.fromEntries(pairs.map(([name, value]) => [/^v\[([^[\]]*)\]$/.exec(name)![1], value]))
  if (how.explode && how.shape === 'object') return Object.fromEntries(pairs)
  assert.ok(pairs.every(([name]) => name === 'v'))
  if (how.explode && how.shape === 'list') return pairs.map(([, value]) => value)
  if (how.shape === 'one') return pairs[0]![1]
  const value = raw.find((pair) => pair.startsWith('v='))
  if (value === undefined) return how.shape === 'list' ? [] : {}
  return apart(value.slice(2).split(signs[how.style]!), { ...how, explode: false })
}

const odd = fc.oneof(
  {
    arbitrary: fc.constantFrom('a', 'b c', '1.2', 'ü', 'x,y', 'x;y', 'x=y', 'x|y', 'x&other=2', 'v', 'other'),
    weight: 4,
  },
  fc
    .array(fc.constantFrom('.', '/', '%', '2', 'e', 'F', '?', '#', '&', '=', ';', ',', '|', '[', ']', ' ', 'v', 'a'))
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
)
const given: Record<Shape, fc.Arbitrary<unknown>> = {
  one: odd,
  list: fc.array(odd, { maxLength: 4 }),
  object: fc.oneof(
    { arbitrary: fc.record({ a: odd, 'b-c': odd }, { requiredKeys: [], noNullPrototype: true }), weight: 3 },
    fc.dictionary(odd, odd, { maxKeys: 3, noNullPrototype: true }),
  ),
}

for (const how of cases) {
  const { style, explode, shape } = how
  test(`in a ${how.in}, ${style}${explode ? ', exploded,' : ''} is read as the ${shape} that was given, or nothing is sent`, () => {
    const operation = caseOf(how)!
    let sent = 0
    fc.assert(
      fc.property(given[shape], (value) => {
        let request
        try {
          request = buildRequest(operation, { v: value, other: 'mine' })
        } catch (error) {
          if (!(error instanceof CannotWrite)) throw error
          return
        }
        sent++
        const { url, headers } = request
        assert.equal(url.origin, 'https://api.example.com')
        const steps = url.pathname.split('/')
        assert.deepEqual(steps.slice(0, 3), ['', 'v1', 'p'])
        if (how.in === 'path') {
          assert.deepEqual([steps.length, steps[4], url.search], [5, 'end', '?other=mine'])
          assert.deepEqual(readPath(steps[3]!, how), value)
        } else if (how.in === 'query') {
          assert.equal(steps.length, 3)
          assert.deepEqual(readQuery(url.search, how), value)
        } else {
          assert.equal(url.search, '?other=mine')
          assert.deepEqual(readHeader(headers['v'], how), value)
        }
      }),
      { numRuns: 1_000 },
    )
    assert.ok(sent > 20, `only ${sent} could be sent at all`)
  })
}

function readHeader(value: string | undefined, { explode, shape }: Case): unknown {
  if (shape === 'one') return value
  const items = value!.split(',')
  if (shape === 'list') return items
  if (explode)
    return Object.fromEntries(
      items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)]),
    )
  return Object.fromEntries(items.flatMap((item, at) => (at % 2 === 0 ? [[item, items[at + 1]!]] : [])))
}

test('the styles of a path are written as RFC 6570 shows them', () => {
  const values = { one: 'blue', list: ['blue', 'black', 'brown'], object: { a: '100', 'b-c': '200' } }
  const written = (style: string, explode: boolean) =>
    (Object.keys(shapes) as Shape[]).map((shape) => {
      const operation = caseOf({ in: 'path', style, explode, shape })!
      return buildRequest(operation, { v: values[shape] }).url.pathname.split('/')[3]
    })
  assert.deepEqual(written('simple', false), ['blue', 'blue,black,brown', 'a,100,b-c,200'])
  assert.deepEqual(written('simple', true), ['blue', 'blue,black,brown', 'a=100,b-c=200'])
  assert.deepEqual(written('label', false), ['.blue', '.blue,black,brown', '.a,100,b-c,200'])
  assert.deepEqual(written('label', true), ['.blue', '.blue.black.brown', '.a=100.b-c=200'])
  assert.deepEqual(written('matrix', false), [';v=blue', ';v=blue,black,brown', ';v=a,100,b-c,200'])
  assert.deepEqual(written('matrix', true), [';v=blue', ';v=blue;v=black;v=brown', ';a=100;b-c=200'])
})

test('where a label follows a value in one step, neither can reach into the other', () => {
  const label = { name: 'ext', in: 'path', required: true, style: 'label', schema: text }
  const { operation } = operationOf({ name: 'id', in: 'path', required: true, schema: text }, '/f/{id}{ext}', [label])
  const pathOf = (id: string, ext: string) => buildRequest(operation!, { id, ext }).url.pathname
  assert.equal(pathOf('report', 'csv'), '/v1/f/report.csv')
  for (const [id, ext] of [
    ['report.pdf', 'csv'],
    ['report', 'pdf.csv'],
    ['.', 'csv'],
    ['a', '.'],
    ['', 'csv'],
  ])
    assert.throws(() => pathOf(id!, ext!), CannotWrite, `${id} ${ext}`)
})

test('what would end a step for some servers does not pass, whichever style writes it', () => {
  for (const how of cases.filter((one) => one.in === 'path' && one.shape === 'one')) {
    for (const value of ['..;a', '.;', '..', '..;/..;/x', '%2e%2e;', '..%2f'])
      assert.throws(() => buildRequest(caseOf(how)!, { v: value }), CannotWrite, `${how.style} ${value}`)
  }
})

test('an address in these styles that was made otherwise does not pass the check', () => {
  const templateOf = (style: string, explode: boolean, shape: Shape) =>
    caseOf({ in: 'path', style, explode, shape })!.template
  const bad: [string, ReturnType<typeof templateOf>][] = [
    [`${server}/p/blue/end`, templateOf('label', false, 'one')],
    [`${server}/p/.a.b/end`, templateOf('label', false, 'one')],
    [`${server}/p/.a%2Eb/end`, templateOf('label', true, 'list')],
    [`${server}/p/.a../end`, templateOf('label', true, 'list')],
    [`${server}/p/;w=1/end`, templateOf('matrix', false, 'one')],
    [`${server}/p/;v=1;v=2/end`, templateOf('matrix', false, 'list')],
    [`${server}/p/;a=1;admin=1/end`, templateOf('matrix', true, 'object')],
    [`${server}/p/x;v=1/end`, templateOf('matrix', true, 'list')],
    [`${server}/p/a=1/end`, templateOf('simple', false, 'object')],
    [`${server}/p/..;v=1/end`, templateOf('simple', true, 'object')],
    [`${server}/p/..%3Bv/end`, templateOf('simple', true, 'object')],
  ]
  for (const [address, template] of bad) assert.equal(fitsTemplate(address, template), false, address)
  assert.ok(fitsTemplate(`${server}/p/;a=1;b-c=2/end`, templateOf('matrix', true, 'object')))
})

test('an object whose members would stand beside other parameters has those that are described, and no others', () => {
  const query = (name: string, more: object) => ({ name, in: 'query', ...more })
  const { operation } = operationOf(query('v', { schema: shapes.object }), '/p')
  assert.throws(() => buildRequest(operation!, { v: { a: '1', admin: 'true' } }), CannotWrite)
  const open = query('v', { required: true, schema: { type: 'object' } })
  assert.match(operationOf(open, '/p').leftOut[0]!, /could pass for other parameters/)
  const clash = query('v', { required: true, schema: { type: 'object', properties: { other: text } } })
  assert.match(operationOf(clash, '/p', [other]).leftOut[0]!, /members named like other parameters/)
  const optional = { ...clash, required: false }
  assert.deepEqual([...operationOf(optional, '/p', [other]).operation!.parameters.keys()], ['other'])
})

test('no query, no form and no body says another method than the one by which the effect was judged', () => {
  const hidden = { name: '_method', in: 'query', schema: text }
  assert.deepEqual([...operationOf(hidden, '/p').operation!.parameters.keys()], [])
  assert.match(operationOf({ ...hidden, required: true }, '/p').leftOut[0]!, /says another method/)
  for (const mediaType of ['application/json', 'application/x-www-form-urlencoded']) {
    const post = { operationId: 'x', requestBody: { content: { [mediaType]: { schema: { type: 'object' } } } } }
    const document = { openapi: '3.1.0', servers: [{ url: server }], paths: { '/p': { post } } }
    const { operation } = readApi(JSON.stringify(document), undefined).tools.get('x')!
    assert.throws(() => buildRequest(operation, { body: { a: 1, _METHOD: 'DELETE' } }), /another method/)
  }
})

test('what grows beyond its bounds when it is written is not sent', () => {
  const { operation } = operationOf({ name: 'v', in: 'query', style: 'deepObject', schema: { type: 'object' } }, '/p')
  const huge = { ['k'.repeat(100_000)]: Array.from({ length: 100_000 }, () => 1) }
  assert.throws(() => buildRequest(operation!, { v: huge }), /too large/)
  const path = operationOf({ name: 'v', in: 'path', required: true, schema: text }, '/p/{v}').operation!
  assert.throws(() => buildRequest(path, { v: 'x'.repeat(20_000) }), /too large/)
  assert.ok(buildRequest(path, { v: 'x'.repeat(10_000) }))
})

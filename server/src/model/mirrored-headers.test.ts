import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBadMirror } from './mirrored-headers.ts'

const mirrored = (type: unknown, name: unknown) => ({ type, 'x-mcp-header': name })
const schema = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })

test('arguments that may be mirrored are of a simple type, reached by properties alone, under a name of their own', () => {
  const nested = schema({ deep: mirrored('integer', 'Deep') })
  assert.equal(
    findBadMirror(schema({ a: mirrored('string', 'Region'), b: mirrored('boolean', 'B'), nested })),
    undefined,
  )
  assert.equal(findBadMirror(undefined), undefined)
  // A property of this name is no annotation, and neither is what only looks like a schema.
  assert.equal(findBadMirror(schema({ 'x-mcp-header': { type: 'object' } })), undefined)
  assert.equal(findBadMirror(schema({ a: { type: 'object', default: mirrored('object', '') } })), undefined)
})

test('everything else is named', () => {
  for (const name of ['', 'My Region', 'Region:Primary', 'Région', 'Region\t1', 7, null]) {
    assert.match(findBadMirror(schema({ a: mirrored('string', name) })) ?? '', /no name of a header/, String(name))
  }
  for (const type of ['object', 'array', 'null', 'number', ['string', 'null'], undefined]) {
    assert.match(findBadMirror(schema({ a: mirrored(type, 'A') })) ?? '', /no string, integer or boolean/, String(type))
  }
  const twice = schema({ a: mirrored('string', 'MyField'), b: schema({ c: mirrored('string', 'myfield') }) })
  assert.match(findBadMirror(twice) ?? '', /two arguments/)
  const hidden = [
    schema({ a: { type: 'array', items: mirrored('string', 'A') } }),
    schema({}, { anyOf: [schema({ a: mirrored('string', 'A') })] }),
    schema({}, { $defs: { a: mirrored('string', 'A') } }),
  ]
  for (const one of hidden) assert.match(findBadMirror(one) ?? '', /do not lead to/, JSON.stringify(one))
})

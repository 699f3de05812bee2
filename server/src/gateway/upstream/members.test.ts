import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editObject, textOfMember } from './members.ts'

const objects = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => ({ ...value }))
const spaced = fc
  .tuple(objects, fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, null, space))

test('editObject() changes what is named and keeps the meaning of the rest', () => {
  fc.assert(
    fc.property(spaced, fc.string(), fc.jsonValue(), (text, name, value) => {
      fc.pre(name !== '__proto__')
      const edited = JSON.parse(editObject(text, { [name]: JSON.stringify(value) })) as unknown
      assert.deepEqual(edited, { ...JSON.parse(text), [name]: JSON.parse(JSON.stringify(value)) })
    }),
  )
})

test('editObject() removes what is named', () => {
  fc.assert(
    fc.property(spaced, fc.nat(), (text, index) => {
      const value = JSON.parse(text) as Record<string, unknown>
      const name = Object.keys(value)[index % Math.max(Object.keys(value).length, 1)] ?? 'absent'
      fc.pre(name !== '__proto__')
      delete value[name]
      assert.deepEqual(JSON.parse(editObject(text, { [name]: undefined })), value)
    }),
  )
})

test('textOfMember() finds the text of a value as it was written', () => {
  assert.equal(textOfMember('{"a": 1.50 , "b":{"c":[1, "}"]}}', 'a'), '1.50')
  assert.equal(textOfMember('{"a": 1.50 , "b":{"c":[1, "}"]}}', 'b'), '{"c":[1, "}"]}')
  assert.equal(textOfMember('{"a":1,"a":2}', 'a'), '2')
  assert.equal(textOfMember('{"\\u0061":"\\\\"}', 'a'), '"\\\\"')
  assert.equal(textOfMember('{}', 'a'), undefined)
})

test('editObject() leaves digits, order and escapes alone and writes a name that came twice once', () => {
  const text = '{"n":12345678901234567890,"id":1,"s":"\\u00e9\\"","id":2}'
  assert.equal(editObject(text, { id: '"x"' }), '{"n":12345678901234567890,"id":"x","s":"\\u00e9\\""}')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isItem, itemKinds, itemNameMax, itemOf, nameOfItem, type ItemName } from './item.ts'

const items: fc.Arbitrary<ItemName> = fc
  .record(
    {
      kind: fc.constantFrom(...itemKinds),
      key: fc.oneof(
        fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'aZ0_./-: {}%?#~'.split('')) }),
        fc.constantFrom('instructions', 'memo://notes/1', 'memo://notes/{id}', 'prompt:x', 'tasks/get', 'a.b/c'),
      ),
    },
    { noNullPrototype: true },
  )
  .filter(isItem)

test('the name of an item says its kind, and no two items share a name', () => {
  fc.assert(
    fc.property(items, items, (one, other) => {
      assert.deepEqual(itemOf(nameOfItem(one)), one)
      if (nameOfItem(one) === nameOfItem(other)) assert.deepEqual(one, other)
      assert.ok(nameOfItem(one).length <= itemNameMax)
    }),
  )
})

test('a tool keeps its own name, whatever that is', () => {
  assert.deepEqual(itemOf('read_note'), { kind: 'tool', key: 'read_note' })
  assert.equal(nameOfItem({ kind: 'tool', key: 'prompt' }), 'prompt')
  assert.equal(nameOfItem({ kind: 'prompt', key: 'read_note' }), 'prompt:read_note')
})

test('what begins with no kind is no item of one', () => {
  for (const name of ['tool:x', 'constructor:x', 'Prompt:x', ':x']) {
    assert.deepEqual(itemOf(name), { kind: 'tool', key: name })
    assert.equal(isItem(itemOf(name)), false, name)
  }
})

const refused: [kind: ItemName['kind'], keys: string[]][] = [
  ['prompt', ['', ' a', 'a ', 'a\nb', 'а', 'a\u200b', 'x'.repeat(129)]],
  [
    'resource',
    ['', 'notes/1', 'memo:', 'memo://a b', 'memo://%zz', 'memo://a\u0000', 'memo://ä', `m:${'x'.repeat(1_024)}`],
  ],
  ['template', ['memo://a', '{scheme}://x', 'memo://a b{c}', `m:{${'x'.repeat(1_024)}}`]],
  ['method', ['', '/a', 'a//b', 'a b', 'a:b', 'x'.repeat(129)]],
  ['text', ['other', '']],
  ['extension', ['', '/a', 'a b', 'a:b']],
]

for (const [kind, keys] of refused) {
  test(`a ${kind} is refused when its name cannot stand in addresses and in the ledger`, () => {
    for (const key of keys) assert.equal(isItem({ kind, key }), false, JSON.stringify(key))
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countItems, groupItems } from './item-group.ts'

const items = [
  { name: 'resource:memo://1', effect: 'read' },
  { name: 'delete_note', effect: 'destructive' },
  { name: 'prompt:summarise', effect: 'write' },
  { name: 'read_note', effect: 'read' },
] as const

test('tools are grouped by effect, and what is no tool by its kind after them', () => {
  const shown = groupItems(items).map((group) => [group.kind, group.effect, group.items.map(({ name }) => name)])
  assert.deepEqual(shown, [
    ['tool', 'read', ['read_note']],
    ['tool', 'destructive', ['delete_note']],
    ['prompt', undefined, ['prompt:summarise']],
    ['resource', undefined, ['resource:memo://1']],
  ])
  assert.equal(groupItems(items, ['destructive', 'write', 'read'])[0]?.effect, 'destructive')
})

test('a count names the kind where there is one', () => {
  assert.equal(countItems([]), '0 tools')
  assert.equal(countItems(items), '4 things')
  assert.equal(countItems(items.slice(1, 2)), '1 tool')
  assert.equal(countItems([items[2], items[2]]), '2 prompts')
})

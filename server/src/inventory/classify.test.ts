import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareEffect } from '../model/effect.ts'
import type { ToolDefinition, ToolHints } from '../model/tool-definition.ts'
import { toolCorpus } from '../../test/golden/tool-corpus.ts'
import { classify } from './classify.ts'

const names = [...toolCorpus.matchAll(/^(?:read|write|destructive) (\S+)/gm)].map((match) => match[1] ?? '')
const words = [...new Set(toolCorpus.split(/\s+/))].filter((word) => word !== '' && word !== '|')

const hints: fc.Arbitrary<ToolHints> = fc.record(
  {
    readOnlyHint: fc.boolean(),
    destructiveHint: fc.boolean(),
    idempotentHint: fc.boolean(),
    openWorldHint: fc.boolean(),
  },
  { requiredKeys: [] },
)
const definitions: fc.Arbitrary<ToolDefinition> = fc
  .record({
    name: fc.oneof(fc.constantFrom(...names), fc.string({ minLength: 1, maxLength: 20 })),
    description: fc.oneof(
      fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((some) => some.join(' ')),
      fc.string(),
    ),
    properties: fc.dictionary(
      fc.constantFrom('id', 'action', 'force', 'code', 'sql', 'delete_after'),
      fc.record({ type: fc.constant('string') }),
    ),
  })
  .map(({ properties, ...rest }) => ({ ...rest, inputSchema: { type: 'object', properties } }))

function tool(name: string, more: Partial<ToolDefinition> = {}): ToolDefinition {
  return { name, inputSchema: { type: 'object', properties: {} }, ...more }
}
const effectOf = (name: string, more: Partial<ToolDefinition> = {}) => classify(tool(name, more)).effect
const traitsOf = (name: string, more: Partial<ToolDefinition> = {}) => classify(tool(name, more)).traits
const withArguments = (properties: Record<string, unknown>) => ({ inputSchema: { type: 'object', properties } })

test('no hint ever lowers what the rest says', () => {
  fc.assert(
    fc.property(definitions, hints, (definition, annotations) => {
      const silent = classify(definition)
      const hinted = classify({ ...definition, annotations })
      assert.ok(compareEffect(hinted.effect, silent.effect) >= 0)
      assert.ok(silent.traits.every((trait) => hinted.traits.includes(trait)))
    }),
  )
})

test('no description and no argument makes a tool milder than its name', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), definitions, (name, { description, inputSchema }) => {
      const bare = classify(tool(name, { description: 'Gets it.' }))
      const full = classify({ name, description: `Gets it. ${description ?? ''}`, inputSchema })
      assert.ok(bare.effect !== 'destructive' || full.effect === 'destructive')
    }),
  )
})

test('the answer is the same each time, with one reason at least and 12 at most', () => {
  fc.assert(
    fc.property(definitions, (definition) => {
      const answer = classify(definition)
      assert.deepEqual(classify(structuredClone(definition)), answer)
      assert.ok(answer.because.length >= 1 && answer.because.length <= 12)
    }),
  )
})

test('a read-only hint on a name that deletes changes nothing', () => {
  assert.equal(effectOf('delete_x', { annotations: { readOnlyHint: true, destructiveHint: false } }), 'destructive')
})

test('hints raise: a destructive one to destructive, a denied read-only one to write', () => {
  assert.equal(effectOf('get_x', { annotations: { destructiveHint: true } }), 'destructive')
  assert.equal(effectOf('get_x', { annotations: { readOnlyHint: false } }), 'write')
  assert.equal(effectOf('get_x', { annotations: {} }), 'read')
})

test('a tool that says nothing recognisable is a write, whatever its hint claims', () => {
  assert.equal(effectOf('frobnicate', { annotations: { readOnlyHint: true } }), 'write')
  assert.equal(effectOf('frobnicate', withArguments({ action: { enum: ['list', 'get'] } })), 'write')
})

test('words count in every inflection and in every way of writing a name', () => {
  for (const name of [
    'item_delete',
    'deleteItem',
    'DeleteItem',
    'delete-item',
    'items.delete',
    'HTTPDelete',
    'ｄelete',
    'deleteitem',
    'itemRemoval',
    'bulk_deletions',
  ])
    assert.equal(effectOf(name), 'destructive', name)
  for (const description of [
    'Deletes it.',
    'Deleting an item',
    'Tool for deleting items',
    'Removal of an item',
    'It will delete the item',
    'Allows you to add or remove items',
    '(Optional) **Delete** the item',
  ])
    assert.equal(effectOf('item', { description }), 'destructive', description)
})

test('what was deleted before may be looked at', () => {
  for (const name of ['list_deleted_items', 'get_removed_users', 'retrieve_cancelled_orders'])
    assert.equal(effectOf(name, { description: 'Returns a list of removed items.' }), 'read', name)
  assert.equal(effectOf('get_item', { description: 'Gets an item. This does not delete it.' }), 'read')
  assert.equal(effectOf('mark_as_deleted'), 'destructive')
})

test('a look that also takes away is destructive, however it is said', () => {
  for (const description of [
    'Gets it and deletes it.',
    'Gets it. Deletes it afterwards.',
    'Gets it, then removes it.',
    'Gets it. It also deletes the source.',
    'Gets it. This tool will delete it.',
    'Gets it. This not only deletes the copy.',
  ])
    assert.equal(effectOf('get_x', { description }), 'destructive', description)
  assert.equal(effectOf('get_x', withArguments({ delete: { type: 'boolean' } })), 'destructive')
  assert.equal(effectOf('get_x', withArguments({ delete_after_read: { type: 'boolean' } })), 'destructive')
  assert.equal(effectOf('get_x', withArguments({ exclude_deleted: { type: 'boolean' } })), 'read')
})

test('a tool with a verb to choose is as grave as the gravest choice', () => {
  assert.equal(effectOf('get_items', withArguments({ action: { enum: ['get', 'update'] } })), 'write')
  assert.equal(
    effectOf('get_items', withArguments({ action: { anyOf: [{ const: 'get' }, { const: 'purge' }] } })),
    'destructive',
  )
  assert.equal(effectOf('fetch', withArguments({ method: { enum: ['GET', 'DELETE'] } })), 'destructive')
  assert.equal(effectOf('fetch', withArguments({ method: { type: 'string' } })), 'destructive')
  assert.equal(effectOf('list_events', withArguments({ event_type: { enum: ['create', 'delete'] } })), 'read')
})

test('traits say what makes an effect graver', () => {
  assert.deepEqual(traitsOf('create_api_key'), ['secret', 'access'])
  assert.deepEqual(traitsOf('list_tokens'), ['secret'])
  assert.deepEqual(traitsOf('count_tokens'), [])
  assert.deepEqual(traitsOf('upload_file'), [])
  assert.deepEqual(traitsOf('create_upload'), ['secret'])
  assert.deepEqual(traitsOf('send_email'), ['outward'])
  assert.deepEqual(traitsOf('create_webhook'), ['outward'])
  assert.deepEqual(traitsOf('charge_card'), ['money'])
  assert.deepEqual(traitsOf('list_invoices'), [])
  assert.deepEqual(traitsOf('grant_role'), ['access'])
  assert.deepEqual(traitsOf('list_roles'), [])
  assert.deepEqual(traitsOf('compute', withArguments({ code: { type: 'string' } })), [])
  assert.deepEqual(traitsOf('process_x', withArguments({ code: { type: 'string' } })), ['execution'])
  assert.deepEqual(traitsOf('get_x', { outputSchema: { properties: { data: { properties: { private_key: {} } } } } }), [
    'secret',
  ])
  assert.deepEqual(
    traitsOf('get_x', { outputSchema: { properties: { next_page_token: {}, access_token_name: {} } } }),
    [],
  )
})

test('a schema too large to be judged makes the tool destructive', () => {
  const properties = Object.fromEntries(Array.from({ length: 25_000 }, (_, i) => [`a${i}`, {}]))
  assert.equal(effectOf('get_x', withArguments(properties)), 'destructive')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/fault.ts'
import { readArguments } from './arguments.ts'
import { compileRules } from './arguments/rules.ts'

const schema = {
  type: 'object',
  properties: {
    ASSET_ID: { type: 'string' },
    PARENT: { type: 'string' },
    description: { type: 'string' },
    website: { type: 'string' },
    path: { type: 'string' },
    mode: { type: 'string', enum: ['a/b', 'c'] },
    limit: { type: 'integer' },
    names: { type: 'array', items: { type: 'string' } },
    observations: {
      type: 'array',
      items: {
        type: 'object',
        properties: { entityName: { type: 'string' }, contents: { type: 'array', items: { type: 'string' } } },
      },
    },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    nested: { $ref: '#/$defs/inner' },
  },
  $defs: { inner: { type: 'object', properties: { key: { type: 'string' }, child: { $ref: '#/$defs/inner' } } } },
}
const rules = compileRules(schema, [])

function refuses(value: unknown, path: string, by = rules): void {
  assert.throws(
    () => readArguments(by, value),
    (error: unknown) =>
      error instanceof Fault && error.code === 'gateway.argument_refused' && error.message.includes(`\`${path}\``),
    JSON.stringify(value),
  )
}

test('an argument that the accepted definition does not declare is refused, at any depth', () => {
  refuses({ bogus: 1 }, 'bogus')
  refuses({ nested: { key: 'a', extra: 1 } }, 'nested.extra')
  refuses({ observations: [{ entityName: 'a', other: 1 }] }, 'observations[0].other')
})

test('a string that names something cannot leave its place in a URL', () => {
  for (const value of [
    '../../system/keys',
    '..',
    '.',
    'a/b',
    'a\\b',
    '%2e%2e',
    '%2E',
    'a?x=1',
    'a#b',
    'a\nb',
    'a\u0000',
    'x%2fy',
    '../keys with spaces',
  ]) {
    refuses({ ASSET_ID: value }, 'ASSET_ID')
    refuses({ PARENT: value }, 'PARENT')
    refuses({ names: ['fine', value] }, 'names[1]')
    refuses({ nested: { child: { key: value } } }, 'nested.child.key')
    refuses({ labels: { a: value } }, 'labels.a')
  }
  refuses({ labels: { 'a/b': 'x' } }, 'labels.a·b')
})

test('prose, paths, addresses and listed values are read by their own rules', () => {
  const text = 'What? See https://example.com/a/../b #1 — 50%2e\nsecond line'
  const read = readArguments(rules, {
    description: text,
    observations: [{ entityName: 'ana', contents: [text] }],
    website: 'https://example.com/a?b=c#d',
    path: 'reports/2026/q3.txt',
    mode: 'a/b',
    ASSET_ID: 'Abc-1_2.3:4@x',
  })
  assert.equal(JSON.parse(read.text).description, text)
  refuses({ path: 'reports/../keys' }, 'path')
  refuses({ website: 'https://example.com/a b' }, 'website')
  refuses({ description: 'bell\u0007' }, 'description')
})

test('base64 that is declared so passes with its slash, and nothing else does', () => {
  const declared = compileRules(
    {
      properties: {
        avatar: { type: 'string', contentEncoding: 'base64' },
        key: { type: 'string', format: 'byte' },
        note: { type: 'string', contentEncoding: 'base64' },
      },
    },
    [],
  )
  assert.equal(readArguments(declared, { avatar: 'ab/+', key: 'a/A=' }).text, '{"avatar":"ab/+","key":"a/A="}')
  for (const value of ['../x', 'a/b?', 'a%2f', 'a=b', 'a===', 'a\nb', 'a_-b']) {
    refuses({ avatar: value }, 'avatar', declared)
    refuses({ note: value }, 'note', declared)
  }
  refuses({ ASSET_ID: 'ab/+' }, 'ASSET_ID')
})

test('the owner can allow an argument, declared or not', () => {
  const allowed = compileRules(schema, ['ASSET_ID', 'extra'])
  assert.equal(
    readArguments(allowed, { ASSET_ID: 'a/b', extra: { any: 'c/d' } }).text,
    '{"ASSET_ID":"a/b","extra":{"any":"c/d"}}',
  )
  refuses({ PARENT: 'a/b' }, 'PARENT', allowed)
})

test('the digest is of the canonical bytes: order and white space do not change it, a value does', () => {
  const one = readArguments(rules, { limit: 1, ASSET_ID: 'a' })
  assert.equal(one.digest, readArguments(rules, { ASSET_ID: 'a', limit: 1 }).digest)
  assert.notEqual(one.digest, readArguments(rules, { ASSET_ID: 'a', limit: 2 }).digest)
  assert.equal(readArguments(rules, undefined).digest, readArguments(rules, {}).digest)
})

test('a schema that says nothing of members takes none', () => {
  refuses({ a: 1 }, 'a', compileRules({}, []))
  refuses({ a: 1 }, 'a', compileRules({ type: 'object', additionalProperties: true }, []))
})

test('an open argument that the owner allows is allowed with all that is in it', () => {
  const schema = { properties: { open: { type: 'object' }, closed: { properties: { a: { type: 'string' } } } } }
  const value = { open: { $ref: '#/a', deep: [{ path: '../x' }] } }
  refuses(value, 'open.·ref', compileRules(schema, []))
  const free = compileRules(schema, ['open', 'closed'])
  assert.deepEqual(readArguments(free, value).value, value)
  refuses({ open: { '../x': 1 } }, 'open...·x', free)
  refuses({ closed: { a: '../x' } }, 'closed.a', free)
})

test('a definition that refers to itself or outside itself is read without hanging', () => {
  const loop = compileRules({ properties: { a: { $ref: '#/properties/a' }, b: { $ref: 'https://example.com/x' } } }, [])
  assert.equal(readArguments(loop, { a: 'x', b: 'y' }).text, '{"a":"x","b":"y"}')
})

test('a schema that grows as a power of its depth is cut off, and what lies beyond is refused', () => {
  const bomb = compileRules(
    {
      $defs: { a: { properties: Object.fromEntries('abcdefgh'.split('').map((k) => [k, { $ref: '#/$defs/a' }])) } },
      $ref: '#/$defs/a',
    },
    [],
  )
  let value: Record<string, unknown> = { a: 'x' }
  for (let depth = 0; depth < 30; depth++) value = { a: value }
  assert.throws(() => readArguments(bomb, value), Fault)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  commonScopes,
  grantedScope,
  reaches,
  readScopes,
  scopesFor,
  toolScope,
  widenedScope,
  type Scoped,
} from './scopes.ts'

const tool = (name: string, effect: Scoped['effect'] = 'read', upstream = 'mux'): Scoped => ({ upstream, name, effect })
const read = (text: string) => readScopes(text).map(({ text: one }) => one)
const reach = (scope: string, of: Scoped) => readScopes(scope).some((one) => reaches(one, of))

test('scopes name an upstream and an effect, or one tool; all others mean nothing here', () => {
  const known = 'mcp mux:read mux:write mux:tool:create_asset mux:tool:prompt%3Asum'
  assert.equal(
    read(`${known} mcp offline_access profile read MUX:read mux:destructive mux: mux:tool: :read`).join(' '),
    known,
  )
  assert.deepEqual(read(`mux:tool:%ff mux:tool:${'a'.repeat(500)}`), [])
  assert.equal(read(Array.from({ length: 90 }, (_, at) => `mux:tool:t${at}`).join(' ')).length, 50)
})

test('a broad scope reaches what a narrow one reaches, and none but that of the tool what destroys', () => {
  const of = [tool('a', 'read'), tool('b', 'write'), tool('c', 'destructive')]
  const table = ['mux:read', 'mux:write', 'mux:tool:c', 'mux:tool:b', 'memory:write', 'mcp'].map((scope) =>
    of.map((one) => reach(scope, one)),
  )
  assert.deepEqual(table, [
    [true, false, false],
    [true, true, false],
    [false, false, true],
    [false, true, false],
    [false, false, false],
    [true, true, true],
  ])
})

test('the scope of a tool is one token of OAuth, and reaches that tool alone, whatever it is called', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
      fc.string({ minLength: 1 }),
      (name, other) => {
        const scope = toolScope('mux', name)
        assert.match(scope, /^[\x21\x23-\x5b\x5d-\x7e]+$/)
        if (scope.length > 400) return
        assert.equal(reach(scope, tool(name.toWellFormed())), true)
        assert.equal(reach(scope, tool(other)), other === name.toWellFormed())
      },
    ),
  )
})

test('who asks for nothing that concerns the address asks for everything', () => {
  const of = (upstreams: string[], text: string) => scopesFor(upstreams, text).map(({ text: one }) => one)
  assert.deepEqual(of(['mux'], ''), ['mcp'])
  assert.deepEqual(of(['mux'], 'memory:read'), ['mcp'])
  assert.deepEqual(of(['mux', 'memory'], 'memory:read'), ['memory:read'])
  assert.deepEqual(of(['mux'], 'mux:read mcp'), ['mux:read', 'mcp'])
})

test('what is granted is told by the scopes that were asked for where they were given whole, otherwise tool by tool', () => {
  const offered = (given: string[]) =>
    [tool('a'), tool('b'), tool('w', 'write')].map((one) => ({ ...one, given: given.includes(one.name) }))
  const granted = (asked: string, given: string[]) => grantedScope(readScopes(asked), offered(given))
  assert.equal(granted('mux:read', ['a', 'b']), 'mux:read')
  assert.equal(granted('mux:read', ['a']), 'mux:tool:a')
  assert.equal(granted('mux:write mux:tool:a', ['a', 'w']), 'mux:tool:a mux:tool:w')
  assert.equal(granted('mcp mux:tool:w', ['w']), 'mcp mux:tool:w')
  assert.equal(granted('mcp mux:tool:w', ['a']), 'mcp')
  const many = Array.from({ length: 30 }, (_, at) => ({ ...tool(`t${at}`), given: at > 0 }))
  assert.equal(grantedScope(readScopes('mux:read'), many), 'mcp', 'more than fits into a header')
})

test('what several texts reach is told by the narrower of each two, and by none that reaches more than one of them', () => {
  const common = (...texts: string[]) => commonScopes(texts.map(readScopes)).map(({ text }) => text)
  assert.deepEqual(common('mux:read'), ['mux:read'])
  assert.deepEqual(common('mcp', 'mux:read memory:write'), ['mux:read', 'memory:write'])
  assert.deepEqual(common('mux:write mux:tool:a', 'mux:read'), ['mux:read', 'mux:tool:a'])
  assert.deepEqual(common('mux:tool:a mux:tool:b', 'mux:tool:b mux:write'), ['mux:tool:a', 'mux:tool:b'])
  assert.deepEqual(common('mux:read', 'memory:read'), [])
  const some = fc.subarray(['mcp', 'mux:read', 'mux:write', 'memory:read', 'mux:tool:a', 'mux:tool:c', 'memory:tool:a'])
  const all = [tool('a'), tool('b', 'write'), tool('c', 'destructive'), tool('a', 'write', 'memory')]
  fc.assert(
    fc.property(some, some, fc.constantFrom(...all), (one, other, of) => {
      const both = [one, other].every((texts) => reach(texts.join(' '), of))
      if (both) assert.ok(common(one.join(' '), other.join(' ')).some((scope) => reach(scope, of)))
    }),
  )
})

test('what was added is told too, unless it was told already', () => {
  assert.equal(widenedScope(undefined, [tool('a')]), undefined)
  assert.equal(widenedScope('mux:read', [tool('a'), tool('w', 'write')]), 'mux:read mux:tool:w')
  assert.equal(widenedScope('mcp', [tool('a')]), 'mcp')
})

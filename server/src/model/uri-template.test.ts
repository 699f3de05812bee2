import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readUriTemplate } from './uri-template.ts'

const matched = (template: string, uri: string) => {
  const values = readUriTemplate(template)?.match(uri)
  return values && Object.fromEntries(values)
}

const matches: [template: string, uri: string, values: Record<string, string> | undefined][] = [
  ['memo://notes/{id}', 'memo://notes/1', { id: '1' }],
  ['memo://notes/{id}', 'memo://notes/', undefined],
  ['memo://notes/{id}', 'memo://notes/1/2', undefined],
  ['memo://notes/{id}', 'memo://notes/1?x', undefined],
  ['memo://notes/{id}', 'memo://notes/1#x', undefined],
  ['memo://notes/{id}', 'MEMO://notes/1', undefined],
  ['memo://notes/{id}', 'xmemo://notes/1', undefined],
  ['memo://notes/{id}', 'memo://notes/%2e%2e', { id: '%2e%2e' }],
  ['memo://{a}/{b}', 'memo://x/y', { a: 'x', b: 'y' }],
  ['memo://{a,b}', 'memo://x,y', { a: 'x', b: 'y' }],
  ['memo://{a}-{b}', 'memo://x-y-z', { a: 'x', b: 'y-z' }],
  ['memo://{id}.txt', 'memo://a.txt.txt', { id: 'a.txt' }],
  ['memo://{list*}', 'memo://x,y', { list: 'x,y' }],
  ['file:///{+path}', 'file:///a/b.txt', { path: 'a/b.txt' }],
  ['file:///{+path}', 'file:///a?b', undefined],
  ['file:///root{/path*}', 'file:///root/a/b', { path: 'a/b' }],
  ['file:///root{/a,b}', 'file:///root/x/y', { a: 'x', b: 'y' }],
  ['file:///root{/a}', 'file:///root/x/y', undefined],
  ['file:///x{.ending}', 'file:///x.md', { ending: 'md' }],
  ['file:///x{#part}', 'file:///x#one', { part: 'one' }],
  ['find://notes{?q,limit}', 'find://notes', {}],
  ['find://notes{?q,limit}', 'find://notes?limit=5&q=a', { limit: '5', q: 'a' }],
  ['find://notes{?q,limit}', 'find://notes?q=a&q=b', undefined],
  ['find://notes{?q,limit}', 'find://notes?other=1', undefined],
  ['find://notes{?q,limit}', 'find://notes?q=a#x', undefined],
  ['find://{kind}{?q}', 'find://note?q=a', { kind: 'note', q: 'a' }],
  ['find://notes?v=1{&q}', 'find://notes?v=1&q=a', { q: 'a' }],
  ['find://notes?v=1{&q}', 'find://notes?v=2&q=a', undefined],
]

for (const [template, uri, values] of matches) {
  test(`\`${template}\` ${values === undefined ? 'does not match' : 'matches'} \`${uri}\``, () => {
    assert.deepEqual(matched(template, uri), values)
  })
}

test('a template without a single reading is refused', () => {
  const refused = [
    'memo://plain',
    'memo://{a}{b}',
    'memo://{a}{+b}',
    'memo://{a}/{a}',
    'memo://{a:3}',
    'memo://{;a}',
    'memo://{a',
    'memo://a}',
    'memo://{}',
    'memo://{a,}',
    'memo://{a b}',
    'memo://{a*,b**}',
    'find://{?q}/more',
    'find://{?q}{?r}',
    `memo://${Array.from({ length: 17 }, (_, n) => `{v${n}}`).join('/')}`,
  ]
  for (const template of refused) assert.equal(readUriTemplate(template), undefined, template)
})

test('what a template is filled with is what it reads out', () => {
  const value = fc.stringMatching(/^[A-Za-z0-9_.~%:@]{1,12}$/)
  fc.assert(
    fc.property(value, value, (a, b) => {
      assert.deepEqual(matched('memo://{a}/x/{b}', `memo://${a}/x/${b}`), { a, b })
      assert.deepEqual(matched('memo://{a}{?b}', `memo://${a}?b=${b}`), { a, b })
    }),
  )
})

test('a URI made to be read in many ways takes no longer for it', () => {
  const template = readUriTemplate(`x://${Array.from({ length: 16 }, (_, n) => `{+v${n}}`).join('-')}!`)!
  // A matcher that goes back and tries again would not come to an end.
  for (let n = 0; n < 1_000; n++) assert.equal(template.match(`x://${'-'.repeat(1_000)}`), undefined)
})

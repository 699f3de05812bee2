import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { looksOf, nameInBundle, namesInBundle, readBundleName, readMembers, type Bundle, grantAt } from './bundle.ts'
import type { Grant } from './rights.ts'

const member = { upstream: 'mail', prefix: 'mail' }

test('a tool is called by the prefix of its upstream, `_` and its own name', () => {
  assert.equal(nameInBundle('office', member, 'send_note'), 'mail_send_note')
})

test('a name that does not fit, or that clients refuse, ends in a digest of the whole, always the same', () => {
  const long = 'a_tool_with_a_name_that_goes_on_and_on_until_nobody_reads_it_any_more'
  const name = nameInBundle('office', member, long)
  assert.equal(name.length, 64 - 'mcp__office__'.length)
  assert.equal(name, 'mail_a_tool_with_a_name_that_goes_on_and_o_f2cf8d18')
  assert.match(nameInBundle('office', member, 'files/read.all'), /^mail_files_read_all_[0-9a-f]{8}$/)
  assert.notEqual(nameInBundle('office', member, 'files/read'), nameInBundle('office', member, 'files.read'))
})

const tools = fc.stringMatching(/^[A-Za-z0-9_./-]{1,128}$/)
const prefixes = fc.stringMatching(/^[a-z][a-z0-9]{0,11}$/)
const bundles = fc.stringMatching(/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/)

test('behind whatever a client puts before it a name has at most 64 of the characters that clients take', () => {
  fc.assert(
    fc.property(bundles, prefixes, tools, (bundle, prefix, tool) => {
      const name = nameInBundle(bundle, { upstream: 'u', prefix }, tool)
      assert.match(`mcp__${bundle}__${name}`, /^[A-Za-z0-9_-]{1,64}$/)
      assert.ok(name.startsWith(`${prefix}_`))
    }),
  )
})

test('tools of two members never look alike, whatever they are called', () => {
  fc.assert(
    fc.property(prefixes, prefixes, tools, tools, (one, other, toolOfOne, toolOfOther) => {
      try {
        readMembers([
          { upstream: 'one', prefix: one },
          { upstream: 'other', prefix: other },
        ])
      } catch {
        return
      }
      const names = [
        nameInBundle('b', { upstream: 'one', prefix: one }, toolOfOne),
        nameInBundle('b', { upstream: 'other', prefix: other }, toolOfOther),
      ]
      assert.notEqual(looksOf(names[0]!), looksOf(names[1]!), names.join())
    }),
    { numRuns: 2_000 },
  )
})

test('of the tools of one member those that could be mistaken for one another are all left out', () => {
  const { names, mistakable } = namesInBundle('office', member, [
    'get_item',
    'get-item',
    'GetItem',
    'l1st',
    'list',
    'send',
  ])
  assert.deepEqual([...names], [['mail_send', 'send']])
  assert.deepEqual(mistakable, ['get_item', 'get-item', 'GetItem', 'l1st', 'list'])
})

for (const [what, members] of Object.entries({
  'no member': [],
  'too many members': Array.from({ length: 33 }, (_, at) => ({
    upstream: `u${at}`,
    prefix: `p${String.fromCharCode(97 + (at % 26))}${at}x`,
  })),
  'an upstream twice': [
    { upstream: 'a', prefix: 'a' },
    { upstream: 'a', prefix: 'b' },
  ],
  'a prefix twice': [
    { upstream: 'a', prefix: 'x' },
    { upstream: 'b', prefix: 'x' },
  ],
  'a prefix that begins another': [
    { upstream: 'a', prefix: 'git' },
    { upstream: 'b', prefix: 'github' },
  ],
  'prefixes that look alike': [
    { upstream: 'a', prefix: 'mail' },
    { upstream: 'b', prefix: 'mai1' },
  ],
  'an o and a zero': [
    { upstream: 'a', prefix: 'foo' },
    { upstream: 'b', prefix: 'f0o' },
  ],
  'an m and r, n': [
    { upstream: 'a', prefix: 'crm' },
    { upstream: 'b', prefix: 'crrn' },
  ],
  'a separator in a prefix': [{ upstream: 'a', prefix: 'a_b' }],
  'a capital in a prefix': [{ upstream: 'a', prefix: 'Mail' }],
  'a letter of another script': [{ upstream: 'a', prefix: 'mаil' }],
  'a prefix without end': [{ upstream: 'a', prefix: 'a'.repeat(13) }],
  'no prefix': [{ upstream: 'a', prefix: '' }],
  'something beside': [{ upstream: 'a', prefix: 'a', more: 1 }],
  'no list': 'a',
})) {
  test(`a bundle with ${what} is refused`, () => {
    assert.throws(() => readMembers(members), { code: 'model.invalid' })
  })
}

test('the name of a bundle leaves room for those of its tools', () => {
  assert.equal(readBundleName('office'), 'office')
  for (const name of ['', 'a', 'A-b', '1a', 'a-', 'a_b', 'x'.repeat(25)]) {
    assert.throws(() => readBundleName(name), { code: 'model.invalid' }, name)
  }
})

test('a grant of a bundle is at each member a grant of its tools alone, and nowhere else one', () => {
  const bundle: Bundle = {
    name: 'office',
    purpose: 'p',
    ownerId: undefined,
    members: [
      { upstream: 'mail', prefix: 'mail' },
      { upstream: 'desk', prefix: 'desk' },
    ],
    state: 'serving',
    createdAt: 0,
    changedAt: 0,
  }
  const tools = new Map([
    ['mail/send', 'd1'],
    ['desk/send', 'd2'],
    ['desk/a/b', 'd3'],
    ['other/send', 'd4'],
  ])
  const grant = { id: 'g', upstream: 'office', tools } as unknown as Grant
  assert.deepEqual(grantAt(grant, bundle, 'desk'), {
    ...grant,
    upstream: 'desk',
    tools: new Map([
      ['send', 'd2'],
      ['a/b', 'd3'],
    ]),
  })
  assert.equal(grantAt(grant, bundle, 'other'), undefined)
  assert.equal(grantAt(grant, { ...bundle, state: 'retired' }, 'desk'), undefined)
  assert.equal(grantAt(grant, undefined, 'desk'), undefined)
  assert.equal(grantAt({ ...grant, upstream: 'desk' }, bundle, 'desk'), undefined)
  assert.equal(grantAt(undefined, bundle, 'desk'), undefined)
  assert.equal(grantAt(undefined, undefined, 'desk'), undefined)
})

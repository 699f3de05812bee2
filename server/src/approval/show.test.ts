import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../base/ids.ts'
import { canonicalJson } from '../base/json.ts'
import { shownBytesMax, showArguments } from './show.ts'

function linesOf(text: string): string[] {
  const shown = showArguments(text)
  assert.equal(shown.complete, true)
  return shown.complete ? shown.lines : []
}

/** Takes the layout away again: indentation at the start of a line, and the space after a name. */
function plain(lines: string[]): string {
  return lines.map((line) => line.replace(/^ +/, '').replace(/^("(?:[^"\\]|\\.)*"): /s, '$1:')).join('')
}

const anyValue = fc.jsonValue({ maxDepth: 5, noUnicodeString: false })

test('arguments are shown indented, a member a line', () => {
  assert.deepEqual(linesOf('{"a":[1,{"b":true}],"c":{},"d":[],"e":"x, {y}: [\\"z\\"]"}'), [
    '{',
    '  "a": [',
    '    1,',
    '    {',
    '      "b": true',
    '    }',
    '  ],',
    '  "c": {},',
    '  "d": [],',
    '  "e": "x, {y}: [\\"z\\"]"',
    '}',
  ])
  assert.deepEqual(linesOf('{}'), ['{}'])
})

test('nothing is left out: without the layout the lines are the exact text', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const text = canonicalJson(value)
      // Marks replace what cannot be seen, so the comparison is of texts that have nothing of the kind.
      fc.pre(/^[\x20-\x7e]*$/.test(text))
      assert.equal(plain(linesOf(text)), text)
    }),
    { numRuns: 2_000 },
  )
})

test('two texts that differ never look the same', () => {
  const tricky = fc.stringMatching(/^[ab⟨⟩U+\u200b\u202e\u00a0 "\\{}[\],:202E]{0,8}$/u)
  const text = fc.dictionary(tricky, fc.oneof(tricky, fc.array(tricky, { maxLength: 3 })), { maxKeys: 2 })
  fc.assert(
    fc.property(text, text, (left, right) => {
      const [one, other] = [canonicalJson(left), canonicalJson(right)]
      fc.pre(one !== other)
      assert.notDeepEqual(linesOf(one), linesOf(other))
    }),
    { numRuns: 5_000 },
  )
})

test('characters that cannot be seen are made visible, and counted with the other unusual ones', () => {
  const shown = showArguments(canonicalJson({ id: 'a\u202etxt.exe', zero: 'x\u200by', cyrillic: '\u0430' }))
  assert.ok(shown.complete)
  assert.deepEqual(shown.lines, [
    '{',
    '  "cyrillic": "\u0430",',
    '  "id": "a⟨U+202E⟩txt.exe",',
    '  "zero": "x⟨U+200B⟩y"',
    '}',
  ])
  assert.equal(shown.unusual, 3)
})

test('length and digest are of the exact bytes', () => {
  const text = canonicalJson({ name: 'Zoë' })
  const shown = showArguments(text)
  assert.deepEqual([shown.bytes, shown.digest], [Buffer.byteLength(text), digestOf(text)])
})

test('what cannot be shown in full is not shown in part', () => {
  const fits = JSON.stringify('x'.repeat(shownBytesMax - 2))
  assert.equal(showArguments(fits).complete, true)
  const shown = showArguments(JSON.stringify('x'.repeat(shownBytesMax - 1)))
  assert.ok(!shown.complete)
  assert.match(shown.why, /65537 bytes/)
  assert.ok(!('lines' in shown))
  assert.equal(showArguments(JSON.stringify('é'.repeat(shownBytesMax / 2))).complete, false)
})

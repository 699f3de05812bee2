import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { visible } from './visible.ts'

const shown: [string, string, string][] = [
  ['a bidi override', 'a\u202Ecod.exe', 'a⟨U+202E⟩cod.exe'],
  ['a bidi isolate', '\u2066x\u2069', '⟨U+2066⟩x⟨U+2069⟩'],
  ['a zero-width space', 'pay\u200Bpal', 'pay⟨U+200B⟩pal'],
  ['a zero-width joiner', 'a\u200Db', 'a⟨U+200D⟩b'],
  ['a soft hyphen', 'a\u00ADb', 'a⟨U+00AD⟩b'],
  ['a byte order mark', '\uFEFFa', '⟨U+FEFF⟩a'],
  ['tag characters', 'a\u{E0041}\u{E007F}', 'a⟨U+E0041⟩⟨U+E007F⟩'],
  ['a variation selector', 'a\uFE0F\u{E0100}', 'a⟨U+FE0F⟩⟨U+E0100⟩'],
  ['a Hangul filler', '\u3164\u115F\uFFA0', '⟨U+3164⟩⟨U+115F⟩⟨U+FFA0⟩'],
  ['a blank Braille pattern', '\u2800', '⟨U+2800⟩'],
  ['an escape sequence', '\u001B[31mred', '⟨U+001B⟩[31mred'],
  ['a C1 control', '\u009B31m', '⟨U+009B⟩31m'],
  ['a nul', 'a\u0000', 'a⟨U+0000⟩'],
  ['a line feed', 'a\r\nb', 'a⟨U+000D⟩⟨U+000A⟩b'],
  ['a line separator', 'a\u2028b\u2029', 'a⟨U+2028⟩b⟨U+2029⟩'],
  ['a no-break space', 'a\u00A0b\u3000', 'a⟨U+00A0⟩b⟨U+3000⟩'],
  ['a private character', '\uE000', '⟨U+E000⟩'],
  ['an unassigned character', '\uFFFF', '⟨U+FFFF⟩'],
  ['a lone surrogate', 'a\uD800', 'a⟨U+D800⟩'],
  ['a combining grapheme joiner', 'a\u034F', 'a⟨U+034F⟩'],
  ['an imitation of our mark', 'a⟨U+202E⟩', 'a⟨U+27E8⟩U+202E⟩'],
]

for (const [what, text, expected] of shown) {
  test(`visible() shows ${what}`, () => {
    assert.equal(visible(text), expected)
  })
}

test('visible() leaves plain text in every script as it is', () => {
  const text = 'Ärger, naïve, привет, 你好, שלום, مرحبا, ไทย, 한국어, 😀 ⟨x⟩ <b>&amp;'
  assert.equal(visible(text), text)
})

test('visible() keeps line feeds and tabs where lines are shown', () => {
  assert.equal(visible('{\n\t"a": 1\r}\n', 'many'), '{\n\t"a": 1⟨U+000D⟩}\n')
})

test('visible() makes no two texts look the same, and nothing invisible stays', () => {
  const texts = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      assert.equal(visible(one) === visible(other), one === other)
      assert.doesNotMatch(visible(one), /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u)
    }),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columns, facts, time } from './print.ts'

test('columns are as wide as their longest cell, and nothing in them commands the terminal', () => {
  const text = columns(
    ['id', 'name'],
    [
      ['1', 'a\u001b[2Jb'],
      ['1000', undefined],
    ],
  )
  assert.deepEqual(text.split('\n'), ['ID    NAME', '1     a⟨U+001B⟩[2Jb', '1000'])
})

test('facts stand one a line, aligned', () => {
  assert.equal(
    facts([
      ['a', 1],
      ['long', 'x\n'],
    ]),
    'a:     1\nlong:  x⟨U+000A⟩',
  )
})

test('an instant that is not there is told as nothing', () => {
  assert.equal(time(undefined), '')
  assert.equal(time(0), '1970-01-01 00:00 UTC')
})

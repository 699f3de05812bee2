import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readReturnTo } from './return-to.ts'

test('paths of this gateway are kept as they are', () => {
  for (const path of [
    '/',
    '/approvals',
    '/consent/abc-1_2',
    '/approvals?state=pending&page=2',
    '/a/b%20c',
    '/x?u=https://e.example/',
  ]) {
    assert.equal(readReturnTo(path), path)
  }
})

test('everything that could lead elsewhere becomes the start page', () => {
  const corpus = [
    undefined,
    null,
    7,
    ['/a'],
    '',
    'approvals',
    '//evil.example',
    '///evil.example',
    '////evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '\\/evil.example',
    '/\\/evil.example',
    '/a\\b',
    'https://evil.example',
    'HTTPS://evil.example',
    'https:evil.example',
    'https:/evil.example',
    'http:\\\\evil.example',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'blob:https://evil.example/x',
    ' /approvals',
    '/ /evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\nset-cookie: a=b',
    '\t//evil.example',
    '\u0000/approvals',
    '/\u0000',
    '/..//evil.example',
    '/.//evil.example',
    '/a/..//evil.example',
    '/a/../..//evil.example',
    '/%2e%2e//evil.example',
    '/%2E//evil.example',
    '@evil.example',
    '.evil.example',
    ':80',
    '?next=x',
    '#x',
    '/é',
    '/\u202Eevil',
    '/\uFF0Fevil.example',
    '\u3002\u3002/evil.example',
    `/${'a'.repeat(2_048)}`,
  ]
  for (const item of corpus) assert.equal(readReturnTo(item), '/', JSON.stringify(item))
})

test('whatever comes out, a browser stays at the origin that it is at', () => {
  const pieces = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    '//',
    'evil.example',
    ':',
    '@',
    '%2e',
    '%2f',
    '%5c',
    '?',
    '#',
    '\t',
    '\n',
    ' ',
    'a',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((list) => list.join('')),
        fc.webUrl(),
      ),
      (text) => {
        const path = readReturnTo(text)
        assert.equal(new URL(path, 'https://gate.example/sign-in').origin, 'https://gate.example')
        assert.equal(readReturnTo(path), path, 'reading twice changes nothing')
      },
    ),
    { numRuns: 2_000 },
  )
})

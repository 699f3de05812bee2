import assert from 'node:assert/strict'
import { test } from 'node:test'
import { distance, instant, prose, toolHref } from './elements.ts'
import { flashLine } from './flash.ts'

test('a distance is told in the unit that people would choose, forwards and backwards', () => {
  const now = 1_800_000_000_000
  const cases: [seconds: number, told: string][] = [
    [0, 'in 0 s'],
    [89, 'in 89 s'],
    [90, 'in 2 min'],
    [-600, '10 min ago'],
    [5_400, 'in 2 h'],
    [-172_800, '2 days ago'],
  ]
  for (const [seconds, told] of cases) assert.equal(distance(now + seconds * 1_000, now), told)
})

test('an instant is told in UTC, to the minute or to the second', () => {
  assert.match(instant(0).toString(), />1970-01-01 00:00 UTC</)
  assert.match(instant(1_000, 'seconds').toString(), />1970-01-01 00:00:01 UTC</)
  assert.match(instant(undefined).toString(), /never/)
})

test('prose shows what stands in backticks as a name, and escapes both', () => {
  assert.equal(prose('no `a<b>\u202e` & so').toString(), 'no <code>a&lt;b&gt;⟨U+202E⟩</code> &amp; so')
})

test('the address of a tool holds any name that a tool may have', () => {
  assert.equal(toolHref({ upstream: 'desk', name: 'a/b.c' }), '/upstreams/desk/tool?name=a%2Fb.c')
})

test('only lines of the list are said after an action, whatever stands in the address', () => {
  assert.match(flashLine('grant-revoked')!, /The grant is revoked/)
  for (const key of [null, '', 'toString', '__proto__', 'your account was hacked'])
    assert.equal(flashLine(key), undefined)
})

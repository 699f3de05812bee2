import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionsOf, readFreshness, staleSecondsMax } from './freshness.ts'

const date = 'Thu, 26 Nov 2026 10:00:00 GMT'

test('an answer is fresh for as long as its host says, between a minute and a day', () => {
  const cases: [headers: Record<string, string>, seconds: number][] = [
    [{}, 300],
    [{ 'cache-control': 'max-age=600' }, 600],
    [{ 'cache-control': 'public, Max-Age="600"' }, 600],
    [{ 'cache-control': 'max-age=600', age: '500' }, 100],
    [{ 'cache-control': 'max-age=600', age: '5000' }, 60],
    [{ 'cache-control': 'max-age=600, max-age=7000' }, 600],
    [{ 'cache-control': 'max-age=-1' }, 300],
    [{ 'cache-control': 'max-age=0' }, 60],
    [{ 'cache-control': 'max-age=999999999' }, 86_400],
    [{ 'cache-control': 's-maxage=4000' }, 300],
    [{ 'cache-control': 'no-store, max-age=600' }, 60],
    [{ 'cache-control': 'no-cache' }, 60],
    [{ expires: 'Thu, 26 Nov 2026 10:10:00 GMT', date }, 600],
    [{ expires: 'Thu, 26 Nov 2026 09:00:00 GMT', date }, 60],
    [{ expires: '0', date }, 60],
    [{ expires: 'Thu, 26 Nov 2026 10:10:00 GMT' }, 60],
    [{ expires: 'Thu, 26 Nov 2026 10:10:00 GMT', date, 'cache-control': 'max-age=120' }, 120],
  ]
  for (const [headers, seconds] of cases) {
    assert.equal(readFreshness(new Headers(headers)).freshForSeconds, seconds, JSON.stringify(headers))
  }
})

test('a copy stands in for a silent host for a week at the most, and never where its host forbids it', () => {
  const cases: [cacheControl: string, seconds: number][] = [
    ['', staleSecondsMax],
    ['max-age=60', staleSecondsMax],
    ['stale-if-error=3600', 3_600],
    ['stale-if-error=999999999', staleSecondsMax],
    ['must-revalidate, stale-if-error=3600', 0],
    ['no-cache', 0],
    ['no-store', 0],
  ]
  for (const [text, seconds] of cases) {
    assert.equal(readFreshness(new Headers({ 'cache-control': text })).caching.staleForSeconds, seconds, text)
  }
})

test('a copy is asked for again by its tag, else by its date, and by nothing that cannot stand in a header', () => {
  const conditions = (headers: Record<string, string>) =>
    conditionsOf(readFreshness({ get: (name) => headers[name] ?? null }).caching)
  assert.deepEqual(conditions({ etag: '"v1"', 'last-modified': date }), { 'if-none-match': '"v1"' })
  assert.deepEqual(conditions({ 'last-modified': date }), { 'if-modified-since': date })
  assert.deepEqual(conditions({ etag: '"a\r\nx: y"' }), {})
  assert.deepEqual(conditions({ etag: `"${'x'.repeat(300)}"` }), {})
  assert.deepEqual(conditionsOf(undefined), {})
})

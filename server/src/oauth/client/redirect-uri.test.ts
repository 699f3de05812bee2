import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, readCorpus } from '../../../test/corpus/corpus.ts'
import { judgeRedirectUri, receiverOf } from './redirect-uri.ts'

test('a redirect URI whose receiver is known is accepted with its kind, and every other is refused', () => {
  const rows = readCorpus('redirects')
  assert.ok(rows.length >= 200)
  for (const [judged, , uri, why] of rows) {
    const found = judgeRedirectUri(bytesOf(uri!).toString())
    assert.equal('kind' in found ? found.kind : 'refused', judged, `${uri}: ${why}`)
  }
  for (const value of [undefined, null, 7, {}, ['https://example.com/']])
    assert.ok('problem' in judgeRedirectUri(value))
})

test('no redirect URI in plain http is accepted unless its host is a loopback name to the letter', () => {
  fc.assert(
    fc.property(fc.webUrl({ validSchemes: ['http'] }), (uri) => {
      const judged = judgeRedirectUri(uri)
      assert.ok('problem' in judged || /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?]|$)/.test(uri))
    }),
  )
})

test('an accepted URI has the receiver that a parser finds in it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.webUrl({ withQueryParameters: true }), fc.string()), (uri) => {
      if ('problem' in judgeRedirectUri(uri)) return
      assert.ok(uri.startsWith(`${new URL(uri).protocol}//${new URL(uri).hostname}`), uri)
    }),
  )
})

test('the receiver is a host, or the scheme of a program', () => {
  assert.deepEqual(receiverOf('https://a.example:8443/cb?x'), { kind: 'web', name: 'a.example:8443' })
  assert.deepEqual(receiverOf('http://127.0.0.1:5000/cb'), { kind: 'loopback', name: '127.0.0.1:5000' })
  assert.deepEqual(receiverOf('cursor://x/cb'), { kind: 'private-use', name: 'cursor:' })
})

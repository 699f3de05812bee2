import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { judgeRedirectUri, receiverOf } from './redirect-uri.ts'

const accepted: Record<string, string> = {
  'https://claude.ai/api/mcp/auth_callback': 'web',
  'https://example.com': 'web',
  'https://example.com/': 'web',
  'https://example.com:8443/cb?x=1&y=%2F': 'web',
  'https://xn--bcher-kva.example/cb': 'web',
  'https://[2001:db8::1]/cb': 'web',
  'https://localhost/cb': 'web',
  'https://example.com/a..b/c.': 'web',
  'http://localhost/callback': 'loopback',
  'http://localhost:33418/': 'loopback',
  'http://127.0.0.1:1/cb': 'loopback',
  'http://127.0.0.1/': 'loopback',
  'http://[::1]:8080/cb': 'loopback',
  'cursor://anysphere.cursor-retrieval/oauth/user-1/callback': 'private-use',
  'vscode://vscode.github-authentication/did-authenticate': 'private-use',
  'com.example.app:/oauth2redirect': 'private-use',
  'com.example.app://callback': 'private-use',
  'io.modelcontextprotocol.inspector:/cb': 'private-use',
}

const refused = [
  '',
  ' ',
  '/cb',
  '//example.com/cb',
  'example.com/cb',
  'http://example.com/cb',
  'http://localhost.example.com/',
  'http://127.0.0.1.example.com/',
  'http://127.0.0.2/',
  'http://127.1/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://0.0.0.0/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://localhost./cb',
  'http://LOCALHOST/cb',
  'http://user@localhost/',
  'http://localhost@evil.example/',
  'http://localhost:80@evil.example/',
  'https://user:pass@example.com/',
  'https://good.example@evil.example/',
  'https://EXAMPLE.com/',
  'https://example.com./cb',
  'https:/example.com/cb',
  'https:example.com',
  'https:///example.com/cb',
  'https://',
  'https://example.com\\@evil.example/',
  'https:\\\\example.com/',
  'https://example.com/cb#',
  'https://example.com/cb#frag',
  'https://example.com/a/../b',
  'https://example.com/a/%2e%2E/b',
  'https://example.com/./b',
  'https://example.com/..',
  'https://bücher.example/cb',
  'https://example.com/cb\n',
  'https://example.com/\tcb',
  'https://example.com/c b',
  'https://exa mple.com/',
  'https://example.com/<script>',
  'https://example.com/"onload=',
  'https://example.com/{x}',
  'https://ex%61mple.com/',
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'javascript://example.com/%0aalert(1)',
  'java\nscript:alert(1)',
  'data:text/html,hi',
  'vbscript:x',
  'file:///etc/passwd',
  'blob:https://example.com/x',
  'about:blank',
  'view-source:https://example.com',
  'ws://localhost/',
  'ftp://example.com/',
  'mailto:a@example.com',
  'tel:1',
  'ms-msdt:/id PCWDiagnostic',
  'ms-settings:privacy',
  'search-ms:query=x',
  'intent://x#Intent;end',
  'myapp://cb',
  'cursor:// x',
  'cursor://x#y',
  `https://example.com/${'a'.repeat(2_100)}`,
]

test('a redirect URI whose receiver is known is accepted, with its kind', () => {
  for (const [uri, kind] of Object.entries(accepted)) assert.deepEqual(judgeRedirectUri(uri), { kind }, uri)
})

test('a redirect URI of another kind, or written so that readers may differ, is refused', () => {
  for (const uri of refused) assert.ok('problem' in judgeRedirectUri(uri), `accepted ${JSON.stringify(uri)}`)
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

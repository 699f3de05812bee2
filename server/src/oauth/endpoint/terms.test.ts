import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onOurTerms } from './terms.ts'

const cases: [string, string, string][] = [
  ['no scope becomes ours', '?client_id=a', '?client_id=a&scope=mcp'],
  ['no query at all', '', '?scope=mcp'],
  ['scopes of other servers are left out', '?scope=read+write', '?scope=mcp'],
  ['openid is kept', '?scope=profile%20openid%20offline_access', '?scope=openid+mcp'],
  ['a name that only begins like openid is not openid', '?scope=openid2', '?scope=mcp'],
  ['pages are always shown', '?prompt=consent&scope=mcp', '?scope=mcp&sallyport_scope=mcp'],
  [
    'what is asked of the login goes on under our name',
    '?max_age=0&scope=mcp',
    '?scope=mcp&sallyport_scope=mcp&sallyport_max_age=0',
  ],
  ['a client that wants no page is heard', '?prompt=none', '?prompt=none&scope=mcp'],
  [
    'everything else stays as it was',
    '?redirect_uri=https%3A%2F%2Fa%2F%3Fx%3D%2526&state=%00',
    '?redirect_uri=https%3A%2F%2Fa%2F%3Fx%3D%2526&state=%00&scope=mcp',
  ],
  [
    'an address that nobody can have registered is none',
    '?redirect_uri=http%3A%2F%2Flocalhost%3A09%2F',
    '?redirect_uri=about%3Ainvalid&scope=mcp',
  ],
  ['what is given twice is left for the engine to refuse', '?scope=a&scope=b', '?scope=a&scope=b'],
]

for (const [name, before, after] of cases) {
  test(name, () => assert.equal(onOurTerms(`/oauth/authorize${before}`), `/oauth/authorize${after}`))
}

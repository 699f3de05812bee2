import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openHouse } from '../house.ts'

test('a resource describes itself at the path-inserted address, naming itself to the byte', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  const answer = await fetch(`${house.url}/.well-known/oauth-protected-resource/mcp/mux`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  assert.deepEqual(await answer.json(), {
    resource: `${house.origin}/mcp/mux`,
    resource_name: 'mux',
    authorization_servers: [house.origin],
    scopes_supported: ['mcp', 'mux:read', 'mux:write'],
    authorization_details_types_supported: ['mcp_tools'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'],
  })
  assert.ok(house.rooms.oauth.challengeFor('mux').includes(`"${answer.url}"`))
})

test('what is not an approved upstream does not describe itself, and does not say why', async (t) => {
  const house = await openHouse(t)
  await house.upstream('mux', ['get_asset'])
  await house.upstream('gone', ['get_asset'])
  await house.rooms.inventory.stepUpstream({ by: 'set-up', name: 'gone', to: 'suspended', reason: 'for this test' })
  const answers = []
  for (const path of ['/mcp/gone', '/mcp/never', '/mcp/mux/', '/mcp/MUX', '/mcp', '/', '', '/mcp/mux/x']) {
    const answer = await fetch(`${house.url}/.well-known/oauth-protected-resource${path}`)
    assert.equal(answer.status, 404, path)
    answers.push(await answer.text())
  }
  assert.equal(new Set(answers).size, 1)
})

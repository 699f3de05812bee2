import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { challengeFor, jwtBearer, resourceFor, resourceMetadata, serverMetadata, upstreamOf } from './metadata.ts'

const origin = 'https://gate.example'

test('a resource is the address of exactly one upstream, and nothing that merely looks like it', () => {
  assert.equal(upstreamOf(origin, resourceFor(origin, 'mux')), 'mux')
  const others = [
    `${origin}/mcp/mux/`,
    `${origin}/mcp/mux/x`,
    `${origin}/mcp/mux?x=1`,
    `${origin}/mcp/mux#`,
    `${origin}/mcp/MUX`,
    `${origin}/mcp/m%75x`,
    `${origin}//mcp/mux`,
    `${origin}/x/../mcp/mux`,
    `${origin}/mcp/`,
    `${origin}/mcp`,
    `${origin}.evil.example/mcp/mux`,
    `${origin}:443/mcp/mux`,
    'https://GATE.example/mcp/mux',
    'http://gate.example/mcp/mux',
    'https://user@gate.example/mcp/mux',
    '/mcp/mux',
    'mux',
    '',
  ]
  for (const resource of others) assert.equal(upstreamOf(origin, resource), undefined, resource)
})

test('whatever is read as a resource is written the same way again', () => {
  fc.assert(
    fc.property(fc.oneof(fc.stringMatching(/^[a-z0-9-]{0,45}$/), fc.string()), (tail) => {
      const resource = `${origin}/mcp/${tail}`
      const upstream = upstreamOf(origin, resource)
      assert.ok(upstream === undefined || resourceFor(origin, upstream) === resource)
    }),
  )
})

test('the metadata offers what is switched on and nothing that is not served', () => {
  const all = serverMetadata(origin, {
    registration: true,
    metadataDocuments: true,
    enterprise: true,
    grantTypes: [jwtBearer],
  })
  assert.equal(all['issuer'], origin)
  assert.deepEqual(all['code_challenge_methods_supported'], ['S256'])
  assert.equal(all['authorization_response_iss_parameter_supported'], true)
  assert.equal(all['client_id_metadata_document_supported'], true)
  assert.ok(!JSON.stringify(all).includes('offline_access'))
  for (const name of ['userinfo_endpoint', 'end_session_endpoint']) assert.ok(!(name in all), name)
  assert.ok(!JSON.stringify(all['introspection_endpoint_auth_methods_supported']).includes('none'))
  const few = serverMetadata(origin, {
    registration: false,
    metadataDocuments: false,
    enterprise: false,
    grantTypes: [],
  })
  assert.ok(!('registration_endpoint' in few))
  assert.equal(few['client_id_metadata_document_supported'], false)
})

test('the metadata of a resource names the resource to the byte and its authorization server', () => {
  const metadata = resourceMetadata(origin, { name: 'mux', upstreams: ['mux'], wantsProof: false })
  assert.equal(metadata['resource'], 'https://gate.example/mcp/mux')
  assert.deepEqual(metadata['authorization_servers'], [origin])
})

test('a challenge says where the metadata is, and holds no character that could end a value early', () => {
  assert.equal(
    challengeFor(origin, 'mux'),
    'Bearer resource_metadata="https://gate.example/.well-known/oauth-protected-resource/mcp/mux", scope="mcp"',
  )
  const value = challengeFor(origin, 'mux', {
    error: { code: 'invalid_token', description: 'a "quote", `this`\r\nx: y é' },
  })
  assert.ok(value.endsWith(', error="invalid_token", error_description="a ?quote?, \'this\'??x: y ?"'), value)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/fault.ts'
import { readClientMetadata } from './metadata.ts'

const register = (raw: Record<string, unknown>) => readClientMetadata(raw, 'registration')
const document = (raw: Record<string, unknown>) => readClientMetadata(raw, 'metadata-document')
const uris = ['http://127.0.0.1/cb']

function refusal(run: () => unknown, error: string) {
  assert.throws(
    run,
    (thrown) => thrown instanceof Fault && thrown.code === 'oauth.client_invalid' && thrown.data?.['error'] === error,
  )
}

test('names that we do not act on are left out, unknown scopes among them', () => {
  const read = register({
    redirect_uris: uris,
    client_name: ' Editor ',
    scope: 'read:everything offline_access',
    logo_uri: 'javascript:alert(1)',
    id_token_signed_response_alg: 'none',
    require_pushed_authorization_requests: true,
    token_endpoint_auth_method: 'none',
  })
  assert.deepEqual(read, {
    client_name: 'Editor',
    client_uri: undefined,
    redirect_uris: uris,
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    jwks: undefined,
    jwks_uri: undefined,
  })
})

test('the application type follows from the redirect URIs, whatever the client says', () => {
  assert.equal(
    register({ redirect_uris: ['https://a.example/cb'], application_type: 'native' }).application_type,
    'web',
  )
  assert.equal(register({ redirect_uris: ['cursor://a/cb'] }).application_type, 'native')
  assert.equal(register({ redirect_uris: ['http://localhost/cb'], application_type: 'web' }).application_type, 'native')
})

test('one acceptable redirect URI is enough, and the others are left out', () => {
  const read = register({
    redirect_uris: [
      'myapp://cb',
      'https://a.example/cb',
      'http://evil.example/cb',
      'cursor://a/cb',
      'https://localhost/cb',
      7,
    ],
  })
  assert.deepEqual(read.redirect_uris, ['https://a.example/cb', 'cursor://a/cb'])
  assert.deepEqual(register({ redirect_uris: ['https://localhost/cb'] }).redirect_uris, ['https://localhost/cb'])
})

test('a client without an acceptable redirect URI is refused under the name that RFC 7591 gives', () => {
  for (const redirect_uris of [
    [],
    ['javascript:alert(1)'],
    'https://a.example/',
    undefined,
    Array(33).fill('https://a.example/'),
  ]) {
    refusal(() => register({ redirect_uris }), 'invalid_redirect_uri')
  }
})

test('only the code flow is served', () => {
  refusal(() => register({ redirect_uris: uris, grant_types: ['client_credentials'] }), 'invalid_client_metadata')
  refusal(() => register({ redirect_uris: uris, response_types: ['token'] }), 'invalid_client_metadata')
  assert.deepEqual(register({ redirect_uris: uris, grant_types: ['authorization_code', 'implicit'] }).grant_types, [
    'authorization_code',
  ])
})

test('a document cannot hold or use a shared secret', () => {
  refusal(() => document({ redirect_uris: uris, client_secret: 'x' }), 'invalid_client_metadata')
  refusal(
    () => document({ redirect_uris: uris, token_endpoint_auth_method: 'client_secret_post' }),
    'invalid_client_metadata',
  )
  assert.equal(document({ redirect_uris: uris }).token_endpoint_auth_method, 'none')
  assert.equal(register({ redirect_uris: uris }).token_endpoint_auth_method, 'client_secret_basic')
})

test('of several authentication methods the first that we have is taken', () => {
  const methods = ['tls_client_auth', 'none', 'private_key_jwt']
  assert.equal(
    document({ redirect_uris: uris, token_endpoint_auth_methods_supported: methods }).token_endpoint_auth_method,
    'none',
  )
})

test('a client that signs needs its keys in exactly one place, by https', () => {
  const signing = { redirect_uris: uris, token_endpoint_auth_method: 'private_key_jwt' }
  refusal(() => document(signing), 'invalid_client_metadata')
  refusal(() => document({ ...signing, jwks_uri: 'http://a.example/keys' }), 'invalid_client_metadata')
  refusal(
    () => document({ ...signing, jwks: { keys: [{}] }, jwks_uri: 'https://a.example/keys' }),
    'invalid_client_metadata',
  )
  assert.equal(document({ ...signing, jwks_uri: 'https://a.example/keys' }).jwks_uri, 'https://a.example/keys')
})

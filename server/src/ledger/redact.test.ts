import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { redactArguments, redactedBytesMax } from './redact.ts'
import { secretForms } from './redact/secrets.ts'

/** None of these is a genuine credential: each has the form of one, put together here so that scanners stay quiet. */
const secrets = [
  `ghp_${'a1B2c3D4e5F6g7H8i9J0'.repeat(2)}`,
  ['xoxb', '123456789012', 'abcdef'].join('-'),
  ['sk', 'live', '51Habcdefghijklmnop'].join('_'),
  ['AKIA', 'IOSFODNN7EXAMPLE'].join(''),
  ['eyJhbGciOiJFUzI1NiJ9', 'eyJzdWIiOiJhbmEifQ', 'c2lnbmF0dXJlLWJ5dGVz'].join('.'),
  `-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----`,
  `wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY`,
]

test('ordinary arguments stay readable', () => {
  const value = {
    limit: 10,
    path: 'src/components/Button/index.tsx',
    name: 'Quarterly report, second draft',
    on: true,
    none: null,
  }
  assert.equal(
    redactArguments(value),
    '{"limit":10,"name":"Quarterly report, second draft","none":null,"on":true,"path":"src/components/Button/index.tsx"}',
  )
})

test('identifiers stay, for they are what the call is about', () => {
  const value = {
    ASSET_ID: '7jSWEj9a01XBV4kPiPTJh9PyHpsEWs5W',
    assetId: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    max_tokens: 100,
  }
  const text = redactArguments(value)
  for (const shown of ['7jSWEj9a01XBV4kPiPTJh9PyHpsEWs5W', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', '100'])
    assert.ok(text.includes(shown))
})

test('a value whose name announces a secret never shows, at any depth and of any type', () => {
  const names =
    'password apiKey x-api-key API_TOKEN client_secret authorization privateKey streamKey Cookie pin dbPassword'.split(
      ' ',
    )
  for (const name of names) {
    for (const value of ['hunter2', 12345678, ['hunter2'], { a: { b: 'hunter2' } }]) {
      assert.doesNotMatch(redactArguments({ [name]: value }), /hunter2|12345678/, name)
    }
  }
})

test('a value beside a name that announces a secret never shows', () => {
  assert.doesNotMatch(redactArguments({ env: [{ name: 'DB_PASSWORD', value: 'hunter2' }] }), /hunter2/)
})

test('secrets inside of texts go, the text around them stays', () => {
  const cases: [string, string][] = [
    ['curl -H "Authorization: Bearer abcdefgh12" https://example.com', 'abcdefgh12'],
    ['postgres://ana:hunter2@db.example/prod', 'hunter2'],
    ['PASSWORD=hunter2 npm start', 'hunter2'],
    ['https://example.com/?page=1&access_token=hunter2&x=1', 'hunter2'],
    ['{"client_secret": "hunter2"}', 'hunter2'],
  ]
  for (const [text, secret] of cases) {
    const out = redactArguments({ text })
    assert.ok(!out.includes(secret), out)
    assert.match(out, /example|npm start|client_secret/)
  }
})

test('no secret of a known form shows, wherever it is planted', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(...secrets), fc.string(), (value, secret, around) => {
      const planted = { value, text: `${around} ${secret} ${around}`, list: [secret, { [secret]: 1 }] }
      assert.ok(!redactArguments(planted).includes(secret.slice(4, 24)))
    }),
  )
})

test('of the known forms only those that say so are found in a word', () => {
  const part = fc.constantFrom(
    ...'token bearer secret password api_key eyJ -----BEGIN PRIVATE KEY----- sig https'.split(' '),
    ...secrets.map((secret) => secret.replaceAll(/[^\w-]/g, '')),
  )
  const word = fc.array(fc.oneof(part, fc.stringMatching(/^[\w-]{0,12}$/))).map((parts) => parts.join(''))
  const others = secretForms.filter(({ inWord }) => inWord !== true)
  assert.equal(others.length, 5)
  fc.assert(
    fc.property(word, (text) => {
      for (const { form, what } of others) assert.equal(text.search(form), -1, what)
    }),
    { numRuns: 2_000 },
  )
})

test('random keys do not show', () => {
  for (let i = 0; i < 500; i++) {
    for (const encoding of ['base64url', 'hex'] as const) {
      const secret = randomBytes(24 + (i % 20)).toString(encoding)
      assert.ok(!redactArguments({ note: `use ${secret} now` }).includes(secret), secret)
    }
  }
})

test('equal random values are seen to be equal, without being shown', () => {
  const secret = randomBytes(32).toString('hex')
  assert.equal(redactArguments({ note: secret }), redactArguments({ note: secret }))
  assert.notEqual(redactArguments({ note: secret }), redactArguments({ note: randomBytes(32).toString('hex') }))
})

test('long strings show their beginning, their length and a digest', () => {
  assert.match(
    redactArguments({ text: 'word '.repeat(1_000) }),
    /^\{"text":"word .*«… 5000 characters, sha256 [0-9a-f]{16}»"\}$/,
  )
})

test('whatever the value, the text is bounded, well-formed and without control or invisible characters', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 }), fc.nat(60), (value, times) => {
      const text = redactArguments(Array.from({ length: times }, () => value))
      assert.ok(Buffer.byteLength(text) <= redactedBytesMax)
      assert.ok(text.isWellFormed())
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u)
    }),
    { numRuns: 300 },
  )
})

test('hostile shapes are bounded: depth, width, one endless string', () => {
  let deep: unknown = 1
  for (let i = 0; i < 500; i++) deep = [deep]
  for (const value of [deep, Array.from({ length: 100_000 }, () => 'x'), 'a'.repeat(4_000_000), '💣'.repeat(5_000)]) {
    assert.ok(Buffer.byteLength(redactArguments(value)) <= redactedBytesMax)
  }
  assert.ok(Buffer.byteLength(redactArguments(Array.from({ length: 500 }, () => '…💣…'))) <= redactedBytesMax)
})

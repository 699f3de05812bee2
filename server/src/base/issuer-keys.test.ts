import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { issuerKeys } from './issuer-keys.ts'

// Attack 20: key sets that are too large, are none, or are silent.

const { publicKey } = await generateKeyPair('ES256')
const good: JWK = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
const address = 'https://issuer.example/jwks'
const header = { alg: 'ES256', kid: 'k1' }
const token = { payload: '', signature: '' }

function open(answer: () => string | Error) {
  const asked: { url: string; bytesMax: number }[] = []
  let now = 0
  const find = issuerKeys({
    jwksUri: address,
    clock: { now: () => now, monotonic: () => now },
    fetch: async (url, caps) => {
      asked.push({ url, bytesMax: caps.bytesMax })
      const said = answer()
      if (said instanceof Error) throw said
      return { status: 200, headers: new Headers(), body: Buffer.from(said) }
    },
  })
  return { asked, find, pass: (ms: number) => (now += ms) }
}

test('a key set is asked for with a bound of 64 KiB, and kept for ten minutes', async () => {
  const { asked, find, pass } = open(() => JSON.stringify({ keys: [good] }))
  for (const ms of [0, 599_000]) {
    pass(ms)
    await find(header, token)
  }
  assert.deepEqual(asked, [{ url: address, bytesMax: 65_536 }])
})

const rubbish = [
  '',
  'no JSON',
  '[]',
  'null',
  '{}',
  '{"keys":{}}',
  '{"keys":[1]}',
  '{"keys":[]}',
  '{"keys":[{"kty":"EC","kid":"k1","alg":"ES256"}]}',
  '{"keys":[{"kty":"oct","kid":"k1","alg":"ES256","k":"AAAA"}]}',
  JSON.stringify({ keys: [{ ...good, alg: 'none' }] }),
  JSON.stringify({ keys: [{ ...good, use: 'enc' }] }),
  `{"keys":[],"keys":[${JSON.stringify(good)}]}`,
  JSON.stringify({ keys: [good] })
    .padEnd(70_000)
    .slice(0, 100),
]
for (const text of rubbish) {
  test(`a key set that is none verifies nothing: ${text.slice(0, 60)}`, async () => {
    const { find } = open(() => text)
    await assert.rejects(async () => find(header, token))
  })
}

test('rubbish in place of what was good is not believed, and the good is believed for a day', async () => {
  let said: string | Error = JSON.stringify({ keys: [good] })
  const { find, pass } = open(() => said)
  await find(header, token)
  for (said of ['no JSON', '[]', new Error('silent')]) {
    pass(3_600_000)
    assert.ok(await find(header, token), String(said))
  }
  pass(24 * 3_600_000)
  await assert.rejects(async () => find(header, token))
})

test('a set whose key was taken away no longer verifies by it', async () => {
  let keys: JWK[] = [good]
  const { find, pass } = open(() => JSON.stringify({ keys }))
  await find(header, token)
  keys = [{ ...good, kid: 'k2' }]
  pass(601_000)
  await assert.rejects(async () => find(header, token), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

test('however many unknown keys are asked for, the set is looked at once in half a minute', async () => {
  const { asked, find, pass } = open(() => JSON.stringify({ keys: [good] }))
  for (let i = 0; i < 100; i++) {
    pass(1_000)
    await assert.rejects(async () => find({ alg: 'ES256', kid: `unknown ${i}` }, token))
  }
  assert.ok(asked.length <= 4, `looked ${asked.length} times`)
})

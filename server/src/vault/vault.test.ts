import assert from 'node:assert/strict'
import { randomBytes, verify, createPublicKey } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { importJWK, jwtVerify, SignJWT, type JWK } from 'jose'
import { systemClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { findActiveConnection } from '../store/connections.ts'
import { updateSetting } from '../store/settings.ts'
import { openStore, type Store } from '../store/store.ts'
import { readMasterKey } from './master-key.ts'
import { openSealer } from './sealer.ts'
import { openVault, type Vault } from './vault.ts'

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-vault-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function openHere(
  t: TestContext,
  masterKey: Uint8Array = randomBytes(32),
): Promise<{ store: Store; vault: Vault }> {
  const store = await openStore({ dataFolder: temporaryFolder(t) })
  t.after(() => store.close())
  return { store, vault: await openVault({ store, masterKey, clock: systemClock }) }
}

const fault = (code: string) => (error: unknown) => error instanceof Fault && error.code === code

test('a sealed record opens with the same key, purpose and id, and with nothing else', () => {
  const sealer = openSealer(randomBytes(32))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.string(),
      fc.string(),
      fc.string(),
      (clear, purpose, id, other) => {
        const sealed = sealer.seal(purpose, id, clear)
        assert.deepEqual(Buffer.from(sealer.open(purpose, id, sealed)), Buffer.from(clear))
        if (other !== id) assert.throws(() => sealer.open(purpose, other, sealed), fault('vault.cannot_open'))
        if (other !== purpose) assert.throws(() => sealer.open(other, id, sealed), fault('vault.cannot_open'))
        assert.throws(() => openSealer(randomBytes(32)).open(purpose, id, sealed), fault('vault.cannot_open'))
      },
    ),
    { numRuns: 50 },
  )
})

test('purpose and id cannot be shifted into one another', () => {
  const sealer = openSealer(randomBytes(32))
  assert.throws(() => sealer.open('a', 'bc', sealer.seal('ab', 'c', 'x')), fault('vault.cannot_open'))
})

test('a sealed record with any one character changed or cut does not open', () => {
  const sealer = openSealer(randomBytes(32))
  const sealed = sealer.seal('p', 'i', 'the clear text')
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'Q' : 'A') + sealed.slice(at + 1)
    assert.throws(() => sealer.open('p', 'i', changed), fault('vault.cannot_open'), `character ${at}`)
    assert.throws(() => sealer.open('p', 'i', sealed.slice(0, at)), fault('vault.cannot_open'))
  }
})

test('sealing the same text twice gives different records', () => {
  const sealer = openSealer(randomBytes(32))
  assert.notEqual(sealer.seal('p', 'i', 'x'), sealer.seal('p', 'i', 'x'))
})

test('a store that was sealed by another master key is refused', async (t) => {
  const { store } = await openHere(t)
  await assert.rejects(openVault({ store, masterKey: randomBytes(32), clock: systemClock }), fault('vault.wrong_key'))
})

test('a canary that was written over is refused', async (t) => {
  const key = randomBytes(32)
  const { store } = await openHere(t, key)
  await updateSetting(store, 'vault.canary', 'nonsense')
  await assert.rejects(openVault({ store, masterKey: key, clock: systemClock }), fault('vault.wrong_key'))
})

test('the checkpoint signer signs with Ed25519 and is the same after a restart', async (t) => {
  const key = randomBytes(32)
  const { store, vault } = await openHere(t, key)
  const signer = await vault.signer('checkpoint', 'gate.example/ledger')
  const again = await (await openVault({ store, masterKey: key, clock: systemClock })).signer('checkpoint', 'x')
  assert.equal(signer.publicKey.length, 32)
  assert.deepEqual(again.publicKey, signer.publicKey)
  const x = Buffer.from(signer.publicKey).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  assert.ok(verify(null, Buffer.from('note'), publicKey, again.sign(Buffer.from('note'))))
})

test('processes that make the first keys at once end with the same ones', async (t) => {
  const key = randomBytes(32)
  const { store } = await openHere(t, key)
  const vaults = await Promise.all([1, 2, 3, 4].map(() => openVault({ store, masterKey: key, clock: systemClock })))
  const sets = await Promise.all(vaults.map((vault) => vault.tokenKeys()))
  const cookies = await Promise.all(vaults.map((vault) => vault.cookieKeys()))
  for (const set of sets) assert.deepEqual(set, sets[0])
  for (const keys of cookies) assert.deepEqual(keys, cookies[0])
})

test('the token keys sign and verify an ES256 token under their key id', async (t) => {
  const { vault } = await openHere(t)
  const { keys } = await vault.tokenKeys()
  const key = keys[0]!
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: key.kid! })
    .sign(await importJWK(key, 'ES256'))
  const { d: _private, ...open } = key as JWK & { d: string }
  const { protectedHeader } = await jwtVerify(token, await importJWK(open, 'ES256'))
  assert.equal(protectedHeader.kid, key.kid)
})

test('each door has its own cookie keys', async (t) => {
  const { vault } = await openHere(t)
  assert.notDeepEqual(await vault.cookieKeys('oauth'), await vault.cookieKeys('identity'))
})

test('a credential is stored sealed, opened for its upstream only, and forgotten when it is revoked', async (t) => {
  const { store, vault } = await openHere(t)
  const made = await store.transaction((tx) =>
    vault.putConnection(tx, {
      upstream: 'mux',
      placement: 'env',
      values: { MUX_TOKEN_ID: 'id-canary', MUX_TOKEN_SECRET: 'secret-canary' },
      createdBy: 'ana',
    }),
  )
  const stored = await findActiveConnection(store, 'mux', undefined)
  assert.doesNotMatch(JSON.stringify(stored), /canary/)
  assert.deepEqual(await vault.openCredential('mux'), {
    id: made.id,
    placement: 'env',
    values: { MUX_TOKEN_ID: 'id-canary', MUX_TOKEN_SECRET: 'secret-canary' },
  })
  assert.equal(await vault.openCredential('memory'), undefined)
  assert.equal(
    await vault.openCredential('mux', 'ana'),
    undefined,
    'the organisation’s does not stand in for a person’s',
  )
  assert.deepEqual((await vault.listConnections('mux'))[0]?.names, ['MUX_TOKEN_ID', 'MUX_TOKEN_SECRET'])
  assert.equal(await store.transaction((tx) => vault.revokeConnection(tx, made.id)), true)
  assert.equal(await vault.openCredential('mux'), undefined)
  assert.equal(await store.transaction((tx) => vault.revokeConnection(tx, made.id)), false)
})

test('a new credential takes the place of the old one, and a person’s leaves the organisation’s alone', async (t) => {
  const { store, vault } = await openHere(t)
  const put = (principalId: string | undefined, value: string) =>
    store.transaction((tx) =>
      vault.putConnection(tx, {
        upstream: 'mux',
        principalId,
        placement: 'headers',
        values: { 'X-Key': value },
        createdBy: 'ana',
      }),
    )
  await put(undefined, 'one')
  await put('ana', 'hers')
  await put(undefined, 'two')
  const valuesOf = async (principalId?: string) => {
    const found = await vault.openCredential('mux', principalId)
    return found?.placement === 'headers' ? found.values : undefined
  }
  assert.deepEqual(await valuesOf(), { 'x-key': 'two' })
  assert.deepEqual(await valuesOf('ana'), { 'x-key': 'hers' })
  assert.equal((await vault.listConnections('mux')).length, 2)
})

test('names that steer a process or a message are refused as credentials', async (t) => {
  const { store, vault } = await openHere(t)
  const put = (placement: 'env' | 'headers', values: Record<string, string>) =>
    store.transaction((tx) => vault.putConnection(tx, { upstream: 'mux', placement, values, createdBy: 'ana' }))
  for (const name of ['PATH', 'LD_PRELOAD', 'NODE_OPTIONS', 'https_proxy', 'BASH_ENV', 'a=b', '1A', '']) {
    await assert.rejects(put('env', { [name]: 'x' }), fault('vault.connection_invalid'), name)
  }
  for (const name of ['Host', 'content-length', 'Mcp-Session-Id', 'transfer-encoding', 'a b', 'x:y', '']) {
    await assert.rejects(put('headers', { [name]: 'x' }), fault('vault.connection_invalid'), name)
  }
  for (const value of ['', 'a\r\nb', 'a\0', 'é', 'x'.repeat(8_193)]) {
    await assert.rejects(put('headers', { 'x-key': value }), fault('vault.connection_invalid'))
  }
  await assert.rejects(put('headers', { 'X-Key': 'a', 'x-key': 'b' }), fault('vault.connection_invalid'))
  await assert.rejects(put('env', {}), fault('vault.connection_invalid'))
})

test('the master key is made once, readable by its owner only, and read again', (t) => {
  const dataDir = join(temporaryFolder(t), 'data')
  const made = readMasterKey({ masterKey: undefined, masterKeyFile: undefined, dataDir })
  assert.equal(made.source, 'generated')
  assert.match(made.warnings.join(), /back it up/)
  assert.equal(statSync(join(dataDir, 'master.key')).mode & 0o777, 0o600)
  const again = readMasterKey({ masterKey: undefined, masterKeyFile: undefined, dataDir })
  assert.equal(again.source, 'file')
  assert.deepEqual(again.warnings, [])
  assert.deepEqual(Buffer.from(again.bytes), Buffer.from(made.bytes))
})

test('the environment goes before the file, and the file before the data folder', (t) => {
  const dataDir = temporaryFolder(t)
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const masterKeyFile = join(dataDir, 'key')
  writeFileSync(masterKeyFile, `${two.toString('base64')}\n`, { mode: 0o600 })
  assert.deepEqual(readMasterKey({ masterKey: one, masterKeyFile, dataDir }).bytes, one)
  assert.deepEqual(readMasterKey({ masterKey: undefined, masterKeyFile, dataDir }).bytes, two)
  chmodSync(masterKeyFile, 0o644)
  assert.match(readMasterKey({ masterKey: undefined, masterKeyFile, dataDir }).warnings.join(), /can be read by others/)
})

test('a master key that is missing, short, typed or a sample is refused without being shown', (t) => {
  const dataDir = temporaryFolder(t)
  const masterKeyFile = join(dataDir, 'key')
  const zeros = Buffer.alloc(32).toString('base64')
  for (const text of ['', 'change-me', randomBytes(16).toString('base64'), zeros, 'x'.repeat(44), `${zeros}AAAA`]) {
    writeFileSync(masterKeyFile, text, { mode: 0o600 })
    assert.throws(
      () => readMasterKey({ masterKey: undefined, masterKeyFile, dataDir }),
      (error) => fault('vault.key_invalid')(error) && (text === '' || !(error as Fault).message.includes(text)),
    )
  }
  const place = { masterKey: Buffer.alloc(32), masterKeyFile: undefined, dataDir }
  assert.throws(() => readMasterKey(place), fault('vault.key_invalid'))
  const nowhere = { masterKey: undefined, masterKeyFile: join(dataDir, 'nowhere'), dataDir }
  assert.throws(() => readMasterKey(nowhere), fault('vault.key_invalid'))
  assert.throws(() => readFileSync(join(dataDir, 'master.key')))
})

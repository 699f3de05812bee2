import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatKey, isSignedBy, noteKey, readCheckpoint, readKey, signCheckpoint, type Signer } from './checkpoint.ts'
import { emptyRoot } from './merkle.ts'

function makeSigner(name: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const x = publicKey.export({ format: 'jwk' }).x!
  return { name, publicKey: Buffer.from(x, 'base64url'), sign: (bytes) => sign(null, bytes, privateKey) }
}

const head = { origin: 'example.com/ledger', size: 3, root: emptyRoot }

test('the published key of the note package reads, and has the published id', () => {
  const line = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const key = readKey(line)
  assert.equal(key.name, 'PeterNeumann')
  assert.equal(key.id, 'c74f20a3')
  assert.equal(formatKey(key), line)
})

test('the published signed note verifies with the published key', () => {
  const key = readKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  const body = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
  const line = 'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='
  const bytes = Buffer.from(line, 'base64')
  const signatures = [
    { name: 'PeterNeumann', keyId: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) },
  ]
  assert.ok(isSignedBy({ ...head, note: '', body, signatures }, key))
  assert.ok(!isSignedBy({ ...head, note: '', body: `${body}x`, signatures }, key))
})

test('the checkpoint that C2SP shows as its example reads', () => {
  const note =
    'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
    '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n'
  const checkpoint = readCheckpoint(note)
  assert.equal(checkpoint.size, 20_852_163)
  assert.equal(checkpoint.origin, 'example.com/behind-the-sofa')
  assert.equal(checkpoint.signatures[0]?.keyId, '033de0ae')
})

test('a signed checkpoint reads back and verifies with its key only', async () => {
  const signer = makeSigner('example.com/ledger')
  const checkpoint = readCheckpoint(await signCheckpoint(head, signer))
  assert.deepEqual({ origin: checkpoint.origin, size: checkpoint.size }, { origin: head.origin, size: 3 })
  assert.ok(isSignedBy(checkpoint, noteKey(signer.name, signer.publicKey)))
  assert.ok(!isSignedBy(checkpoint, noteKey('example.com/other', signer.publicKey)))
  assert.ok(!isSignedBy(checkpoint, noteKey(signer.name, makeSigner('x').publicKey)))
})

test('a signature of an unknown key beside ours changes nothing, a broken second one of ours refuses all', async () => {
  const signer = makeSigner('example.com/ledger')
  const key = noteKey(signer.name, signer.publicKey)
  const note = await signCheckpoint(head, signer)
  const foreign = `— witness.example/w ${Buffer.alloc(76, 7).toString('base64')}\n`
  assert.ok(isSignedBy(readCheckpoint(note + foreign), key))
  const broken = Buffer.concat([Buffer.from(key.id, 'hex'), Buffer.alloc(64, 7)]).toString('base64')
  assert.ok(!isSignedBy(readCheckpoint(`${note}— ${key.name} ${broken}\n`), key))
})

test('a signer that signs something else is noticed before anything is published', async () => {
  const signer = makeSigner('example.com/ledger')
  const wrong = { ...signer, sign: () => Buffer.alloc(64) }
  await assert.rejects(signCheckpoint(head, wrong), { code: 'ledger.invalid' })
})

test('every changed character of a checkpoint is refused, or its signature no longer verifies', async () => {
  const signer = makeSigner('example.com/ledger')
  const key = noteKey(signer.name, signer.publicKey)
  const note = await signCheckpoint({ ...head, size: 1234 }, signer)
  for (let i = 0; i < note.length; i++) {
    for (const other of ['A', 'b', '0', '\n', ' ', '=', '—']) {
      if (note[i] === other) continue
      let holds: boolean
      try {
        holds = isSignedBy(readCheckpoint(note.slice(0, i) + other + note.slice(i + 1)), key)
      } catch {
        holds = false
      }
      assert.ok(!holds, `character ${i} became ${JSON.stringify(other)}`)
    }
  }
})

test('checkpoints that only look like one are refused', () => {
  const root = Buffer.from(emptyRoot).toString('base64')
  const signature = `— k ${Buffer.alloc(68).toString('base64')}\n`
  const bad: Record<string, string> = {
    'leading zero': `o\n01\n${root}\n\n${signature}`,
    'negative size': `o\n-1\n${root}\n\n${signature}`,
    'unsafe size': `o\n9007199254740993\n${root}\n\n${signature}`,
    'no origin': `\n1\n${root}\n\n${signature}`,
    'extension line': `o\n1\n${root}\nmore\n\n${signature}`,
    'short root': `o\n1\nAAAA\n\n${signature}`,
    'loose base64': `o\n1\n${root.replace(/=$/, '')}\n\n${signature}`,
    'no signature': `o\n1\n${root}\n\n`,
    'carriage return': `o\r\n1\n${root}\n\n${signature}`,
    'no last newline': `o\n1\n${root}\n\n${signature}`.slice(0, -1),
  }
  for (const [what, note] of Object.entries(bad)) {
    assert.throws(() => readCheckpoint(note), { code: 'ledger.invalid' }, what)
  }
})

test('reading a key or a checkpoint answers or refuses, whatever it is given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      for (const read of [readCheckpoint, readKey]) {
        try {
          read(text)
        } catch (error) {
          assert.equal((error as { code: string }).code, 'ledger.invalid')
        }
      }
    }),
  )
})

test('a key line whose id does not fit its key is refused', () => {
  assert.throws(() => readKey('PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'), /id is c74f20a3/)
})

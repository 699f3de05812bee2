import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Entry, entryBytesMax, readEntry, writeEntry } from './entry.ts'
import { redactArguments } from './redact.ts'

const digest = 'a'.repeat(64)
const callId = '01890a5d-ac96-774b-bcce-b302099a8057'
const principal = { id: 'p1', issuer: 'local', subject: 'ana', name: 'Ana' }
const client = { id: 'https://client.example/metadata.json', name: 'A client' }

const entries: Entry[] = [
  {
    v: 1,
    at: 1_700_000_000_000,
    kind: 'intent',
    instance: 'i1',
    callId,
    principal,
    client,
    grantId: 'g1',
    upstream: 'mux',
    tool: 'delete_asset',
    toolDigest: digest,
    effect: 'destructive',
    argumentsDigest: digest,
    arguments: redactArguments({ ASSET_ID: 'a1' }),
    revision: 7,
    entitlementId: 'e1',
  },
  {
    v: 1,
    at: 1_700_000_000_200,
    kind: 'outcome',
    callId,
    intent: 0,
    status: 'success',
    httpStatus: 200,
    durationMs: 200,
  },
  { v: 1, at: 1, kind: 'denial', upstream: 'mux', tool: 'x', reason: 'tool.unknown', requestable: false },
  { v: 1, at: 1, kind: 'login', status: 'failure', provider: 'local', reason: 'identity.wrong_password' },
  {
    v: 1,
    at: 1,
    kind: 'change',
    by: 'p1',
    what: 'grant.given',
    about: { kind: 'grant', id: 'g1' },
    details: { tools: [] },
  },
]

test('every kind of entry reads back as it was written', () => {
  for (const entry of entries) assert.deepEqual(readEntry(Buffer.from(writeEntry(entry))), entry)
})

test('the bytes of an entry are canonical: names sorted, no spaces, absent fields absent', () => {
  assert.equal(
    writeEntry({ kind: 'login', provider: 'local', status: 'failure', at: 5, v: 1, reason: undefined }),
    '{"at":5,"kind":"login","provider":"local","status":"failure","v":1}',
  )
})

test('one changed byte anywhere gives other bytes that are refused, or another entry', () => {
  for (const entry of entries) {
    const bytes = Buffer.from(writeEntry(entry))
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i] = changed[i]! ^ 1
      let read: Entry | undefined
      try {
        read = readEntry(changed)
      } catch (error) {
        assert.equal((error as { code: string }).code, 'ledger.invalid')
      }
      assert.notDeepEqual(read, entry)
    }
  }
})

test('bytes that mean the same but are not canonical are refused', () => {
  const text = writeEntry(entries[3]!)
  for (const other of [
    ` ${text}`,
    text.replace('"v":1', '"v":1.0'),
    text.replace('{', '{"at":1,'),
    text.replace('local', '\\u006cocal'),
    `\ufeff${text}`,
  ]) {
    assert.throws(() => readEntry(Buffer.from(other)), { code: 'ledger.invalid' }, other)
  }
})

test('an unknown kind, an unknown field and a newer version are refused, the last by its name', () => {
  const refuse = (text: string, why: RegExp) => assert.throws(() => readEntry(Buffer.from(text)), why)
  refuse('{"at":1,"kind":"rumour","v":1}', /ledger/)
  refuse('{"at":5,"kind":"login","provider":"local","status":"failure","v":1,"w":1}', /w/)
  refuse('{"at":5,"kind":"login","provider":"local","status":"failure","v":2}', /version 2/)
  refuse('null', /entry/)
  refuse('['.repeat(60_000) + ']'.repeat(60_000), /canonical/)
})

test('details of any shape have one form, and every other order or spelling of it is refused', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }), (drawn) => {
      // What comes in has passed JSON before: no lone surrogates, no minus nought.
      const details = JSON.parse(JSON.stringify(drawn)) as Record<string, unknown>
      const text = writeEntry({ ...entries[4]!, details } as Entry)
      assert.deepEqual((readEntry(Buffer.from(text)) as { details?: unknown }).details, details)
      const reversed = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).toReversed()))
      assert.throws(() => readEntry(Buffer.from(reversed)), { code: 'ledger.invalid' })
    }),
  )
})

test('lone surrogates are refused, though the engine would write them as they were', () => {
  const text = writeEntry({ ...entries[4]!, reason: 'x' } as Entry).replace('"x"', String.raw`"\ud800"`)
  assert.throws(() => readEntry(Buffer.from(text)), { code: 'ledger.invalid' })
})

test('a name of any length does not prevent a record', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (name) => {
      const read = readEntry(
        Buffer.from(writeEntry({ ...entries[2]!, tool: name, client: { id: 'c', name } } as Entry)),
      )
      assert.ok(read.kind === 'denial' && read.tool!.length <= 500)
    }),
  )
})

test('an entry that would not fit a bundle is refused', () => {
  const details = { text: 'x'.repeat(entryBytesMax) }
  assert.throws(() => writeEntry({ ...entries[4]!, details } as Entry), /65535 bytes/)
})

test('a field that does not fit is refused by its name', () => {
  assert.throws(() => writeEntry({ ...entries[0]!, argumentsDigest: 'short' } as Entry), /argumentsDigest/)
})

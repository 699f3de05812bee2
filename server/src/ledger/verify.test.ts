import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  exportSample,
  keyLine,
  makeSample,
  makeSigner,
  sampleEntry,
  sampleOrigin,
  signSample,
  type Sample,
} from '../../test/sample-ledger.ts'
import { writeEntry, type Entry } from './entry.ts'
import { writeExport } from './export.ts'
import { readBundle, writeBundle } from './tiles.ts'
import { type Pins, type Problem, verifyLedger } from './verify.ts'

const good = makeSample(700, 100)
const pinned = { keys: [keyLine(good.signer)] }

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Exports the good ledger once and gives a fresh copy of it for each falsification. */
async function openForge(t: TestContext, sample: Sample = good) {
  const original = makeFolder(t)
  const checkpoints = await exportSample(original, sample)
  return {
    checkpoints,
    async verify(falsify: (folder: string) => void, pins: Pins = pinned): Promise<Problem | undefined> {
      const folder = makeFolder(t)
      cpSync(original, folder, { recursive: true })
      falsify(folder)
      return (await verifyLedger(folder, pins)).problem
    },
  }
}

function edit(folder: string, path: string, change: (bytes: Buffer) => Uint8Array | string): void {
  writeFileSync(join(folder, path), change(readFileSync(join(folder, path))))
}

async function verifySample(t: TestContext, sample: Sample, pins: Pins = pinned) {
  const folder = makeFolder(t)
  await exportSample(folder, sample)
  return verifyLedger(folder, pins)
}

test('a ledger that nobody touched holds, whatever its size', async (t) => {
  for (const [count, every] of [
    [0, 1],
    [1, 1],
    [2, 1],
    [255, 10],
    [256, 256],
    [257, 100],
    [512, 64],
    [700, 100],
  ] as const) {
    const found = await verifySample(t, makeSample(count, every))
    assert.equal(found.problem, undefined, `${count} entries`)
    assert.equal(found.size, count)
    assert.equal(found.checkpoints, Math.max(1, Math.ceil(count / every)))
  }
})

test('a ledger of three levels of tiles holds', { timeout: 120_000 }, async (t) => {
  const entry = writeEntry(sampleEntry(2))
  const sample = {
    entries: Array.from({ length: 65_536 + 300 }, () => entry),
    sizes: [65_536, 65_836],
    signer: good.signer,
  }
  const found = await verifySample(t, sample)
  assert.equal(found.problem, undefined)
  assert.equal(found.counts.denial, 65_836)
})

test('verification says what it found', async (t) => {
  const found = await verifySample(t, makeSample(16, 8))
  assert.deepEqual(found.counts, { intent: 4, outcome: 4, denial: 4, login: 2, change: 2 })
  assert.equal(found.origin, sampleOrigin)
  assert.equal(found.lastAt! - found.firstAt!, 1_500)
  assert.deepEqual(found.remarks, [])
})

test('without a pinned key it says that it had to believe the export', async (t) => {
  const found = await verifySample(t, makeSample(4, 4), {})
  assert.equal(found.problem, undefined)
  assert.deepEqual(
    found.remarks.map(({ code }) => code),
    ['keys.not_pinned'],
  )
})

test('a changed bit in any file is detected, and in an entry it is located', async (t) => {
  const sample = makeSample(300, 50)
  const forge = await openForge(t, sample)
  const files = [
    'checkpoint',
    'checkpoints',
    'tile/entries/000',
    'tile/entries/001.p/44',
    'tile/0/000',
    'tile/0/001.p/44',
    'tile/1/000.p/1',
  ]
  for (const path of files) {
    for (let step = 0; step < 25; step++) {
      let changedAt = 0
      const problem = await forge.verify((folder) =>
        edit(folder, path, (bytes) => {
          changedAt = Math.floor((bytes.length - 1) * (step / 24))
          bytes[changedAt]! ^= 1 << (step % 7)
          return bytes
        }),
      )
      assert.ok(problem, `${path}: byte ${changedAt}`)
      if (path === 'tile/entries/000') {
        const before = readBundle(
          Buffer.from(writeBundle(sample.entries.slice(0, 256).map((text) => Buffer.from(text)))),
          256,
        )
        let end = 0
        const hit = before.entries.findIndex((entry) => (end += 2 + entry.length) > changedAt)
        assert.equal(problem.entry, hit, problem.message)
      }
    }
  }
})

const bundle = 'tile/entries/001'
/** Entries 256 to 511, changed, written back without touching the tiles. */
const inBundle = (change: (entries: Uint8Array[]) => Uint8Array[]) => (folder: string) =>
  edit(folder, bundle, (bytes) => writeBundle(change(readBundle(bytes, 256).entries)))

test('entries that are dropped, doubled, swapped, inserted or cut off are detected and located', async (t) => {
  const forge = await openForge(t)
  const cases: [string, (folder: string) => void, number][] = [
    ['dropped', inBundle((list) => list.toSpliced(10, 1)), 266],
    ['doubled', inBundle((list) => list.toSpliced(10, 0, list[10]!)), 267],
    ['doubled over the next', inBundle((list) => list.toSpliced(11, 1, list[10]!)), 267],
    ['swapped', inBundle((list) => list.toSpliced(10, 2, list[11]!, list[10]!)), 266],
    ['last one cut off', inBundle((list) => list.slice(0, -1)), 511],
    ['one too many', inBundle((list) => [...list, list[0]!]), 512],
    ['file gone', (folder) => rmSync(join(folder, bundle)), 256],
    ['file empty', (folder) => writeFileSync(join(folder, bundle), ''), 256],
  ]
  for (const [what, falsify, entry] of cases) {
    const problem = await forge.verify(falsify)
    assert.equal(problem?.entry, entry, `${what}: ${problem?.message}`)
  }
})

test('a damaged tile is told from a changed entry', async (t) => {
  const forge = await openForge(t)
  const flip = (bytes: Buffer) => bytes.fill(bytes[320]! ^ 1, 320, 321)
  assert.equal((await forge.verify((folder) => edit(folder, 'tile/0/001', flip)))?.code, 'tile.changed')
  assert.equal((await forge.verify((folder) => edit(folder, bundle, flip)))?.code, 'entry.changed')
  const upper = await forge.verify((folder) => edit(folder, 'tile/1/000.p/2', (bytes) => bytes.fill(7, 40, 41)))
  assert.deepEqual([upper?.code, upper?.entry, upper?.upTo], ['tile.changed', 256, 511])
})

test('an entry that was changed together with all tiles is located between two checkpoints', async (t) => {
  const folder = makeFolder(t)
  const checkpoints = await signSample(good)
  const entries = good.entries.with(333, writeEntry({ ...sampleEntry(333), status: 'failure' } as Entry))
  await writeExport(folder, { keys: pinned.keys, checkpoints, entries: [entries] })
  const { problem } = await verifyLedger(folder, pinned)
  assert.deepEqual([problem?.code, problem?.entry, problem?.upTo], ['entry.changed', 300, 399])
})

test('a tail that was cut off back to an older checkpoint shows by a checkpoint that is known', async (t) => {
  const older: Sample = { ...good, entries: good.entries.slice(0, 500), sizes: [100, 200, 300, 400, 500] }
  const [, , , , , , last] = await signSample(good)
  assert.equal((await verifySample(t, older)).problem, undefined)
  const { problem } = await verifySample(t, older, { ...pinned, checkpoint: last! })
  assert.deepEqual([problem?.code, problem?.entry, problem?.upTo], ['known.rolled_back', 500, 699])
})

test('a history that was rewritten and signed anew shows by a checkpoint that is known', async (t) => {
  const [, , third] = await signSample(good)
  const forked = { ...good, entries: good.entries.with(250, writeEntry(sampleEntry(251 * 8 + 7))) }
  assert.equal((await verifySample(t, good, { ...pinned, checkpoint: third! })).problem, undefined)
  const { problem } = await verifySample(t, forked, { ...pinned, checkpoint: third! })
  assert.deepEqual([problem?.code, problem?.entry, problem?.upTo], ['known.forked', 200, 299])
})

test('a log that signed two roots for one size is caught by its own history', async (t) => {
  const folder = makeFolder(t)
  const other = { ...good, entries: good.entries.with(250, writeEntry(sampleEntry(251 * 8 + 7))) }
  const one = await signSample(good)
  const two = await signSample(other)
  await writeExport(folder, {
    keys: pinned.keys,
    checkpoints: [...one.slice(0, 3), two[2]!, ...one.slice(3)],
    entries: [good.entries],
  })
  assert.equal((await verifyLedger(folder, pinned)).problem?.code, 'checkpoint.conflict')
})

test('a history out of order, or that does not end with the checkpoint, is refused', async (t) => {
  const notes = await signSample(good)
  const verify = async (checkpoints: string[]) => {
    const folder = makeFolder(t)
    await writeExport(folder, { keys: pinned.keys, checkpoints: notes, entries: [good.entries] })
    writeFileSync(join(folder, 'checkpoints'), checkpoints.join(''))
    return (await verifyLedger(folder, pinned)).problem?.code
  }
  assert.equal(await verify([notes[1]!, notes[0]!, ...notes.slice(2)]), 'checkpoint.out_of_order')
  assert.equal(await verify(notes.slice(0, -1)), 'file.malformed')
  assert.equal(await verify([]), 'file.malformed')
  assert.equal(await verify([...notes, 'gateway.example/ledger\n9']), 'file.malformed')
})

test('a ledger signed anew with another key is refused by the pinned key, and by a known checkpoint', async (t) => {
  const swapped = { ...good, signer: makeSigner('intruder') }
  const [first] = await signSample(good)
  assert.equal((await verifySample(t, swapped)).problem?.code, 'checkpoint.unsigned')
  assert.equal((await verifySample(t, swapped, { checkpoint: first! })).problem?.code, 'known.unsigned')
})

test('a ledger of another name is refused, though the key is right', async (t) => {
  const renamed = { ...good, origin: 'other.example/ledger' }
  assert.equal((await verifySample(t, renamed)).problem?.code, 'checkpoint.other_origin')
  assert.equal(
    (await verifySample(t, good, { origin: 'other.example/ledger' })).problem?.code,
    'checkpoint.other_origin',
  )
  const [other] = await signSample({ ...good, origin: 'other.example/ledger', sizes: [700] })
  assert.equal((await verifySample(t, good, { ...pinned, checkpoint: other! })).problem?.code, 'known.other_origin')
})

test('a key that the ledger announced under the old key needs no new pin, any other does', async (t) => {
  const next = makeSigner('next')
  const announce = (key: string): Entry => ({
    v: 1,
    at: 1_700_000_001_000,
    kind: 'change',
    by: 'system',
    what: 'key.rotated',
    about: { kind: 'setting' },
    details: { key },
  })
  const verify = async (key: string, announcedAt: number) => {
    const folder = makeFolder(t)
    const entries = good.entries.slice(0, 40).with(announcedAt, writeEntry(announce(key)))
    const old = await signSample({ ...good, entries, sizes: [20] })
    const renewed = await signSample({ ...good, entries, sizes: [40], signer: next })
    await writeExport(folder, { keys: pinned.keys, checkpoints: [...old, ...renewed], entries: [entries] })
    return (await verifyLedger(folder, pinned)).problem?.code
  }
  assert.equal(await verify(keyLine(next), 10), undefined)
  assert.equal(await verify(keyLine(next), 30), 'checkpoint.unsigned')
  assert.equal(await verify(keyLine(makeSigner('else')), 10), 'checkpoint.unsigned')
  assert.equal(await verify('nonsense', 10), 'checkpoint.unsigned')
})

test('signed nonsense is refused: a log cannot sign its way around the format and the story', async (t) => {
  const outcome = sampleEntry(1)
  const intent = sampleEntry(0)
  const cases: [string, number, string][] = [
    ['entry.malformed', 5, '{"at":1,"kind":"rumour","v":1}'],
    ['entry.malformed', 5, 'hello'],
    ['entry.malformed', 6, ` ${good.entries[6]!}`],
    ['outcome.without_intent', 6, writeEntry(outcome)],
    ['outcome.without_intent', 1, writeEntry({ ...outcome, intent: 4 } as Entry)],
    ['call.duplicate', 6, writeEntry(intent)],
    [
      'approval.reused',
      12,
      writeEntry({ ...sampleEntry(4), callId: (sampleEntry(12) as { callId: string }).callId } as Entry),
    ],
  ]
  for (const [code, at, text] of cases) {
    const { problem } = await verifySample(t, {
      ...good,
      entries: good.entries.slice(0, 20).with(at, text),
      sizes: [20],
    })
    assert.deepEqual([problem?.code, problem?.entry], [code, at], problem?.message)
  }
})

test('calls without outcome and clocks that go back are remarked, not refused', async (t) => {
  const entries = good.entries.slice(0, 9).with(7, writeEntry({ ...sampleEntry(7), at: 5 } as Entry))
  const found = await verifySample(t, { ...good, entries, sizes: [9] })
  assert.equal(found.problem, undefined)
  assert.deepEqual(
    found.remarks.map(({ code, entry }) => [code, entry]),
    [
      ['time.backwards', 7],
      ['calls.open', 8],
    ],
  )
})

test('a folder that is no export, or an unfinished one, is a problem and not a crash', async (t) => {
  const empty = makeFolder(t)
  assert.equal((await verifyLedger(empty)).problem?.code, 'file.missing')
  assert.equal((await verifyLedger(join(empty, 'nowhere'))).problem?.file, 'checkpoint')
  const forge = await openForge(t, makeSample(20, 10))
  for (const path of ['keys', 'checkpoints', 'tile/0/000.p/20', 'tile/entries/000.p/20']) {
    assert.equal((await forge.verify((folder) => rmSync(join(folder, path))))?.code, 'file.missing', path)
    assert.ok(await forge.verify((folder) => writeFileSync(join(folder, path), Buffer.alloc(20_000, 'x'))), path)
  }
})

test('pins that cannot be read are the mistake of who gives them', async (t) => {
  await assert.rejects(verifyLedger(makeFolder(t), { keys: ['x'] }), { code: 'ledger.invalid' })
  await assert.rejects(verifyLedger(makeFolder(t), { checkpoint: 'x' }), { code: 'ledger.invalid' })
})

test('progress comes to all entries', async (t) => {
  const folder = makeFolder(t)
  await exportSample(folder, good)
  const seen: number[] = []
  await verifyLedger(folder, pinned, (done, all) => seen.push(done, all))
  assert.deepEqual(seen, [256, 700, 512, 700, 700, 700])
})

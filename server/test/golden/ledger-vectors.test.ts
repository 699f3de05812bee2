import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { leftOut } from '../left-out.ts'
import { type Entry, writeEntry } from '../../src/ledger/entry.ts'
import { writeExport } from '../../src/ledger/export.ts'
import { type Pins, type Problem, verifyLedger } from '../../src/ledger/verify.ts'
import { exportSample, keyLine, makeSample, makeSigner, sampleEntry, signSample, type Sample } from '../sample-ledger.ts'

const folder = fileURLToPath(new URL('../../../spec/vectors/ledger/', import.meta.url))

interface Case {
  name: string
  folder: string
  pins: Pins
  problem: Problem['code'] | null
  entry?: number
  upTo?: number
}

/** A vector: how its folder is made, and with what pins it is judged. */
interface Vector {
  folder: string
  make(to: string): Promise<void>
  judge: { name: string; pins: Pins }[]
}

const small = makeSample(20, 8)
const large = makeSample(260, 100)
const keys = [keyLine(small.signer)]
const sample = (given: Sample) => async (to: string) => void (await exportSample(to, given))
const changed = (given: Sample, at: number, change: Partial<Entry>): string[] =>
  given.entries.with(at, writeEntry({ ...sampleEntry(at), ...change } as Entry))

async function listVectors(): Promise<Vector[]> {
  const notes = await signSample(small)
  const forked = { ...small, entries: changed(small, 2, { at: 5 }) }
  return [
    { folder: 'empty', make: sample(makeSample(0, 1)), judge: [{ name: 'a ledger without entries', pins: { keys } }] },
    {
      folder: 'small',
      make: sample(small),
      judge: [
        { name: 'twenty entries, the key pinned', pins: { keys } },
        { name: 'twenty entries, nothing pinned', pins: {} },
        { name: 'twenty entries, an earlier checkpoint pinned', pins: { keys, checkpoint: notes[0]! } },
        { name: 'another key pinned', pins: { keys: [keyLine(makeSigner('another'))] } },
      ],
    },
    { folder: 'large', make: sample(large), judge: [{ name: 'more than one tile', pins: { keys } }] },
    {
      folder: 'cut-off',
      make: sample({ ...small, entries: small.entries.slice(0, 16), sizes: [8, 16] }),
      judge: [
        { name: 'cut off, and nobody knows a later checkpoint', pins: { keys } },
        { name: 'cut off', pins: { keys, checkpoint: notes[2]! } },
      ],
    },
    {
      folder: 'forked',
      make: sample(forked),
      judge: [{ name: 'rewritten and signed anew', pins: { keys, checkpoint: notes[0]! } }],
    },
    {
      folder: 'changed',
      make: async (to) =>
        writeExport(to, { keys, checkpoints: notes, entries: [changed(small, 10, { at: 5 })] }),
      judge: [{ name: 'an entry changed, and all tiles with it', pins: { keys } }],
    },
    {
      folder: 'second-outcome',
      make: sample({ ...small, entries: small.entries.with(6, small.entries[5]!) }),
      judge: [{ name: 'a signed second outcome', pins: { keys } }],
    },
    {
      folder: 'damaged-tile',
      async make(to) {
        await exportSample(to, small)
        const path = join(to, 'tile/0/000.p/20')
        writeFileSync(path, readFileSync(path).fill(0, 5 * 32, 6 * 32))
      },
      judge: [{ name: 'a damaged tile', pins: { keys } }],
    },
  ]
}

function readTree(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((item) => item.isFile())
  const paths = files.map((file) => join(file.parentPath, file.name)).toSorted()
  return Object.fromEntries(paths.map((path) => [path.slice(root.length), readFileSync(path).toString('base64')]))
}

test('the vectors are those that this gateway makes, and it judges them as they say', async (t) => {
  const anew = process.env['VECTORS'] === 'write'
  const cases: Case[] = []
  for (const vector of await listVectors()) {
    const kept = join(folder, vector.folder)
    const made = join(mkdtempSync(join(tmpdir(), 'vectors-')), vector.folder)
    t.after(() => rmSync(join(made, '..'), { recursive: true }))
    if (anew) {
      rmSync(kept, { recursive: true, force: true })
      await vector.make(kept)
    }
    await vector.make(made)
    assert.deepEqual(readTree(made), readTree(kept), vector.folder)
    for (const { name, pins } of vector.judge) {
      const { problem } = await verifyLedger(kept, pins)
      cases.push({ name, folder: vector.folder, pins, problem: problem?.code ?? null, ...pick(problem) })
    }
  }
  const path = join(folder, 'cases.json')
  if (anew) writeFileSync(path, `${JSON.stringify(cases, undefined, 2)}\n`)
  assert.deepEqual(cases, JSON.parse(readFileSync(path, 'utf8')))
})

function pick(problem: Problem | undefined): Pick<Case, 'entry' | 'upTo'> {
  return {
    ...(problem?.entry === undefined ? {} : { entry: problem.entry }),
    ...(problem?.upTo === undefined ? {} : { upTo: problem.upTo }),
  }
}

const python = spawnSync('python3', ['--version']).status === 0

test('an independent verifier in another language comes to the same', { skip: leftOut(python, 'no python3 here') }, () => {
  const run = spawnSync('python3', [join(folder, 'check.py')], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
  const { length } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Case[]
  assert.equal(run.stdout, `${length} cases, 0 failures\n`)
})

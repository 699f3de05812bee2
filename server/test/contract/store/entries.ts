import assert from 'node:assert/strict'
import {
  advanceSettled,
  countEntries,
  getSettled,
  insertEntries,
  listEntries,
  listLeaves,
  listOpenIntents,
  type StoredEntry,
  takePositions,
} from '../../../src/store/entries.ts'
import { advanceRevision } from '../../../src/store/revisions.ts'
import type { Store } from '../../../src/store/store.ts'

function made(seq: number, kind: string, callId?: string): StoredEntry {
  return { seq, kind, at: 100 + seq, callId, leaf: `{"seq":${seq}}` }
}

async function append(store: Store, kinds: [kind: string, callId?: string][]): Promise<void> {
  await store.transaction(async (tx) => {
    const first = await takePositions(tx, kinds.length)
    await insertEntries(
      tx,
      kinds.map(([kind, callId], i) => made(first + i, kind, callId)),
    )
  })
}

function fresh(kind: string, callId?: string, again = false) {
  return { kind, at: 5, callId, leaf: `{"of":"${kind} ${callId ?? ''} 'ü' \\\\"}`, again }
}

export const cases: [string, (store: Store) => Promise<void>][] = [
  [
    'positions begin at nought and have no gaps, whoever asks at once',
    async (store) => {
      await Promise.all(Array.from({ length: 8 }, () => append(store, [['login'], ['login'], ['login']])))
      assert.equal(await countEntries(store), 24)
      const listed = await listEntries(store, { after: -1, limit: 100 })
      assert.deepEqual(
        listed.map(({ seq }) => seq),
        Array.from({ length: 24 }, (_, i) => i),
      )
    },
  ],
  [
    'a transaction that fails leaves no gap',
    async (store) => {
      const failing = store.transaction(async (tx) => {
        await takePositions(tx, 5)
        throw new Error('broken')
      })
      await assert.rejects(failing, /broken/)
      await append(store, [['login']])
      assert.deepEqual(await listEntries(store, { limit: 5 }), [made(0, 'login')])
    },
  ],
  [
    'many entries are inserted at once, and read in their order',
    async (store) => {
      await append(
        store,
        Array.from({ length: 201 }, () => ['denial']),
      )
      const leaves = await listLeaves(store, 150, 100)
      assert.equal(leaves.length, 51)
      assert.deepEqual(leaves.slice(0, 2), ['{"seq":150}', '{"seq":151}'])
    },
  ],
  [
    'a batch stands together, in its order, after what was there, and at the present revision',
    async (store) => {
      await append(store, [['login']])
      await store.transaction((tx) => advanceRevision(tx, 1, { kind: 'setting' }))
      const batch = [fresh('intent', 'c1'), fresh('denial'), ...Array.from({ length: 100 }, () => fresh('login'))]
      assert.deepEqual(await store.append(batch), { first: 1, leftOut: [], revision: 1 })
      const listed = await listEntries(store, { after: 0, limit: 200 })
      assert.deepEqual(
        listed,
        batch.map(({ again: _again, ...entry }, i) => ({ ...entry, seq: i + 1 })),
      )
      assert.equal(await countEntries(store), 103)
    },
  ],
  [
    'batches that come at once share the positions between them, and so do other transactions',
    async (store) => {
      const batches = Array.from({ length: 20 }, (_, i) =>
        i % 3 === 0 ? append(store, [['login']]) : store.append([fresh('intent', `c${i}`), fresh('denial')]),
      )
      await Promise.all(batches)
      const seqs = (await listEntries(store, { after: -1, limit: 100 })).map(({ seq }) => seq)
      assert.deepEqual(
        seqs,
        Array.from({ length: 33 }, (_, i) => i),
      )
      assert.equal(await countEntries(store), 33)
    },
  ],
  [
    'an outcome that is there already is left out, and leaves no gap',
    async (store) => {
      await store.append([fresh('intent', 'c1'), fresh('intent', 'c2'), fresh('outcome', 'c1')])
      const batch = [fresh('denial', 'c1'), fresh('outcome', 'c1', true), fresh('outcome', 'c2', true), fresh('login')]
      assert.deepEqual(await store.append(batch), { first: 3, leftOut: [1], revision: 0 })
      assert.equal(await countEntries(store), 6)
      const listed = await listEntries(store, { after: 2, limit: 9 })
      assert.deepEqual(
        listed.map(({ seq, kind, callId }) => [seq, kind, callId]),
        [
          [3, 'denial', 'c1'],
          [4, 'outcome', 'c2'],
          [5, 'login', undefined],
        ],
      )
      assert.deepEqual(await store.append([fresh('outcome', 'c2', true)]), {
        first: 6,
        leftOut: [0],
        revision: 0,
      })
    },
  ],
  [
    'a batch of which one entry cannot be written is not written at all',
    async (store) => {
      const broken = { ...fresh('denial'), at: Number.NaN }
      await assert.rejects(store.append([fresh('login'), broken]))
      assert.equal(await countEntries(store), 0)
      const twoLines = { ...fresh('denial'), leaf: '{\n}' }
      await assert.rejects(store.append([fresh('login'), twoLines]))
      assert.deepEqual(await store.append([fresh('login')]), { first: 0, leftOut: [], revision: 0 })
    },
  ],
  [
    'leaves are read up to the first position that is missing',
    async (store) => {
      await append(store, [['login'], ['login']])
      await store.transaction(async (tx) => insertEntries(tx, [made((await takePositions(tx, 2)) + 1, 'login')]))
      assert.equal((await listLeaves(store, 0, 9)).length, 2)
      assert.equal((await listLeaves(store, 2, 9)).length, 0)
    },
  ],
  [
    'a page is by position, kind and call, newest first unless it goes upwards',
    async (store) => {
      await append(store, [['intent', 'c1'], ['denial'], ['outcome', 'c1'], ['login'], ['intent', 'c2']])
      const seqs = async (query: Parameters<typeof listEntries>[1]) =>
        (await listEntries(store, query)).map(({ seq }) => seq)
      assert.deepEqual(await seqs({ limit: 2 }), [4, 3])
      assert.deepEqual(await seqs({ before: 3, limit: 2 }), [2, 1])
      assert.deepEqual(await seqs({ after: 1, limit: 2 }), [2, 3])
      assert.deepEqual(await seqs({ kinds: ['intent', 'outcome'], limit: 9 }), [4, 2, 0])
      assert.deepEqual(await seqs({ callId: 'c1', limit: 9 }), [2, 0])
    },
  ],
  [
    'open intents are those without outcome',
    async (store) => {
      await append(store, [
        ['intent', 'c1'],
        ['intent', 'c2'],
        ['denial', 'c2'],
        ['outcome', 'c1'],
        ['intent', 'c3'],
      ])
      const open = async (from: number) => (await listOpenIntents(store, from)).map(({ callId }) => callId)
      assert.deepEqual(await open(0), ['c2', 'c3'])
      assert.deepEqual(await open(2), ['c3'])
    },
  ],
  [
    'what is settled moves on and never back',
    async (store) => {
      assert.equal(await getSettled(store), 0)
      await advanceSettled(store, 7)
      await advanceSettled(store, 3)
      assert.equal(await getSettled(store), 7)
    },
  ],
]

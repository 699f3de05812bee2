import assert from 'node:assert/strict'
import {
  consumeProtocolRecord,
  deleteExpiredProtocolRecords,
  deleteProtocolRecord,
  deleteProtocolRecordsOfGrants,
  findProtocolRecord,
  type ProtocolRecord,
  upsertProtocolRecord,
} from '../../../src/store/protocol-records.ts'
import type { Store } from '../../../src/store/store.ts'

const record = (key: string, more: Partial<ProtocolRecord> = {}): ProtocolRecord => ({
  key,
  model: 'RefreshToken',
  payload: { scope: 'mcp', nested: { list: [1, 2] } },
  grantId: 'grant',
  expiresAt: 100,
  ...more,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a record comes back as it was stored, renewed when stored again, and is forgotten',
    async (store) => {
      await upsertProtocolRecord(store, record('a'))
      assert.deepEqual(await findProtocolRecord(store, 'a'), { ...record('a'), consumedAt: undefined })
      await upsertProtocolRecord(store, record('a', { payload: { other: true }, grantId: undefined }))
      const renewed = { payload: { other: true }, grantId: undefined, consumedAt: undefined }
      assert.deepEqual(await findProtocolRecord(store, 'a'), { ...record('a'), ...renewed })
      await deleteProtocolRecord(store, 'a')
      assert.equal(await findProtocolRecord(store, 'a'), undefined)
    },
  ],
  [
    'of fifty parallel attempts to consume a record one succeeds',
    async (store) => {
      await upsertProtocolRecord(store, record('a'))
      const attempts = await Promise.all(Array.from({ length: 50 }, () => consumeProtocolRecord(store, 'a', 5)))
      assert.equal(attempts.filter(Boolean).length, 1)
      assert.equal((await findProtocolRecord(store, 'a'))?.consumedAt, 5)
      assert.equal(await consumeProtocolRecord(store, 'b', 5), false)
    },
  ],
  [
    'a consumed record stays consumed when it is stored again',
    async (store) => {
      await upsertProtocolRecord(store, record('a'))
      await consumeProtocolRecord(store, 'a', 5)
      await upsertProtocolRecord(store, record('a'))
      assert.equal((await findProtocolRecord(store, 'a'))?.consumedAt, 5)
    },
  ],
  [
    'what was issued under a grant goes with it, and what expired is swept',
    async (store) => {
      await upsertProtocolRecord(store, record('a', { grantId: 'one' }))
      await upsertProtocolRecord(store, record('b', { grantId: 'one', model: 'AuthorizationCode' }))
      await upsertProtocolRecord(store, record('c', { grantId: 'two' }))
      await upsertProtocolRecord(store, record('d', { grantId: undefined, expiresAt: 50 }))
      await deleteProtocolRecordsOfGrants(store, [])
      await deleteProtocolRecordsOfGrants(store, ['one'])
      await deleteExpiredProtocolRecords(store, 51)
      const left = await Promise.all(['a', 'b', 'c', 'd'].map((key) => findProtocolRecord(store, key)))
      assert.deepEqual(
        left.map((found) => found !== undefined),
        [false, false, true, false],
      )
    },
  ],
]

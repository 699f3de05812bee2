import assert from 'node:assert/strict'
import { insertSignal, listSignals, type StoredSignal } from '../../../src/store/signals.ts'
import type { Store } from '../../../src/store/store.ts'

const signal = (id: string, more: Partial<StoredSignal> = {}): StoredSignal => ({
  id,
  transmitter: 'okta',
  event: 'session-revoked',
  issuedAt: 1,
  receivedAt: 2,
  principalId: 'ana',
  effect: 'grants ended',
  ...more,
})

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'signals are listed newest first, and the oldest of each transmitter are forgotten',
    async (store) => {
      for (const id of ['a', 'b', 'c', 'd']) await insertSignal(store, signal(id), 3)
      const other = signal('0', { transmitter: 'entra', principalId: undefined })
      await insertSignal(store, other, 3)
      assert.deepEqual(
        (await listSignals(store, 'okta', 10)).map(({ id }) => id),
        ['d', 'c', 'b'],
      )
      assert.deepEqual(await listSignals(store, 'okta', 1), [signal('d')])
      assert.deepEqual(await listSignals(store, 'entra', 10), [other])
    },
  ],
]

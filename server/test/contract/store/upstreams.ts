import assert from 'node:assert/strict'
import type { Upstream } from '../../../src/model/upstream.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  findUpstream,
  insertUpstream,
  listUpstreams,
  updateUpstream,
  updateUpstreamState,
} from '../../../src/store/upstreams.ts'

const memory: Upstream = {
  name: 'memory',
  launch: { kind: 'stdio', command: 'memory' },
  purpose: 'remembers',
  ownerId: undefined,
  state: 'proposed',
  proposedBy: 'ana',
  ceiling: 'destructive',
  proof: 'optional',
  createdAt: 1_790_000_000_000,
  changedAt: 1_790_000_000_000,
  learnt: undefined,
  probedAt: undefined,
  probeError: undefined,
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'an upstream comes back as it was stored, and its name is taken for ever',
    async (store) => {
      assert.equal(await insertUpstream(store, memory), true)
      assert.equal(await insertUpstream(store, { ...memory, purpose: 'other' }), false)
      assert.deepEqual(await findUpstream(store, 'memory'), memory)
      assert.equal(await findUpstream(store, 'other'), undefined)
      await insertUpstream(store, { ...memory, name: 'mux' })
      assert.deepEqual(
        (await listUpstreams(store)).map((one) => one.name),
        ['memory', 'mux'],
      )
    },
  ],
  [
    'of two that step it from one state at once, one wins',
    async (store) => {
      await insertUpstream(store, memory)
      const step = { name: 'memory', from: 'proposed', to: 'in_review', at: 2 } as const
      const won = await Promise.all([updateUpstreamState(store, step), updateUpstreamState(store, step)])
      assert.equal(won.filter(Boolean).length, 1)
      assert.equal((await findUpstream(store, 'memory'))?.state, 'in_review')
    },
  ],
  [
    'a field that is not named stays, one that is named undefined is emptied',
    async (store) => {
      const learnt = {
        era: 'legacy' as const,
        protocolVersion: '2025-11-25',
        serverName: 'm',
        serverVersion: '1',
        instructions: 'be kind',
        capabilities: { prompts: {} },
      }
      await insertUpstream(store, memory)
      await updateUpstream(store, 'memory', { ownerId: 'bo', learnt, probedAt: 3, probeError: 'late' })
      await updateUpstream(store, 'memory', { probeError: undefined, ceiling: 'write' })
      assert.deepEqual(await findUpstream(store, 'memory'), {
        ...memory,
        ownerId: 'bo',
        learnt,
        probedAt: 3,
        ceiling: 'write',
      })
    },
  ],
]

import assert from 'node:assert/strict'
import type { Store } from '../../../src/store/store.ts'
import { findTool, listTools, putTool, type StoredTool } from '../../../src/store/tools.ts'

const definition = { name: 'drop', description: 'Drops “all”', inputSchema: { type: 'object' } }
const tool: StoredTool = {
  upstream: 'memory',
  name: 'drop',
  position: 1,
  live: definition,
  liveDigest: 'a'.repeat(64),
  seenAt: 1_790_000_000_000,
  pinned: undefined,
  pinnedDigest: undefined,
  pinnedBy: undefined,
  pinnedAt: undefined,
  effect: 'destructive',
  traits: ['secret', 'access'],
  because: ['its name says so'],
  effectSetBy: undefined,
  effectReason: undefined,
  ownerId: undefined,
  allowedArguments: ['path'],
  withdrawnAt: undefined,
}

export const cases: [name: string, run: (store: Store) => Promise<void>][] = [
  [
    'a tool comes back as it was put, and putting it again replaces it',
    async (store) => {
      await putTool(store, tool)
      assert.deepEqual(await findTool(store, 'memory', 'drop'), tool)
      const pinned = { ...tool, pinned: definition, pinnedDigest: tool.liveDigest, pinnedBy: 'ana', pinnedAt: 5 }
      await putTool(store, pinned)
      assert.deepEqual(await findTool(store, 'memory', 'drop'), pinned)
      await putTool(store, { ...pinned, live: undefined, liveDigest: undefined })
      assert.equal((await findTool(store, 'memory', 'drop'))?.live, undefined)
    },
  ],
  [
    'tools are listed in the order of their upstream, and of no other',
    async (store) => {
      await putTool(store, { ...tool, name: 'b', position: 0 })
      await putTool(store, { ...tool, name: 'a', position: 2 })
      await putTool(store, tool)
      await putTool(store, { ...tool, upstream: 'mux' })
      assert.deepEqual(
        (await listTools(store, 'memory')).map((one) => one.name),
        ['b', 'drop', 'a'],
      )
    },
  ],
]

import type { TestContext } from 'node:test'
import { openInventory, type Inventory } from '../src/inventory/inventory.ts'
import type { Entry } from '../src/ledger/entry.ts'
import type { Learnt } from '../src/model/upstream.ts'
import { insertPrincipal } from '../src/store/principals.ts'
import { openLedgerRoom } from './ledger-room.ts'

/** The inventory on a real store and ledger, with people ana, bo and cy, and a clock that the test sets. */
export interface InventoryRoom {
  inventory: Inventory
  clock: { at: number }
  /** What was recorded, oldest first. */
  changes(): Promise<Extract<Entry, { kind: 'change' }>[]>
  /** What was told to end, in the transaction of a withdrawal. */
  ended: { upstream: string; tool?: string | undefined; principalId?: string | undefined; retired: boolean }[]
}

export const learnt: Learnt = {
  era: 'legacy',
  protocolVersion: '2025-11-25',
  serverName: 'fake',
  serverVersion: '1',
  instructions: undefined,
  capabilities: { tools: {} },
}

/** A definition as an upstream would list it. */
export function definition(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name, description: `Does ${name}.`, inputSchema: { type: 'object', properties: {} }, ...more }
}

/** Opens the room; it is closed when the test ends. */
export async function openInventoryRoom(t: TestContext): Promise<InventoryRoom> {
  const at = { at: 1_790_000_000_000 }
  const clock = { now: () => at.at, monotonic: () => performance.now() }
  const { store, ledger, close } = await openLedgerRoom(clock)
  t.after(close)
  for (const id of ['ana', 'bo', 'cy']) {
    const person = { issuer: 'test', subject: id, kind: 'person', name: id, email: undefined } as const
    await insertPrincipal(store, { id, ...person, state: 'active', createdAt: at.at })
  }
  const ended: InventoryRoom['ended'] = []
  const inventory = openInventory({
    store,
    ledger,
    clock,
    onWithdraw: async (_tx, { upstream, tool, principalId, retired }) => {
      ended.push({ upstream, tool, retired, ...(principalId && { principalId }) })
    },
  })
  async function changes() {
    const entries = (await ledger.listEntries({ after: -1, limit: 1_000 })).map(({ entry }) => entry)
    return entries.filter((entry) => entry.kind === 'change')
  }
  return { inventory, clock: at, changes, ended }
}

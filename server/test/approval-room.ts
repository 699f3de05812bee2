import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type Approvals, openApprovals } from '../src/approval/approvals.ts'
import type { ApprovalRequest } from '../src/approval/request.ts'
import { digestOf } from '../src/base/ids.ts'
import { canonicalJson } from '../src/base/json.ts'
import type { Entry } from '../src/ledger/entry.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import type { openStore, Store } from '../src/store/store.ts'
import { openVault } from '../src/vault/vault.ts'
import { goodFacts } from './golden/decision-facts.ts'
import { openLedgerRoom } from './ledger-room.ts'

type ChangeEntry = Extract<Entry, { kind: 'change' }>

/** The room of approvals on a real store, ledger and vault, with a clock and with rights that the test sets. */
export interface ApprovalRoom {
  store: Store
  ledger: Ledger
  approvals: Approvals
  /** The recorded changes of approvals, oldest first. */
  changes(): Promise<ChangeEntry[]>
  /** Who may approve what, as `principal upstream/tool`. */
  rights: Set<string>
  clock: { at: number }
}

/** Opens the room where `place` says; it is closed when the test ends. */
export async function openApprovalRoom(t: TestContext, place: Parameters<typeof openStore>[0]): Promise<ApprovalRoom> {
  const clock = { at: goodFacts().now }
  const time = { now: () => clock.at, monotonic: () => performance.now() }
  const { store, ledger, close } = await openLedgerRoom(time, place)
  t.after(close)
  const rights = new Set(['bo mux/delete_asset', 'cy mux/delete_asset', 'ana mux/delete_asset'])
  const approvals = openApprovals({
    store,
    ledger,
    vault: await openVault({ store, masterKey: randomBytes(32), clock: time }),
    clock: time,
    origin: 'https://gate.example',
    mayApprove: async (principalId, upstream, tool) => rights.has(`${principalId} ${upstream}/${tool}`),
  })
  async function changes(): Promise<ChangeEntry[]> {
    const entries = (await ledger.listEntries({ after: -1, limit: 1_000 })).map(({ entry }) => entry)
    return entries.filter((entry) => entry.kind === 'change').filter(({ what }) => what.startsWith('approval.'))
  }
  return { store, ledger, approvals, changes, rights, clock }
}

/** Ana asks to delete asset `x1`, unless the test says otherwise. */
export function asking(change: Partial<ApprovalRequest> & { arguments?: unknown } = {}): ApprovalRequest {
  const { arguments: args = { id: 'x1' }, ...rest } = change
  const argumentsText = canonicalJson(args)
  return {
    principalId: 'ana',
    clientId: 'claude',
    grantId: 'g1',
    upstream: 'mux',
    tool: 'delete_asset',
    toolDigest: 'd1',
    argumentsDigest: digestOf(argumentsText),
    argumentsText,
    ...rest,
  }
}

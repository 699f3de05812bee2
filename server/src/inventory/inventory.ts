import type { Clock } from '../base/clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Entitlement } from '../model/rights.ts'
import { listHeldEntitlements } from '../store/entitlements.ts'
import { findPrincipal } from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import { findUpstream, listUpstreams } from '../store/upstreams.ts'
import { findBundle, listBundles } from '../store/bundles.ts'
import { changeBundle, findPlace, listMistakable, makeBundle, retireBundle } from './bundle.ts'
import { demandLogin, entitle, findEntitlements, hasRight, revokeEntitlement } from './entitlement.ts'
import { declareMethod } from './method.ts'
import {
  allowArgument,
  findToolDetail,
  listTools,
  observe,
  pinTools,
  readPinned,
  recordProbeFailure,
  setEffect,
  setToolOwner,
  withdrawTool,
  type ToolStep,
} from './tool.ts'
import {
  preloadUpstream,
  proposeUpstream,
  replaceDocument,
  setCeiling,
  setProof,
  setUpstreamOwner,
  stepUpstream,
} from './upstream.ts'

/** What can be used no more: an upstream or a bundle, one tool of it, or one tool by one principal. */
export interface Withdrawal {
  upstream: string
  tool?: string
  principalId?: string
  by: string
  /** Whether it is for good. */
  retired: boolean
}

/** The rooms that the inventory needs. */
export interface InventoryRooms {
  store: Store
  ledger: Ledger
  clock: Clock
  /** What ends when a right to use something is withdrawn: run in the same transaction. */
  onWithdraw: (tx: Handle, what: Withdrawal) => Promise<void>
}

/** What is governed: upstreams, their tools, and who may use them. */
export type Inventory = ReturnType<typeof openInventory>

// Leaves the room as its first argument out of the signature.
function bind<R, A extends unknown[], T>(rooms: R, does: (rooms: R, ...rest: A) => T): (...rest: A) => T {
  return (...rest) => does(rooms, ...rest)
}

/** Opens the inventory: the functions of this room, each with its promise where it is written. */
export function openInventory(rooms: InventoryRooms) {
  const { store, clock, onWithdraw } = rooms
  return {
    findUpstream: (name: string) => findUpstream(store, name),
    listUpstreams: () => listUpstreams(store),
    proposeUpstream: bind(rooms, proposeUpstream),
    replaceDocument: bind(rooms, replaceDocument),
    preloadUpstream: bind(rooms, preloadUpstream),
    setUpstreamOwner: bind(rooms, setUpstreamOwner),
    setCeiling: bind(rooms, setCeiling),
    setProof: bind(rooms, setProof),
    /** @see stepUpstream; grants and approvals end with a retired upstream, pending approvals with a suspended one. */
    stepUpstream: (step: Parameters<typeof stepUpstream>[1]) =>
      stepUpstream(rooms, step, async (tx) => {
        const retired = step.to === 'retired'
        if (retired || step.to === 'suspended') await onWithdraw(tx, { upstream: step.name, by: step.by, retired })
      }),

    findBundle: (name: string) => findBundle(store, name),
    listBundles: () => listBundles(store),
    makeBundle: bind(rooms, makeBundle),
    changeBundle: bind(rooms, changeBundle),
    /** @see retireBundle; the grants of its address end with it. */
    retireBundle: (step: Parameters<typeof retireBundle>[1]) =>
      retireBundle(rooms, step, (tx) => onWithdraw(tx, { upstream: step.name, by: step.by, retired: true })),
    listMistakable: (bundle: string, member: Parameters<typeof listMistakable>[2]) =>
      listMistakable(store, bundle, member),
    findPlace: bind(rooms, findPlace),

    observe: bind(rooms, observe),
    recordProbeFailure: bind(rooms, recordProbeFailure),
    readPinned: bind(rooms, readPinned),
    listTools: bind(rooms, listTools),
    findToolDetail: bind(rooms, findToolDetail),
    /** @see pinTools; approvals of what was accepted before end with it. */
    pinTools: (step: Parameters<typeof pinTools>[1]) =>
      pinTools(rooms, step, (tx, tool) =>
        onWithdraw(tx, { upstream: step.upstream, tool, by: step.by, retired: false }),
      ),
    /** @see withdrawTool; pending approvals of it end with it. */
    withdrawTool: (step: ToolStep) =>
      withdrawTool(rooms, step, (tx) =>
        onWithdraw(tx, { upstream: step.upstream, tool: step.tool, by: step.by, retired: false }),
      ),
    setEffect: bind(rooms, setEffect),
    setToolOwner: bind(rooms, setToolOwner),
    allowArgument: bind(rooms, allowArgument),
    declareMethod: bind(rooms, declareMethod),

    entitle: bind(rooms, entitle),
    demandLogin: bind(rooms, demandLogin),
    /** @see revokeEntitlement; approvals of calls that it carried end with it. */
    revokeEntitlement: (step: Parameters<typeof revokeEntitlement>[1]) =>
      revokeEntitlement(rooms, step, async (tx, { principalId, upstream, tool }) => {
        // A group's right is held by many: their approvals of this tool end with it, and so do those of others, who ask again.
        const group = (await findPrincipal(tx, principalId))?.kind === 'group'
        const whose = group ? {} : { principalId }
        await onWithdraw(tx, { upstream, tool, ...whose, by: step.by, retired: false })
      }),
    /** The entitlements that fit; of a principal also those that he holds through groups. */
    listEntitlements: bind(rooms, findEntitlements),
    hasRight: bind(rooms, hasRight),
    /** Whether this principal may change the inventory and withdraw rights now. */
    isAdministrator: async (principalId: string): Promise<boolean> =>
      (await hasRight(rooms, { principalId, right: 'administer', upstream: '*', tool: '*' })) !== undefined,
    /** Whether this principal is active and may approve calls of this tool now: by entitlement, or as its owner. */
    mayApprove: async (principalId: string, upstream: string, tool: string): Promise<boolean> => {
      if ((await findPrincipal(store, principalId))?.state !== 'active') return false
      if (await hasRight(rooms, { principalId, right: 'approve', upstream, tool })) return true
      const catalogue = await readPinned(rooms, upstream)
      return catalogue?.tools.get(tool)?.tool.ownerId === principalId
    },
    /** The rights of a principal that are in force now, those through groups too. */
    listRights: (principalId: string): Promise<Entitlement[]> =>
      listHeldEntitlements(store, { principalId, activeAt: clock.now() }),
  }
}

import type { Approval, Client } from '../model/rights.ts'
import type { Tool } from '../model/tool.ts'
import type { Upstream } from '../model/upstream.ts'
import { listSeen } from './known.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/** What waits for somebody: each list is empty where nothing does, or where it is not his to do. */
export interface Work {
  /** Calls that wait for his answer. */
  approvals: Approval[]
  inReview: Upstream[]
  proposed: Upstream[]
  /** Upstreams whose last look failed. */
  failing: Upstream[]
  unowned: Upstream[]
  /** Clients that somebody asked for, and that nobody admitted. */
  waitingClients: Client[]
  /** Tools whose definition changed since it was accepted: withheld. */
  drifted: Tool[]
  /** Tools that were never accepted: withheld. */
  fresh: Tool[]
}

/** Looks for what waits for a viewer: for administrators everywhere, for owners what they own. */
export async function lookForWork(rooms: ControlRooms, viewer: Viewer): Promise<Work> {
  const approvals = await rooms.approvals.list({ decidableBy: viewer.principal.id })
  const own = (ownerId: string | undefined) => viewer.administrator || ownerId === viewer.principal.id
  const live = (await listSeen(rooms, viewer)).filter(({ state }) => state !== 'retired')
  const tools: Tool[] = []
  for (const upstream of live) {
    tools.push(...(await rooms.inventory.listTools(upstream.name)).filter((tool) => own(tool.ownerId)))
  }
  const mine = live.filter(({ ownerId }) => own(ownerId))
  const clients = viewer.administrator ? await rooms.oauth.listClients() : []
  return {
    approvals,
    waitingClients: clients.filter(({ state, askedBy }) => state === 'waiting' && askedBy !== undefined),
    proposed: viewer.administrator ? live.filter(({ state }) => state === 'proposed') : [],
    inReview: viewer.administrator ? live.filter(({ state }) => state === 'in_review') : [],
    failing: mine.filter(({ state, probeError }) => state === 'approved' && probeError !== undefined),
    unowned: mine.filter(({ ownerId }) => ownerId === undefined),
    drifted: tools.filter(({ pin }) => pin === 'drifted'),
    fresh: tools.filter(({ pin }) => pin === 'new'),
  }
}

import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { makeId } from '../base/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LoginDemand } from '../model/login.ts'
import type { Principal } from '../model/principal.ts'
import { readReason, type Entitlement, type Right } from '../model/rights.ts'
import {
  findEntitlement,
  insertEntitlement,
  listEntitlements,
  listHeldEntitlements,
  revokeEntitlement as revokeStored,
  updateEntitlementLogin,
  type EntitlementFilter,
} from '../store/entitlements.ts'
import { findPrincipal } from '../store/principals.ts'
import type { About } from '../store/revisions.ts'
import type { Handle, Store } from '../store/store.ts'
import { findTool } from '../store/tools.ts'
import { findUpstream } from '../store/upstreams.ts'

/** The rooms that entitlements need. */
export interface EntitlementRooms {
  store: Store
  ledger: Ledger
  clock: Clock
}

/** A right to be given: one row for each tool, because each tool is its own entitlement. */
export interface Entitling {
  by: string
  principalId: string
  right: Right
  /** `*` for `administer`. */
  upstream: string
  /** `['*']` for `administer`. */
  tools: string[]
  reason: string
  /** Epoch milliseconds; absent: until it is revoked. */
  endsAt?: number | undefined
}

/**
 * Gives a principal a right. What it has already, with no earlier end, is left as it is.
 *
 * @returns how many entitlements were made.
 * @throws {Fault} `inventory.unknown` for a principal or a tool that does not exist; nothing is given then.
 */
export async function entitle(rooms: EntitlementRooms, entitling: Entitling): Promise<number> {
  const reason = readReason(entitling.reason)
  const { by, principalId, right, upstream, tools, endsAt } = entitling
  const now = rooms.clock.now()
  if (endsAt !== undefined && endsAt <= now) throw new Fault('inventory.bad_end', 'the end lies in the past')
  const holder = await findPrincipal(rooms.store, principalId)
  if (holder === undefined) throw new Fault('inventory.unknown', 'there is no such principal')
  if (holder.kind === 'workload' && right !== 'use')
    throw new Fault('inventory.unknown', 'a machine uses tools: it cannot approve or administer')
  // Whoever may write a claim at an identity provider must not be able to make administrators.
  if (holder.kind === 'group' && right === 'administer')
    throw new Fault('inventory.unknown', 'the right to administer is given to each person, not to a group')
  return rooms.ledger.recordChange(
    {
      by,
      what: 'entitlement.given',
      about: aboutHolder(holder),
      reason,
      details: { right, upstream, tools, ...(endsAt !== undefined && { endsAt }) },
    },
    async (tx) => {
      const held = await listEntitlements(tx, { principalId, right, upstream, activeAt: now })
      const fresh = tools.filter((tool) => !held.some((one) => one.tool === tool && covers(one, endsAt)))
      for (const tool of fresh) {
        await requireTool(tx, { right, upstream, tool })
        await insertEntitlement(tx, {
          id: makeId(rooms.clock),
          principalId,
          right,
          upstream,
          tool,
          grantedBy: by,
          reason,
          createdAt: now,
          endsAt,
          revokedAt: undefined,
        })
      }
      return fresh.length
    },
  )
}

// News of a group concern all its members, whoever they are.
function aboutHolder({ id, kind }: Pick<Principal, 'id' | 'kind'>): About {
  return { kind: kind === 'group' ? 'group' : 'entitlement', id }
}

function covers(held: Entitlement, endsAt: number | undefined): boolean {
  return held.endsAt === undefined || (endsAt !== undefined && held.endsAt >= endsAt)
}

async function requireTool(tx: Handle, of: { right: Right; upstream: string; tool: string }): Promise<void> {
  if (of.right === 'administer') {
    if (of.upstream === '*' && of.tool === '*') return
    throw new Fault('inventory.unknown', 'the right to administer is over everything: upstream `*`, tool `*`')
  }
  const known = (await findUpstream(tx, of.upstream)) && (await findTool(tx, of.upstream, of.tool))
  if (known === undefined) throw new Fault('inventory.unknown', `there is no tool \`${of.upstream}/${of.tool}\``)
}

/**
 * Ends an entitlement at once.
 *
 * @param alongside what ends with a right to use a tool, in the same transaction: approvals of calls of it.
 * @throws {Fault} `inventory.last_administrator`: somebody must be able to administer.
 */
export async function revokeEntitlement(
  rooms: EntitlementRooms,
  step: { by: string; id: string; reason: string },
  alongside: (tx: Handle, ended: Entitlement) => Promise<void> = async () => undefined,
): Promise<void> {
  const reason = readReason(step.reason)
  const entitlement = await findEntitlement(rooms.store, step.id)
  if (entitlement === undefined) throw new Fault('inventory.unknown', 'there is no such entitlement')
  const { principalId, right, upstream, tool } = entitlement
  const holder = await findPrincipal(rooms.store, principalId)
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: 'entitlement.revoked',
      about: aboutHolder({ id: principalId, kind: holder?.kind ?? 'person' }),
      reason,
      details: { id: step.id, right, upstream, tool },
    },
    async (tx) => {
      if (right === 'administer') await requireAnotherAdministrator(tx, principalId, rooms.clock.now())
      if (!(await revokeStored(tx, step.id, rooms.clock.now()))) {
        throw new Fault('inventory.nothing_to_do', 'this entitlement has ended already')
      }
      if (right === 'use') await alongside(tx, entitlement)
    },
  )
}

/** The longest age that may be demanded of a login: who logs in less often than that has no sign-in. */
const loginSecondsMax = 30 * 86_400

/**
 * Demands that whoever uses entitlements has logged in lately, or strongly; or demands nothing more.
 *
 * @param step `demand`: absent takes back what was demanded. Only of rights to `use`.
 * @throws {Fault} `inventory.unknown` if one of them is none in force of this holder; nothing is changed then.
 */
export async function demandLogin(
  rooms: EntitlementRooms,
  step: { by: string; principalId: string; ids: readonly string[]; demand?: LoginDemand | undefined; reason: string },
): Promise<void> {
  const { by, principalId, ids } = step
  const reason = readReason(step.reason)
  const demand = step.demand && readDemand(step.demand)
  const holder = await findPrincipal(rooms.store, principalId)
  if (holder === undefined) throw new Fault('inventory.unknown', 'there is no such principal')
  const details = { ids: [...ids], ...(demand !== undefined && { demand }) }
  await rooms.ledger.recordChange(
    { by, what: 'entitlement.login_demanded', about: aboutHolder(holder), reason, details },
    async (tx) => {
      for (const id of ids) {
        const entitlement = await findEntitlement(tx, id)
        const right = entitlement?.principalId === principalId && entitlement.right === 'use'
        if (!right || !(await updateEntitlementLogin(tx, id, demand)))
          throw new Fault('inventory.unknown', 'there is no such right to use a tool')
      }
    },
  )
}

function readDemand({ maxAgeSeconds, acr = [], amr = [] }: LoginDemand): LoginDemand {
  const words = [...acr, ...amr]
  const age = maxAgeSeconds === undefined || (Number.isInteger(maxAgeSeconds) && maxAgeSeconds >= 60)
  if (!age || (maxAgeSeconds ?? 0) > loginSecondsMax)
    throw new Fault(
      'inventory.bad_end',
      `a login may be demanded to be 60 to ${loginSecondsMax} seconds old at the most`,
    )
  if (words.length > 20 || !words.every((word) => /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(word)))
    throw new Fault('inventory.bad_end', 'classes and methods of a login are 20 words without spaces at the most')
  if (maxAgeSeconds === undefined && words.length === 0)
    throw new Fault('inventory.bad_end', 'say what is demanded of the login: an age, a class or a method')
  return {
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(acr.length > 0 && { acr }),
    ...(amr.length > 0 && { amr }),
  }
}

/** @throws {Fault} `inventory.last_administrator` when nobody but this principal could administer. */
export async function requireAnotherAdministrator(tx: Handle, principalId: string, now: number): Promise<void> {
  const all = await listEntitlements(tx, { right: 'administer', activeAt: now })
  for (const one of all) {
    if (one.principalId !== principalId && (await findPrincipal(tx, one.principalId))?.state === 'active') return
  }
  throw new Fault('inventory.last_administrator', 'nobody else could administer then; make another administrator first')
}

/** The entitlement by which this principal holds this right now, if there is one. */
export async function hasRight(
  rooms: EntitlementRooms,
  asked: { principalId: string; right: Right; upstream: string; tool: string },
): Promise<Entitlement | undefined> {
  const [found] = await listHeldEntitlements(rooms.store, { ...asked, activeAt: rooms.clock.now() })
  return found
}

/** The entitlements that fit; of a principal also those that he holds through groups. */
export function findEntitlements(rooms: EntitlementRooms, filter: EntitlementFilter): Promise<Entitlement[]> {
  const { principalId } = filter
  return principalId === undefined
    ? listEntitlements(rooms.store, filter)
    : listHeldEntitlements(rooms.store, { ...filter, principalId })
}

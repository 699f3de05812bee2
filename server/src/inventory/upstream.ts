import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { digestOf } from '../base/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Effect } from '../model/effect.ts'
import { readReason } from '../model/rights.ts'
import {
  readLaunch,
  readUpstreamName,
  upstreamSteps,
  type Launch,
  type Proof,
  type Upstream,
  type UpstreamState,
} from '../model/upstream.ts'
import { putApiDocument } from '../store/api-documents.ts'
import { findBundle } from '../store/bundles.ts'
import { findPrincipal } from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import { findUpstream, insertUpstream, updateUpstream, updateUpstreamState } from '../store/upstreams.ts'

/** The rooms that the lifecycle needs. */
export interface UpstreamRooms {
  store: Store
  ledger: Ledger
  clock: Clock
}

/**
 * Proposes an upstream. It serves nothing before somebody else has reviewed and approved it.
 *
 * @param proposal `ownerId`: who answers for it; must be an active principal. `document`: the text of the OpenAPI document
 *   whose digest `launch` has; it is kept from then on.
 * @throws {Fault} `inventory.name_taken`; a name is never used twice.
 */
export async function proposeUpstream(
  rooms: UpstreamRooms,
  proposal: {
    by: string
    name: string
    launch: Launch
    purpose: string
    ownerId: string
    reason: string
    document?: string | undefined
  },
): Promise<Upstream> {
  const reason = readReason(proposal.reason)
  const { document } = proposal
  const upstream: Upstream = {
    name: readUpstreamName(proposal.name),
    launch: readLaunch(proposal.launch),
    purpose: readReason(proposal.purpose),
    ownerId: proposal.ownerId,
    state: 'proposed',
    proposedBy: proposal.by,
    ...untouched(rooms.clock),
  }
  await rooms.ledger.recordChange(
    {
      by: proposal.by,
      what: 'upstream.proposed',
      about: { kind: 'upstream', id: upstream.name },
      reason,
      details: { launch: upstream.launch, purpose: upstream.purpose, ownerId: upstream.ownerId },
    },
    async (tx) => {
      await requireOwner(tx, upstream.ownerId)
      if ((await findBundle(tx, upstream.name)) !== undefined) throw taken(upstream.name)
      if (!(await insertUpstream(tx, upstream))) throw taken(upstream.name)
      await keepDocument(tx, upstream, document)
    },
  )
  return upstream
}

/**
 * Puts another document in the place of the one that an upstream was proposed with. Where its API is stays: a document that
 * was looked at less closely than the proposal takes no credential elsewhere.
 *
 * Promise: what is under way here ends, and no call is made here by the old document once this has resolved; at another
 * replica as soon as it has heard of this. No call that was judged by one document is made by another.
 *
 * @throws {Fault} `inventory.nothing_to_do` where the upstream has no such document, or has this one;
 *   `inventory.bad_step` where it is retired.
 */
export async function replaceDocument(
  rooms: UpstreamRooms,
  step: { by: string; name: string; document: string; reason: string },
): Promise<void> {
  const { name, by, document } = step
  const reason = readReason(step.reason)
  const { launch, state } = await getUpstream(rooms, name)
  if (state === 'retired') throw new Fault('inventory.bad_step', `\`${name}\` is retired, which is final`)
  if (!('digest' in launch))
    throw new Fault(
      'inventory.nothing_to_do',
      `\`${name}\` was not proposed with a document that could be replaced here`,
    )
  const digest = digestOf(document)
  if (digest === launch.digest) throw new Fault('inventory.nothing_to_do', `\`${name}\` has exactly this document`)
  const next: Launch = { ...launch, digest }
  await rooms.ledger.recordChange(
    {
      by,
      what: 'upstream.document_replaced',
      about: { kind: 'upstream', id: name },
      reason,
      details: { from: launch.digest, to: digest },
    },
    async (tx) => {
      await updateUpstream(tx, name, { launch: next, changedAt: rooms.clock.now() })
      await keepDocument(tx, { name, launch: next }, document)
    },
  )
}

async function keepDocument(
  tx: Handle,
  { name, launch }: Pick<Upstream, 'name' | 'launch'>,
  document: string | undefined,
): Promise<void> {
  const digest = 'digest' in launch ? launch.digest : undefined
  if (digest !== (document === undefined ? undefined : digestOf(document)))
    throw new TypeError('a document and the digest of its launch differ')
  if (digest !== undefined) await putApiDocument(tx, { upstream: name, digest, text: document! })
}

/**
 * Enters an upstream that comes with the product, approved by the set-up, if its name was never used. What it offers at
 * the first look is accepted; whatever comes later is withheld like everybody's.
 */
export async function preloadUpstream(
  rooms: UpstreamRooms,
  preload: { name: string; launch: Launch; purpose: string },
): Promise<void> {
  if ((await findUpstream(rooms.store, preload.name)) !== undefined) return
  const upstream: Upstream = {
    ...preload,
    ownerId: undefined,
    state: 'approved',
    proposedBy: undefined,
    ...untouched(rooms.clock),
  }
  await rooms.ledger.recordChange(
    {
      by: 'set-up',
      what: 'upstream.approved',
      about: { kind: 'upstream', id: upstream.name },
      reason: 'preloaded with the product',
      details: { launch: upstream.launch, purpose: upstream.purpose },
    },
    (tx) => insertUpstream(tx, upstream),
  )
}

/**
 * Takes an upstream one step along its lifecycle.
 *
 * @param alongside what must end with it, in the same transaction: grants and pending approvals when it is retired.
 * @throws {Fault} `inventory.bad_step` where the lifecycle has no such step, or somebody was quicker;
 *   `inventory.own_proposal` where the reviewer is who proposed it.
 */
export async function stepUpstream(
  rooms: UpstreamRooms,
  step: { by: string; name: string; to: UpstreamState; reason: string },
  alongside?: (tx: Handle) => Promise<void>,
): Promise<void> {
  const reason = readReason(step.reason)
  const upstream = await getUpstream(rooms, step.name)
  const from = upstream.state
  if (!upstreamSteps[from].includes(step.to)) {
    const next = upstreamSteps[from].join(', ') || 'nothing: this is final'
    throw new Fault(
      'inventory.bad_step',
      `cannot take \`${step.name}\` from ${from} to ${step.to}; what can follow is ${next}`,
    )
  }
  if (from === 'in_review' && step.to === 'approved' && step.by === upstream.proposedBy) {
    throw new Fault(
      'inventory.own_proposal',
      `cannot approve \`${step.name}\`: who proposed it cannot review it; ask somebody else`,
    )
  }
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: `upstream.${step.to}`,
      about: { kind: 'upstream', id: step.name },
      reason,
      details: { from, to: step.to },
    },
    async (tx) => {
      if (step.to === 'approved') await requireOwner(tx, upstream.ownerId)
      const moved = await updateUpstreamState(tx, { name: step.name, from, to: step.to, at: rooms.clock.now() })
      if (!moved)
        throw new Fault('inventory.bad_step', `\`${step.name}\` has just been changed by somebody else; look again`)
      await alongside?.(tx)
    },
  )
}

/** Gives an upstream to another owner. */
export async function setUpstreamOwner(
  rooms: UpstreamRooms,
  step: { by: string; name: string; ownerId: string; reason: string },
): Promise<void> {
  const about = { kind: 'tool' as const, id: step.name }
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: 'upstream.owner_set',
      about,
      reason: readReason(step.reason),
      details: { ownerId: step.ownerId },
    },
    async (tx) => {
      await requireOwner(tx, step.ownerId)
      await updateUpstream(tx, step.name, { ownerId: step.ownerId, changedAt: rooms.clock.now() })
    },
  )
}

/** Sets the gravest effect that tools of this upstream may have: above it no path to a call exists. */
export async function setCeiling(
  rooms: UpstreamRooms,
  step: { by: string; name: string; ceiling: Effect; reason: string },
): Promise<void> {
  await getUpstream(rooms, step.name)
  const about = { kind: 'tool' as const, id: step.name }
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: 'upstream.ceiling_set',
      about,
      reason: readReason(step.reason),
      details: { ceiling: step.ceiling },
    },
    (tx) => updateUpstream(tx, step.name, { ceiling: step.ceiling, changedAt: rooms.clock.now() }),
  )
}

/**
 * Sets whether this upstream takes only tokens that are bound to a key (DPoP). Where it is required, who holds another one
 * is refused from the next request on, and his open streams end.
 */
export async function setProof(
  rooms: UpstreamRooms,
  step: { by: string; name: string; proof: Proof; reason: string },
): Promise<void> {
  await getUpstream(rooms, step.name)
  const about = { kind: 'tool' as const, id: step.name }
  const details = { proof: step.proof }
  await rooms.ledger.recordChange(
    { by: step.by, what: 'upstream.proof_set', about, reason: readReason(step.reason), details },
    (tx) => updateUpstream(tx, step.name, { proof: step.proof, changedAt: rooms.clock.now() }),
  )
}

/** @throws {Fault} `inventory.unknown` */
export async function getUpstream(rooms: UpstreamRooms, name: string): Promise<Upstream> {
  const upstream = await findUpstream(rooms.store, name)
  if (upstream === undefined) throw new Fault('inventory.unknown', `there is no upstream \`${name}\``)
  return upstream
}

// What is the same of every upstream that nobody has looked at yet.
function untouched(
  clock: Clock,
): Pick<Upstream, 'ceiling' | 'proof' | 'createdAt' | 'changedAt' | 'learnt' | 'probedAt' | 'probeError'> {
  const now = clock.now()
  const nothing = { learnt: undefined, probedAt: undefined, probeError: undefined }
  return { ceiling: 'destructive', proof: 'optional', createdAt: now, changedAt: now, ...nothing }
}

async function requireOwner(tx: Handle, ownerId: string | undefined): Promise<void> {
  const owner = ownerId === undefined ? undefined : await findPrincipal(tx, ownerId)
  if (owner?.kind !== 'person' || owner.state !== 'active') {
    throw new Fault('inventory.no_owner', 'an upstream needs an owner who can sign in; name one')
  }
}

function taken(name: string): Fault {
  return new Fault('inventory.name_taken', `the name \`${name}\` was used before; names are never used twice`)
}

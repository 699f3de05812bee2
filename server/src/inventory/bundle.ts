import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { namesInBundle, readBundleName, readMembers, type Bundle, type BundleMember } from '../model/bundle.ts'
import { itemOf } from '../model/item.ts'
import { readReason } from '../model/rights.ts'
import { findBundle, insertBundle, updateBundle } from '../store/bundles.ts'
import { findPrincipal } from '../store/principals.ts'
import type { Handle, Store } from '../store/store.ts'
import { listTools } from '../store/tools.ts'
import { findUpstream } from '../store/upstreams.ts'
import { pinOf } from './catalogue.ts'

/** The rooms that bundles need. */
export interface BundleRooms {
  store: Store
  ledger: Ledger
  clock: Clock
}

/** What clients can connect to at `/mcp/<name>`: an upstream, or a bundle of several. */
export interface Place {
  name: string
  purpose: string
  /** Whether a client may connect to it now. */
  open: boolean
  /** Whether nobody can call anything there but with a token that is bound to a key. */
  wantsProof: boolean
  /** The upstreams behind it; one, where it is an upstream itself. */
  upstreams: readonly string[]
  /** Absent where it is an upstream. */
  bundle: Bundle | undefined
}

/**
 * Makes a bundle: one address over several upstreams. It gives nobody a right.
 *
 * @throws {Fault} `model.invalid` for a bad name, prefix or list of members; `inventory.name_taken`; `inventory.unknown`
 *   for a member that does not exist or is retired; `inventory.names_alike` where accepted tools of a member could be
 *   taken for one another; `inventory.no_owner`.
 */
export async function makeBundle(
  rooms: BundleRooms,
  given: { by: string; name: string; purpose: string; ownerId: string; members: unknown; reason: string },
): Promise<Bundle> {
  const now = rooms.clock.now()
  const bundle: Bundle = {
    name: readBundleName(given.name),
    purpose: readReason(given.purpose),
    ownerId: given.ownerId,
    members: readMembers(given.members),
    state: 'serving',
    createdAt: now,
    changedAt: now,
  }
  const { name, purpose, ownerId, members } = bundle
  const about = { kind: 'bundle', id: name } as const
  const details = { purpose, ownerId, members }
  await rooms.ledger.recordChange(
    { by: given.by, what: 'bundle.made', about, reason: readReason(given.reason), details },
    async (tx) => {
      if ((await findUpstream(tx, name)) !== undefined) throw taken(name)
      await requireOwner(tx, given.ownerId)
      await requireMembers(tx, bundle)
      if (!(await insertBundle(tx, bundle))) throw taken(name)
    },
  )
  return bundle
}

/**
 * Changes what a bundle is for, whose it is, or which upstreams are in it and in which order. A member that stays keeps its
 * prefix; of one that goes, what clients were given through this bundle carries nothing any more.
 *
 * @throws {Fault} as `makeBundle`, and `inventory.bad_step` where it is retired.
 */
export async function changeBundle(
  rooms: BundleRooms,
  given: { by: string; name: string; purpose: string; ownerId: string; members: unknown; reason: string },
): Promise<void> {
  const members = readMembers(given.members)
  const change = { purpose: readReason(given.purpose), ownerId: given.ownerId, members }
  const about = { kind: 'bundle', id: given.name } as const
  await rooms.ledger.recordChange(
    { by: given.by, what: 'bundle.changed', about, reason: readReason(given.reason), details: change },
    async (tx) => {
      const bundle = await getBundle(tx, given.name)
      for (const { upstream, prefix } of bundle.members) {
        const now = members.find((member) => member.upstream === upstream)
        if (now === undefined || now.prefix === prefix) continue
        throw new Fault('model.invalid', `\`${upstream}\` has the prefix \`${prefix}\` here, which never changes`)
      }
      await requireOwner(tx, given.ownerId)
      await requireMembers(tx, { ...bundle, members })
      if (!(await updateBundle(tx, given.name, { ...change, changedAt: rooms.clock.now() }))) throw retired(given.name)
    },
  )
}

/**
 * Retires a bundle for good.
 *
 * @param alongside what must end with it, in the same transaction: the grants of its address.
 */
export async function retireBundle(
  rooms: BundleRooms,
  step: { by: string; name: string; reason: string },
  alongside: (tx: Handle) => Promise<void>,
): Promise<void> {
  const about = { kind: 'bundle', id: step.name } as const
  await rooms.ledger.recordChange(
    { by: step.by, what: 'bundle.retired', about, reason: readReason(step.reason) },
    async (tx) => {
      await getBundle(tx, step.name)
      const done = await updateBundle(tx, step.name, { state: 'retired', changedAt: rooms.clock.now() })
      if (!done) throw retired(step.name)
      await alongside(tx)
    },
  )
}

/** What is at `/mcp/<name>`, if anything ever was. */
export async function findPlace({ store }: { store: Store }, name: string): Promise<Place | undefined> {
  const upstream = await findUpstream(store, name)
  if (upstream !== undefined) {
    const open = upstream.state === 'approved'
    const wantsProof = upstream.proof === 'required'
    return { name, purpose: upstream.purpose, open, wantsProof, upstreams: [name], bundle: undefined }
  }
  const bundle = await findBundle(store, name)
  if (bundle === undefined) return undefined
  const upstreams = bundle.members.map((member) => member.upstream)
  const members = await Promise.all(upstreams.map((member) => findUpstream(store, member)))
  const wantsProof = members.every((member) => member?.proof === 'required')
  return { name, purpose: bundle.purpose, open: bundle.state === 'serving', wantsProof, upstreams, bundle }
}

async function requireMembers(tx: Handle, { name, members }: Bundle): Promise<void> {
  for (const member of members) {
    const upstream = await findUpstream(tx, member.upstream)
    if (upstream === undefined || upstream.state === 'retired') {
      throw new Fault('inventory.unknown', `there is no upstream \`${member.upstream}\`, or it is retired`)
    }
    const mistakable = await listMistakable(tx, name, member)
    if (mistakable.length === 0) continue
    const list = mistakable.map((tool) => `\`${tool}\``).join(', ')
    throw new Fault(
      'inventory.names_alike',
      `tools of \`${member.upstream}\` could be taken for one another: ${list}; withdraw all but one of them first`,
    )
  }
}

/** The accepted tools of a member that a bundle does not serve, because they could be taken for one another. */
export async function listMistakable(handle: Handle, bundle: string, member: BundleMember): Promise<string[]> {
  const accepted = (await listTools(handle, member.upstream)).filter(
    (tool) => itemOf(tool.name).kind === 'tool' && pinOf(tool) === 'pinned',
  )
  const names = accepted.map((tool) => tool.name)
  return namesInBundle(bundle, member, names).mistakable
}

async function getBundle(tx: Handle, name: string): Promise<Bundle> {
  const bundle = await findBundle(tx, name)
  if (bundle === undefined) throw new Fault('inventory.unknown', `there is no bundle \`${name}\``)
  return bundle
}

async function requireOwner(tx: Handle, ownerId: string): Promise<void> {
  const owner = await findPrincipal(tx, ownerId)
  if (owner?.kind !== 'person' || owner.state !== 'active') {
    throw new Fault('inventory.no_owner', 'a bundle needs an owner who can sign in; name one')
  }
}

function taken(name: string): Fault {
  return new Fault('inventory.name_taken', `the name \`${name}\` was used before; names are never used twice`)
}

function retired(name: string): Fault {
  return new Fault('inventory.bad_step', `the bundle \`${name}\` is retired, which is final`)
}

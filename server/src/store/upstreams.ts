import type { Selectable } from 'kysely'
import type { Effect } from '../model/effect.ts'
import type { Launch, Learnt, Proof, Upstream, UpstreamState } from '../model/upstream.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

function toUpstream(row: Selectable<Tables['upstreams']>): Upstream {
  return {
    name: row.name,
    launch: JSON.parse(row.launch) as Launch,
    purpose: row.purpose,
    ownerId: row.owner_id ?? undefined,
    state: row.state as UpstreamState,
    proposedBy: row.proposed_by ?? undefined,
    ceiling: row.ceiling as Effect,
    proof: row.proof as Proof,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    learnt: row.learnt === null ? undefined : readLearnt(row.learnt),
    probedAt: row.probed_at ?? undefined,
    probeError: row.probe_error ?? undefined,
  }
}

// What was learnt before capabilities were remembered says nothing of them.
function readLearnt(text: string): Learnt {
  const { capabilities = {}, ...rest } = JSON.parse(text) as Omit<Learnt, 'capabilities'> & Partial<Learnt>
  return { ...rest, capabilities }
}

/**
 * Stores a new upstream.
 *
 * @returns whether the name was free; it stays taken for ever.
 */
export async function insertUpstream(handle: Handle, upstream: Upstream): Promise<boolean> {
  const result = await open(handle)
    .insertInto('upstreams')
    .values({
      name: upstream.name,
      kind: upstream.launch.kind,
      launch: JSON.stringify(upstream.launch),
      purpose: upstream.purpose,
      owner_id: upstream.ownerId ?? null,
      state: upstream.state,
      proposed_by: upstream.proposedBy ?? null,
      ceiling: upstream.ceiling,
      proof: upstream.proof,
      created_at: upstream.createdAt,
      changed_at: upstream.changedAt,
      learnt: upstream.learnt === undefined ? null : JSON.stringify(upstream.learnt),
      probed_at: upstream.probedAt ?? null,
      probe_error: upstream.probeError ?? null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** The upstream of this name. */
export async function findUpstream(handle: Handle, name: string): Promise<Upstream | undefined> {
  const row = await open(handle).selectFrom('upstreams').selectAll().where('name', '=', name).executeTakeFirst()
  return row && toUpstream(row)
}

/** All upstreams, by name. */
export async function listUpstreams(handle: Handle): Promise<Upstream[]> {
  const rows = await open(handle).selectFrom('upstreams').selectAll().orderBy('name').execute()
  return rows.map(toUpstream)
}

/**
 * Moves an upstream from one state to another.
 *
 * @returns whether it still was in `from`: of two that step at once, one wins.
 */
export async function updateUpstreamState(
  handle: Handle,
  step: { name: string; from: UpstreamState; to: UpstreamState; at: number },
): Promise<boolean> {
  const result = await open(handle)
    .updateTable('upstreams')
    .set({ state: step.to, changed_at: step.at })
    .where('name', '=', step.name)
    .where('state', '=', step.from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** What of an upstream can be set beside its state. */
export type UpstreamFields = Partial<
  Pick<Upstream, 'launch' | 'ownerId' | 'ceiling' | 'proof' | 'learnt' | 'probedAt' | 'probeError' | 'changedAt'>
>

/** Sets fields of an upstream; a field that is given as `undefined` is emptied, one that is not given stays. */
export async function updateUpstream(handle: Handle, name: string, fields: UpstreamFields): Promise<void> {
  await open(handle)
    .updateTable('upstreams')
    .set({
      ...(fields.launch !== undefined && { launch: JSON.stringify(fields.launch) }),
      ...('ownerId' in fields && { owner_id: fields.ownerId ?? null }),
      ...(fields.ceiling !== undefined && { ceiling: fields.ceiling }),
      ...(fields.proof !== undefined && { proof: fields.proof }),
      ...('learnt' in fields && { learnt: fields.learnt === undefined ? null : JSON.stringify(fields.learnt) }),
      ...('probedAt' in fields && { probed_at: fields.probedAt ?? null }),
      ...('probeError' in fields && { probe_error: fields.probeError ?? null }),
      ...(fields.changedAt !== undefined && { changed_at: fields.changedAt }),
    })
    .where('name', '=', name)
    .execute()
}

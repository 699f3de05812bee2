import type { Selectable } from 'kysely'
import type { Effect, Trait } from '../model/effect.ts'
import type { ItemDefinition } from '../model/item-definition.ts'
import { open } from './engine/handle.ts'
import type { Handle } from './store.ts'
import type { Tables } from './tables.ts'

/** A tool as it is stored: what was accepted beside what is live. */
export interface StoredTool {
  upstream: string
  name: string
  /** Place in the upstream's own list. */
  position: number
  live: ItemDefinition | undefined
  liveDigest: string | undefined
  seenAt: number
  pinned: ItemDefinition | undefined
  pinnedDigest: string | undefined
  pinnedBy: string | undefined
  pinnedAt: number | undefined
  effect: Effect
  traits: Trait[]
  because: string[]
  effectSetBy: string | undefined
  effectReason: string | undefined
  ownerId: string | undefined
  allowedArguments: string[]
  withdrawnAt: number | undefined
}

function toTool(row: Selectable<Tables['tools']>): StoredTool {
  return {
    upstream: row.upstream,
    name: row.name,
    position: row.position,
    live: row.live_definition === null ? undefined : (JSON.parse(row.live_definition) as ItemDefinition),
    liveDigest: row.live_digest ?? undefined,
    seenAt: row.seen_at,
    pinned: row.pinned_definition === null ? undefined : (JSON.parse(row.pinned_definition) as ItemDefinition),
    pinnedDigest: row.pinned_digest ?? undefined,
    pinnedBy: row.pinned_by ?? undefined,
    pinnedAt: row.pinned_at ?? undefined,
    effect: row.effect as Effect,
    traits: JSON.parse(row.traits) as Trait[],
    because: JSON.parse(row.because) as string[],
    effectSetBy: row.effect_set_by ?? undefined,
    effectReason: row.effect_reason ?? undefined,
    ownerId: row.owner_id ?? undefined,
    allowedArguments: JSON.parse(row.allowed_arguments) as string[],
    withdrawnAt: row.withdrawn_at ?? undefined,
  }
}

function toRow(tool: StoredTool): Tables['tools'] {
  return {
    upstream: tool.upstream,
    name: tool.name,
    position: tool.position,
    live_definition: tool.live === undefined ? null : JSON.stringify(tool.live),
    live_digest: tool.liveDigest ?? null,
    seen_at: tool.seenAt,
    pinned_definition: tool.pinned === undefined ? null : JSON.stringify(tool.pinned),
    pinned_digest: tool.pinnedDigest ?? null,
    pinned_by: tool.pinnedBy ?? null,
    pinned_at: tool.pinnedAt ?? null,
    effect: tool.effect,
    traits: JSON.stringify(tool.traits),
    because: JSON.stringify(tool.because),
    effect_set_by: tool.effectSetBy ?? null,
    effect_reason: tool.effectReason ?? null,
    owner_id: tool.ownerId ?? null,
    allowed_arguments: JSON.stringify(tool.allowedArguments),
    withdrawn_at: tool.withdrawnAt ?? null,
  }
}

/** All tools of an upstream, in its own order, gone ones too. */
export async function listTools(handle: Handle, upstream: string): Promise<StoredTool[]> {
  const rows = await open(handle)
    .selectFrom('tools')
    .selectAll()
    .where('upstream', '=', upstream)
    .orderBy('position')
    .orderBy('name')
    .execute()
  return rows.map(toTool)
}

/** One tool of an upstream. */
export async function findTool(handle: Handle, upstream: string, name: string): Promise<StoredTool | undefined> {
  const row = await open(handle)
    .selectFrom('tools')
    .selectAll()
    .where('upstream', '=', upstream)
    .where('name', '=', name)
    .executeTakeFirst()
  return row && toTool(row)
}

/** Stores a tool as it is now, whether it was known or not. */
export async function putTool(handle: Handle, tool: StoredTool): Promise<void> {
  const { upstream: _upstream, name: _name, ...fields } = toRow(tool)
  await open(handle)
    .insertInto('tools')
    .values(toRow(tool))
    .onConflict((conflict) => conflict.columns(['upstream', 'name']).doUpdateSet(fields))
    .execute()
}

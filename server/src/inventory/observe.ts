import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import { instructionsKey, itemOf, type ItemKind } from '../model/item.ts'
import type { Learnt, Upstream } from '../model/upstream.ts'
import type { StoredTool } from '../store/tools.ts'
import { classifyItem } from './classify.ts'
import { definitionDigest, readItem, type ReadItem } from './definition.ts'

/** What an upstream offers at this moment, as a probe found it. */
export interface Observation {
  /** The entries of `tools/list`, as they came. */
  definitions: unknown[]
  /** The entries of its other lists, as they came; absent: it offers none. */
  prompts?: unknown[] | undefined
  resources?: unknown[] | undefined
  templates?: unknown[] | undefined
  /** Its instructions and the extensions that it declares are items as well. */
  learnt: Learnt
}

/** What an observation changes, worked out before anything is written. */
export interface Changes {
  /** The tools that must be stored anew. */
  put: StoredTool[]
  /** By name, for the ledger. */
  appeared: string[]
  drifted: string[]
  returned: string[]
  gone: string[]
  /** Entries of the list that are no tool definitions, and why; they are never served. */
  refused: string[]
}

/**
 * Compares what is live with what is known. Pure.
 *
 * A new tool comes withheld, unless this is the first look at an upstream that the set-up approved: then `pinAll` accepts
 * what is there.
 */
export function compareTools(
  known: readonly StoredTool[],
  observation: Observation,
  at: { upstream: Upstream; now: number; pinAll: boolean },
): Changes {
  const changes: Changes = { put: [], appeared: [], drifted: [], returned: [], gone: [], refused: [] }
  // What an administrator declared is not the upstream's to offer, nor to take back.
  const before = new Map(
    known.filter(({ name }) => itemOf(name).kind !== 'method').map((tool): [string, StoredTool] => [tool.name, tool]),
  )
  const live = listed(observation).flatMap(([kind, values]) => readAll(kind, values, changes.refused))
  for (const { name, kind, definition, digest, position } of live) {
    const old = before.get(name)
    if (old === undefined) {
      changes.put.push(itemStored({ name, kind, definition, digest, position }, at))
      changes.appeared.push(name)
    } else if (old.liveDigest !== digest || old.position !== position) {
      const next = { ...old, live: definition, liveDigest: digest, position, seenAt: at.now }
      // What was never accepted is classified by what it says now.
      changes.put.push(old.pinnedDigest === undefined ? { ...next, ...classifyItem(kind, definition) } : next)
      if (old.pinnedDigest === digest && old.liveDigest !== digest) changes.returned.push(name)
      else if (old.liveDigest !== digest) changes.drifted.push(name)
    }
    before.delete(name)
  }
  for (const old of before.values()) {
    if (old.liveDigest === undefined) continue
    changes.put.push({ ...old, live: undefined, liveDigest: undefined, seenAt: at.now })
    changes.gone.push(old.name)
  }
  return changes
}

interface Live extends ReadItem {
  digest: string
  /** Place in its own list. */
  position: number
}

function listed({ definitions, prompts, resources, templates, learnt }: Observation): [ItemKind, unknown[]][] {
  const { instructions } = learnt
  const extensions = learnt.capabilities['extensions']
  return [
    ['tool', definitions],
    ['prompt', prompts ?? []],
    ['resource', resources ?? []],
    ['template', templates ?? []],
    ['text', instructions === undefined ? [] : [{ name: instructionsKey, text: instructions }]],
    [
      'extension',
      isObject(extensions) ? Object.entries(extensions).map(([name, settings]) => ({ name, settings })) : [],
    ],
  ]
}

// Of two entries with one name neither is believed: which one would answer is the upstream's secret.
function readAll(kind: ItemKind, values: unknown[], refused: string[]): Live[] {
  const live = new Map<string, Live>()
  const twice = new Set<string>()
  for (const value of values) {
    try {
      const item = readItem(value, kind)
      if (live.has(item.name)) twice.add(item.name)
      live.set(item.name, { ...item, digest: definitionDigest(item.definition, kind), position: 0 })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      refused.push(error.message.slice(0, 300))
    }
  }
  for (const name of twice) {
    live.delete(name)
    refused.push(`\`${name}\` is listed more than once`)
  }
  return [...live.values()].map((item, position) => ({ ...item, position }))
}

/** An item as it is stored when it is first heard of: withheld, unless it is accepted at once. */
export function itemStored(
  { name, kind, definition, digest, position }: Live,
  at: { upstream: Pick<Upstream, 'name'>; now: number; pinAll: boolean },
): StoredTool {
  return {
    upstream: at.upstream.name,
    name,
    position,
    live: definition,
    liveDigest: digest,
    seenAt: at.now,
    pinned: at.pinAll ? definition : undefined,
    pinnedDigest: at.pinAll ? digest : undefined,
    pinnedBy: at.pinAll ? 'set-up' : undefined,
    pinnedAt: at.pinAll ? at.now : undefined,
    ...classifyItem(kind, definition),
    effectSetBy: undefined,
    effectReason: undefined,
    ownerId: undefined,
    allowedArguments: [],
    withdrawnAt: undefined,
  }
}

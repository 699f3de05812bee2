import { Fault } from '../base/fault.ts'
import type { ToolDefinition } from '../model/tool-definition.ts'
import type { Learnt, Upstream } from '../model/upstream.ts'
import type { StoredTool } from '../store/tools.ts'
import { classify } from './classify.ts'
import { definitionDigest, readDefinition } from './definition.ts'

/** What an upstream offers at this moment, as a probe found it. */
export interface Observation {
  /** The entries of `tools/list`, as they came. */
  definitions: unknown[]
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
  const live = readAll(observation.definitions, changes.refused)
  const before = new Map(known.map((tool) => [tool.name, tool]))
  for (const [position, { definition, digest }] of live.entries()) {
    const old = before.get(definition.name)
    if (old === undefined) {
      changes.put.push(appear({ definition, digest, position }, at))
      changes.appeared.push(definition.name)
    } else if (old.liveDigest !== digest || old.position !== position) {
      const next = { ...old, live: definition, liveDigest: digest, position, seenAt: at.now }
      // What was never accepted is classified by what it says now.
      changes.put.push(old.pinnedDigest === undefined ? { ...next, ...classified(definition) } : next)
      if (old.pinnedDigest === digest && old.liveDigest !== digest) changes.returned.push(definition.name)
      else if (old.liveDigest !== digest) changes.drifted.push(definition.name)
    }
    before.delete(definition.name)
  }
  for (const old of before.values()) {
    if (old.liveDigest === undefined) continue
    changes.put.push({ ...old, live: undefined, liveDigest: undefined, seenAt: at.now })
    changes.gone.push(old.name)
  }
  return changes
}

interface Live {
  definition: ToolDefinition
  digest: string
}

// Of two entries with one name neither is believed: which one would answer is the upstream's secret.
function readAll(definitions: unknown[], refused: string[]): Live[] {
  const live = new Map<string, Live>()
  const twice = new Set<string>()
  for (const value of definitions) {
    try {
      const definition = readDefinition(value)
      if (live.has(definition.name)) twice.add(definition.name)
      live.set(definition.name, { definition, digest: definitionDigest(definition) })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      refused.push(error.message.slice(0, 300))
    }
  }
  for (const name of twice) {
    live.delete(name)
    refused.push(`\`${name}\` is listed more than once`)
  }
  return [...live.values()]
}

function appear(
  { definition, digest, position }: Live & { position: number },
  at: { upstream: Upstream; now: number; pinAll: boolean },
): StoredTool {
  return {
    upstream: at.upstream.name,
    name: definition.name,
    position,
    live: definition,
    liveDigest: digest,
    seenAt: at.now,
    pinned: at.pinAll ? definition : undefined,
    pinnedDigest: at.pinAll ? digest : undefined,
    pinnedBy: at.pinAll ? 'set-up' : undefined,
    pinnedAt: at.pinAll ? at.now : undefined,
    ...classified(definition),
    effectSetBy: undefined,
    effectReason: undefined,
    ownerId: undefined,
    allowedArguments: [],
    withdrawnAt: undefined,
  }
}

function classified(definition: ToolDefinition): Pick<StoredTool, 'effect' | 'traits' | 'because'> {
  const { effect, traits, because } = classify(definition)
  return { effect, traits, because }
}

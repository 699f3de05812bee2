import type { Pin, Tool } from '../model/tool.ts'
import type { Upstream } from '../model/upstream.ts'
import type { StoredTool } from '../store/tools.ts'

/** A tool with the definition that was accepted of it. */
export interface CatalogueTool {
  tool: Tool
  /** The accepted definition; absent when none ever was. */
  definition: Record<string, unknown> | undefined
}

/** An upstream and all its tools, withheld ones too, in the upstream's own order. */
export interface PinnedCatalogue {
  upstream: Upstream
  tools: ReadonlyMap<string, CatalogueTool>
}

/** The tool as the house speaks of it, from what is stored. */
export function toolOf(upstream: Upstream, stored: StoredTool): Tool {
  return {
    upstream: stored.upstream,
    name: stored.name,
    pin: pinOf(stored),
    digest: stored.pinnedDigest,
    liveDigest: stored.liveDigest,
    effect: stored.effect,
    traits: stored.traits,
    because: stored.because,
    effectSetBy: stored.effectSetBy,
    effectReason: stored.effectReason,
    ownerId: stored.ownerId ?? upstream.ownerId,
    allowedArguments: stored.allowedArguments,
  }
}

/** Where a tool stands between what was accepted and what is live. */
export function pinOf(stored: Pick<StoredTool, 'pinnedDigest' | 'liveDigest' | 'withdrawnAt'>): Pin {
  if (stored.withdrawnAt !== undefined) return 'withdrawn'
  if (stored.pinnedDigest === undefined) return 'new'
  if (stored.liveDigest === undefined) return 'gone'
  return stored.liveDigest === stored.pinnedDigest ? 'pinned' : 'drifted'
}

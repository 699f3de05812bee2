import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { ChangeKind } from '../ledger/entry.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { maxEffect, type Effect, type Trait } from '../model/effect.ts'
import { readReason } from '../model/rights.ts'
import type { Tool } from '../model/tool.ts'
import type { ItemDefinition } from '../model/item-definition.ts'
import { itemOf } from '../model/item.ts'
import type { Learnt } from '../model/upstream.ts'
import type { Handle, Store } from '../store/store.ts'
import { findTool as findStored, listTools as listStored, putTool, type StoredTool } from '../store/tools.ts'
import { findUpstream, updateUpstream } from '../store/upstreams.ts'
import { pinOf, toolOf, type PinnedCatalogue } from './catalogue.ts'
import { classifyItem } from './classify.ts'
import { describeDrift, suspicions } from './definition.ts'
import { compareTools, type Changes, type Observation } from './observe.ts'

/** The rooms that the tools of the inventory need. */
export interface ToolRooms {
  store: Store
  ledger: Ledger
  clock: Clock
}

/** Who does something to which tool, and why. */
export interface ToolStep {
  by: string
  upstream: string
  tool: string
  reason: string
}

/**
 * Takes in what an upstream offers now. Nothing is written where nothing changed; what changed becomes one entry. A changed
 * definition withholds its tool from the moment this resolves.
 */
export async function observe(rooms: ToolRooms, upstreamName: string, observation: Observation): Promise<void> {
  for (;;) {
    try {
      return await takeIn(rooms, upstreamName, observation)
    } catch (error) {
      if (!(error instanceof Overtaken)) throw error
    }
  }
}

/** Rolls an observation back that was compared with what is no longer there: somebody decided about a tool meanwhile. */
class Overtaken extends Error {}

async function takeIn(rooms: ToolRooms, upstreamName: string, observation: Observation): Promise<void> {
  const upstream = await findUpstream(rooms.store, upstreamName)
  if (upstream === undefined) throw unknown(upstreamName)
  const now = rooms.clock.now()
  // The set-up accepts what its own upstreams offer at the very first look, and nothing after that.
  const pinAll = upstream.proposedBy === undefined && upstream.probedAt === undefined
  const known = await listStored(rooms.store, upstreamName)
  const changes = compareTools(known, observation, { upstream, now, pinAll })
  const learntAnew = JSON.stringify(upstream.learnt) !== JSON.stringify(observation.learnt)
  const nothing = changes.put.length === 0 && !learntAnew && upstream.probeError === undefined
  if (nothing && upstream.probedAt !== undefined) return
  await rooms.ledger.recordChange(
    {
      by: 'system',
      what: 'upstream.observed',
      about: { kind: 'tool', id: upstreamName },
      details: { ...summary(changes, pinAll), ...runsAnew(upstream.learnt, observation.learnt) },
    },
    async (tx) => {
      // Whole rows are written: what was decided about a tool since it was read must not be undone by that.
      if (!isDeepStrictEqual(await listStored(tx, upstreamName), known)) throw new Overtaken()
      if ((await findUpstream(tx, upstreamName))?.probedAt !== upstream.probedAt) throw new Overtaken()
      for (const tool of changes.put) await putTool(tx, tool)
      await updateUpstream(tx, upstreamName, { learnt: observation.learnt, probedAt: now, probeError: undefined })
    },
  )
}

// Nobody switches a sandbox off, or exchanges a document, in silence.
function runsAnew(before: Learnt | undefined, { runs }: Learnt): Record<string, unknown> {
  return runs === undefined || isDeepStrictEqual(before?.runs, runs) ? {} : { runs }
}

// Names are a stranger's and may be many: the entry says how many and shows the first.
function summary(changes: Changes, pinAll: boolean): Record<string, unknown> {
  const lists = ['appeared', 'drifted', 'returned', 'gone', 'refused'] as const
  const shown = lists
    .filter((list) => changes[list].length > 0)
    .map((list) => [list, { count: changes[list].length, first: changes[list].slice(0, 100) }])
  return { ...Object.fromEntries(shown), ...(pinAll && { pinnedBySetUp: changes.appeared.length }) }
}

/** Notes that an upstream did not answer a probe; what was accepted of it stays. */
export async function recordProbeFailure(rooms: ToolRooms, upstreamName: string, error: string): Promise<void> {
  const upstream = await findUpstream(rooms.store, upstreamName)
  if (upstream === undefined || upstream.probeError === error) return
  await rooms.ledger.recordChange(
    { by: 'system', what: 'upstream.probe_failed', about: { kind: 'tool', id: upstreamName }, reason: error },
    (tx) => updateUpstream(tx, upstreamName, { probeError: error.slice(0, 500) }),
  )
}

/** The upstream with all its tools and their accepted definitions, for the gateway. */
export async function readPinned(rooms: ToolRooms, upstreamName: string): Promise<PinnedCatalogue | undefined> {
  const upstream = await findUpstream(rooms.store, upstreamName)
  if (upstream === undefined) return undefined
  const stored = await listStored(rooms.store, upstreamName)
  return {
    upstream,
    tools: new Map(stored.map((one) => [one.name, { tool: toolOf(upstream, one), definition: one.pinned }])),
  }
}

/** All tools of an upstream, gone and withheld ones too. */
export async function listTools(rooms: ToolRooms, upstreamName: string): Promise<Tool[]> {
  const catalogue = await readPinned(rooms, upstreamName)
  return [...(catalogue?.tools.values() ?? [])].map(({ tool }) => tool)
}

/** One tool, with what was accepted, what is live, and what differs. */
export interface ToolDetail {
  tool: Tool
  pinned: ItemDefinition | undefined
  live: ItemDefinition | undefined
  /** What changed since it was accepted; empty when nothing did. */
  drift: ReturnType<typeof describeDrift>
  /** What in the live definition looks made to deceive. */
  suspicions: string[]
}

/** One tool in detail, for the page on which it is accepted. */
export async function findToolDetail(
  rooms: ToolRooms,
  upstreamName: string,
  name: string,
): Promise<ToolDetail | undefined> {
  const upstream = await findUpstream(rooms.store, upstreamName)
  const stored = await findStored(rooms.store, upstreamName, name)
  if (upstream === undefined || stored === undefined) return undefined
  const { pinned, live } = stored
  const { kind } = itemOf(name)
  return {
    tool: toolOf(upstream, stored),
    pinned,
    live,
    drift: pinned === undefined || live === undefined ? [] : describeDrift(pinned, live, kind),
    suspicions: live === undefined ? [] : suspicions(live, kind),
  }
}

/**
 * Accepts the live definitions of tools: from then on exactly these are served.
 *
 * @param step `digests`: name → digest of the definition that the person saw. A tool that changed since is refused.
 * @param onReplaced what ends with an earlier definition, in the same transaction.
 * @throws {Fault} `inventory.tool_changed` and nothing is pinned.
 */
export async function pinTools(
  rooms: ToolRooms,
  step: { by: string; upstream: string; digests: Record<string, string>; reason: string },
  onReplaced: (tx: Handle, tool: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const reason = readReason(step.reason)
  const names = Object.keys(step.digests)
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: 'tool.pinned',
      about: { kind: 'tool', id: step.upstream },
      reason,
      details: { digests: step.digests },
    },
    async (tx) => {
      for (const name of names) {
        const stored = await findStored(tx, step.upstream, name)
        if (stored?.live === undefined || stored.liveDigest !== step.digests[name]) {
          throw new Fault('inventory.tool_changed', `cannot accept \`${name}\`: it is not what was shown; look again`)
        }
        if (stored.pinnedDigest !== undefined && stored.pinnedDigest !== stored.liveDigest) await onReplaced(tx, name)
        await putTool(tx, accept(stored, stored.live, { by: step.by, at: rooms.clock.now() }))
      }
    },
  )
}

// What its owner said of the effect stays a floor: a new definition may raise it, and only the owner lowers it again.
function accept(stored: StoredTool, live: ItemDefinition, by: { by: string; at: number }): StoredTool {
  const said = classifyItem(itemOf(stored.name).kind, live)
  const effect = stored.effectSetBy === undefined ? said.effect : maxEffect(stored.effect, said.effect)
  const traits = stored.effectSetBy === undefined ? said.traits : [...new Set([...stored.traits, ...said.traits])]
  return {
    ...stored,
    pinned: live,
    pinnedDigest: stored.liveDigest,
    pinnedBy: by.by,
    pinnedAt: by.at,
    effect,
    traits,
    because: said.because,
    withdrawnAt: undefined,
  }
}

/** Withholds a tool until it is accepted anew. Calls of it are refused from the moment this resolves. */
export function withdrawTool(rooms: ToolRooms, step: ToolStep, alongside?: Alongside): Promise<void> {
  return change(rooms, { ...step, what: 'tool.withdrawn' }, async (stored, tx) => {
    if (pinOf(stored) === 'withdrawn')
      throw new Fault('inventory.nothing_to_do', `\`${step.tool}\` is withdrawn already`)
    await alongside?.(tx)
    return { ...stored, withdrawnAt: rooms.clock.now() }
  })
}

type Alongside = (tx: Handle) => Promise<void>

/** Sets what a tool is held to do, by the owner's word, which may also lower what the classifier said. */
export function setEffect(rooms: ToolRooms, step: ToolStep & { effect: Effect; traits: Trait[] }): Promise<void> {
  const details = { effect: step.effect, traits: step.traits }
  return change(rooms, { ...step, what: 'tool.effect_set', details }, async (stored) => ({
    ...stored,
    effect: step.effect,
    traits: step.traits,
    effectSetBy: step.by,
    effectReason: step.reason,
  }))
}

/** Gives a tool an owner of its own. */
export function setToolOwner(rooms: ToolRooms, step: ToolStep & { ownerId: string }): Promise<void> {
  return change(rooms, { ...step, what: 'tool.owner_set', details: { ownerId: step.ownerId } }, async (stored) => ({
    ...stored,
    ownerId: step.ownerId,
  }))
}

/** Lets one argument hold `/`, `..` and the like, or lets it through although the definition does not declare it. */
export function allowArgument(rooms: ToolRooms, step: ToolStep & { argument: string }): Promise<void> {
  if (!/^[\w.-]{1,128}$/.test(step.argument)) {
    throw new Fault(
      'inventory.bad_argument',
      'name the argument as in the schema, inner ones with a dot: `filter.path`',
    )
  }
  return change(
    rooms,
    { ...step, what: 'tool.argument_allowed', details: { argument: step.argument } },
    async (stored) => ({
      ...stored,
      allowedArguments: [...new Set([...stored.allowedArguments, step.argument])],
    }),
  )
}

async function change(
  rooms: ToolRooms,
  step: ToolStep & { what: ChangeKind; details?: Record<string, unknown> },
  next: (stored: StoredTool, tx: Handle) => Promise<StoredTool>,
): Promise<void> {
  const reason = readReason(step.reason)
  const about = { kind: 'tool' as const, id: `${step.upstream}/${step.tool}` }
  await rooms.ledger.recordChange(
    { by: step.by, what: step.what, about, reason, details: step.details },
    async (tx) => {
      const stored = await findStored(tx, step.upstream, step.tool)
      if (stored === undefined) throw unknown(`${step.upstream}/${step.tool}`)
      await putTool(tx, await next(stored, tx))
    },
  )
}

function unknown(what: string): Fault {
  return new Fault('inventory.unknown', `there is no \`${what}\` in the inventory`)
}

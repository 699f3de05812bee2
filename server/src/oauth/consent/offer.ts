import type { ArgumentLimits } from '../../model/limits.ts'
import { compareEffect, type Effect, type Trait } from '../../model/effect.ts'
import type { Entitlement, Grant } from '../../model/rights.ts'
import { digestOf } from '../../base/ids.ts'
import type { Place } from '../../inventory/bundle.ts'
import type { PinnedCatalogue } from '../../inventory/catalogue.ts'
import { grantAt, toolPath } from '../../model/bundle.ts'
import type { Details } from '../details.ts'
import type { Catalogue } from '../ports.ts'
import { reaches, type Scope } from '../scopes.ts'

/** A tool that a person may give to a client. */
export interface OfferedTool {
  name: string
  upstream: string
  /** As the form and the grant call it: with its upstream before it where the address is a bundle. */
  path: string
  title: string | undefined
  description: string | undefined
  effect: Effect
  traits: Trait[]
  /** Digest of the pinned definition: what is given is this, not whatever has the name later. */
  digest: string
  /** Whether it is ticked before the person does anything. */
  preselected: boolean
  /** What bounds its arguments, where the client asked for it so. */
  limits?: ArgumentLimits
  /** What bounded its arguments until now, where the client had it so. */
  hadOnly?: ArgumentLimits
  /** Whether the client had it, by this definition, until now. */
  had: boolean
}

const descriptionMax = 240

/**
 * What the consent page offers at an address: of each upstream behind it what `offerOf` says, in the order of the address, as
 * far as the client asked for it or has it. What it named one by one is ticked too, but for what destroys, and for what it
 * had for certain arguments and wants for all.
 */
export function offerAsked(facts: {
  place: Pick<Place, 'bundle'>
  members: { pinned: PinnedCatalogue; entitlements: Entitlement[] }[]
  earlier: Grant | undefined
  now: number
  /** What the client asked for. */
  asked: readonly Scope[]
  /** The tools that it named, with limits of their arguments: these then, and no others but by scope. */
  details?: Details | undefined
}): OfferedTool[] {
  const { asked, details } = facts
  // Who names exact tools means those, and not beside them the scope that clients always ask for.
  const scopes = details === undefined ? asked : asked.filter(({ of }) => of !== 'everything')
  return offerTools(facts).flatMap((tool) => {
    const limits = details?.get(tool.path)
    const reached = scopes.some((scope) => reaches(scope, tool)) || (details === undefined && tool.had)
    if (limits === undefined && !reached) return []
    const named = limits !== undefined || scopes.some((scope) => scope.of === 'tool' && reaches(scope, tool))
    const wider = tool.hadOnly !== undefined && !isLimited(limits)
    const preselected = !wider && (tool.preselected || (named && tool.effect !== 'destructive'))
    return [{ ...tool, preselected, ...(limits !== undefined && { limits }) }]
  })
}

/** All that a principal may give of an address, whatever is asked for. */
export function offerTools(facts: {
  place: Pick<Place, 'bundle'>
  members: { pinned: PinnedCatalogue; entitlements: Entitlement[] }[]
  earlier: Grant | undefined
  now: number
}): OfferedTool[] {
  const { place, earlier, now } = facts
  return facts.members.flatMap(({ pinned, entitlements }) => {
    const { name: upstream } = pinned.upstream
    if (place.bundle === undefined) return offerOf({ pinned, entitlements, earlier, now })
    const had = grantAt(earlier, place.bundle, upstream)
    return offerOf({ pinned, entitlements, earlier: had, now }).map((tool) => ({
      ...tool,
      path: toolPath(upstream, tool.name),
    }))
  })
}

/**
 * What is offered of one upstream: the tools that are pinned, that the principal may use now, and that are not above the
 * upstream's ceiling. Mildest first, then by name.
 *
 * Ticked beforehand is what only reads and returns no secrets, and what this client had before by the same definition;
 * never what destroys.
 */
function offerOf(facts: {
  pinned: PinnedCatalogue
  entitlements: Entitlement[]
  earlier: Grant | undefined
  now: number
}): OfferedTool[] {
  const { pinned, earlier, now } = facts
  const usable = new Set(
    facts.entitlements
      .filter((one) => one.right === 'use' && one.upstream === pinned.upstream.name && holds(one, now))
      .map((one) => one.tool),
  )
  const offered: OfferedTool[] = []
  for (const [name, { tool, definition }] of pinned.tools) {
    if (tool.pin !== 'pinned' || tool.digest === undefined || !usable.has(name)) continue
    if (compareEffect(tool.effect, pinned.upstream.ceiling) > 0) continue
    // What it had for certain arguments it has not had for all.
    const had = earlier?.tools.get(name) === tool.digest && !earlier.limits?.has(name)
    const hadOnly = earlier?.limits?.get(name)
    const harmless = tool.effect === 'read' && !tool.traits.includes('secret')
    offered.push({
      name,
      upstream: pinned.upstream.name,
      path: name,
      ...wordsOf(definition),
      effect: tool.effect,
      traits: tool.traits,
      digest: tool.digest,
      preselected: tool.effect !== 'destructive' && (earlier === undefined ? harmless : had),
      ...(isLimited(hadOnly) && { hadOnly }),
      had,
    })
  }
  return offered.sort((a, b) => compareEffect(a.effect, b.effect) || (a.name < b.name ? -1 : 1))
}

// A tool that was named without limits is kept with none.
function isLimited(limits: ArgumentLimits | undefined): limits is ArgumentLimits {
  return limits !== undefined && Object.keys(limits).length > 0
}

/** The upstreams of an address that serve now, with what this principal may use of each. */
export async function readMembers(
  catalogue: Pick<Catalogue, 'readPinned' | 'listEntitlements'>,
  { upstreams }: Pick<Place, 'upstreams'>,
  principalId: string,
): Promise<{ pinned: PinnedCatalogue; entitlements: Entitlement[] }[]> {
  const read = upstreams.map(async (upstream) => ({
    pinned: await catalogue.readPinned(upstream),
    entitlements: await catalogue.listEntitlements({ principalId, upstream }),
  }))
  return (await Promise.all(read)).flatMap(({ pinned, entitlements }) =>
    pinned?.upstream.state === 'approved' ? [{ pinned, entitlements }] : [],
  )
}

/** Digest of all that a person saw and judged by: a form that was made from something else is not taken. */
export function digestOfOffer(seen: {
  clientName: string
  /** Digest of what the client says of itself; see `consentedOf`. */
  client: string | undefined
  redirectUri: string
  upstream: string
  tools: OfferedTool[]
}): string {
  const tools = seen.tools.map(({ path, digest, effect, traits, limits, hadOnly }) => [
    path,
    digest,
    effect,
    traits,
    limits ?? null,
    hadOnly ?? null,
  ])
  return digestOf(JSON.stringify([seen.clientName, seen.client ?? null, seen.redirectUri, seen.upstream, tools]))
}

function holds(entitlement: Entitlement, now: number): boolean {
  return entitlement.revokedAt === undefined && (entitlement.endsAt === undefined || entitlement.endsAt > now)
}

function wordsOf(definition: Record<string, unknown> | undefined): Pick<OfferedTool, 'title' | 'description'> {
  const { title, name, description, text } = definition ?? {}
  return { title: textOf(title ?? name, 100), description: textOf(description ?? text, descriptionMax) }
}

function textOf(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string') return undefined
  const line = value.trim().replace(/\s+/g, ' ')
  return line.length > max ? `${line.slice(0, max - 1)}…` : line || undefined
}

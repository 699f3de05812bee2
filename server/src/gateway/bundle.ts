import { isObject } from '../base/json.ts'
import type { PinnedCatalogue } from '../inventory/catalogue.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { nameInBundle, namesInBundle, type Bundle, type BundleMember } from '../model/bundle.ts'
import { itemOf, nameOfItem, type ItemKind } from '../model/item.ts'
import type { Caller } from '../oauth/access-token.ts'
import { decide } from '../policy/decide.ts'
import type { Deny } from '../policy/decision.ts'
import { readAsked } from './asked.ts'
import { resourceAt } from './asked/resource.ts'
import type { Call } from './call-state.ts'
import type { FactSource } from './facts.ts'
import type { Lists, Shown } from './list.ts'
import type { Pool } from './pool.ts'
import { denialOf } from './record.ts'
import { faultOfItem, findFall, unknownMethod } from './standing.ts'

// A bundle is names and nothing else: before a call is judged, the name at its address becomes an upstream and a tool of it.

/**
 * Aims a call: at the address of a bundle its name means a tool of a member, everywhere else it stays as it is. What is
 * decided, recorded and sent afterwards is the call of that tool of that upstream.
 *
 * @throws {Fault} `gateway.denied` where the name means nothing; the denial is recorded.
 */
export function aim(rooms: Aiming, call: Call): Call | Promise<Call> {
  const bundle = rooms.facts.bundle(call.caller.upstream)
  return bundle === undefined ? call : aimAt(rooms, call, bundle)
}

interface Aiming {
  facts: FactSource
  ledger: Ledger
}

async function aimAt(rooms: Aiming, call: Call, asked: Bundle | Promise<Bundle | undefined>): Promise<Call> {
  const bundle = await asked
  if (bundle === undefined) return call
  const { method, params } = call.envelope
  if (!Object.hasOwn(aims, method)) throw unknownMethod(method)
  const members: Member[] = []
  for (const member of bundle.members) {
    const { catalogue } = await rooms.facts.view(call.caller, member.upstream)
    if (catalogue !== undefined) members.push({ ...member, bundle, catalogue })
  }
  const came = { ...call, bundle: bundle.name }
  const found = aims[method]!(params, members)
  if (found !== undefined) {
    const envelope = { ...call.envelope, params: found.params }
    return { ...came, upstream: found.member.upstream, envelope }
  }
  const [view] = await rooms.facts.views(call.caller)
  const decision = decide(rooms.facts.gather(view!, { tool: '' })) as Deny
  const name = readAsked(call.envelope, undefined).item
  const at = { view: { ...view!, catalogue: undefined }, name, reason: decision.reason }
  await rooms.ledger.recordDenial(denialOf(came, { ...at, requestable: false }))
  throw faultOfItem(decision, call.envelope)
}

interface Member extends BundleMember {
  bundle: Bundle
  catalogue: PinnedCatalogue
}

type Params = Record<string, unknown>
type Found = { member: Member; params: Params } | undefined

/** The methods that a bundle serves, each with what its parameters mean there. */
const aims: Readonly<Record<string, (params: Params, members: Member[]) => Found>> = {
  'tools/call': (params, members) => byName('tool', params, members),
  'prompts/get': (params, members) => byName('prompt', params, members),
  'resources/read': (params, members) => byUri(params, params['uri'], members),
  'completion/complete'(params, members) {
    const { ref } = params
    if (!isObject(ref)) return undefined
    if (ref['type'] !== 'ref/prompt') return byUri(params, ref['uri'], members)
    const found = byName('prompt', ref, members)
    return found && { member: found.member, params: { ...params, ref: found.params } }
  },
}

function byName(kind: 'tool' | 'prompt', params: Params, members: Member[]): Found {
  const { name } = params
  if (typeof name !== 'string') return undefined
  // No prefix begins another, so no other member can be meant.
  const member = members.find(({ prefix }) => name.startsWith(`${prefix}_`))
  const key = member && namesOf(member, kind).get(name)
  return member && key !== undefined ? { member, params: { ...params, name: key } } : undefined
}

// A URI means the same at a bundle as at the upstream; one that two members claim means nothing.
function byUri(params: Params, uri: unknown, members: Member[]): Found {
  if (typeof uri !== 'string') return undefined
  const offering = members.flatMap((member) => {
    const { tools } = member.catalogue
    const names = [resourceAt(member.catalogue, uri).item, nameOfItem({ kind: 'template', key: uri })]
    const items = names.flatMap((name) => tools.get(name) ?? [])
    return items.length === 0 ? [] : [{ member, accepted: items.some(({ definition }) => definition !== undefined) }]
  })
  // What was only offered takes no address from what was accepted; where that is nobody's, it is denied for its own reason.
  const accepted = offering.filter((one) => one.accepted)
  const claiming = accepted.length > 0 ? accepted : offering
  return claiming.length === 1 ? { member: claiming[0]!.member, params } : undefined
}

/** The definitions that a caller is shown at the address of a bundle: members in its order, items in theirs. */
export async function listBundle(
  rooms: { facts: FactSource; lists: Lists; pool: Pool },
  { bundle, caller, kind }: { bundle: Bundle; caller: Caller; kind: ItemKind },
): Promise<Uint8Array> {
  const before = await rooms.facts.views(caller)
  const serving = before.flatMap(({ catalogue }) =>
    catalogue?.upstream.state === 'approved' ? [catalogue.upstream] : [],
  )
  await Promise.all(serving.map((upstream) => rooms.pool.freshen(upstream)))
  const parts: Part[] = []
  for (const member of bundle.members) {
    const view = await rooms.facts.view(caller, member.upstream)
    const { catalogue } = view
    if (catalogue === undefined || findFall(rooms.facts, view) !== undefined) continue
    parts.push({ member, catalogue, shown: rooms.lists.shown(view, kind) })
  }
  // With a catalogue its bundles are read anew: one object of a bundle has always been made of the same catalogues.
  const digest = JSON.stringify([kind, ...parts.map(({ member, shown }) => [member.upstream, shown.digest])])
  return rooms.lists.remembered(bundle, digest, () => writeBundle({ bundle, kind, parts }))
}

interface Part {
  member: BundleMember
  catalogue: PinnedCatalogue
  shown: Shown
}

function writeBundle({ bundle, kind, parts }: { bundle: Bundle; kind: ItemKind; parts: Part[] }): Uint8Array {
  const shown: { name: string; definition: unknown }[] = []
  for (const { member, catalogue, shown: part } of parts) {
    const called = kind === 'tool' || kind === 'prompt' ? namesOf({ ...member, bundle, catalogue }, kind) : undefined
    const names = called && new Map([...called].map(([name, key]) => [key, name]))
    for (const { tool, definition } of part.items) {
      const { key } = itemOf(tool.name)
      const name = names === undefined ? key : names.get(key)
      if (name === undefined) continue
      shown.push({ name, definition: names === undefined ? definition : { ...definition, name } })
    }
  }
  // An address that two members claim would be answered by whoever comes first: it is nobody's.
  const counts = Map.groupBy(shown, ({ name }) => name)
  const unique = shown.filter(({ name }) => counts.get(name)!.length === 1)
  return Buffer.from(JSON.stringify(unique.map(({ definition }) => definition)))
}

const remembered = new WeakMap<PinnedCatalogue, Map<string, Map<string, string>>>()

// A catalogue is never changed, only replaced: what is worked out of it holds as long as it does.
function namesOf(member: Member, kind: 'tool' | 'prompt'): Map<string, string> {
  const { bundle, catalogue, prefix } = member
  const all = remembered.get(catalogue) ?? new Map<string, Map<string, string>>()
  remembered.set(catalogue, all)
  const by = `${bundle.name} ${prefix} ${kind}`
  let names = all.get(by)
  if (names === undefined) {
    const items = [...catalogue.tools.values()].filter(({ tool }) => itemOf(tool.name).kind === kind)
    const keysOf = (accepted: boolean): string[] =>
      items.filter(({ tool }) => (tool.pin === 'pinned') === accepted).map(({ tool }) => itemOf(tool.name).key)
    names = namesInBundle(bundle.name, member, keysOf(true)).names
    // What is withheld has a name so that it is denied for its own reason; it takes none from what is accepted.
    for (const key of keysOf(false)) {
      const name = nameInBundle(bundle.name, member, key)
      if (!names.has(name)) names.set(name, key)
    }
    all.set(by, names)
  }
  return names
}

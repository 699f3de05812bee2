import { Fault } from '../base/fault.ts'
import type { Clock } from '../base/clock.ts'
import { makeId } from '../base/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { decide } from '../policy/decide.ts'
import type { Allow } from '../policy/decision.ts'
import { readArguments, type ReadArguments } from './arguments.ts'
import { isResourceUri, readAsked } from './asked.ts'
import type { Call, Judged } from './call-state.ts'
import type { FactSource, View } from './facts.ts'
import { denialOf, intentOf } from './record.ts'

// A subscription is a use of a resource like any other: whoever may not read it so is not told that it changed.

type Heard = Judged & { allow: true; decision: Allow }
type Unheard = {
  allow: false
  view: View
  name: string
  reason: string
  requestable: boolean
  args?: ReadArguments
}

/** Decides on a subscription of this caller to the resource at this address, by what a plain request for it is decided by. */
function judge(facts: FactSource, view: View, uri: string): Heard | Unheard {
  const asked = readAsked({ method: 'resources/subscribe', params: { uri } }, view.catalogue)
  const name = asked.item
  const tool = view.catalogue?.tools.get(name)
  const seen = decide(facts.gather(view, { tool: name }))
  if (!seen.allow) return { allow: false, view, name, reason: seen.reason, requestable: seen.requestable }
  if (tool === undefined) return { allow: false, view, name, reason: 'tool.unknown', requestable: false }
  let args: ReadArguments
  try {
    args = readArguments(view.rulesOf(tool), asked.judged, asked.bound)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { allow: false, view, name, reason: error.code, requestable: false }
  }
  const decision = decide(facts.gather(view, { tool: name, argumentsDigest: args.digest, arguments: asked.limited }))
  if (decision.allow) return { allow: true, view, tool, asked, args, decision }
  // Nobody approves what has no end: there is nothing to ask for.
  return { allow: false, view, name, reason: decision.reason, requestable: false, args }
}

/** Whether we may listen to it for this caller: nobody approves that, so not where a use of it needs an approval. */
export function mayListenTo(facts: FactSource, view: View, uri: string): boolean {
  return judge(facts, view, uri).allow
}

/** Whether this caller may be told that it has changed: also where an upstream keeps a subscription that was approved. */
export function mayHearOf(facts: FactSource, view: View, uri: unknown): boolean {
  if (!isResourceUri(uri)) return false
  const judged = judge(facts, view, uri)
  // What stands in the way alone comes first: only when nothing else does, it is the approval.
  return judged.allow || judged.reason.startsWith('approval.')
}

/**
 * Records, for each resource that a client asks to hear of, that it is listened to for it or that it is not. Resolves when
 * the entries are durable; nothing may be sent before.
 *
 * @throws {Fault} `ledger.unavailable`; nothing may be sent then.
 */
export async function recordListening(
  rooms: { facts: FactSource; ledger: Ledger; clock: Clock },
  came: Omit<Call, 'id' | 'kind' | 'upstream' | 'bundle' | 'parameterHeaders'>,
  uris: readonly string[],
): Promise<void> {
  const { facts, ledger, clock } = rooms
  const { caller } = came
  const bundle = (await facts.bundle(caller.upstream))?.name
  const views = await facts.views(caller)
  const callAt = (upstream = caller.upstream): Call => ({
    ...came,
    id: makeId(clock),
    kind: 'call',
    upstream,
    ...(bundle !== undefined && { bundle }),
    parameterHeaders: {},
  })
  const record = async (uri: string): Promise<void> => {
    const judged = views.map((view) => judge(facts, view, uri))
    const allowed = judged.filter((one) => one.allow)
    if (allowed.length === 0) {
      const denied = judged as Unheard[]
      const known = denied.find(({ view, name }) => view.catalogue?.tools.has(name) === true)
      const at = known ?? denied[0]!
      await ledger.recordDenial(denialOf(callAt(known?.view.catalogue?.upstream.name), at))
    }
    const taken = allowed.map(async (at) => {
      const receipt = await ledger.recordIntent(intentOf(callAt(at.tool.tool.upstream), at))
      await facts.hear(receipt.revision).catch(() => undefined)
      const holds = await facts.view(caller, at.tool.tool.upstream).then(
        (view) => facts.revision >= receipt.revision && mayListenTo(facts, view, uri),
        () => false,
      )
      const outcome = { status: 'failure', reason: 'not sent: the right was withdrawn' } as const
      await ledger.recordOutcome(receipt, holds ? { status: 'success' } : outcome)
    })
    await Promise.all(taken)
  }
  await Promise.all(uris.map(record))
}

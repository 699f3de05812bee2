import type { Approvals } from '../approval/approvals.ts'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Log } from '../base/log.ts'
import type { CatalogueTool } from '../inventory/catalogue.ts'
import type { Receipt } from '../ledger/intent.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { decide } from '../policy/decide.ts'
import type { Allow, Deny } from '../policy/decision.ts'
import type { ApprovalFact } from '../policy/facts.ts'
import { needsApproval } from '../policy/needs-approval.ts'
import type { Store } from '../store/store.ts'
import type { Handle } from '../store/store.ts'
import { replyHeld } from './approval-reply.ts'
import { readArguments, type ReadArguments } from './arguments.ts'
import { readAsked } from './asked.ts'
import type { Call, Judged } from './call-state.ts'
import { findEarlier } from './earlier.ts'
import type { Exchange, Exchanges } from './exchanges.ts'
import { nextEnd, type FactSource, type View } from './facts.ts'
import type { NextRound } from './input-required.ts'
import type { Pool } from './pool.ts'
import { cannotAsk } from './questions.ts'
import type { AskingRooms } from './client-side.ts'
import { refuseUnconnected } from './not-connected.ts'
import type { OnBehalfTokens } from './on-behalf.ts'
import { isLackOfLogin, refuseLogin } from './login-needed.ts'
import { actorOf, denialOf, intentOf } from './record.ts'
import { relay } from './relay.ts'
import { nextRound, requestOf, requireBound } from './request.ts'
import { faultOfItem } from './standing.ts'
import { findGrantLack, findLead, replyLack } from './step-up.ts'
import { findLiar } from './upstream/routing-headers.ts'

/** The rooms that one call passes through. */
export interface CallRooms extends AskingRooms {
  clock: Clock
  log: Log
  ledger: Ledger
  approvals: Approvals
  facts: FactSource
  exchanges: Exchanges
  pool: Pool
  onBehalf: OnBehalfTokens
  /** The public origin: where our pages are, and the only one that a browser may send. */
  origin: string
  store: Store
  /** Whether this principal may still approve calls of this tool. */
  mayApprove(principalId: string, upstream: string, tool: string): Promise<boolean>
}

/**
 * One call of a tool, or of whatever else an upstream offers, from the judged body to the recorded outcome: this is the
 * whole path. What the item is and what of the request is judged, `readAsked` says.
 *
 * The upstream is contacted only with the receipt of a durable intent. If the policy state moved while the intent was
 * being recorded, the call is decided once more before it is sent: a right that was withdrawn before then carries nothing.
 *
 * @throws {Fault} what the door turns into an answer. Nothing was sent then, unless the outcome in the ledger says so.
 */
export async function callItem(rooms: CallRooms, call: Call): Promise<void> {
  const judged = await judgeItem(rooms, call)
  if (judged === undefined) return
  const { view, decision, question } = judged
  const { approval } = question

  // Once sent, the approval and the login have done their work: that their time runs out then does not break the call off.
  const at = rooms.facts.now()
  const held = { ...question, at, approval: approval && { ...approval, expiresAt: Infinity } }
  using exchange = rooms.exchanges.begin({ ...call, session: call.envelope.session }, async () => {
    const [view, now] = [await rooms.facts.view(call.caller, call.upstream), rooms.facts.now()]
    return decide(rooms.facts.gather(view, held)).allow ? nextEnd(view, now) : undefined
  })
  const { upstream } = view.catalogue!
  let next = await forward(rooms, call, { ...judged, decision, exchange })
  // Each time that the upstream wants more from a client that need not come back for it, it is a call of its own.
  for (let round = 1; next !== undefined; round++) {
    const again = nextRound(rooms.clock, call, next)
    const [now, decided] = await decideAgain(rooms, again, { ...held, round })
    next = await forward(rooms, again, { ...judged, view: now, decision: decided, exchange })
  }
  rooms.pool.watch(upstream)
}

type Allowed = Judged & { decision: Allow; question: Parameters<FactSource['gather']>[1] }

/**
 * Judges a call whole: the item, its arguments, and whether this caller may make it now.
 *
 * @returns undefined where it was refused by an answer that is written already.
 * @throws {Fault} where it is refused otherwise; the denial is recorded.
 */
export async function judgeItem(rooms: CallRooms, call: Call): Promise<Allowed | undefined> {
  const view = await rooms.facts.view(call.caller, call.upstream)
  const asked = readAsked(call.envelope, view.catalogue)
  const name = asked.item
  const tool = view.catalogue?.tools.get(name)

  // May this caller see the item at all? Only then is there anything to say about its arguments.
  const seen = decide(rooms.facts.gather(view, { tool: name }))
  if (!seen.allow || tool === undefined) {
    await refuseOrLead(rooms, call, { view, name, decision: seen as Deny })
    return undefined
  }

  let args: ReadArguments
  try {
    args = readArguments(view.rulesOf(tool), asked.judged, asked.bound)
  } catch (error) {
    await refuseArguments(rooms, call, { view, tool, error })
    return undefined
  }
  requireMirrors(call, tool, args)
  const judged = { view, tool, asked, args }
  const bound = needsApproval(tool.tool.effect)
  if (bound) requireBound(call.envelope)
  const approval = bound ? await findApproval(rooms, call, judged) : undefined
  const question = {
    tool: name,
    argumentsDigest: args.digest,
    actor: actorOf(call),
    arguments: asked.limited,
    approval,
  }
  const decision = decide(rooms.facts.gather(view, question))
  if (!decision.allow && isLackOfLogin(decision)) {
    await refuseLogin(rooms, call, { ...judged, decision })
    return undefined
  }
  if (!decision.allow) {
    await (decision.requestable || decision.approvalId
      ? hold(rooms, call, { ...judged, decision })
      : refuse(rooms, call, { view, name, decision }))
    return undefined
  }

  if (rooms.onBehalf.serves(call.upstream)) {
    const fault = await rooms.onBehalf.whyNot(view.catalogue!.upstream, call.caller)
    if (fault !== undefined) {
      await refuseUnconnected(rooms, call, { ...judged, fault })
      return undefined
    }
  }
  return { ...judged, decision, question }
}

/** Records the intent, decides once more if anything has moved meanwhile, and makes the call. */
export async function forward(
  rooms: CallRooms,
  call: Call,
  at: Judged & { decision: Allow; exchange: Exchange },
): Promise<NextRound | undefined> {
  const { exchange, decision, view, tool } = at
  const receipt = await recordIntent(rooms, call, at)
  const { revision } = rooms.facts
  const moved = receipt.revision > revision || decision.revision !== revision
  const doubt = moved ? await findDoubt(rooms.facts, exchange, { receipt, decision }) : undefined
  if (doubt !== undefined) {
    await rooms.ledger.recordOutcome(receipt, { status: 'failure', reason: doubt.because })
    throw doubt.fault
  }
  const { upstream } = view.catalogue!
  const asks = !needsApproval(tool.tool.effect)
  return relay(rooms, { call, exchange, receipt, upstream, asks, request: requestOf(call, at) })
}

const roundsMax = 16

async function decideAgain(
  rooms: CallRooms,
  call: Call,
  { round, ...question }: Parameters<FactSource['gather']>[1] & { round: number },
): Promise<[View, Allow]> {
  const view = await rooms.facts.view(call.caller, call.upstream)
  if (round >= roundsMax) throw cannotAsk(call.upstream, `it has asked ${roundsMax} times`)
  const decision = decide(rooms.facts.gather(view, question))
  if (!decision.allow) return refuse(rooms, call, { view, name: question.tool, decision })
  return [view, decision]
}

// Every change that comes before the intent in the ledger counts, heard of or not; and the last judgement is of the present
// state. What cannot be judged is not sent either: the intent must not stay without an outcome.
async function findDoubt(
  facts: FactSource,
  exchange: Exchange,
  { receipt, decision }: { receipt: Receipt; decision: Allow },
): Promise<{ because: string; fault: Fault } | undefined> {
  try {
    await facts.hear(receipt.revision)
    for (let at = decision.revision; at !== facts.revision;) {
      at = facts.revision
      if (await exchange.stillHolds()) continue
      const fault = new Fault('gateway.withdrawn', 'cannot call this: the right to it has just been withdrawn')
      return { because: 'not sent: the right was withdrawn', fault }
    }
    return undefined
  } catch (cause) {
    const message = 'cannot decide now: the rights cannot be read, and nothing was sent; try again in a moment'
    return { because: 'not sent: the rights could not be read', fault: new Fault('base.busy', message, { cause }) }
  }
}

function requireMirrors(call: Call, tool: CatalogueTool, args: ReadArguments): void {
  const mirrored = { args: args.value, inputSchema: tool.definition?.['inputSchema'] }
  const liar = findLiar(mirrored, call.parameterHeaders, { demanded: call.envelope.era === 'modern' })
  if (liar !== undefined)
    throw new Fault('gateway.header_mismatch', `the header \`${liar}\` is missing or disagrees with the body`)
}

// Arguments of a tool that do not fit are told as a result, so that the model can correct itself (SEP-1303).
async function refuseArguments(
  rooms: CallRooms,
  call: Call,
  { view, tool, error }: { view: View; tool: CatalogueTool; error: unknown },
): Promise<void> {
  if (!(error instanceof Fault) || error.code !== 'gateway.argument_refused') throw error
  const { name } = tool.tool
  await rooms.ledger.recordDenial(denialOf(call, { view, name, reason: error.code, requestable: false }))
  if (call.envelope.method !== 'tools/call') throw error
  const content = [{ type: 'text', text: `\`${name}\` was not called: ${error.message}.` }]
  call.reply.result(call.envelope, { isError: true, content })
}

// An approval counts only while who gave it may still give it: asked now, not when it was given.
async function findApproval(rooms: CallRooms, call: Call, { tool, args }: Judged): Promise<ApprovalFact | undefined> {
  const approval = await rooms.approvals.findFor({
    grantId: call.caller.grantId,
    upstream: tool.tool.upstream,
    tool: tool.tool.name,
    argumentsDigest: args.digest,
    actor: actorOf(call),
  })
  if (approval === undefined) return undefined
  const by = approval.answeredBy
  const approverMay = by !== undefined && (await rooms.mayApprove(by, tool.tool.upstream, tool.tool.name))
  return { ...approval, approverMay }
}

function recordIntent(rooms: CallRooms, call: Call, at: Judged & { decision: Allow }): Promise<Receipt> {
  const { approvalId } = at.decision
  return approvalId === undefined
    ? rooms.ledger.recordIntent(intentOf(call, at))
    : recordAndSpend(rooms, call, { ...at, approvalId })
}

/** Intent and use of the approval in one: of several calls that found the same approval, those that come late are denied. */
async function recordAndSpend(
  rooms: CallRooms,
  call: Call,
  at: Judged & { decision: Allow; approvalId: string },
): Promise<Receipt> {
  const { view, tool, args, approvalId } = at
  const spend = (tx: Handle) => rooms.approvals.spend(tx, approvalId, { argumentsDigest: args.digest, callId: call.id })
  try {
    return await rooms.ledger.recordIntent(intentOf(call, at), spend)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'approval.spent') throw error
    const { name } = tool.tool
    await rooms.ledger.recordDenial(
      denialOf(call, { view, name, reason: error.code, requestable: true, args, approvalId }),
    )
    throw error
  }
}

/** Denied, and somebody's approval could change that: the request is made, or shown again, and the client told where. */
async function hold(rooms: CallRooms, call: Call, at: Judged & { decision: Deny }): Promise<void> {
  const { tool, args, view, decision } = at
  const known = decision.approvalId === undefined ? undefined : await rooms.approvals.get(decision.approvalId)
  const approval =
    known ??
    (await rooms.approvals
      .request({
        principalId: call.caller.principalId,
        clientId: call.caller.clientId,
        grantId: call.caller.grantId,
        upstream: tool.tool.upstream,
        tool: tool.tool.name,
        toolDigest: tool.tool.digest!,
        argumentsText: args.text,
        argumentsDigest: args.digest,
        actor: actorOf(call),
      })
      .catch(async (error: unknown) => {
        // Too many, or too much to be shown: denied all the same, and recorded so.
        if (error instanceof Fault && error.code.startsWith('approval.')) {
          const denied = { view, name: tool.tool.name, reason: error.code, requestable: false, args }
          await rooms.ledger.recordDenial(denialOf(call, denied))
        }
        throw error
      }))
  await rooms.ledger.recordDenial(
    denialOf(call, {
      view,
      name: tool.tool.name,
      reason: decision.reason,
      requestable: decision.requestable,
      args,
      approvalId: approval.id,
    }),
  )
  const earlier = await findEarlier(rooms, call, at)
  const url = rooms.approvals.urlOf(approval.id)
  replyHeld(call.reply, call.envelope, { approval, url, message: decision.message, earlier })
}

/** Denied; who makes nothing of a challenge is told in the result where the person can add what is missing. */
async function refuseOrLead(
  rooms: CallRooms,
  call: Call,
  at: { view: View; name: string; decision: Deny },
): Promise<void> {
  const { reason, requestable, message } = at.decision
  await rooms.ledger.recordDenial(denialOf(call, { view: at.view, name: at.name, reason, requestable }))
  const lack = findGrantLack(rooms.origin, call, at)
  const led = lack && (await findLead(rooms, call, lack))
  if (led === undefined) throw faultOfItem(at.decision, call.envelope, lack)
  replyLack(call, led, message)
}

/** Denied for good, as far as this caller can do anything about it. */
export async function refuse(
  rooms: CallRooms,
  call: Call,
  at: { view: View; name: string; decision: Deny },
): Promise<never> {
  const { reason, requestable } = at.decision
  await rooms.ledger.recordDenial(denialOf(call, { view: at.view, name: at.name, reason, requestable }))
  throw faultOfItem(at.decision, call.envelope, findGrantLack(rooms.origin, call, at))
}

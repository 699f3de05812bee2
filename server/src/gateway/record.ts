import { isObject } from '../base/json.ts'
import { digestOf } from '../base/ids.ts'
import { Fault } from '../base/fault.ts'
import type { Denial, Intent, Outcome } from '../ledger/entry.ts'
import { redactArguments } from '../ledger/redact.ts'
import { itemOf } from '../model/item.ts'
import { actorLine } from '../oauth/actor.ts'
import { writeScopes } from '../oauth/scopes.ts'
import type { Allow } from '../policy/decision.ts'
import type { ReadArguments } from './arguments.ts'
import type { Call, Judged } from './call-state.ts'
import type { View } from './facts.ts'
import type { RpcMessage } from './upstream/message.ts'
import { mayHaveHappened } from './upstream/upstream-kind.ts'

/** The intent of an allowed call, for the ledger. */
export function intentOf(call: Call, at: Judged & { decision: Allow }): Intent {
  const { view, tool, args, decision } = at
  const { principal, client } = view
  if (principal === undefined || client === undefined) throw new TypeError('allowed without a principal or a client')
  return {
    callId: call.id,
    principal: { id: principal.id, issuer: principal.issuer, subject: principal.subject, name: principal.name },
    actor: actorOf(call),
    client: { id: client.id, name: client.name },
    grantId: decision.grantId,
    tokenId: call.caller.tokenId,
    scope: boundOf(call),
    bundle: call.bundle,
    upstream: tool.tool.upstream,
    tool: tool.tool.name,
    toolDigest: tool.tool.digest!,
    effect: tool.tool.effect,
    argumentsDigest: args.digest,
    arguments: redactArguments(args.value),
    revision: decision.revision,
    entitlementId: decision.entitlementId,
    approvalId: decision.approvalId,
    traceId: traceIdOf(call),
  }
}

/** A refused call, for the ledger. */
export function denialOf(
  call: Call,
  at: { view: View; name: string; reason: string; requestable: boolean; args?: ReadArguments; approvalId?: string },
): Denial {
  const { principal, client } = at.view
  const known = at.view.catalogue?.tools.get(at.name)?.tool
  return {
    callId: call.id,
    principal: principal && {
      id: principal.id,
      issuer: principal.issuer,
      subject: principal.subject,
      name: principal.name,
    },
    actor: actorOf(call),
    client: client && { id: client.id, name: client.name },
    grantId: call.caller.grantId,
    tokenId: call.caller.tokenId,
    scope: boundOf(call),
    bundle: call.bundle,
    upstream: call.upstream,
    tool: nameOfDenied(at.name, known !== undefined),
    toolDigest: known?.digest,
    effect: known?.effect,
    argumentsDigest: at.args?.digest,
    arguments: at.args && redactArguments(at.args.value),
    revision: at.view.revision,
    reason: at.reason,
    requestable: at.requestable,
    approvalId: at.approvalId,
    traceId: traceIdOf(call),
  }
}

/** Who acts for the principal of a call, in one line. */
export function actorOf({ caller }: Call): string | undefined {
  return caller.act && actorLine(caller.act)
}

function boundOf({ caller }: Call): string | undefined {
  return caller.bound && writeScopes(caller.bound)
}

// The address of a resource that is none is whatever the caller wrote: what looks like a secret in it is not kept.
function nameOfDenied(name: string, known: boolean): string {
  if (known || itemOf(name).kind !== 'resource') return name
  return redactArguments(name).replaceAll(/^"|"$/g, '')
}

/** What came of a call that was answered. Of the answer only size and digest are kept. */
export function outcomeOf(message: RpcMessage, bytes: Uint8Array): Outcome {
  const kept = { resultBytes: bytes.byteLength, resultDigest: digestOf(bytes) }
  if ('error' in message) return { status: 'failure', rpcCode: message.error.code, ...kept }
  if ('result' in message && message.result['isError'] === true) return { status: 'failure', toolError: true, ...kept }
  return { status: 'success', ...kept }
}

/** What came of a call that was not answered: `failure` only where the upstream certainly did not act. */
export function outcomeOfFailure(error: unknown): Outcome {
  const reason = error instanceof Fault ? error.code : 'broken off'
  return { status: mayHaveHappened(error) ? 'unknown' : 'failure', reason }
}

// W3C trace context travels in `_meta` (SEP-414).
function traceIdOf({ envelope }: Call): string | undefined {
  const meta = envelope.params['_meta']
  const parent = isObject(meta) ? meta['traceparent'] : undefined
  return typeof parent === 'string' ? /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(parent)?.[1] : undefined
}
